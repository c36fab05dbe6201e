use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const BOUNDS: Bounds = Bounds { since: 0, began: 1_000, lag_ms: 100 };

fn entry(key: u32, digest: u8, at: i64, owed_since: Option<i64>) -> Entry<u32> {
    Entry { key, digest: digest.to_string(), at, owed_since }
}

#[test]
fn what_is_owed_is_lag_until_it_is_too_old() {
    let of = |since| finding(Some(&entry(1, 1, 10, Some(since))), None, BOUNDS);
    assert_eq!(of(901), Some(Finding::Lagging));
    assert_eq!(of(900), Some(Finding::Missing));
}

#[test]
fn what_moved_since_the_beginning_or_before_dual_write_is_not_this_comparisons() {
    let bounds = Bounds { since: 50, ..BOUNDS };
    let of = |legacy: i64, target: i64| {
        finding(Some(&entry(1, 1, legacy, None)), Some(&entry(1, 2, target, None)), bounds)
    };
    assert_eq!(of(40, 49), None);
    assert_eq!(of(40, 50), Some(Finding::Different));
    assert_eq!(of(999, 50), Some(Finding::Different));
    assert_eq!(of(1_000, 50), Some(Finding::Later));
}

#[test]
fn a_tenth_of_a_percent_is_a_warning_and_more_is_an_alert() {
    let of =
        |mismatched, all: u64| Tally { agreed: all - mismatched, missing: mismatched, ..Tally::default() };
    assert_eq!(of(0, 10).health(), Health::Ok);
    assert_eq!(of(1, 2_000).health(), Health::Ok);
    assert_eq!(of(1, 1_999).health(), Health::Warning);
    assert_eq!(of(1, 1_000).health(), Health::Warning);
    assert_eq!(of(1, 999).health(), Health::Bad);
    assert_eq!(Tally::default().health(), Health::Ok);
}

fn book() -> impl Strategy<Value = BTreeMap<u32, Entry<u32>>> {
    let one = (0..30_u32, 0..3_u8, 0..1_100_i64, proptest::option::of(800..1_000_i64));
    proptest::collection::vec(one, 0..40).prop_map(|all| {
        all.into_iter().map(|(key, digest, at, owed)| (key, entry(key, digest, at, owed))).collect()
    })
}

proptest! {
    /// Whatever the pages: the same as looking up every key in both books.
    #[test]
    fn the_merge_equals_a_comparison_of_sets(legacy in book(), target in book(), page in 1..7_usize) {
        let mut naive = Vec::new();
        for key in 0..30 {
            naive.extend(finding(legacy.get(&key), target.get(&key), BOUNDS).map(|found| (key, found)));
        }
        let mut rest = [legacy.values().cloned().collect::<VecDeque<_>>(), target.values().cloned().collect()];
        let (mut merge, mut merged) = (Merge::default(), Vec::new());
        loop {
            match merge.step(|entry: &Entry<u32>| &entry.key) {
                Step::Wants(side) => {
                    let book = &mut rest[side.index()];
                    let taken: Vec<_> = book.drain(..page.min(book.len())).collect();
                    let ended = taken.len() < page;
                    merge.feed(side, taken, ended);
                }
                Step::Pair(legacy, target) => {
                    let key = legacy.as_ref().or(target.as_ref()).unwrap().key;
                    merged.extend(finding(legacy.as_ref(), target.as_ref(), BOUNDS).map(|found| (key, found)));
                }
                Step::End => break,
            }
        }
        prop_assert_eq!(merged, naive);
    }

    #[test]
    fn a_mismatch_is_never_rounded_away(agreed in 0..u64::MAX / 2_000_000, missing in 0..1_000_u64) {
        let tally = Tally { agreed, missing, ..Tally::default() };
        prop_assert_eq!(tally.ppm() > 0, missing > 0);
        prop_assert!(tally.ppm() <= 1_000_000);
    }
}
