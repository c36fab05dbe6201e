use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn schema(lines: &[&str]) -> Schema {
    Schema { lines: lines.iter().map(|line| (*line).to_owned()).collect() }
}

#[test]
fn what_was_added_taken_away_and_changed_shows() {
    let expected = schema(&["table a", "table a: column x integer", "table b"]);
    let seen = schema(&["table a", "table a: column x text", "table c"]);
    let lines = difference(&expected, &seen);
    assert_eq!(lines, ["- table a: column x integer", "+ table a: column x text", "- table b", "+ table c"]);
}

#[test]
fn where_a_line_ends_is_part_of_the_fingerprint() {
    assert_ne!(schema(&["ab", "c"]).hash(), schema(&["a", "bc"]).hash());
    assert_ne!(schema(&[]).hash(), schema(&[""]).hash());
}

fn some() -> impl Strategy<Value = Schema> {
    vec("[a-d]{1,2}", 0..12).prop_map(|mut lines| {
        lines.sort();
        Schema { lines }
    })
}

proptest! {
    /// No difference means the same fingerprint, and the other way round.
    #[test]
    fn difference_and_fingerprint_agree(a in some(), b in some()) {
        prop_assert_eq!(difference(&a, &b).is_empty(), a.hash() == b.hash());
        prop_assert!(difference(&a, &a).is_empty());
    }

    /// Taking away the `-` and adding the `+` makes the one of the other.
    #[test]
    fn a_difference_leads_from_one_to_the_other(a in some(), b in some()) {
        let mut lines = a.lines.clone();
        for line in difference(&a, &b) {
            let (sign, line) = line.split_at(2);
            if sign == "+ " {
                lines.push(line.to_owned());
            } else {
                let at = lines.iter().position(|other| other == line).unwrap();
                lines.remove(at);
            }
        }
        lines.sort();
        prop_assert_eq!(lines, b.lines);
    }

    #[test]
    fn a_schema_survives_being_kept(a in some()) {
        prop_assert_eq!(Schema::of_text(&a.text()), a);
    }
}
