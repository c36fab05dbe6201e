use proptest::prelude::*;

use super::*;

fn together(text: &str) -> String {
    let mut all = String::new();
    loop {
        let (piece, more) = part(text, all.len() as u64).unwrap();
        assert!(piece.len() <= MAX_PART);
        all.push_str(piece);
        if !more {
            return all;
        }
        assert!(!piece.is_empty());
    }
}

#[test]
fn parts_make_the_whole() {
    for text in
        ["", "{}", &"é".repeat(MAX_PART), &format!("a{}", "😀".repeat(MAX_PART / 2)), &"x".repeat(MAX_PART)]
    {
        assert!(together(text) == *text);
    }
}

#[test]
fn nothing_begins_inside_of_a_character_or_behind_the_end() {
    assert_eq!(part("é", 1), None);
    assert_eq!(part("é", 2), None);
    assert_eq!(part("é", 3), None);
    assert_eq!(part("é", u64::MAX), None);
    assert_eq!(part("", 0), Some(("", false)));
}

proptest! {
    #[test]
    fn no_place_panics(text in ".{0,40}", from in any::<u64>()) {
        let _ = part(&text, from);
        let near = from % 50;
        if let Some((piece, more)) = part(&text, near) {
            prop_assert!(text.len() as u64 == near + piece.len() as u64 && !more);
        }
    }
}
