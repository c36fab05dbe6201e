use cutover_shared::rollout::{FreezeView, RolloutName};
use proptest::prelude::*;

use super::*;
use crate::rollout::state::{Override, StoredCeiling};

const HOUR: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR;

fn stage(text: &str) -> Stage {
    text.parse().unwrap()
}

fn state(text: &str) -> State {
    State::begin(RolloutName::GithubAuth, stage(text), 0)
}

fn good() -> Facts {
    let proof = Proof { at: 0, ok: true, text: "proven".to_owned() };
    Facts {
        verdict: Some((CriterionState::Holds, "passes".to_owned())),
        reverse: Some(ReverseView { at: 100 * HOUR, ok: true, text: "walked".to_owned(), tenants: 3 }),
        armed: Some(proof.clone()),
        preflight: Some(Proof { at: 100 * HOUR, ..proof }),
        baseline_at: Some(0),
        reconciled: Some(compared(Health::Ok)),
        ..Facts::default()
    }
}

fn compared(health: Health) -> ReconcileView {
    ReconcileView {
        // Fresh at each hour that is asked about here.
        at: 10_000 * HOUR,
        since: 0,
        compared: 40,
        missing: 0,
        extra: 0,
        different: 0,
        lagging: 1,
        later: Some(0),
        mismatch_ppm: 0,
        repaired: 0,
        unrecorded: 0,
        health,
        examples: Vec::new(),
    }
}

/// Two in the morning, 100 hours after the rollout came into its stage.
const NIGHT: i64 = 98 * HOUR;

fn failing(state: &State, facts: &Facts, to: &str, now: i64) -> Vec<String> {
    criteria(state, &Rules::default(), facts, stage(to), now)
        .into_iter()
        .filter(|one| one.state != CriterionState::Holds)
        .map(|one| one.name)
        .collect()
}

#[test]
fn with_all_that_is_wanted_a_canary_opens() {
    assert_eq!(failing(&state("shadow"), &good(), "canary-10", NIGHT), Vec::<String>::new());
}

/// That nothing differs says nothing where nothing was looked at.
#[test]
fn books_of_which_nothing_was_compared_do_not_agree() {
    let of = |view: ReconcileView| {
        let facts = Facts { reconciled: Some(view), ..good() };
        let all = criteria(&state("shadow"), &Rules::default(), &facts, stage("canary-10"), NIGHT);
        let one = all.into_iter().find(|one| one.name == "reconcile").unwrap();
        (one.state, one.may_override, one.text)
    };
    let none = ReconcileView { compared: 0, lagging: 0, ..compared(Health::Ok) };
    for view in [
        ReconcileView { lagging: 3, ..none.clone() },
        ReconcileView { later: Some(3), ..none.clone() },
        ReconcileView { later: None, ..none.clone() },
        ReconcileView { unrecorded: 3, ..none.clone() },
    ] {
        let (state, may_override, text) = of(view);
        assert_eq!((state, may_override), (CriterionState::Unknown, false), "{text}");
        assert!(text.starts_with("nothing was compared"), "{text}");
    }
    let (state, _, text) = of(none);
    assert_eq!(state, CriterionState::Holds);
    assert!(text.starts_with("neither book has a record since"), "{text}");
    // Answers without a record are in neither book, so a person has to say that they do not matter.
    let (state, may_override, text) = of(ReconcileView { unrecorded: 3, ..compared(Health::Ok) });
    assert_eq!((state, may_override), (CriterionState::Unknown, true));
    assert!(text.contains("3 answers left no record"), "{text}");
    let (state, may_override, _) = of(ReconcileView { unrecorded: 3, ..compared(Health::Bad) });
    assert_eq!((state, may_override), (CriterionState::Fails, false));
}

type Spoil = fn(&mut State, &mut Facts);

#[test]
fn each_missing_thing_is_named() {
    let cases: &[(&str, Spoil)] = &[
        ("kill", |_, facts| facts.killed = true),
        ("incident", |_, facts| facts.incident = Some("fire".to_owned())),
        ("freeze", |state, _| {
            state.freeze = Some(FreezeView { reason: "sales".to_owned(), by: "ana".into(), at: 1 });
        }),
        ("flags", |state, _| {
            state.off.insert(cutover_shared::rollout::Operation::List);
        }),
        ("repair", |_, facts| facts.repair.failed = 1),
        ("repair", |_, facts| facts.repair.blocks = true),
        ("reconcile", |_, facts| facts.reconciled = None),
        ("reconcile", |_, facts| facts.reconciled = Some(compared(Health::Bad))),
        ("reconcile", |_, facts| facts.reconciled.as_mut().unwrap().at = NIGHT - 2 * HOUR),
        ("verdict", |_, facts| facts.verdict = None),
        ("verdict", |_, facts| facts.verdict = Some((CriterionState::Fails, "errors".to_owned()))),
        ("complete", |_, facts| facts.incomplete = 1),
        ("mode", |state, _| state.ceiling = Some(StoredCeiling { mode: Mode::Off, listed: None })),
        ("armed", |_, facts| facts.armed = None),
        ("preflight", |_, facts| facts.preflight = None),
        ("preflight", |_, facts| facts.preflight.as_mut().unwrap().at = NIGHT - 25 * HOUR),
        ("reverse", |_, facts| facts.reverse = None),
        ("reverse", |_, facts| facts.reverse.as_mut().unwrap().at = NIGHT - 25 * HOUR),
        ("reverse", |_, facts| facts.reverse.as_mut().unwrap().ok = false),
        ("soak", |state, _| state.stage_since = NIGHT - 23 * HOUR),
    ];
    for (name, spoil) in cases {
        let (mut state, mut facts) = (state("shadow"), good());
        spoil(&mut state, &mut facts);
        assert_eq!(failing(&state, &facts, "canary-10", NIGHT), vec![(*name).to_owned()]);
    }
    assert_eq!(failing(&state("shadow"), &good(), "canary-10", NIGHT + 12 * HOUR), ["window"]);
}

#[test]
fn what_keeps_tenants_on_legacy_keeps_the_last_stage_shut() {
    let mut state = state("live");
    let one = Override { side: Side::Legacy, reason: String::new(), by: "ana".into(), at: 0 };
    state.overrides.insert("acme".into(), one);
    let mut facts = good();
    let now = 15 * DAY_MS + 3 * HOUR;
    facts.reverse.as_mut().unwrap().at = now;
    facts.preflight.as_mut().unwrap().at = now;
    assert_eq!(failing(&state, &facts, "complete", now), ["overrides"]);
}

#[test]
fn some_things_no_reason_passes() {
    let mut facts = good();
    facts.verdict = Some((CriterionState::Unknown, "70 calls missing".to_owned()));
    let few = criteria(&state("shadow"), &Rules::default(), &facts, stage("canary-10"), NIGHT + 12 * HOUR);
    assert!(!is_open(&few, false));
    assert!(is_open(&few, true), "an approver passes the hour and too few calls");
    facts.verdict = Some((CriterionState::Fails, "errors".to_owned()));
    let breach = criteria(&state("shadow"), &Rules::default(), &facts, stage("canary-10"), NIGHT);
    assert!(!is_open(&breach, true), "nobody passes a breach");
}

#[test]
fn hours_may_span_midnight() {
    let night = Some(Hours { from: 22 * 60, to: 2 * 60 });
    let at = |hour: i64| hours::criterion(night, hour * HOUR).state == CriterionState::Holds;
    assert_eq!([21, 22, 23, 24, 25, 26].map(at), [false, true, true, true, true, false]);
}

/// What is configured when nobody says anything: a step between two and six at night, and a share watched for three days.
#[test]
fn the_default_hours_are_two_to_six_and_a_share_is_watched_for_three_days() {
    let shut = |hour: i64| failing(&state("shadow"), &good(), "canary-10", 96 * HOUR + hour * HOUR);
    let closed = ["window".to_owned()];
    for (hour, names) in [(1, &closed[..]), (2, &[]), (5, &[]), (6, &closed), (23, &closed)] {
        assert_eq!(shut(hour), names, "{hour}");
    }
    let watched = |hours: i64| {
        let mut state = state("canary-10");
        state.stage_since = NIGHT - hours * HOUR;
        failing(&state, &good(), "canary-50", NIGHT)
    };
    assert_eq!(watched(71), ["soak"]);
    assert_eq!(watched(72), Vec::<String>::new());
}

#[test]
fn no_step_is_open_before_the_way_back_was_walked() {
    for (from, to) in
        [("off", "dual-write"), ("dual-write", "shadow"), ("shadow", "canary-10"), ("canary-100", "live")]
    {
        let facts = Facts { reverse: None, ..good() };
        assert_eq!(failing(&state(from), &facts, to, NIGHT), ["reverse"], "{from} to {to}");
    }
}

#[test]
fn legacy_is_let_go_after_two_weeks_without_a_rollback_a_kill_or_a_red_verdict() {
    let night = |day: i64| day * DAY_MS + 3 * HOUR;
    let asked = |state: &State, red: Option<i64>, day: i64| {
        let red =
            red.map(|at| Proof { at, ok: false, text: "error_rate 90000 ppm, threshold 50000".to_owned() });
        let mut facts = Facts { red, ..good() };
        facts.reverse.as_mut().unwrap().at = night(day);
        let all = criteria(state, &Rules::default(), &facts, Stage::Complete, night(day));
        let one = all.into_iter().find(|one| one.name == "stable").unwrap();
        assert!(!one.may_override, "nobody passes it");
        (one.state == CriterionState::Holds, one.text)
    };
    let mut live = state("live");
    assert!(!asked(&live, None, 13).0);
    assert!(asked(&live, None, 14).0);
    // What happened before it came to `live` is over.
    assert!(asked(&live, Some(-1), 14).0);
    let (stable, text) = asked(&live, Some(night(5)), 14);
    assert!(!stable && text.contains("since 1970-01-06 03:00Z: the judge said no: error_rate"), "{text}");
    assert!(asked(&live, Some(night(5)), 19).0);
    live.kill(crate::rollout::state::Killed { at: night(9), by: "ana".into(), reason: "drill".into() });
    assert!(live.unkill(night(10)));
    let (stable, text) = asked(&live, None, 23);
    assert!(!stable && text.contains("a kill was let go"), "{text}");
    assert!(asked(&live, None, 24).0);
    // Back and forward again: it begins anew.
    live.back(stage("canary-100"), None, night(25));
    live.moved(Stage::Live, None, night(30));
    assert!(!asked(&live, None, 43).0);
    assert!(asked(&live, None, 44).0);
}

proptest! {
    #[test]
    fn the_hours_open_at_the_first_minute_that_lies_in_them(
        from in -10_000_000_000_i64..10_000_000_000, start in 0_u16..24, end in 0_u16..24,
    ) {
        prop_assume!(start != end);
        let hours = Some(Hours { from: start * 60, to: end * 60 });
        let inside = |at| hours::criterion(hours, at).state == CriterionState::Holds;
        let at = opens(hours, from);
        prop_assert!(at >= from && inside(at));
        prop_assert!(at - from < DAY_MS);
        let minutes = (from..at).step_by(usize::try_from(MINUTE_MS).unwrap());
        for minute in minutes {
            prop_assert!(!inside(minute), "{minute} of {from} to {at}");
        }
        prop_assert_eq!(opens(None, from), from);
    }
}

proptest! {
    #[test]
    fn no_time_makes_it_panic_and_a_frozen_rollout_never_opens(now: i64, since: i64, at: i64) {
        let (mut state, mut facts) = (state("canary-10"), good());
        state.stage_since = since;
        facts.reverse.as_mut().unwrap().at = at;
        facts.repair.oldest_ms = at;
        let _ = criteria(&state, &Rules::default(), &facts, stage("canary-50"), now);
        state.freeze = Some(FreezeView { reason: String::new(), by: "ana".into(), at });
        let frozen = criteria(&state, &Rules::default(), &facts, stage("canary-50"), now);
        prop_assert!(!is_open(&frozen, true));
    }
}
