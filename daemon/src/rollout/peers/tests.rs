//! Two replicas on one clock, with a wire that can be cut.

use std::sync::atomic::{AtomicBool, Ordering};

use cutover_shared::rollout::{Operation, RolloutName, Side, Stage, Why};

use super::*;
use crate::rollout::state::{Lists, State};

fn replica(clock: &Clock) -> Replica {
    let brake = Brake::pulled();
    brake.release(brake.newest().unwrap());
    let router = Router::new(brake.clone());
    let state = State::begin(RolloutName::GithubAuth, Stage::Live, 0);
    router.publish(state.plan(RolloutName::GithubAuth, 1, Lists::default(), 0).unwrap());
    Replica { brake, router, clock: clock.clone() }
}

fn answer(replica: &Replica) -> (Side, Why) {
    let decision = replica.router.decide(Operation::Import, "acme");
    (decision.side, decision.why)
}

/// The wire to one other replica.
struct Wire {
    to: Replica,
    cut: AtomicBool,
}

#[async_trait]
impl Peers for Wire {
    async fn kill(&self, _notice: &KillNotice) -> Vec<PeerAnswer> {
        let confirmed = (!self.cut.load(Ordering::SeqCst)).then(|| self.to.confirm(self.to.kill()));
        vec![PeerAnswer { name: "other".to_owned(), confirmed }]
    }
}

async fn kill(one: &Replica, wire: &Wire) -> Vec<ReplicaReceipt> {
    let pulled = one.kill();
    let notice = KillNotice { at: pulled.at, by: "ana".to_owned(), reason: "test".to_owned() };
    let answers = wire.kill(&notice).await;
    receipts(one.confirm(pulled), answers, pulled.at)
}

/// Lets woken tasks run until the condition holds.
async fn until(condition: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if condition() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it did not come");
}

#[tokio::test]
async fn a_replica_that_can_be_reached_confirms() {
    let clock = Clock::manual(1_000);
    let (one, other) = (replica(&clock), replica(&clock));
    let wire = Wire { to: other.clone(), cut: AtomicBool::new(false) };
    assert_eq!((answer(&one).0, answer(&other).0), (Side::Target, Side::Target));
    let receipts = kill(&one, &wire).await;
    assert_eq!((answer(&one), answer(&other)), ((Side::Legacy, Why::Killed), (Side::Legacy, Why::Killed)));
    let states: Vec<_> = receipts.iter().map(|of| (of.name.as_str(), of.state, of.targets_after)).collect();
    assert_eq!(
        states,
        [("local", ReplicaState::Confirmed, Some(0)), ("other", ReplicaState::Confirmed, Some(0))]
    );
}

#[test]
fn a_call_that_was_decided_before_and_begins_after_is_in_the_receipt() {
    let one = replica(&Clock::manual(1_000));
    let begin = |side| one.router.begins(side);
    begin(answer(&one).0);
    let in_hand = answer(&one).0;
    let pulled = one.kill();
    begin(answer(&one).0);
    assert_eq!(
        one.confirm(pulled).targets_after,
        0,
        "before is not after, and what is decided since is legacy"
    );
    begin(in_hand);
    assert_eq!(one.confirm(pulled).targets_after, 1);
    assert_eq!(one.confirm(one.kill()).targets_after, 0, "another kill counts anew");
}

#[tokio::test]
async fn a_replica_that_is_cut_off_is_legacy_by_its_lease_no_later_than_its_receipt_says() {
    let clock = Clock::manual(1_000);
    let (one, other) = (replica(&clock), replica(&clock));
    let contact = Contact::new(other.router.clone(), clock.clone());
    let work = tokio::spawn(contact.clone().work());
    tokio::task::yield_now().await;
    // Whoever is heard stays.
    clock.advance(LEASE / 2);
    contact.heard();
    clock.advance(LEASE / 2);
    tokio::task::yield_now().await;
    assert_eq!(answer(&other).0, Side::Target);

    let wire = Wire { to: other.clone(), cut: AtomicBool::new(true) };
    let receipts = kill(&one, &wire).await;
    assert_eq!(answer(&one), (Side::Legacy, Why::Killed));
    assert_eq!(answer(&other).0, Side::Target, "it has not heard of it");
    let late = &receipts[1];
    assert_eq!((late.state, late.targets_after), (ReplicaState::LegacyByLease, None));
    clock.advance(Duration::from_millis(u64::try_from(late.at - clock.now()).unwrap()));
    until(|| answer(&other) == (Side::Legacy, Why::Unread)).await;
    // Found again, it decides as it did; the store tells it of the kill then.
    contact.heard();
    assert_eq!(answer(&other).0, Side::Target);
    work.abort();
}
