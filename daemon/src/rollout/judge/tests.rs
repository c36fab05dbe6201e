use cutover_shared::verdict::{Effect, Judgement, Reading, ReadingState, Trigger, Verdict};
use proptest::prelude::*;

use super::*;

mod arming;
mod outside;

/// Settings with these triggers only, besides the error rate.
fn armed(triggers: &[Trigger]) -> Settings {
    let armed = triggers.iter().copied().chain([Trigger::ErrorRate]).collect();
    Settings { armed, ..Settings::default() }
}

fn baseline() -> Baseline {
    let measure = |name: &str, better, value, least| {
        let effect = if name == "import_latency" { Effect::Rollback } else { Effect::Gate };
        Measure { name: name.into(), better, value, least, effect }
    };
    Baseline {
        calls: 100_000,
        p50_us: 80_000,
        p95_us: 200_000,
        p99_us: 900_000,
        measures: vec![
            measure("import_latency", Better::Lower, 200, 1),
            measure("import_success", Better::Higher, 990_000, 1),
            measure("webhook_failure", Better::Lower, 0, 5_000),
        ],
    }
}

fn judge(settings: Settings) -> Judge {
    Judge::arm(settings, baseline(), None, 0).unwrap().judge
}

/// Feeds windows in their order.
fn feed(judge: &mut Judge, windows: impl IntoIterator<Item = Window>) {
    for window in windows {
        let number = judge.last.map_or(1, |last| last + 1);
        let to_ms = i64::try_from(number).unwrap_or(i64::MAX).saturating_mul(5_000);
        assert_eq!(judge.observe(&Window { number, to_ms, ..window }), Observed::Counted);
    }
}

fn calls(calls: u64, errors: u64) -> Window {
    Window { calls, errors, ..Window::default() }
}

fn slow(calls: u64, p95: u64) -> Window {
    Window { calls, slower: Slower { p95, ..Slower::default() }, ..Window::default() }
}

fn compared(compared: u64, mismatches: u64) -> Window {
    Window { calls: 100, compared, mismatches, ..Window::default() }
}

fn of(judgement: &Judgement, trigger: Trigger) -> Reading {
    judgement.readings.iter().find(|reading| reading.trigger == trigger).unwrap().clone()
}

fn now(judge: &Judge) -> Judgement {
    judge.judgement(i64::try_from(judge.last.unwrap_or(0)).unwrap_or(i64::MAX).saturating_mul(5_000))
}

#[test]
fn no_traffic_neither_passes_nor_rolls_back() {
    let mut judge = judge(armed(&[Trigger::LatencyP95, Trigger::Consistency]));
    feed(&mut judge, vec![Window::default(); 20_000]);
    let judgement = now(&judge);
    assert_eq!(judgement.verdict, Verdict::NotEnoughData);
    let missing = |trigger| of(&judgement, trigger).missing;
    assert_eq!(missing(Trigger::ErrorRate), 100);
    assert_eq!(missing(Trigger::LatencyP95), 200);
    assert_eq!(missing(Trigger::Consistency), 29_956);
    assert_eq!(judgement.claim.unwrap().to_string(), "0 mismatches in 0; proven >= 0.0 %");
    assert_eq!(of(&judgement, Trigger::ErrorRate).distance_permille, 1_000);
}

#[test]
fn below_the_floor_it_says_how_many_are_missing() {
    let mut bad = judge(armed(&[]));
    feed(&mut bad, [calls(60, 60), calls(39, 39)]);
    let reading = of(&now(&bad), Trigger::ErrorRate);
    assert_eq!((reading.state, reading.missing, reading.value), (ReadingState::NotEnoughData, 1, 1_000_000));
    assert_eq!((now(&bad).verdict, bad.fired()), (Verdict::NotEnoughData, None));
    feed(&mut bad, [calls(1, 1)]);
    assert_eq!(now(&bad).verdict, Verdict::Breach);
    let mut good = judge(armed(&[]));
    feed(&mut good, [calls(99, 0)]);
    assert_eq!(of(&now(&good), Trigger::ErrorRate).missing, 1);
    feed(&mut good, [calls(1, 0)]);
    assert_eq!(now(&good).verdict, Verdict::Pass);
}

#[test]
fn slow_calls_have_a_floor_of_their_own() {
    let mut judge = judge(armed(&[Trigger::LatencyP95]));
    feed(&mut judge, [slow(199, 199)]);
    let reading = of(&now(&judge), Trigger::LatencyP95);
    assert_eq!((reading.state, reading.missing), (ReadingState::NotEnoughData, 1));
    assert_eq!(of(&now(&judge), Trigger::ErrorRate).state, ReadingState::Clear);
    assert_eq!(now(&judge).verdict, Verdict::NotEnoughData);
    feed(&mut judge, [slow(1, 0)]);
    let fired = judge.fired().unwrap();
    assert_eq!((fired.reading.trigger, fired.at_ms), (Trigger::LatencyP95, 10_000));
    assert_eq!(fired.reading.distance_permille, 0);
}

#[test]
fn the_limit_is_twice_the_baseline_and_a_call_at_it_is_not_slow() {
    let all = [Trigger::LatencyP50, Trigger::LatencyP95, Trigger::LatencyP99];
    let limits = judge(armed(&all)).limits();
    assert_eq!(limits, Limits { p50_us: Some(160_000), p95_us: Some(400_000), p99_us: Some(1_800_000) });
    assert_eq!(limits.slower(400_000), Slower { p50: 1, p95: 0, p99: 0 });
    assert_eq!(limits.slower(400_001), Slower { p50: 1, p95: 1, p99: 0 });
    assert_eq!(judge(armed(&[])).limits().slower(u64::MAX), Slower::default());
}

#[test]
fn a_claim_needs_its_number_of_clean_comparisons() {
    for (consistency_ppm, floor) in [(999_000, 2_995), (999_900, 29_956)] {
        let settings = Settings { consistency_ppm, ..armed(&[Trigger::Consistency]) };
        let mut judge = judge(settings);
        feed(&mut judge, [compared(floor - 1, 0)]);
        assert_eq!((now(&judge).verdict, judge.claim().unwrap().missing), (Verdict::NotEnoughData, 1));
        assert!(judge.claim().unwrap().proven_ppm < consistency_ppm);
        feed(&mut judge, [compared(1, 0)]);
        assert_eq!(
            (now(&judge).verdict, judge.claim().unwrap().proven_ppm),
            (Verdict::Pass, consistency_ppm)
        );
        // One mismatch takes the claim away until enough clean ones have followed; it is no breach.
        feed(&mut judge, [compared(1, 1)]);
        let judgement = now(&judge);
        assert_eq!(judgement.verdict, Verdict::NotEnoughData);
        let missing = of(&judgement, Trigger::Consistency).missing;
        assert_eq!(missing, judgement.claim.unwrap().missing);
        feed(&mut judge, [compared(missing, 0)]);
        assert_eq!(now(&judge).verdict, Verdict::Pass);
    }
}

#[test]
fn differing_answers_roll_back_from_the_floor_on() {
    let mut late = judge(armed(&[Trigger::Consistency]));
    feed(&mut late, [compared(29_955, 300)]);
    assert_eq!(now(&late).verdict, Verdict::NotEnoughData);
    feed(&mut late, [compared(1, 0)]);
    assert_eq!(late.fired().unwrap().reading.trigger, Trigger::Consistency);
    let mut early = judge(Settings { consistency_from: Some(100), ..armed(&[Trigger::Consistency]) });
    feed(&mut early, [compared(99, 40)]);
    assert_eq!(early.fired(), None);
    feed(&mut early, [compared(1, 0)]);
    assert!(early.fired().is_some());
}

#[test]
fn what_was_compared_is_pooled_over_stages_and_over_arming() {
    let mut judge = judge(armed(&[Trigger::Consistency]));
    feed(&mut judge, [compared(29_000, 0)]);
    judge.begin_stage(7);
    assert_eq!(judge.claim().unwrap().compared, 29_000);
    // Also when other triggers are armed with it.
    let more = armed(&[Trigger::Consistency, Trigger::LatencyP95]);
    let again = Judge::arm(more, baseline(), Some(&judge), 9).unwrap().judge;
    assert_eq!(again.claim(), judge.claim());
    // What was enough before is enough at once.
    let mut bad = judge.clone();
    feed(&mut bad, [compared(1_000, 200)]);
    let again = Judge::arm(armed(&[Trigger::Consistency]), baseline(), Some(&bad), 9).unwrap().judge;
    assert_eq!(again.fired().map(|fired| fired.at_ms), Some(9));
    // Another claim is another question.
    let other = Settings { consistency_ppm: 999_000, ..armed(&[Trigger::Consistency]) };
    assert_eq!(Judge::arm(other, baseline(), Some(&judge), 9).unwrap().judge.claim().unwrap().compared, 0);
}

#[test]
fn a_stage_needs_its_own_calls_and_the_test_goes_on() {
    let mut judge = judge(armed(&[]));
    feed(&mut judge, vec![calls(100, 10); 2]);
    let before = of(&now(&judge), Trigger::ErrorRate);
    assert_eq!(before.state, ReadingState::Undecided);
    judge.begin_stage(10_000);
    let after = of(&now(&judge), Trigger::ErrorRate);
    assert_eq!((after.state, after.missing, after.sample), (ReadingState::NotEnoughData, 100, 0));
    assert_eq!(after.evidence, before.evidence);
}

#[test]
fn over_the_threshold_is_undecided_until_chance_is_ruled_out() {
    let mut judge = judge(armed(&[]));
    feed(&mut judge, [calls(100, 6)]);
    let reading = of(&now(&judge), Trigger::ErrorRate);
    assert_eq!((reading.state, now(&judge).verdict), (ReadingState::Undecided, Verdict::NotEnoughData));
    assert!(reading.missing > 100 && reading.distance_permille > 0, "{reading:?}");
    feed(&mut judge, vec![calls(100, 12); 4]);
    assert_eq!(now(&judge).verdict, Verdict::Breach);
}

#[test]
fn it_warns_at_half() {
    let mut judge = judge(armed(&[]));
    feed(&mut judge, [calls(1_000, 24)]);
    assert_eq!(of(&now(&judge), Trigger::ErrorRate).state, ReadingState::Clear);
    feed(&mut judge, [calls(1_000, 25)]);
    let judgement = now(&judge);
    let reading = of(&judgement, Trigger::ErrorRate);
    assert_eq!((reading.state, reading.warning_at, reading.value), (ReadingState::Warning, 25_000, 25_000));
    assert_eq!(judgement.verdict, Verdict::Pass);
}

#[test]
fn a_breach_stays_until_it_is_armed_anew() {
    let mut judge = judge(armed(&[]));
    feed(&mut judge, [calls(100, 90)]);
    let fired = judge.fired().cloned();
    feed(&mut judge, vec![calls(10_000, 0); 100]);
    judge.begin_stage(0);
    assert_eq!((now(&judge).verdict, judge.fired().cloned()), (Verdict::Breach, fired));
    let again = Judge::arm(armed(&[]), baseline(), Some(&judge), 1).unwrap().judge;
    assert_eq!(now(&again).verdict, Verdict::NotEnoughData);
}

#[test]
fn a_stage_without_calls_for_a_day_has_not_seen_enough() {
    let mut judge = judge(armed(&[]));
    feed(&mut judge, [calls(1_000, 0)]);
    let day = judge.settings().fresh_ms;
    assert_eq!(judge.judgement(5_000 + day).verdict, Verdict::Pass);
    let stale = judge.judgement(5_001 + day);
    assert_eq!((stale.verdict, of(&stale, Trigger::ErrorRate).missing), (Verdict::NotEnoughData, 100));
}

#[test]
fn a_window_counts_once_and_none_goes_missing_unseen() {
    let mut judge = judge(armed(&[Trigger::IncompleteWindows]));
    feed(&mut judge, [calls(100, 0), calls(100, 0)]);
    let before = judge.clone();
    for number in [1, 2] {
        assert_eq!(judge.observe(&Window { number, ..calls(100, 100) }), Observed::Old);
    }
    assert_eq!(judge, before);
    judge.observe(&Window { number: 5, ..calls(100, 0) });
    let judgement = now(&judge);
    assert_eq!(judgement.verdict, Verdict::GateFailed);
    assert_eq!(of(&judgement, Trigger::IncompleteWindows).value, 2);
}

#[test]
fn a_state_of_another_version_is_refused() {
    let text = serde_json::to_string(&judge(armed(&[]))).unwrap();
    assert!(text.starts_with(r#"{"version":1,"#), "{text}");
    let later = text.replacen(":1,", ":2,", 1);
    let error = serde_json::from_str::<Judge>(&later).unwrap_err().to_string();
    assert!(error.contains("version 2; this program knows 1"), "{error}");
}

fn window() -> impl Strategy<Value = Window> {
    let count = || prop_oneof![4 => 0_u64..300, 1 => any::<u64>()];
    let part = || prop_oneof![3 => 0_u64..30, 1 => any::<u64>()];
    let slower = (part(), part(), part()).prop_map(|(p50, p95, p99)| Slower { p50, p95, p99 });
    let untimed = (part(), prop::option::of(part()));
    let gross =
        (part(), 0_u64..4, 0_u64..9).prop_map(|(length, tenants, of)| GrossRow { length, tenants, of });
    (count(), part(), slower, untimed, count(), part(), part(), gross, any::<i64>(), any::<bool>()).prop_map(
        |(calls, errors, slower, untimed, compared, mismatches, shed, gross, to_ms, incomplete)| {
            let lost = u64::from(incomplete);
            let number = 0;
            Window {
                number,
                to_ms,
                calls,
                errors,
                slower,
                untimed: untimed.0,
                untimed_p95_us: untimed.1,
                compared,
                mismatches,
                shed,
                gross,
                lost,
                incomplete,
            }
        },
    )
}

fn all() -> Settings {
    Settings {
        armed: Trigger::ALL.iter().copied().collect(),
        critical_functions: ["login".to_owned()].into(),
        ..Settings::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Written down and read back after each window, it is the judge that never was.
    #[test]
    fn it_goes_on_exactly_after_a_restart(windows in prop::collection::vec(window(), 1..12), gap in 1_u64..3) {
        let mut kept = Judge::unproven(all(), baseline(), 3);
        let mut written = kept.clone();
        for (place, window) in windows.into_iter().enumerate() {
            let window = Window { number: place as u64 * gap, ..window };
            prop_assert_eq!(kept.observe(&window), written.observe(&window));
            written = serde_json::from_str(&serde_json::to_string(&written).unwrap()).unwrap();
            prop_assert_eq!(&written, &kept);
            prop_assert_eq!(written.judgement(9), kept.judgement(9));
        }
    }

    /// Whatever the figures, there is an answer, and it says what it must.
    #[test]
    fn every_window_has_a_verdict(windows in prop::collection::vec(window(), 0..12), at: i64) {
        let mut judge = Judge::unproven(all(), baseline(), at);
        for (place, window) in windows.into_iter().enumerate() {
            judge.observe(&Window { number: place as u64, ..window });
        }
        let judgement = judge.judgement(at);
        prop_assert_eq!(judge.fired().is_some(), judgement.verdict == Verdict::Breach);
        for reading in &judgement.readings {
            let fires = reading.state == ReadingState::Fired;
            prop_assert_eq!(fires, reading.distance_permille == 0, "{:?}", reading);
            prop_assert!(reading.distance_permille <= 1_000);
            let short = matches!(reading.state, ReadingState::NotEnoughData | ReadingState::Undecided);
            prop_assert_eq!(short, reading.missing > 0, "{:?}", reading);
            prop_assert!(!fires || reading.effect == Effect::Gate || judgement.verdict == Verdict::Breach);
        }
    }

    #[test]
    fn more_errors_never_bring_it_nearer_to_a_pass(
        windows in prop::collection::vec((1_u64..300, 0_u64..30), 1..12), more in 1_u64..60, at in any::<prop::sample::Index>(),
    ) {
        let mut better = Judge::unproven(armed(&[]), baseline(), 0);
        let mut worse = better.clone();
        let at = at.index(windows.len());
        for (place, (n, errors)) in windows.iter().enumerate() {
            feed(&mut better, [calls(*n, (*errors).min(*n))]);
            let errors = errors + if place == at { more } else { 0 };
            feed(&mut worse, [calls(*n, errors.min(*n))]);
        }
        let e = |judge: &Judge| of(&now(judge), Trigger::ErrorRate).evidence.unwrap().log_e_millinats;
        prop_assert!(e(&worse) >= e(&better));
        prop_assert!(better.fired().is_none() || worse.fired().is_some());
    }
}
