use std::sync::atomic::Ordering;
use std::time::Duration;

use cutover_shared::page::PageAsk;
use cutover_shared::rollout::{RepairState, Side};
use cutover_shared::status::Health;
use proptest::prelude::*;
use tokio::task::JoinHandle;

use super::world::{Life, NAME, NOW, Outside, Script};
use crate::audit::{self, Who};
use crate::clock::Clock;
use crate::faults::Faults;
use crate::rollout::second::RepairError;
use crate::rollout::state::State;

struct Work(JoinHandle<()>);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn work(life: &Life) -> Work {
    Work(tokio::spawn(life.second.clone().work()))
}

async fn room(script: Script) -> (tempfile::TempDir, Life) {
    let dir = tempfile::tempdir().unwrap();
    let life = Life::new(dir.path(), script, Faults::none()).await;
    (dir, life)
}

#[tokio::test]
async fn legacy_answers_and_the_target_is_written_behind_once() {
    let (_dir, life) = room(Script::default()).await;
    life.call("a@1").await;
    assert_eq!(life.script.outside.times(Side::Target, "a@1"), 0, "the caller waited for the target");
    assert_eq!(life.second.view(NAME).await.unwrap().waiting, 1);
    let _work = work(&life);
    life.settled().await;
    assert_eq!(life.book(Side::Legacy).await, [("a@1".to_owned(), true)]);
    assert_eq!(life.book(Side::Target).await, [("a@1".to_owned(), false)]);
    // The other book holds the same already: nothing is owed.
    life.call("a@1").await;
    assert_eq!(life.second.view(NAME).await.unwrap().waiting, 0);
    assert_eq!(life.script.outside.times(Side::Target, "a@1"), 1);
}

#[tokio::test]
async fn whichever_arm_answers_the_other_is_written() {
    let (_dir, life) = room(Script::default()).await;
    life.stage("live", 2);
    life.call("a@1").await;
    // How far the standby's book lags: the other arm's debts are not counted with it.
    assert_eq!(life.second.owed(NAME, Side::Legacy).await.unwrap().waiting, 1);
    assert_eq!(life.second.owed(NAME, Side::Target).await.unwrap().waiting, 0);
    let _work = work(&life);
    life.settled().await;
    assert_eq!(life.book(Side::Target).await, [("a@1".to_owned(), true)]);
    assert_eq!(life.book(Side::Legacy).await, [("a@1".to_owned(), false)]);
}

#[tokio::test]
async fn what_was_not_answered_and_what_has_no_second_arm_owes_nothing() {
    let (_dir, life) = room(Script::default()).await;
    let failed = life.second.around(life.asked("a@1"), async { Err::<(), _>("no") }, |()| None).await;
    assert_eq!(failed, Err("no"));
    life.stage("off", 2);
    assert!(life.second.intend(life.asked("a@2")).await.is_none());
    assert!(life.db.second_intents(NAME, 0, 9).await.unwrap().is_empty());
    assert!(life.book(Side::Legacy).await.is_empty());
}

#[tokio::test]
async fn while_it_is_killed_nothing_reaches_the_target_and_it_goes_on_afterwards() {
    let (_dir, life) = room(Script::default()).await;
    life.call("a@1").await;
    life.publish("dual-write", 2, true);
    let running = work(&life);
    for _ in 0..100 {
        life.clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    assert_eq!(life.script.outside.times(Side::Target, "a@1"), 0);
    life.publish("dual-write", 3, false);
    life.settled().await;
    assert_eq!(life.script.outside.times(Side::Target, "a@1"), 1);
    drop(running);
}

#[tokio::test]
async fn what_fails_is_tried_again_and_what_can_not_go_well_is_a_persons() {
    let (_dir, life) = room(Script::default()).await;
    life.script.transient.store(3, Ordering::SeqCst);
    life.call("a@1").await;
    let _work = work(&life);
    life.settled().await;
    assert_eq!(life.script.outside.times(Side::Target, "a@1"), 1);
    life.script.permanent.store(2, Ordering::SeqCst);
    life.call("a@2").await;
    life.call("a@3").await;
    life.settled().await;
    let view = life.second.view(NAME).await.unwrap();
    assert_eq!((view.waiting, view.failed, view.blocks), (0, 2, false));
    let page = life.second.repairs(NAME, &PageAsk::first(1)).await.unwrap();
    let line = &page.rows[0];
    assert_eq!((line.state, line.note.as_deref()), (RepairState::Failed, Some("no access")));
    let rest = PageAsk { after: page.next.clone(), limit: 5 };
    assert_eq!(life.second.repairs(NAME, &rest).await.unwrap().rows.len(), 1);
    // One is given up, and its record with it; the other is tried again.
    let ana = Who { operator: "ana".into(), origin: "test".to_owned() };
    let unsaid = life.second.drop_one(NAME, Some(line.seq), " ", &ana).await;
    assert!(matches!(unsaid, Err(RepairError::Reason)));
    life.second.drop_one(NAME, Some(line.seq), "project is gone", &ana).await.unwrap();
    let again = life.second.drop_one(NAME, Some(line.seq), "project is gone", &ana).await;
    assert!(matches!(again, Err(RepairError::Unknown(_))));
    assert_eq!(life.second.again(NAME, None, &ana).await.unwrap(), 1);
    life.settled().await;
    assert_eq!(life.second.view(NAME).await.unwrap().failed, 0);
    let dropped = line.key.clone();
    assert!(life.book(Side::Legacy).await.iter().all(|(key, _)| *key != dropped));
    assert_eq!(life.second.reconcile(NAME, &ana).await.unwrap().health, Health::Ok);
    let audited = life.db.audit_newest(None, 10).await.unwrap();
    let acts: Vec<_> = audited.iter().map(|row| audit::view(row).act).collect();
    assert_eq!(acts, ["rollout.reconcile", "rollout.repair", "rollout.repair"]);
}

#[tokio::test]
async fn a_write_that_is_owed_too_long_blocks_and_becomes_a_persons() {
    let (_dir, life) = room(Script::default()).await;
    life.call("a@1").await;
    life.clock.advance(Duration::from_secs(3_601));
    let view = life.second.view(NAME).await.unwrap();
    assert!(view.blocks && view.oldest_ms == 3_601_000, "{view:?}");
    life.script.transient.store(1, Ordering::SeqCst);
    let _work = work(&life);
    life.settled().await;
    assert_eq!(life.second.view(NAME).await.unwrap().failed, 1);
}

#[tokio::test]
async fn a_full_queue_takes_no_more_and_the_reconciliation_finds_what_it_left() {
    let dir = tempfile::tempdir().unwrap();
    let life = Life::with(dir.path(), Script::default(), Faults::none(), Clock::manual(NOW), 2).await;
    life.script.permanent.store(2, Ordering::SeqCst);
    let _work = work(&life);
    for key in ["a@1", "a@2"] {
        life.call(key).await;
    }
    life.until(async |life| life.second.0.full[NAME.index()].load(Ordering::SeqCst)).await;
    assert!(life.second.view(NAME).await.unwrap().blocks);
    life.call("a@3").await;
    let view = life.second.view(NAME).await.unwrap();
    assert_eq!((view.waiting, view.failed), (0, 2));
    // With room again, what has only its record is owed.
    life.second.again(NAME, None, &Who::daemon()).await.unwrap();
    life.until(async |life| life.second.view(NAME).await.unwrap().failed == 0).await;
    life.settled().await;
    life.clock.advance(Duration::from_millis(1));
    let view = life.second.reconcile(NAME, &Who::daemon()).await.unwrap();
    if view.missing > 0 {
        assert_eq!((view.missing, view.repaired, view.health), (1, 1, Health::Bad));
        assert_eq!(view.examples, ["missing import acme a@3"]);
    }
    life.settled().await;
    life.clock.advance(Duration::from_millis(1));
    let view = life.second.reconcile(NAME, &Who::daemon()).await.unwrap();
    assert_eq!((view.compared, view.missing, view.mismatch_ppm), (3, 0, 0));
    assert_eq!(life.second.reconciled(NAME).await.unwrap(), Some(view));
}

#[tokio::test]
async fn a_way_back_to_dual_write_hides_nothing_that_was_left_to_the_reconciliation() {
    let dir = tempfile::tempdir().unwrap();
    let life = Life::with(dir.path(), Script::default(), Faults::none(), Clock::manual(NOW), 1).await;
    let mut state = State::begin(NAME, "dual-write".parse().unwrap(), NOW);
    life.stored(&state, 1).await;
    state.moved("canary-100".parse().unwrap(), None, NOW + 1);
    life.stored(&state, 2).await;
    life.script.permanent.store(1, Ordering::SeqCst);
    let working = work(&life);
    life.call("a@1").await;
    life.until(async |life| life.second.0.full[NAME.index()].load(Ordering::SeqCst)).await;
    // The queue is full: only its record is there.
    life.call("a@2").await;
    drop(working);
    life.clock.advance(Duration::from_secs(60));
    assert!(state.back("dual-write".parse().unwrap(), None, life.clock.now()));
    life.stored(&state, 3).await;
    life.clock.advance(Duration::from_secs(60));
    let view = life.second.reconcile(NAME, &Who::daemon()).await.unwrap();
    assert_eq!((view.since, view.extra, view.health), (NOW, 2, Health::Bad), "{view:?}");
    // What comes while it compares is the next one's, and is told.
    life.call("a@3").await;
    let view = life.second.reconcile(NAME, &Who::daemon()).await.unwrap();
    assert_eq!((view.compared, view.later), (2, Some(1)), "{view:?}");
}

#[tokio::test]
async fn what_differs_is_written_again_a_few_times_and_then_only_on_a_persons_word() {
    let (_dir, life) = room(Script::default()).await;
    life.script.other_digest.store(5, Ordering::SeqCst);
    life.call("a@1").await;
    let _work = work(&life);
    // By the clock: the first write and three more, whatever time goes by.
    for _ in 0..8 {
        life.clock.advance(Duration::from_secs(301));
        let now = life.clock.now();
        life.until(async |life| {
            life.second.reconciled(NAME).await.unwrap().is_some_and(|view| view.at >= now)
        })
        .await;
        life.settled().await;
    }
    assert_eq!(life.script.outside.times(Side::Target, "a@1"), 4);
    let view = life.second.reconcile(NAME, &Who::daemon()).await.unwrap();
    assert_eq!((view.different, view.repaired), (1, 1));
    life.settled().await;
    life.clock.advance(Duration::from_millis(1));
    life.second.reconcile(NAME, &Who::daemon()).await.unwrap();
    life.settled().await;
    life.clock.advance(Duration::from_millis(1));
    assert_eq!(life.second.reconcile(NAME, &Who::daemon()).await.unwrap().health, Health::Ok);
}

#[tokio::test]
async fn a_closed_store_holds_up_no_caller_and_the_loss_is_counted() {
    let (_dir, life) = room(Script::default()).await;
    life.db.close().await;
    life.call("a@1").await;
    life.until(async |life| life.second.0.lost[NAME.index()].load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn what_agrees_is_forgotten_after_a_month_and_what_is_owed_never() {
    let (_dir, life) = room(Script::default()).await;
    life.call("a@1").await;
    let running = work(&life);
    life.settled().await;
    life.script.other_digest.store(1, Ordering::SeqCst);
    life.call("a@3").await;
    life.settled().await;
    drop(running);
    life.call("a@2").await;
    life.clock.advance(Duration::from_secs(31 * 24 * 3_600));
    life.second.forget().await.unwrap();
    let owed_or_different = [("a@2".to_owned(), true), ("a@3".to_owned(), true)];
    assert_eq!(life.book(Side::Legacy).await, owed_or_different);
    assert_eq!(life.book(Side::Target).await, [("a@3".to_owned(), false)]);
    assert_eq!(life.second.view(NAME).await.unwrap().waiting, 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Calls of a few keys, with failures in between: whoever was answered is in both books in the end, or a person's.
    #[test]
    fn nothing_is_lost_under_random_failures(
        calls in proptest::collection::vec((0..4_u8, 0..3_u32, 0..2_u32), 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_dir, life) = room(Script { outside: Outside::default(), ..Script::default() }).await;
            let _work = work(&life);
            for (key, transient, permanent) in &calls {
                life.script.transient.fetch_add(*transient, Ordering::SeqCst);
                life.script.permanent.fetch_add(*permanent, Ordering::SeqCst);
                life.call(&format!("a@{key}")).await;
                tokio::task::yield_now().await;
            }
            life.settled().await;
            let open = life.second.repairs(NAME, &PageAsk::first(50)).await.unwrap();
            let target = life.book(Side::Target).await;
            for (key, _) in life.book(Side::Legacy).await {
                let owed = open.rows.iter().filter(|line| line.key == key).count();
                let written = target.iter().any(|(of, _)| *of == key);
                assert!(written || owed == 1, "{key} is lost: {open:?}");
            }
            let keys: std::collections::BTreeSet<_> = calls.iter().map(|call| call.0).collect();
            assert_eq!(life.book(Side::Legacy).await.len(), keys.len());
        });
    }
}
