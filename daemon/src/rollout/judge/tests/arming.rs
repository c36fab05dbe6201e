//! Arming: each trigger shows that it can fire, and what can't is refused.

use super::*;

fn refused(settings: Settings, baseline: Baseline) -> ArmError {
    Judge::arm(settings, baseline, None, 0).unwrap_err()
}

#[test]
fn each_armed_trigger_proves_that_it_can_fire() {
    let armed = Judge::arm(all(), baseline(), None, 5).unwrap();
    let proven: Vec<Trigger> = armed.proofs.iter().map(|proof| proof.trigger).collect();
    assert_eq!(proven, Trigger::ALL);
    let windows = |trigger| armed.proofs.iter().find(|proof| proof.trigger == trigger).unwrap().windows;
    assert_eq!((windows(Trigger::ErrorRate), windows(Trigger::LatencyP95)), (3, 4));
    assert_eq!((windows(Trigger::GrossFailures), windows(Trigger::CriticalIncident)), (1, 0));
    assert!((2_996..15_000).contains(&windows(Trigger::Consistency)), "{}", windows(Trigger::Consistency));
    // Nothing of the proof is left behind.
    assert_eq!(armed.judge, Judge::unproven(all(), baseline(), 5));
}

#[test]
fn the_defaults_can_be_armed() {
    let armed = Judge::arm(Settings::default(), baseline(), None, 0).unwrap();
    assert_eq!(armed.proofs.len(), Settings::default().armed.len());
}

#[test]
fn with_little_traffic_it_takes_longer_and_with_none_it_is_refused() {
    let few = |calls, compared| Settings {
        expected: Expected { calls, compared, ..Expected::default() },
        ..armed(&[Trigger::LatencyP95, Trigger::GrossFailures])
    };
    let proofs = Judge::arm(few(2, 0), baseline(), None, 0).unwrap().proofs;
    assert!(proofs[0].windows > 100, "{proofs:?}");
    let error = refused(few(0, 0), baseline());
    assert_eq!(error, ArmError::CannotFire { trigger: Trigger::ErrorRate, windows: 17_280 });
    let consistent = Settings {
        expected: Expected { compared: 1, ..Expected::default() },
        ..armed(&[Trigger::Consistency])
    };
    let error = refused(consistent, baseline());
    assert_eq!(error, ArmError::CannotFire { trigger: Trigger::Consistency, windows: 17_280 });
    let text = error.to_string();
    assert!(text.contains("`consistency` can't fire") && text.contains("17280 windows"), "{text}");
}

#[test]
fn a_trigger_that_can_never_fire_is_refused() {
    let cannot = |settings, trigger| {
        let error = refused(settings, baseline());
        assert!(matches!(error, ArmError::CannotFire { trigger: it, .. } if it == trigger), "{error:?}");
    };
    cannot(Settings { gross_row: u64::MAX, ..armed(&[Trigger::GrossFailures]) }, Trigger::GrossFailures);
    cannot(Settings { error_floor: u64::MAX, ..armed(&[]) }, Trigger::ErrorRate);
    cannot(Settings { disruption_ms: u64::MAX, ..armed(&[Trigger::Disruption]) }, Trigger::Disruption);
    cannot(
        Settings { incomplete_allowed: u64::MAX, ..armed(&[Trigger::IncompleteWindows]) },
        Trigger::IncompleteWindows,
    );
    // No call is slower than the one that is given up.
    let slow = Settings {
        expected: Expected { longest_call_us: 400_000, ..Expected::default() },
        ..armed(&[Trigger::LatencyP95])
    };
    let trigger = Trigger::LatencyP95;
    assert_eq!(
        refused(slow, baseline()),
        ArmError::NeverSlow { trigger, limit_us: 400_000, longest_us: 400_000 }
    );
}

#[test]
fn without_a_baseline_there_is_no_latency_trigger() {
    let trigger = Trigger::LatencyP95;
    let settings = || armed(&[trigger]);
    assert_eq!(refused(settings(), Baseline { p95_us: 0, ..baseline() }), ArmError::NoBaseline { trigger });
    let short = Baseline { calls: 199, ..baseline() };
    assert_eq!(refused(settings(), short), ArmError::ShortBaseline { trigger, calls: 199, floor: 200 });
    let mut nothing = baseline();
    nothing.measures[2].least = 0;
    let trigger = Trigger::Regression;
    assert_eq!(refused(armed(&[trigger]), nothing), ArmError::NoBaseline { trigger });
    let none = Baseline { measures: Vec::new(), ..baseline() };
    assert_eq!(refused(armed(&[trigger]), none), ArmError::NothingToWatch { trigger });
}

#[test]
fn settings_that_make_no_sense_are_refused_by_name() {
    let mut blind = armed(&[Trigger::LatencyP95]);
    blind.armed.remove(&Trigger::ErrorRate);
    assert_eq!(refused(blind, baseline()), ArmError::NoErrorRate);
    for (key, settings) in [
        ("error_ppm", Settings { error_ppm: 0, ..armed(&[]) }),
        ("error_ppm", Settings { error_ppm: 1_000_000, ..armed(&[]) }),
        ("consistency_ppm", Settings { consistency_ppm: 1_000_000, ..armed(&[]) }),
        ("confidence_permille", Settings { confidence_permille: 1_000, ..armed(&[]) }),
        ("false_alarm_ppm", Settings { false_alarm_ppm: 0, ..armed(&[]) }),
        ("slower_permille", Settings { slower_permille: 0, ..armed(&[]) }),
    ] {
        let error = refused(settings, baseline());
        assert!(matches!(&error, ArmError::OutOfRange { key: it, .. } if *it == key), "{error:?}");
    }
    let names = Settings { critical_functions: (0..33).map(|n| n.to_string()).collect(), ..armed(&[]) };
    assert!(matches!(refused(names, baseline()), ArmError::TooManyNames { count: 33, .. }));
}

/// The tests share what they may do wrong, whichever are armed.
#[test]
fn false_alarms_are_divided_among_the_armed() {
    for triggers in [&[][..], &[Trigger::LatencyP95, Trigger::Consistency][..], Trigger::ALL] {
        let settings = Settings { armed: armed(triggers).armed, ..all() };
        let judge = Judge::unproven(settings, baseline(), 0);
        let limits = judge.shares.iter().chain(&judge.consistency).map(|share| share.rule.limit);
        let sum: f64 = limits.map(|limit| (-(limit.millinats() as f64) / 1_000.0).exp()).sum();
        assert!((sum - 0.02).abs() < 1e-4, "{sum}");
    }
}

#[test]
fn armed_again_what_is_the_same_question_goes_on() {
    let mut before = judge(armed(&[Trigger::LatencyP95, Trigger::Consistency]));
    feed(&mut before, [calls(150, 9), Window { compared: 500, ..slow(100, 6) }]);
    before.begin_stage(7);
    feed(&mut before, [slow(250, 0)]);
    let evidence = |judge: &Judge, trigger| {
        let reading = of(&now(judge), trigger);
        (reading.sample, reading.evidence.unwrap().log_e_millinats)
    };
    let same = before.renew(before.settings().clone(), baseline(), 9).unwrap().judge;
    let [errors, slowness] = [Trigger::ErrorRate, Trigger::LatencyP95].map(|one| evidence(&before, one));
    assert_eq!(
        [evidence(&same, Trigger::ErrorRate), evidence(&same, Trigger::LatencyP95)],
        [errors, slowness]
    );
    // Another limit of slowness is another question, the rest is not.
    let slower = Baseline { p95_us: 300_000, ..baseline() };
    let other = before.renew(before.settings().clone(), slower, 9).unwrap().judge;
    assert_eq!(evidence(&other, Trigger::ErrorRate), errors);
    assert_eq!(evidence(&other, Trigger::LatencyP95), (0, 0));
    assert_eq!((other.claim(), other.stage_ms, other.last), (before.claim(), 7, before.last));
    // A firing stays for as long as its question does.
    let mut fired = judge(armed(&[Trigger::LatencyP95]));
    feed(&mut fired, [slow(400, 400)]);
    let kept = |baseline| fired.renew(fired.settings().clone(), baseline, 9).unwrap().judge.fired().cloned();
    assert_eq!(kept(baseline()), fired.fired().cloned());
    assert_eq!(kept(Baseline { p95_us: 300_000, ..baseline() }), None);
}
