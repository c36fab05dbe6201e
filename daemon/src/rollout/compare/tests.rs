use proptest::prelude::*;

use super::*;

fn sets() -> impl Strategy<Value = BTreeMap<i64, String>> {
    proptest::collection::btree_map(0..20_i64, "[a-c]{0,3}", 0..12)
}

#[test]
fn each_field_of_an_import_counts() {
    let one = |digest, tree, commit, files, bytes| Content::import(digest, tree, commit, files, bytes);
    let whole = one("d", "t", "c", 1, 2);
    assert_eq!(differences(&whole, &whole.clone()), []);
    for (field, other) in [
        ("digest", one("x", "t", "c", 1, 2)),
        ("tree_sha", one("d", "x", "c", 1, 2)),
        ("commit_sha", one("d", "t", "x", 1, 2)),
        ("files", one("d", "t", "c", 7, 2)),
        ("bytes", one("d", "t", "c", 1, 7)),
    ] {
        let found = differences(&whole, &other);
        assert_eq!(found.iter().map(|one| one.field.as_str()).collect::<Vec<_>>(), [field]);
    }
    let (legacy, target) = (one("d", "t", "c", 5, 2), one("d", "t", "c", 7, 2));
    let found = differences(&legacy, &target);
    assert_eq!((found[0].legacy.as_str(), found[0].target.as_str()), ("5", "7"));
}

#[test]
fn what_is_kept_is_cut_and_holds_no_token() {
    let token = format!("ghs_{}", "a1B2".repeat(9));
    let legacy = Content::Set(BTreeMap::from([(1, format!("x/{token}")), (2, "n".repeat(5_000))]));
    let found = differences(&legacy, &Content::Set(BTreeMap::new()));
    let text = serde_json::to_string(&found).unwrap();
    assert!(!text.contains(&token[..12]) && text.contains("[redacted]"), "{text}");
    assert!(text.len() < 2_000, "{}", text.len());
    // A token across the cut does not leave its half.
    let legacy = Content::import(&format!("{}{token}", "z".repeat(VALUE_MOST - 10)), "", "", 0, 0);
    let found = differences(&legacy, &Content::import("", "", "", 0, 0));
    assert!(!found[0].legacy.contains("ghs_"), "{found:?}");
}

proptest! {
    #[test]
    fn sets_differ_exactly_when_their_digests_do(a in sets(), b in sets()) {
        let found = differences(&Content::Set(a.clone()), &Content::Set(b.clone()));
        prop_assert_eq!(found.is_empty(), a == b);
        prop_assert_eq!(digest(&a) == digest(&b), a == b);
        prop_assert!(found.len() <= DIFFERENCES_MOST);
        let mirrored = differences(&Content::Set(b), &Content::Set(a));
        let turned: Vec<Difference> = mirrored
            .into_iter()
            .map(|one| Difference { field: one.field, legacy: one.target, target: one.legacy })
            .collect();
        prop_assert_eq!(found, turned, "neither arm is the better one");
    }

    #[test]
    fn whatever_stands_in_an_answer_stays_bounded(value in "\\PC{0,3000}", other in "\\PC{0,3000}") {
        let found = differences(
            &Content::import(&value, &other, "", 0, 0),
            &Content::import(&other, &value, "", 0, 0),
        );
        for one in found {
            prop_assert!(one.legacy.chars().count() <= VALUE_MOST && one.target.chars().count() <= VALUE_MOST);
        }
    }
}
