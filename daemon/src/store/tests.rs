//! The behaviour of a store, written against the trait so that each backend runs the same.

mod inbox;
mod installed;
mod integration;
mod learned;
mod lock;
mod mirror;
mod notes;
mod receipt;

use cutover_shared::ids::RunId;
use cutover_shared::run::{ItemState, RunState};
use serde_json::json;

use super::*;
use crate::audit::Who;
use crate::faults::Faults;

async fn sqlite(dir: &tempfile::TempDir) -> Db {
    open(&format!("sqlite:{}/cutover.db", dir.path().display()), Faults::none()).await.unwrap()
}

fn items(n: i64) -> Vec<NewItem> {
    (0..n)
        .map(|ord| NewItem {
            ord,
            key: format!("k{ord:04}"),
            body: format!("{{\"o\":{ord},\"t\":\"é\\n\"}}"),
        })
        .collect()
}

fn new_run(id: &str, scope: &str) -> RunOp {
    RunOp::Create(Box::new(NewRun {
        id: id.into(),
        kind: "toy".into(),
        scope: scope.into(),
        digest: "d".into(),
        basis: "{}".into(),
        effect: "local".into(),
        reversibility: "{}".into(),
        author: "ana".into(),
        planned_at: 1,
        expires_at: 100,
        summary: "{}".into(),
    }))
}

fn to(run: &str, from: RunState, to: RunState) -> RunOp {
    RunOp::Move { run: run.into(), from: vec![from], to, patch: RunPatch::default() }
}

fn change(ord: i64, from: ItemState, to: ItemState) -> ItemChange {
    ItemChange { ord, from, to, before: None, reason: None }
}

async fn with_run(db: &Db, id: &str, scope: &str, n: i64) {
    let unit = Unit::new().with(RunOp::AddItems { run: id.into(), rows: items(n) }).with(new_run(id, scope));
    db.write(Lane::Run, unit).await.unwrap();
}

#[tokio::test]
async fn bodies_come_back_byte_for_byte_and_counts_follow_the_items() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    with_run(&db, "r1", "all", 5).await;
    let run: RunId = "r1".into();
    let stored = db.items(&run, None, None, 10).await.unwrap();
    assert_eq!(
        stored.iter().map(|i| i.body.clone()).collect::<Vec<_>>(),
        items(5).into_iter().map(|i| i.body).collect::<Vec<_>>()
    );
    let rows =
        vec![change(0, ItemState::Pending, ItemState::Done), change(3, ItemState::Pending, ItemState::Stale)];
    db.write(Lane::Run, Unit::new().with(RunOp::Items { run: run.clone(), at: 5, rows })).await.unwrap();
    let counts = db.run(&run).await.unwrap().unwrap().counts;
    assert_eq!((counts.pending, counts.done, counts.stale, counts.total()), (3, 1, 1, 5));
    let pending = db.items(&run, Some(ItemState::Pending), Some(1), 10).await.unwrap();
    assert_eq!(pending.iter().map(|i| i.ord).collect::<Vec<_>>(), [2, 4]);
}

#[tokio::test]
async fn a_unit_whose_precondition_fails_leaves_nothing_and_hurts_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    with_run(&db, "r1", "all", 2).await;
    let record = |subject: &str| Who::daemon().did(1, "t", subject, json!({}));
    let bad = Unit::new()
        .with(record("bad"))
        .with(RunOp::Items {
            run: "r1".into(),
            at: 1,
            rows: vec![change(0, ItemState::Pending, ItemState::Done)],
        })
        .with(RunOp::Items {
            run: "r1".into(),
            at: 1,
            rows: vec![change(1, ItemState::Done, ItemState::Undone)],
        });
    let good = |n: i32| Unit::new().with(record(&format!("good {n}")));
    let (a, b, c) =
        tokio::join!(db.write(Lane::Run, good(1)), db.write(Lane::Run, bad), db.write(Lane::Run, good(2)),);
    assert_eq!((a, c), (Ok(()), Ok(())));
    assert!(matches!(b, Err(WriteError::Precondition { .. })));
    assert_eq!(db.run(&"r1".into()).await.unwrap().unwrap().counts.pending, 2);
    let check = crate::audit::verify(&db, None).await.unwrap();
    assert_eq!((check.records, check.intact), (2, true));
}

#[tokio::test]
async fn what_is_urgent_slows_the_other_lanes_and_never_stops_them() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    let record = |n: usize| Unit::new().with(Who::daemon().did(1, "t", n.to_string(), json!({})));
    let done = std::sync::atomic::AtomicUsize::new(0);
    let urgent = futures::future::join_all((0..900).map(async |n| {
        db.write(Lane::Urgent, record(n)).await.unwrap();
        done.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }));
    let others = [Lane::Handler, Lane::Run].map(async |lane| {
        db.write(lane, record(900)).await.unwrap();
        done.load(std::sync::atomic::Ordering::SeqCst)
    });
    let (_, before) = tokio::join!(urgent, futures::future::join_all(others));
    assert!(before.iter().all(|before| *before < 300), "after so many urgent ones: {before:?}");
}

#[tokio::test]
async fn one_live_run_for_each_kind_and_scope() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    for (id, scope) in [("r1", "all"), ("r2", "all"), ("r3", "canary")] {
        with_run(&db, id, scope, 1).await;
    }
    let approve =
        |id| db.write(Lane::Handler, Unit::new().with(to(id, RunState::Planned, RunState::Approved)));
    approve("r1").await.unwrap();
    assert!(matches!(approve("r2").await, Err(WriteError::Conflict { .. })));
    approve("r3").await.unwrap();
    assert!(matches!(
        db.write(Lane::Handler, Unit::new().with(to("r1", RunState::Paused, RunState::Applying))).await,
        Err(WriteError::Precondition { found, .. }) if found == "approved"
    ));
}

#[tokio::test]
async fn a_unit_that_is_too_large_is_refused_before_it_is_tried() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    let unit = Unit::new().with(RunOp::AddItems { run: "r".into(), rows: items(257) });
    assert_eq!(db.write(Lane::Run, unit).await, Err(WriteError::TooLarge { rows: 257 }));
}

#[tokio::test]
async fn everything_written_is_there_after_a_reopen_and_a_closed_store_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    with_run(&db, "r1", "all", 1).await;
    db.close().await;
    assert_eq!(db.write(Lane::Run, Unit::new()).await, Err(WriteError::Closed));
    let again = sqlite(&dir).await;
    assert_eq!(again.run(&"r1".into()).await.unwrap().unwrap().counts.pending, 1);
}

#[tokio::test]
async fn items_of_a_run_that_never_became_visible_are_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    db.write(Lane::Run, Unit::new().with(RunOp::AddItems { run: "ghost".into(), rows: items(3) }))
        .await
        .unwrap();
    with_run(&db, "r1", "all", 2).await;
    db.write(Lane::Run, Unit::new().with(RunOp::DropOrphans)).await.unwrap();
    assert!(db.items(&"ghost".into(), None, None, 9).await.unwrap().is_empty());
    assert_eq!(db.items(&"r1".into(), None, None, 9).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_commit_announces_its_topics_and_a_refused_unit_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    let mut versions = db.versions();
    with_run(&db, "r1", "all", 1).await;
    assert!(versions.has_changed().unwrap());
    assert_eq!(versions.borrow_and_update().get(&Topic::Runs), Some(&1));
    let refused = Unit::new().with(to("r1", RunState::Done, RunState::Undoing));
    db.write(Lane::Run, refused).await.unwrap_err();
    assert!(!versions.has_changed().unwrap());
}

#[tokio::test]
async fn a_sweep_over_an_unchanged_world_leaves_the_epoch_and_a_missing_repository_goes() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    let host = || "github.com".to_owned();
    let installation = InstallationRow {
        id: 1,
        account_id: 9,
        account_login: "acme".into(),
        account_type: "Organization".into(),
        selection: "all".into(),
        suspended_at: None,
        permissions: "{}".into(),
    };
    let repository = |id: i64| RepositoryRow {
        installation: 1,
        id,
        full_name: format!("acme/r{id}"),
        owner_id: 9,
        owner_login: "acme".into(),
        created_at: None,
        private: true,
        fork: false,
    };
    let sweep = async |id: &str, repositories: Vec<RepositoryRow>| {
        let sweep = id.to_owned();
        let unit = Unit::new()
            .with(IndexOp::Begin { sweep: sweep.clone(), host: host(), at: 1 })
            .with(IndexOp::Installations {
                sweep: sweep.clone(),
                host: host(),
                rows: vec![installation.clone()],
                cursor: None,
                done: true,
            })
            .with(IndexOp::Repositories { sweep: sweep.clone(), host: host(), rows: repositories })
            .with(IndexOp::Listed { sweep: sweep.clone(), host: host(), installation: 1 })
            .with(IndexOp::End { sweep, host: host(), at: 2 });
        db.write(Lane::Run, unit).await.unwrap();
        db.index_view("github.com").await.unwrap()
    };
    let first = sweep("a", vec![repository(1), repository(2)]).await;
    assert_eq!((first.epoch, first.repositories), (1, 2));
    let same = sweep("b", vec![repository(1), repository(2)]).await;
    assert_eq!((same.epoch, same.repositories), (1, 2));
    let less = sweep("c", vec![repository(2)]).await;
    assert_eq!((less.epoch, less.repositories), (2, 1));
    assert!(db.installations_owed("github.com", "c", 10).await.unwrap().is_empty());
}
