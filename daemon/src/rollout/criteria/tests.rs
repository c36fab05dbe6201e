use cutover_shared::rollout::{FreezeView, RolloutName};
use proptest::prelude::*;

use super::*;
use crate::rollout::state::{Override, StoredCeiling};

const HOUR: i64 = 60 * MINUTE_MS;

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
    let rules = Rules { hours: Some(Hours { from: 22 * 60, to: 2 * 60 }), ..Rules::default() };
    let at = |hour: i64| hours(&rules, hour * HOUR).state == CriterionState::Holds;
    assert_eq!([21, 22, 23, 24, 25, 26].map(at), [false, true, true, true, true, false]);
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
