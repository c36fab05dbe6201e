//! The engine against a real store and toy kinds, killed at every named crash point.

mod chain;
mod crash;
mod lanes;
mod rules;
mod toys;

use std::sync::Arc;

use cutover_shared::run::{ItemState, RunState, RunView};
use serde_json::json;

use self::toys::{Toy, ToySource, World};
use super::*;
use crate::audit::Who;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::store::{Db, Lane, RunOp, Unit, open};

pub(super) fn let_go(brake: &Brake) {
    assert!(brake.newest().is_some_and(|pull| brake.release(pull)));
}

pub(super) fn ana() -> Who {
    Who { operator: "ana".into(), origin: "test".to_owned() }
}

pub(super) struct Life {
    pub db: Db,
    pub engine: Engine,
    pub brake: Brake,
}

pub(super) async fn life(dir: &std::path::Path, world: &World, faults: Faults) -> Life {
    let db = open(&format!("sqlite:{}/cutover.db", dir.display()), faults.clone()).await.unwrap();
    let brake = Brake::pulled();
    let_go(&brake);
    let settings = EngineSettings { chunk: 7, ..EngineSettings::default() };
    let kinds = world.kinds(&db);
    let engine =
        Engine::new(db.clone(), Clock::system(), faults, brake.clone(), settings, Arc::new(OpenGate), kinds);
    Life { db, engine, brake }
}

impl Life {
    pub async fn plan(&self, toy: Toy, n: usize) -> RunView {
        let draft =
            Draft { kind: toy.name(), scope: "all".into(), rules: json!({ "toy": 1 }), config: json!({}) };
        self.engine.plan(draft, &ana(), &mut ToySource::new(n)).await.unwrap()
    }

    pub async fn approved(&self, toy: Toy, n: usize) -> RunView {
        let run = self.plan(toy, n).await;
        self.engine.approve(&run.id, &run.digest, None, &ana()).await.unwrap()
    }
}

#[tokio::test]
async fn each_kind_is_applied_verified_and_undone_to_what_was_there() {
    for toy in Toy::ALL {
        let dir = tempfile::tempdir().unwrap();
        let world = World::new(dir.path()).await;
        let life = life(dir.path(), &world, Faults::none()).await;
        world.write(&life.db, toy, "k003", "there before").await;
        let before = world.values(&life.db, toy).await;
        let run = life.approved(toy, 25).await;
        life.engine.apply(&run.id, None, &ana()).await.unwrap();
        let done = life.engine.ended(&run.id).await;
        assert_eq!(
            (done.state, done.progress.counts.done),
            (RunState::Done, 25),
            "{toy:?} {:?}",
            done.reason
        );
        assert!(done.self_approved);
        assert_eq!(world.values(&life.db, toy).await.get("k003").map(String::as_str), Some("new 3"));
        life.engine.undo(&run.id, None, &ana()).await.unwrap();
        let undone = life.engine.ended(&run.id).await;
        assert_eq!(
            (undone.state, undone.progress.counts.undone),
            (RunState::Undone, 25),
            "{toy:?} {:?}",
            undone.reason
        );
        assert_eq!(world.values(&life.db, toy).await, before);
        assert!(crate::audit::verify(&life.db, None).await.unwrap().intact);
    }
}

#[tokio::test]
async fn an_undo_leaves_what_somebody_changed_since_and_says_so() {
    for toy in Toy::ALL {
        let dir = tempfile::tempdir().unwrap();
        let world = World::new(dir.path()).await;
        let life = life(dir.path(), &world, Faults::none()).await;
        let run = life.approved(toy, 10).await;
        life.engine.apply(&run.id, None, &ana()).await.unwrap();
        life.engine.ended(&run.id).await;
        world.write(&life.db, toy, "k004", "by hand").await;
        life.engine.undo(&run.id, None, &ana()).await.unwrap();
        let counts = life.engine.ended(&run.id).await.progress.counts;
        assert_eq!((counts.undone, counts.superseded), (9, 1));
        assert_eq!(
            world.values(&life.db, toy).await.into_iter().collect::<Vec<_>>(),
            [("k004".to_owned(), "by hand".to_owned())]
        );
        let left = life.db.items(&run.id, Some(ItemState::Superseded), None, 5).await.unwrap();
        assert_eq!(left[0].reason.as_deref(), Some("holds `by hand`"));
    }
}

#[tokio::test]
async fn what_moved_since_the_plan_is_stale_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let life = life(dir.path(), &world, Faults::none()).await;
    for toy in Toy::ALL {
        world.write(&life.db, toy, "k002", "locked").await;
        let run = life.approved(toy, 5).await;
        life.engine.apply(&run.id, None, &ana()).await.unwrap();
        let done = life.engine.ended(&run.id).await;
        assert_eq!((done.progress.counts.done, done.progress.counts.stale), (4, 1), "{toy:?}");
        assert_eq!(world.values(&life.db, toy).await["k002"], "locked");
    }
}

#[tokio::test]
async fn pause_holds_resume_goes_on_and_cancel_keeps_what_was_done() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let life = life(dir.path(), &world, Faults::none()).await;
    let run = life.approved(Toy::Remote, 60).await;
    world.hold_after(10);
    life.engine.apply(&run.id, None, &ana()).await.unwrap();
    world.held().await;
    life.engine.pause(&run.id, &ana()).await.unwrap();
    world.let_go();
    let paused = life.engine.until(&run.id, &[RunState::Paused]).await;
    assert!(paused.progress.counts.done < 60 && paused.progress.counts.leased == 0);
    assert_eq!(paused.reason.as_deref(), Some("paused by ana"));
    world.hold_after(7);
    life.engine.resume_run(&run.id, None, &ana()).await.unwrap();
    world.held().await;
    life.engine.cancel(&run.id, &ana()).await.unwrap();
    world.let_go();
    let cancelled = life.engine.until(&run.id, &[RunState::Cancelled]).await;
    life.engine.undo(&run.id, None, &ana()).await.unwrap();
    let undone = life.engine.ended(&run.id).await;
    assert!(cancelled.progress.counts.pending > 0);
    assert_eq!((undone.state, undone.progress.counts.done), (RunState::Undone, 0));
    assert!(world.values(&life.db, Toy::Remote).await.is_empty());
}

#[tokio::test]
async fn a_failed_item_is_named_and_retried_alone() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let life = life(dir.path(), &world, Faults::none()).await;
    world.refuse("k005");
    let run = life.approved(Toy::Remote, 9).await;
    life.engine.apply(&run.id, None, &ana()).await.unwrap();
    let done = life.engine.ended(&run.id).await;
    assert_eq!((done.progress.counts.done, done.progress.counts.failed), (8, 1));
    world.refuse("nothing");
    life.engine.retry(&run.id, &ana()).await.unwrap();
    let again = life.engine.until(&run.id, &[RunState::Done]).await;
    assert_eq!(again.progress.counts.done, 9);
    assert!(world.writes().values().all(|n| *n == 1));
}

#[tokio::test]
async fn an_unclear_outcome_waits_for_a_person() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let life = life(dir.path(), &world, Faults::none()).await;
    world.mumble("k001");
    world.mumble("k002");
    let run = life.approved(Toy::Remote, 4).await;
    life.engine.apply(&run.id, None, &ana()).await.unwrap();
    let done = life.engine.ended(&run.id).await;
    assert_eq!((done.progress.counts.done, done.progress.counts.unknown), (2, 2));
    life.engine.settle(&run.id, "k001", true, &ana()).await.unwrap();
    let settled = life.engine.settle(&run.id, "k002", false, &ana()).await.unwrap();
    assert_eq!(
        (settled.progress.counts.done, settled.progress.counts.failed, settled.progress.counts.unknown),
        (3, 1, 0)
    );
    let again = life.engine.settle(&run.id, "k001", true, &ana()).await;
    assert!(matches!(again, Err(RunError::NoSuchItem { .. })));
}

#[tokio::test]
async fn the_wrong_digest_a_missing_approval_and_an_old_plan_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let life = life(dir.path(), &world, Faults::none()).await;
    let run = life.plan(Toy::Local, 3).await;
    assert!(matches!(life.engine.apply(&run.id, None, &ana()).await, Err(RunError::NotApproved(_))));
    let wrong = life.engine.approve(&run.id, &"beef".into(), None, &ana()).await;
    assert!(matches!(wrong, Err(RunError::WrongDigest { .. })));
    life.db.write(Lane::Handler, Unit::new().with(RunOp::Expire { now: i64::MAX })).await.unwrap();
    let old = life.engine.approve(&run.id, &run.digest, None, &ana()).await;
    assert!(matches!(old, Err(RunError::Expired { .. })));
}

#[tokio::test]
async fn one_live_run_for_each_scope_and_the_same_act_twice_is_no_error() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let life = life(dir.path(), &world, Faults::none()).await;
    let first = life.approved(Toy::Local, 3).await;
    let second = life.plan(Toy::Local, 3).await;
    assert_eq!(first.digest, second.digest);
    let busy = life.engine.approve(&second.id, &second.digest, None, &ana()).await;
    assert!(
        matches!(busy, Err(RunError::Busy { other, state: RunState::Approved, .. }) if other == first.id)
    );
    let again = life.engine.approve(&first.id, &first.digest, None, &ana()).await.unwrap();
    assert_eq!(again.state, RunState::Approved);
}

#[tokio::test]
async fn items_that_were_changed_in_the_store_are_never_applied() {
    use sqlx::{Connection as _, Executor as _};
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let life = life(dir.path(), &world, Faults::none()).await;
    let run = life.approved(Toy::Local, 5).await;
    let mut other = sqlx::SqliteConnection::connect(&format!("sqlite:{}/cutover.db", dir.path().display()))
        .await
        .unwrap();
    other.execute("UPDATE run_items SET body = replace(body, 'new 2', 'evil') WHERE ord = 2").await.unwrap();
    life.engine.apply(&run.id, None, &ana()).await.unwrap();
    let failed = life.engine.ended(&run.id).await;
    assert_eq!(failed.state, RunState::Failed);
    assert!(failed.reason.unwrap().contains("are not those that were approved"));
    assert!(world.values(&life.db, Toy::Local).await.is_empty());
}

#[tokio::test]
async fn the_brake_stops_a_run_and_nothing_starts_under_it() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let life = life(dir.path(), &world, Faults::none()).await;
    let run = life.approved(Toy::Remote, 40).await;
    world.hold_after(9);
    life.engine.apply(&run.id, None, &ana()).await.unwrap();
    world.held().await;
    life.brake.pull();
    world.let_go();
    let paused = life.engine.until(&run.id, &[RunState::Paused]).await;
    assert_eq!(paused.reason.as_deref(), Some("the kill switch was pulled"));
    assert!(matches!(life.engine.resume_run(&run.id, None, &ana()).await, Err(RunError::Killed)));
    assert!(matches!(life.engine.undo(&run.id, None, &ana()).await, Err(RunError::Killed)));
    let_go(&life.brake);
    life.engine.resume_run(&run.id, None, &ana()).await.unwrap();
    assert_eq!(life.engine.ended(&run.id).await.progress.counts.done, 40);
}

#[tokio::test]
async fn an_undo_that_serves_legacy_may_begin_under_the_brake_and_a_later_pull_holds_it() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let life = life(dir.path(), &world, Faults::none()).await;
    let run = life.approved(Toy::Marked, 40).await;
    life.engine.apply(&run.id, None, &ana()).await.unwrap();
    assert_eq!(life.engine.ended(&run.id).await.state, RunState::Done);
    world.hold_after(9);
    life.engine.undo(&run.id, None, &ana()).await.unwrap();
    world.held().await;
    life.brake.pull();
    world.let_go();
    life.engine.until(&run.id, &[RunState::Paused]).await;
    assert!(matches!(life.engine.resume_run(&run.id, None, &ana()).await, Err(RunError::Killed)));

    world.hold_after(1);
    life.engine.undo(&run.id, None, &ana()).await.unwrap();
    world.held().await;
    life.engine.undo(&run.id, None, &ana()).await.unwrap();
    life.brake.pull();
    world.let_go();
    let paused = life.engine.until(&run.id, &[RunState::Paused]).await;
    assert_eq!(paused.reason.as_deref(), Some("the kill switch was pulled"));
    assert!(paused.progress.counts.done > 0, "{paused:?}");

    life.engine.undo(&run.id, None, &ana()).await.unwrap();
    assert_eq!(life.engine.until(&run.id, &[RunState::Undone]).await.progress.counts.undone, 40);
    assert!(life.brake.is_pulled());
}

#[tokio::test]
async fn a_run_whose_other_side_is_gone_pauses_with_the_cause() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let life = life(dir.path(), &world, Faults::none()).await;
    world.vanish(true);
    let run = life.approved(Toy::Remote, 4).await;
    life.engine.apply(&run.id, None, &ana()).await.unwrap();
    let paused = life.engine.ended(&run.id).await;
    assert_eq!(
        (paused.state, paused.reason.as_deref()),
        (RunState::Paused, Some("looking: the other side is gone"))
    );
    world.vanish(false);
    life.engine.resume_run(&run.id, None, &ana()).await.unwrap();
    assert_eq!(life.engine.until(&run.id, &[RunState::Done]).await.progress.counts.done, 4);
}

#[tokio::test]
async fn a_verification_that_finds_something_else_fails_the_run_and_names_the_item() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let life = life(dir.path(), &world, Faults::none()).await;
    world.forget("k002");
    let run = life.approved(Toy::Remote, 4).await;
    life.engine.apply(&run.id, None, &ana()).await.unwrap();
    let failed = life.engine.ended(&run.id).await;
    assert_eq!((failed.state, failed.progress.counts.failed), (RunState::Failed, 1));
    let item = &life.db.items(&run.id, Some(ItemState::Failed), None, 5).await.unwrap()[0];
    assert_eq!((item.key.as_str(), item.reason.as_deref()), ("k002", Some("verification: holds nothing")));
}
