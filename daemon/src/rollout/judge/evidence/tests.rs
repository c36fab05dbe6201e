use proptest::prelude::*;

use super::*;

fn fed(windows: &[(u64, u64)], threshold: f64) -> Detector {
    let mut detector = Detector::default();
    windows.iter().for_each(|(calls, hits)| detector.observe(*calls, *hits, threshold));
    detector
}

/// Calls of a window with hits among them.
fn window(most: u64) -> impl Strategy<Value = (u64, u64)> {
    (1..=most).prop_flat_map(|calls| (Just(calls), 0..=calls))
}

#[test]
fn it_begins_with_a_capital_of_one() {
    assert_eq!(Detector::default().log_e(), Nats::of(0.0));
    assert_eq!(fed(&[(0, 0); 9], 0.05), Detector::default());
    let stakes: f64 = (1..100_000).map(|restart| stake(f64::from(restart))).sum();
    assert!((stakes + left_before(100_000.0) - 1.0).abs() < 1e-9);
    assert!((ALTERNATIVES.iter().map(|(_, part)| part).sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn twice_the_threshold_is_found_and_half_of_it_is_not() {
    let limit = limit(0.01);
    assert_eq!(limit.millinats(), 4_605);
    let first = |hits| (1..=1_000).find(|n| fed(&vec![(100, hits); *n], 0.05).log_e() >= limit);
    assert_eq!(first(10), Some(3));
    assert_eq!(first(30), Some(1));
    assert_eq!((first(5), first(3), first(0)), (None, None, None));
}

/// A day of windows without a failure, and then ten in a hundred.
#[test]
fn a_long_good_history_does_not_blunt_it() {
    let mut detector = fed(&vec![(100, 0); 17_280], 0.05);
    let found = (1..100).find(|_| {
        detector.observe(100, 10, 0.05);
        detector.log_e() >= limit(0.01)
    });
    assert!(found.is_some_and(|windows| windows <= 11), "{found:?}");
    detector = fed(&vec![(100, 0); 17_280], 0.05);
    detector.observe(100, 40, 0.05);
    assert!(detector.log_e() >= limit(0.01));
}

#[test]
fn hostile_numbers_have_an_answer() {
    for (calls, hits) in [(u64::MAX, u64::MAX), (u64::MAX, 0), (1, u64::MAX), (u64::MAX, u64::MAX / 2)] {
        let mut detector = fed(&[(calls, hits), (calls, hits), (100, 5)], 0.05);
        let high = hits > calls / 4;
        assert_eq!(detector.log_e() > limit(0.01), high && calls > 1, "{hits} of {calls}");
        detector.observe(1, 1, f64::NAN);
        detector.log_e();
    }
}

proptest! {
    /// The guarantee itself: whatever was before, the capital is not expected to grow while the share is at the threshold, or
    /// under it. Everything else follows from this by Ville's inequality.
    #[test]
    fn nobody_wins_by_betting_against_the_truth(
        before in prop::collection::vec(window(120), 0..12),
        calls in 1_u64..60,
        threshold in 0.000_1..0.6_f64,
        below in 0.2..=1.0_f64,
    ) {
        let share = threshold * below;
        let detector = fed(&before, threshold);
        let now = detector.log_e().value();
        let mut expected = 0.0;
        let mut chance = (1.0 - share).powf(calls as f64);
        for hits in 0..=calls {
            let mut next = detector.clone();
            next.observe(calls, hits, threshold);
            expected += chance * (next.log_e().value() - now).exp();
            chance *= (calls - hits) as f64 / (hits + 1) as f64 * share / (1.0 - share);
        }
        prop_assert!(expected <= 1.0 + 1e-6, "{expected} times what it was");
    }

    #[test]
    fn more_hits_never_lower_the_evidence(
        windows in prop::collection::vec(window(300), 1..20),
        at in any::<prop::sample::Index>(),
        more in 1_u64..50,
        threshold in 0.000_1..0.6_f64,
    ) {
        let mut worse = windows.clone();
        let at = at.index(windows.len());
        worse[at].1 = (worse[at].1 + more).min(worse[at].0);
        prop_assert!(fed(&worse, threshold).log_e() >= fed(&windows, threshold).log_e());
    }

    /// How calls fall into windows matters only by when it restarts: within one restart, not at all.
    #[test]
    fn windows_may_be_cut_anywhere(calls in 2_u64..RESTART_AFTER, part in 0.0..1.0_f64, cut in 0.0..1.0_f64) {
        let hits = super::super::number::whole(calls as f64 * part);
        let first = super::super::number::whole((calls - 1) as f64 * cut) + 1;
        let first_hits = hits.min(first);
        let cut = fed(&[(first, first_hits), (calls - first, hits - first_hits)], 0.05);
        let apart = cut.log_e().value() - fed(&[(calls, hits)], 0.05).log_e().value();
        prop_assert!(apart.abs() < 1e-6);
    }

    #[test]
    fn it_goes_on_after_a_restart(windows in prop::collection::vec(window(300), 0..30), threshold in 0.001..0.5_f64) {
        let (mut kept, mut written) = (Detector::default(), Detector::default());
        for (calls, hits) in windows {
            kept.observe(calls, hits, threshold);
            written.observe(calls, hits, threshold);
            written = serde_json::from_str(&serde_json::to_string(&written).unwrap()).unwrap();
            prop_assert_eq!(&written, &kept);
        }
    }
}
