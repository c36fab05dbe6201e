use cutover_shared::verdict::{Effect, Firing, Reading, Trigger, Unit};

use super::*;

const NOW: i64 = 1_000_000_000;

fn reading(state: ReadingState, value: u64) -> Reading {
    Reading {
        trigger: Trigger::ErrorRate,
        name: None,
        effect: Effect::Rollback,
        state,
        unit: Unit::Ppm,
        value,
        threshold: 50_000,
        warning_at: 25_000,
        distance_permille: 0,
        sample: 400,
        floor: 100,
        missing: 0,
        evidence: None,
    }
}

fn judged(state: ReadingState, value: u64) -> Judgement {
    let fired = state == ReadingState::Fired;
    Judgement {
        verdict: if fired { Verdict::Breach } else { Verdict::Pass },
        at_ms: NOW,
        armed_ms: 0,
        stage_ms: 0,
        readings: vec![reading(state, value)],
        claim: None,
        fired: fired.then(|| Firing { at_ms: NOW, reading: reading(state, value) }),
        false_alarm_ppm: 10_000,
    }
}

fn at(stage: &str) -> RolloutNow {
    RolloutNow {
        name: RolloutName::GithubAuth,
        stage: stage.parse().unwrap(),
        killed: false,
        freeze: None,
        judgement: None,
        went_back: None,
        incident: None,
    }
}

fn said(one: &RolloutNow) -> Vec<(Health, String, String)> {
    let mut all = Vec::new();
    rollouts(NOW, std::slice::from_ref(one), &mut all);
    all.into_iter().map(|one| (one.health, one.text, one.command.unwrap())).collect()
}

#[test]
fn a_rollout_that_does_well_needs_nobody() {
    assert_eq!(said(&at("canary-10")), []);
    assert_eq!(said(&RolloutNow { judgement: Some(judged(ReadingState::Clear, 0)), ..at("live") }), []);
}

#[test]
fn a_way_back_is_told_until_it_goes_forward_again() {
    let back = Some((NOW - 120_000, Stage::Shadow, "error rate 30.00 %, fires at 5.00 %".to_owned()));
    let one = RolloutNow { went_back: back, ..at("shadow") };
    let (health, text, command) = said(&one).remove(0);
    assert_eq!((health, command.as_str()), (Health::Warning, "cutover rollout show github-auth"));
    assert_eq!(text, "github-auth rolled back by itself: error rate 30.00 %, fires at 5.00 %");
    assert_eq!(said(&RolloutNow { stage: Stage::DualWrite, ..one.clone() }).len(), 1);
    assert_eq!(said(&RolloutNow { stage: at("canary-10").stage, ..one }), []);
}

#[test]
fn a_breach_under_a_freeze_is_a_persons_to_mend() {
    let frozen = RolloutNow {
        freeze: Some("sales".to_owned()),
        judgement: Some(judged(ReadingState::Fired, 300_000)),
        ..at("canary-50")
    };
    let (health, text, command) = said(&frozen).remove(0);
    assert_eq!((health, command.as_str()), (Health::Bad, "cutover rollback github-auth --reason TEXT"));
    assert!(text.ends_with("error rate 30.00 %, fires at 5.00 %"), "{text}");
    // Nobody is on the target, or the daemon goes back by itself.
    assert_eq!(said(&RolloutNow { stage: Stage::Shadow, ..frozen.clone() }), []);
    assert_eq!(said(&RolloutNow { freeze: None, ..frozen }), []);
}

#[test]
fn half_of_a_trigger_is_a_warning_while_tenants_are_on_the_target() {
    let near = RolloutNow { judgement: Some(judged(ReadingState::Warning, 31_000)), ..at("canary-10") };
    assert_eq!(said(&near)[0].1, "github-auth comes near a trigger: error rate 3.10 %, fires at 5.00 %");
    assert_eq!(said(&RolloutNow { stage: Stage::Shadow, ..near }), []);
}

#[test]
fn kills_and_incidents_name_what_ends_them() {
    let killed = RolloutNow { killed: true, ..at("live") };
    assert_eq!(said(&killed)[0].2, "cutover unkill github-auth --reason TEXT");
    let hit = RolloutNow { incident: Some(("abc".to_owned(), "wrong files".to_owned())), ..at("shadow") };
    let (health, text, command) = said(&hit).remove(0);
    assert_eq!((health, command.as_str()), (Health::Bad, "cutover incident close abc"));
    assert_eq!(text, "incident about github-auth: wrong files");
}
