use super::*;
use crate::rollout::state::{Lists, State};

fn plan(stage: Stage, version: u64) -> Plan {
    let state = State::begin(RolloutName::GithubAuth, stage, 0);
    state.plan(RolloutName::GithubAuth, version, Lists::default(), 1_000).unwrap()
}

fn router() -> (Router, Brake) {
    let brake = Brake::pulled();
    brake.release(brake.newest().unwrap());
    (Router::new(brake.clone()), brake)
}

fn side(router: &Router) -> (Side, Why) {
    let decision = router.decide(Operation::Import, "acme");
    (decision.side, decision.why)
}

#[test]
fn what_is_not_read_yet_is_legacy() {
    let (router, _) = router();
    assert_eq!(side(&router), (Side::Legacy, Why::Unread));
    router.publish(plan(Stage::Live, 1));
    assert_eq!(side(&router), (Side::Target, Why::Everyone));
    assert_eq!(router.decide(Operation::Clone, "acme").why, Why::Unread);
}

#[test]
fn a_hold_beats_the_store_until_it_is_let_go() {
    let (router, brake) = router();
    router.publish(plan(Stage::Live, 1));
    router.hold(RolloutName::GithubAuth, Hold::Back(Stage::Shadow));
    assert_eq!(side(&router), (Side::Legacy, Why::Stage));
    // What the store says meanwhile does not bring the target back.
    router.publish(plan(Stage::Complete, 2));
    assert_eq!(side(&router), (Side::Legacy, Why::Stage));
    // A shorter way back does not weaken a longer one.
    router.hold(RolloutName::GithubAuth, Hold::Back(Stage::Live));
    assert_eq!(side(&router), (Side::Legacy, Why::Stage));
    router.hold(RolloutName::GithubAuth, Hold::Killed);
    router.hold(RolloutName::GithubAuth, Hold::Back(Stage::Shadow));
    assert_eq!(side(&router), (Side::Legacy, Why::Killed));
    router.publish(plan(Stage::Shadow, 3));
    router.let_go(RolloutName::GithubAuth);
    assert_eq!(side(&router), (Side::Legacy, Why::Stage));
    router.publish(plan(Stage::Live, 4));
    brake.pull();
    assert_eq!(side(&router), (Side::Legacy, Why::Killed));
}

#[test]
fn an_older_version_is_no_news() {
    let (router, _) = router();
    router.publish(plan(Stage::Shadow, 5));
    router.publish(plan(Stage::Live, 4));
    assert_eq!(router.plan(RolloutName::GithubAuth).unwrap().version, 5);
}

#[test]
fn a_replica_that_lost_contact_is_legacy() {
    let (router, _) = router();
    let mut changes = router.changes();
    router.publish(plan(Stage::Live, 1));
    router.set_stale(true);
    assert_eq!(side(&router), (Side::Legacy, Why::Unread));
    router.set_stale(false);
    assert_eq!(side(&router).0, Side::Target);
    assert!(changes.has_changed().unwrap());
    assert_eq!(*changes.borrow_and_update(), 3);
}
