//! Ways out of what went wrong: back, again, and past what moved meanwhile.

use std::collections::BTreeMap;

use cutover_shared::fleet::{FleetScope, StepStatus};
use cutover_shared::ids::RunId;
use cutover_shared::run::{ItemState, RunState};

use super::world::{Life, World, ana, tenant};
use crate::faults::Faults;
use crate::fleet::kind::FleetKind;
use crate::fleet::runner::{FleetPass, Work};
use crate::fleet::settings::{Settings, sample};
use crate::fleet::text::Texts;
use crate::run::{Chain, Chained as _, Direction, Kind as _, Pass as _};
use crate::store::{FleetOp, Lane, StoredItem, Unit};

const TENANTS: usize = 10;

fn one_wave() -> Settings {
    Settings { waves: vec![1_000], ..sample() }
}

async fn wrong(life: &Life, run: &RunId) -> Vec<(i64, String)> {
    let items = life.db.items(run, Some(ItemState::Done), None, 100).await.unwrap();
    FleetKind(life.fleet.inner.clone()).verify(run, Direction::Apply, &items).await.unwrap()
}

#[tokio::test]
async fn a_run_that_was_halted_is_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), TENANTS).await;
    // Somebody waits still when it is halted.
    let life = world.life_with(Faults::none(), Settings { parallel: 1, ..one_wave() }).await;
    world.enter(&life, TENANTS).await;
    for at in 2..8 {
        world.run(at, "CREATE TABLE notes (x)").await;
    }
    let run = life.going(2).await;
    let halted = life.engine.ended(&run.id).await;
    assert!(halted.reason.as_deref().is_some_and(|why| why.contains("halted")), "{halted:?}");
    life.engine.undo(&run.id, None, &ana()).await.unwrap();
    let undone = life.engine.ended(&run.id).await;
    assert_eq!(undone.state, RunState::Undone, "{:?}", undone.reason);
    for at in 0..TENANTS {
        assert_eq!(world.state(at).await.1, Vec::<i64>::new());
    }
}

#[tokio::test]
async fn a_rollback_of_all_leaves_the_target() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), 3).await;
    let life = world.life_with(Faults::none(), one_wave()).await;
    world.enter(&life, 3).await;
    let run = life.going(2).await;
    life.engine.ended(&run.id).await;
    let back = life.fleet.rollback(&FleetScope::All, 1, false, &ana()).await.unwrap();
    life.go(&back).await;
    assert_eq!(life.engine.ended(&back.id).await.state, RunState::Done);
    let status = life.fleet.status().await.unwrap();
    assert_eq!((status.target, status.outdated), (Some(2), 3));
}

#[tokio::test]
async fn who_left_the_run_meanwhile_tells_nothing_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), 4).await;
    let life = world.life_with(Faults::none(), one_wave()).await;
    world.enter(&life, 4).await;
    let run = life.going(2).await;
    life.engine.ended(&run.id).await;
    // Back by another run; removed; and one whose ledger does not say what the run says.
    let back = life.fleet.rollback(&FleetScope::Tenant(tenant(1)), 1, false, &ana()).await.unwrap();
    life.go(&back).await;
    life.engine.ended(&back.id).await;
    let removed = FleetOp::Remove { tenants: vec![tenant(2)] };
    life.db.write(Lane::Handler, Unit::new().with(removed)).await.unwrap();
    world.run(2, "DELETE FROM cutover_migrations").await;
    assert_eq!(wrong(&life, &run.id).await, []);
    world.run(0, "DELETE FROM cutover_migrations WHERE version = 2").await;
    let told = wrong(&life, &run.id).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].1.contains("does not have it"), "{told:?}");
}

#[tokio::test]
async fn a_retry_takes_what_held_the_others_up() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), 4).await;
    let life = world.life_with(Faults::none(), one_wave()).await;
    world.enter(&life, 4).await;
    let first = life.going(1).await;
    life.engine.ended(&first.id).await;
    world.write("0003_more.up.sql", "CREATE TABLE more (id INTEGER PRIMARY KEY);");
    world.run(1, "ALTER TABLE tags ADD COLUMN colour TEXT").await;
    let run = life.going(3).await;
    let ended = life.engine.ended(&run.id).await;
    assert_eq!((ended.state, ended.progress.counts.skipped), (RunState::Done, 2), "{:?}", ended.reason);
    world.run(1, "ALTER TABLE tags DROP COLUMN colour").await;
    life.engine.retry(&run.id, &ana()).await.unwrap();
    let again = life.engine.ended(&run.id).await;
    assert_eq!((again.state, again.progress.counts.done), (RunState::Done, 8), "{:?}", again.reason);
    assert_eq!(world.state(1).await.1, [1, 2, 3]);
}

/// The chain of one tenant in a run.
async fn chain(life: &Life, run: &RunId, at: usize) -> Chain {
    let items: Vec<StoredItem> = life.db.items(run, None, None, 100).await.unwrap();
    let key = tenant(at).0;
    let items: Vec<_> = items.into_iter().filter(|item| item.key.contains(&key)).collect();
    Chain { key, stage: 1, lane: "local".to_owned(), items }
}

#[tokio::test]
async fn a_pause_leaves_alone_what_was_not_begun() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), 4).await;
    let settings = Settings { halt_permille: 1_000, ..one_wave() };
    let life = world.life_with(Faults::none(), settings).await;
    world.enter(&life, 4).await;
    world.run(1, "CREATE TABLE tags (x)").await;
    let first = life.going(2).await;
    life.engine.ended(&first.id).await;
    let second = life.fleet.plan(&FleetScope::All, Some(2), false, &ana()).await.unwrap();
    let chain = chain(&life, &second.id, 1).await;
    let row = life.db.run(&second.id).await.unwrap().unwrap();
    let pass = FleetKind(life.fleet.inner.clone()).pass(&row, Direction::Apply).await.unwrap();
    pass.prepare(std::slice::from_ref(&chain)).await.unwrap();
    assert!(pass.left(&chain.items, 5).is_empty(), "it failed before, and the error stays");
    let begun = pass.begun(&chain.items[..1], 5);
    life.db.write(Lane::Run, Unit::new().with_all(begun).with_all(pass.left(&chain.items, 6))).await.unwrap();
    let steps = life.db.fleet_steps(&tenant(1)).await.unwrap();
    assert_eq!(steps[0].status, StepStatus::Pending);
}

#[tokio::test]
async fn runs_that_go_at_once_share_the_places() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), 4).await;
    let settings = Settings { parallel: 1, ..one_wave() };
    let life = world.life_with(Faults::none(), settings).await;
    world.enter(&life, 4).await;
    let (mut passes, mut chains) = (Vec::new(), Vec::new());
    for at in [0, 1] {
        let run = life.fleet.plan(&FleetScope::Tenant(tenant(at)), Some(2), false, &ana()).await.unwrap();
        let row = life.db.run(&run.id).await.unwrap().unwrap();
        let pass = FleetKind(life.fleet.inner.clone()).pass(&row, Direction::Apply).await.unwrap();
        let chain = chain(&life, &run.id, at).await;
        pass.prepare(std::slice::from_ref(&chain)).await.unwrap();
        passes.push(pass);
        chains.push(chain);
    }
    let held = passes[0].admit(&chains[0]).unwrap();
    assert!(passes[1].admit(&chains[1]).is_none());
    drop(held);
    assert!(passes[1].admit(&chains[1]).is_some());
}

#[tokio::test]
async fn what_never_came_to_a_tenant_stands_in_nobodys_way_back() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), 2).await;
    let life = world.life_with(Faults::none(), one_wave()).await;
    world.enter(&life, 2).await;
    world.write("0003_notes.up.sql", "-- replaces: 0002_notes\nCREATE TABLE notes (id INTEGER PRIMARY KEY);");
    world.write("0003_notes.down.sql", "DROP TABLE notes;");
    let run = life.going(3).await;
    life.engine.ended(&run.id).await;
    assert_eq!(world.state(0).await.1, [1, 3]);
    // Of a deployment, which tells its version only, the runner takes it out of what that stands for.
    let row = life.db.run(&run.id).await.unwrap().unwrap();
    let (migrations, planned) = (Texts::new(), Texts::new());
    let work = Work { run: row, direction: Direction::Undo, migrations, planned, target: None };
    let pass = FleetPass::new(life.fleet.inner.clone(), work, BTreeMap::new());
    pass.prepare(&[chain(&life, &run.id, 0).await]).await.unwrap();
    let replaced: Vec<_> = (1..=3).filter(|version| pass.is_replaced(&tenant(0), *version)).collect();
    assert_eq!(replaced, [2]);
    // And no plan has it.
    let back = life.fleet.rollback(&FleetScope::All, 0, false, &ana()).await.unwrap();
    assert_eq!(back.progress.counts.total(), 4);
    life.engine.undo(&run.id, None, &ana()).await.unwrap();
    assert_eq!(life.engine.ended(&run.id).await.state, RunState::Undone);
    assert_eq!(world.state(0).await.1, Vec::<i64>::new());
}
