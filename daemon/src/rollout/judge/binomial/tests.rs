use proptest::prelude::*;

use super::*;

/// The sum itself.
fn summed(hits: u64, calls: u64, share: f64) -> f64 {
    let mut term = (1.0 - share).powf(calls as f64);
    let mut sum = term;
    for k in 0..hits {
        term *= (calls - k) as f64 / (k + 1) as f64 * share / (1.0 - share);
        sum += term;
    }
    sum
}

#[test]
fn claims_need_what_the_tables_say() {
    assert_eq!(needed(0, 0.001, 0.05), Some(2_995));
    assert_eq!(needed(0, 0.000_1, 0.05), Some(29_956));
    assert_eq!(needed(0, 0.000_1, 0.01), Some(46_050));
    assert_eq!(needed(0, 0.05, 0.05), Some(59));
    assert_eq!(needed(1, 0.05, 0.05), Some(93));
    assert_eq!(needed(2, 0.05, 0.05), Some(124));
    assert_eq!(needed(0, 0.0, 0.05), None);
    assert_eq!(needed(0, f64::NAN, 0.05), None);
}

#[test]
fn bounds_are_those_of_the_tables() {
    let near = |a: f64, b: f64| assert!((a - b).abs() < 5e-5, "{a} {b}");
    near(upper(0, 10, 0.025), 0.3085);
    near(lower(5, 10, 0.025), 0.1871);
    near(upper(5, 10, 0.025), 0.8129);
    near(lower(10, 10, 0.025), 0.6915);
    near(upper(1, 100, 0.05), 0.0466);
    near(lower(8, 100, 0.025), 0.0352);
    near(upper(8, 100, 0.025), 0.1516);
    assert_eq!((lower(0, 0, 0.05), upper(0, 0, 0.05)), (0.0, 1.0));
    assert_eq!(upper(7, 3, 0.05), 1.0);
}

#[test]
fn large_numbers_agree_with_poisson() {
    // 100 hits expected; P(X <= 100) of a Poisson distribution is 0.526562.
    for calls in [1_000_000, 100_000_000, 10_000_000_000_u64] {
        let at_most = at_most(100, calls, 100.0 / calls as f64);
        assert!((at_most - 0.526_56).abs() < 2e-4, "{calls}: {at_most}");
    }
}

#[test]
fn what_is_too_large_errs_to_the_safe_side() {
    assert!(at_most(0, u64::MAX, 1e-6) < 1e-9);
    assert_eq!(at_most(u64::MAX / 2, u64::MAX, 0.5), 1.0);
    assert!(upper(1_000, u64::MAX - 1, 0.05) > 1_000.0 / u64::MAX as f64);
    assert!(needed(1_000_000, 0.000_1, 0.05).is_some_and(|calls| calls > 10_000_000_000));
    assert_eq!(needed(u64::MAX, 0.000_1, 0.05), None);
}

proptest! {
    #[test]
    fn probabilities_are_the_sum(calls in 1_u64..400, part in 0.0..1.0_f64, share in 0.01..0.6_f64) {
        let hits = whole(calls as f64 * part).min(calls);
        let (exact, ours) = (summed(hits, calls, share), at_most(hits, calls, share));
        prop_assert!((exact - ours).abs() < 1e-9, "{hits} of {calls} at {share}: {exact} {ours}");
    }

    #[test]
    fn the_number_needed_is_the_smallest(hits in 0_u64..60, share in 0.001..0.5_f64) {
        let calls = needed(hits, share, 0.05).unwrap();
        prop_assert!(at_most(hits, calls, share) <= 0.05);
        prop_assert!(calls == hits + 1 || at_most(hits, calls - 1, share) > 0.05);
        prop_assert!(upper(hits, calls, 0.05) <= share + 1e-12);
    }

    #[test]
    fn every_number_has_an_answer(hits: u64, calls: u64, share in any::<f64>()) {
        let at_most = at_most(hits, calls, share);
        prop_assert!(at_most.is_nan() == share.is_nan() && (share.is_nan() || (0.0..=1.0 + 1e-9).contains(&at_most)));
        let (low, high) = (lower(hits, calls, 0.05), upper(hits, calls, 0.05));
        prop_assert!((0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high));
    }
}
