//! What rolls back, or closes a gate, without statistics.

use std::collections::BTreeMap;

use super::*;

fn all_but_calls() -> Settings {
    let quiet = [Trigger::LatencyP50, Trigger::LatencyP95, Trigger::LatencyP99, Trigger::Consistency];
    let mut settings = all();
    settings.armed.retain(|trigger| !quiet.contains(trigger));
    settings
}

/// A judge that passes.
fn passing() -> Judge {
    let mut judge = judge(all_but_calls());
    feed(&mut judge, [calls(1_000, 0)]);
    judge.observe_outside(well(), 0);
    assert_eq!(now(&judge).verdict, Verdict::Pass, "{:#?}", now(&judge));
    judge
}

fn well() -> Outside {
    let seen = |value| Seen { value, sample: 200 };
    let measures = BTreeMap::from([
        ("import_latency".to_owned(), seen(200)),
        ("import_success".to_owned(), seen(990_000)),
        ("webhook_failure".to_owned(), seen(0)),
    ]);
    Outside { users: 10_000, measures, ..Outside::default() }
}

fn with(outside: Outside) -> (Verdict, Judge) {
    let mut judge = passing();
    judge.observe_outside(outside, 42);
    (now(&judge).verdict, judge)
}

#[test]
fn an_incident_a_disruption_wrong_data_and_a_critical_function_roll_back() {
    let failing = |name: &str| [name.to_owned()].into();
    for (trigger, at, over) in [
        (Trigger::CriticalIncident, well(), Outside { critical_incidents: 1, ..well() }),
        (
            Trigger::Disruption,
            Outside { disruption_ms: 900_000, ..well() },
            Outside { disruption_ms: 900_001, ..well() },
        ),
        (Trigger::WrongData, Outside { users_wrong: 10, ..well() }, Outside { users_wrong: 11, ..well() }),
        (
            Trigger::WrongData,
            Outside { users: 5, users_wrong: 2, ..well() },
            Outside { users: 5, users_wrong: 3, ..well() },
        ),
        (Trigger::WrongData, well(), Outside { users: 0, users_wrong: 3, ..well() }),
        (
            Trigger::CriticalFunction,
            Outside { failing: failing("dark mode"), ..well() },
            Outside { failing: failing("login"), ..well() },
        ),
    ] {
        assert_eq!(with(at).0, Verdict::Pass, "{trigger}");
        let (verdict, mut judge) = with(over);
        assert_eq!(verdict, Verdict::Breach, "{trigger}");
        judge.observe_outside(well(), 50);
        let fired = judge.fired().unwrap();
        assert_eq!((fired.reading.trigger, fired.at_ms), (trigger, 42));
        assert_eq!(now(&judge).verdict, Verdict::Breach, "{trigger} stays");
    }
}

#[test]
fn half_of_a_trigger_warns() {
    for (trigger, below, half) in [
        (
            Trigger::Disruption,
            Outside { disruption_ms: 449_999, ..well() },
            Outside { disruption_ms: 450_000, ..well() },
        ),
        (Trigger::WrongData, Outside { users_wrong: 4, ..well() }, Outside { users_wrong: 5, ..well() }),
    ] {
        let state = |outside| of(&now(&with(outside).1), trigger).state;
        assert_eq!((state(below), state(half)), (ReadingState::Clear, ReadingState::Warning));
    }
}

#[test]
fn worse_measures_close_the_gate_and_roll_nothing_back() {
    for (name, well_enough, worse) in [
        ("import_latency", 220, 221),
        ("import_success", 891_000, 890_999),
        ("webhook_failure", 5_500, 5_501),
    ] {
        let one = |value| {
            let mut outside = well();
            outside.measures.insert(name.to_owned(), Seen { value, sample: 200 });
            with(outside)
        };
        assert_eq!(one(well_enough).0, Verdict::Pass, "{name}");
        let (verdict, judge) = one(worse);
        assert_eq!((verdict, judge.fired()), (Verdict::GateFailed, None), "{name}");
        let judgement = now(&judge);
        let fired: Vec<_> = judgement.readings.iter().filter(|r| r.state == ReadingState::Fired).collect();
        assert_eq!(
            (fired.len(), fired[0].trigger, fired[0].name.as_deref()),
            (1, Trigger::Regression, Some(name))
        );
    }
}

#[test]
fn half_as_bad_again_rolls_back_what_the_target_causes() {
    for (name, value, verdict) in [
        ("import_latency", 300, Verdict::GateFailed),
        ("import_latency", 301, Verdict::Breach),
        ("webhook_failure", 7_501, Verdict::GateFailed),
    ] {
        let mut outside = well();
        outside.measures.insert(name.to_owned(), Seen { value, sample: 200 });
        let (found, judge) = with(outside);
        assert_eq!(found, verdict, "{name}");
        let fired = judge.fired().map(|fired| fired.reading.trigger);
        assert_eq!(fired, (verdict == Verdict::Breach).then_some(Trigger::Performance));
    }
}

#[test]
fn a_measure_that_nobody_took_is_missing() {
    let mut outside = well();
    outside.measures.insert("import_latency".to_owned(), Seen { value: 9_999, sample: 199 });
    let (verdict, judge) = with(outside);
    assert_eq!((verdict, of(&now(&judge), Trigger::Regression).missing), (Verdict::NotEnoughData, 1));
    let (verdict, judge) = with(Outside::default());
    assert_eq!((verdict, of(&now(&judge), Trigger::Regression).missing), (Verdict::NotEnoughData, 200));
}

#[test]
fn ten_gross_failures_in_a_row_from_three_tenants_roll_back_at_once() {
    let rolls_back = |length, tenants, of| {
        let mut judge = judge(armed(&[Trigger::GrossFailures]));
        judge.observe_gross(GrossRow { length, tenants, of }, 3);
        judge.fired().map(|fired| (fired.reading.trigger, fired.at_ms))
    };
    let fired = Some((Trigger::GrossFailures, 3));
    assert_eq!(rolls_back(10, 3, 50), fired);
    assert_eq!(rolls_back(9, 3, 50), None);
    assert_eq!(rolls_back(1_000, 2, 50), None);
    assert_eq!(rolls_back(10, 2, 2), fired);
    assert_eq!(rolls_back(10, 1, 2), None);
    assert_eq!(rolls_back(10, 1, 1), fired);
    assert_eq!(rolls_back(u64::MAX, 0, 0), None);
    // With a window, too, and long before any floor.
    let mut judge = judge(armed(&[Trigger::GrossFailures]));
    feed(&mut judge, [Window { gross: GrossRow { length: 10, tenants: 3, of: 9 }, ..calls(10, 10) }]);
    assert_eq!(judge.fired().unwrap().reading.trigger, Trigger::GrossFailures);
}

#[test]
fn what_was_not_counted_closes_the_gate() {
    let good = calls(1_000, 0);
    for (trigger, window) in [
        (Trigger::RecordsLost, Window { lost: 1, ..good.clone() }),
        (Trigger::IncompleteWindows, Window { incomplete: true, ..good.clone() }),
        (Trigger::IncompleteWindows, Window { errors: 1_001, ..good.clone() }),
        (Trigger::IncompleteWindows, Window { mismatches: 1, ..good.clone() }),
        (Trigger::ShadowShed, Window { compared: 80, shed: 20, ..good.clone() }),
    ] {
        let mut judge = passing();
        if window.errors > window.calls {
            // What can't be true counts against the target, too; here only the gate is looked at.
            judge.settings.armed.remove(&Trigger::ErrorRate);
        }
        feed(&mut judge, [window]);
        assert_eq!(of(&now(&judge), trigger).state, ReadingState::Fired, "{trigger}");
        assert_ne!(now(&judge).verdict, Verdict::Pass);
        judge.begin_stage(0);
        assert_eq!(of(&now(&judge), trigger).state, ReadingState::Clear, "{trigger}");
    }
    let mut judge = passing();
    feed(&mut judge, [Window { compared: 900, shed: 100, ..good }]);
    assert_eq!(now(&judge).verdict, Verdict::Pass);
}

#[test]
fn what_was_shed_is_judged_by_the_last_hour() {
    const HOUR: i64 = 60 * 60 * 1_000;
    let state = |judge: &Judge| of(&now(judge), Trigger::ShadowShed).state;
    let mut judge = passing();
    let mut at = |to_ms: i64, compared, shed| {
        let number = judge.last.map_or(1, |last| last + 1);
        judge.observe(&Window { number, to_ms, compared, shed, ..calls(1_000, 0) });
        state(&judge)
    };
    // A thousand were lost while there were too few places, and none since there are more.
    assert_eq!(at(HOUR, 100, 900), ReadingState::Fired);
    assert_eq!(at(HOUR + HOUR / 2, 100, 0), ReadingState::Fired);
    assert_eq!(at(2 * HOUR, 100, 0), ReadingState::Clear);
    // Nor does a good past hide a bad hour.
    assert_eq!(at(2 * HOUR + 1, 100_000, 0), ReadingState::Clear);
    assert_eq!(at(4 * HOUR, 80, 20), ReadingState::Fired);
}

#[test]
fn a_state_that_counted_the_budget_as_loss_forgets_it() {
    let mut judge = passing();
    feed(&mut judge, [Window { compared: 10, shed: 990, ..calls(1_000, 0) }]);
    let mut kept = serde_json::to_value(&judge).unwrap();
    kept.as_object_mut().unwrap().remove("beside");
    kept["shadow"] = serde_json::json!({ "calls": 1_000, "hits": 990 });
    let judge: Judge = serde_json::from_value(kept).unwrap();
    assert_eq!(of(&now(&judge), Trigger::ShadowShed).state, ReadingState::Clear);
}
