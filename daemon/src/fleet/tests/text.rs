//! What was approved is what is run, whatever becomes of the folder; and nothing can be put below what was run.

use cutover_shared::fleet::FleetScope;
use cutover_shared::run::{ItemState, RunState, RunView};

use super::names;
use super::world::{Life, World, ana, tenant};
use crate::faults::Faults;
use crate::fleet::error::FleetError;
use crate::fleet::settings::{Settings, sample};

const TENANTS: usize = 4;

async fn life(world: &World) -> Life {
    let settings = Settings { waves: vec![1_000], halt_permille: 1_000, ..sample() };
    let life = world.life_with(Faults::none(), settings).await;
    world.enter(&life, TENANTS).await;
    life
}

async fn plan(life: &Life, scope: FleetScope, to: u32) -> RunView {
    life.fleet.plan(&scope, Some(to), false, &ana()).await.unwrap()
}

async fn text_of(life: &Life, run: &RunView) -> String {
    let groups = life.fleet.groups(&run.id).await.unwrap();
    groups[0].steps.iter().map(|step| step.text.clone()).collect()
}

#[tokio::test]
async fn an_approved_plan_outlives_an_edit_and_another_plan() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), TENANTS).await;
    let life = life(&world).await;
    world.write("0003_x.up.sql", "CREATE TABLE old (id INTEGER);");
    let old = plan(&life, FleetScope::All, 3).await;
    world.write("0003_x.up.sql", "CREATE TABLE new (id INTEGER);");
    let new = plan(&life, FleetScope::Tenant(tenant(2)), 3).await;
    // Each is shown as it was made.
    assert!(text_of(&life, &old).await.contains("TABLE old"));
    assert!(text_of(&life, &new).await.contains("TABLE new"));
    life.go(&old).await;
    let done = life.engine.ended(&old.id).await;
    assert_eq!((done.state, done.progress.counts.done), (RunState::Done, 12), "{:?}", done.reason);
    for at in 0..TENANTS {
        assert_eq!(world.state(at).await.0, names(&["notes", "old", "tags", "tags_name", "users"]));
    }
    // What was run is what is frozen.
    let refused = life.fleet.plan(&FleetScope::All, Some(3), false, &ana()).await.unwrap_err();
    assert!(matches!(&refused, FleetError::Mistakes(all) if all[0].rule == "edited"), "{refused}");
    world.write("0003_x.up.sql", "CREATE TABLE old (id INTEGER);");
    assert_eq!(plan(&life, FleetScope::All, 3).await.progress.counts.total(), 0);
}

#[tokio::test]
async fn the_plan_of_a_text_that_another_took_the_place_of_is_stale() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), TENANTS).await;
    let life = life(&world).await;
    world.write("0003_x.up.sql", "CREATE TABLE old (id INTEGER);");
    let old = plan(&life, FleetScope::Tenant(tenant(1)), 3).await;
    world.write("0003_x.up.sql", "CREATE TABLE new (id INTEGER);");
    let new = plan(&life, FleetScope::Tenant(tenant(2)), 3).await;
    life.go(&new).await;
    assert_eq!(life.engine.ended(&new.id).await.state, RunState::Done);
    life.go(&old).await;
    let ended = life.engine.ended(&old.id).await;
    let counts = &ended.progress.counts;
    assert_eq!((counts.done, counts.stale, counts.failed), (2, 1, 0), "{:?}", ended.reason);
    let stale = life.db.items(&old.id, Some(ItemState::Stale), None, 9).await.unwrap();
    let why = stale[0].reason.clone().unwrap();
    assert!(
        why.starts_with("0003_x is not what was planned any more") && why.ends_with("plan again"),
        "{why}"
    );
    assert_eq!(world.state(1).await.1, [1, 2]);
    // The next plan brings it there with the text that the others have.
    let next = plan(&life, FleetScope::All, 3).await;
    life.go(&next).await;
    assert_eq!(life.engine.ended(&next.id).await.state, RunState::Done);
    assert_eq!(world.state(1).await.0, names(&["new", "notes", "tags", "tags_name", "users"]));
}

#[tokio::test]
async fn a_text_is_pinned_before_its_first_effect_and_with_it_all_below() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), TENANTS).await;
    let life = life(&world).await;
    world.write("0003_x.up.sql", "SELECT nothing;");
    world.write("0004_y.up.sql", "SELECT 1;");
    let run = plan(&life, FleetScope::All, 4).await;
    let pinned = async || {
        let marks = life.db.fleet_marks().await.unwrap();
        marks.iter().filter(|mark| mark.pinned_at.is_some()).map(|mark| mark.version).collect::<Vec<_>>()
    };
    assert_eq!(pinned().await, [0; 0]);
    // Nobody is there: nothing is run at all.
    for at in 0..TENANTS {
        std::fs::rename(world.file(at), world.file(at + 50)).unwrap();
    }
    life.go(&run).await;
    life.engine.ended(&run.id).await;
    assert_eq!(pinned().await, [0; 0], "what was not run may be edited");
    life.engine.cancel(&run.id, &ana()).await.unwrap();
    for at in 0..TENANTS {
        std::fs::rename(world.file(at + 50), world.file(at)).unwrap();
    }
    life.instances.test(None).await.unwrap();
    let run = plan(&life, FleetScope::Tenant(tenant(0)), 4).await;
    life.go(&run).await;
    assert_eq!(life.engine.ended(&run.id).await.progress.counts.failed, 1);
    assert_eq!(pinned().await, [1, 2, 3]);
    // What is behind the one that failed was not run.
    world.write("0004_y.up.sql", "SELECT 2;");
    world.write("0005_z.up.sql", "-- replaces: 0003_x\nSELECT 1;");
    life.engine.cancel(&run.id, &ana()).await.ok();
    assert_eq!(life.to_end(5).await.state, RunState::Done);
    assert_eq!(pinned().await, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn what_is_merged_below_what_was_run_is_refused_also_where_a_plan_has_seen_it() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), TENANTS).await;
    let life = life(&world).await;
    world.write("0003_x.up.sql", "CREATE TABLE x (id INTEGER);");
    plan(&life, FleetScope::All, 2).await;
    world.remove("0003_x.up.sql");
    world.write("0004_y.up.sql", "CREATE TABLE y (id INTEGER);");
    assert_eq!(life.to_end(4).await.state, RunState::Done);
    // The one that is gone counts nowhere.
    let detail = life.instances.detail(&tenant(0)).await.unwrap();
    assert_eq!(detail.steps.iter().map(|step| step.version).collect::<Vec<_>>(), [1, 2, 4]);
    assert_eq!(life.fleet.stands(&tenant(0)).await.unwrap(), Some((4, 0)));
    world.write("0003_x.up.sql", "CREATE TABLE x (id INTEGER);");
    let refused = life.fleet.plan(&FleetScope::All, Some(4), false, &ana()).await.unwrap_err();
    assert!(matches!(&refused, FleetError::Mistakes(all) if all[0].rule == "reordered"), "{refused}");
}

/// Numbers may have gaps; the way back from 30 to below it is one to 29, or to whatever is above 20.
#[tokio::test]
async fn a_way_back_may_end_between_two_versions() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), TENANTS).await;
    let life = life(&world).await;
    world.write("0030_x.up.sql", "CREATE TABLE x (id INTEGER);");
    world.write("0030_x.down.sql", "DROP TABLE x;");
    assert_eq!(life.to_end(30).await.state, RunState::Done);
    let back = life.fleet.rollback(&FleetScope::Tenant(tenant(1)), 29, false, &ana()).await.unwrap();
    life.go(&back).await;
    assert_eq!(life.engine.ended(&back.id).await.state, RunState::Done);
    assert_eq!(world.state(1).await.1, [1, 2]);
    assert_eq!(life.rows().await[1].version, 2);
    life.engine.undo(&back.id, None, &ana()).await.unwrap();
    assert_eq!(life.engine.ended(&back.id).await.state, RunState::Undone);
    assert_eq!(world.state(1).await.1, [1, 2, 30]);
    let beyond = life.fleet.rollback(&FleetScope::All, 31, false, &ana()).await.unwrap_err();
    assert_eq!(beyond.to_string(), "there is no migration 31; the newest is 30");
    let up = life.fleet.plan(&FleetScope::All, Some(29), false, &ana()).await.unwrap_err();
    assert_eq!(up.to_string(), "there is no migration 29; the newest is 30");
}

#[tokio::test]
async fn a_way_down_that_was_changed_since_is_taken_as_it_was_approved() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), TENANTS).await;
    let life = life(&world).await;
    assert_eq!(life.to_end(2).await.state, RunState::Done);
    let back = life.fleet.rollback(&FleetScope::Tenant(tenant(1)), 1, false, &ana()).await.unwrap();
    world.write("0002_notes.down.sql", "ALTER TABLE notes RENAME TO kept;");
    plan(&life, FleetScope::All, 2).await;
    life.go(&back).await;
    assert_eq!(life.engine.ended(&back.id).await.state, RunState::Done);
    assert_eq!(world.state(1).await.0, names(&["tags", "tags_name", "users"]));
    // An undo takes the one that is there by now.
    let runs = life.db.runs(None, Some(cutover_shared::fleet::FLEET), None, 9).await.unwrap();
    let first = runs.iter().min_by_key(|run| run.planned_at).unwrap();
    life.engine.undo(&first.id, None, &ana()).await.unwrap();
    assert_eq!(life.engine.ended(&first.id).await.state, RunState::Undone);
    assert_eq!(world.state(0).await.0, names(&["kept", "users"]));
}

/// A store that was lost: tenants have versions that nobody of us has run.
#[tokio::test]
async fn what_is_below_the_first_step_of_ours_is_history_too() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), TENANTS).await;
    let before = life(&world).await;
    assert_eq!(before.to_end(2).await.state, RunState::Done);
    before.db.close().await;
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(world.dir.join(format!("cutover.db{end}")));
    }
    let life = life(&world).await;
    world.write("0004_x.up.sql", "CREATE TABLE x (id INTEGER);");
    assert_eq!(life.to_end(4).await.state, RunState::Done);
    assert_eq!(plan(&life, FleetScope::All, 4).await.progress.counts.total(), 0);
    world.write("0003_y.up.sql", "CREATE TABLE y (id INTEGER);");
    let refused = life.fleet.plan(&FleetScope::All, Some(4), false, &ana()).await.unwrap_err();
    assert!(
        matches!(&refused, FleetError::Mistakes(all) if all.len() == 1 && all[0].rule == "reordered"),
        "{refused}"
    );
}

#[tokio::test]
async fn whoever_looks_again_sees_what_was_written_since() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), TENANTS).await;
    let life = life(&world).await;
    let head = async || life.fleet.status().await.unwrap().head;
    assert_eq!((head().await, head().await), (Some(2), Some(2)));
    world.write("0003_x.up.sql", "SELECT 1;");
    assert_eq!(head().await, Some(3));
    // What was recorded counts, too, and not the files alone.
    assert!(!life.fleet.migrations().await.unwrap()[2].pinned);
    assert_eq!(life.to_end(3).await.state, RunState::Done);
    assert!(life.fleet.migrations().await.unwrap()[2].pinned);
    world.write("0003_x.up.sql", "SELECT 1 + 1;");
    let mistake = life.fleet.status().await.unwrap().registry_mistake.unwrap();
    assert!(mistake.contains("it was run, and differs"), "{mistake}");
}

#[tokio::test]
async fn a_fleet_without_postgres_is_not_told_of_its_locks() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), TENANTS).await;
    let life = life(&world).await;
    world.write("0003_x.up.sql", "CREATE INDEX x ON users (email);");
    world.write("0003_x.down.sql", "DROP INDEX x;");
    let report = life.fleet.lint(None).await.unwrap();
    assert_eq!(report.findings, []);
    assert!(report.left_out.unwrap().contains("no instance is PostgreSQL"));
    let planned = plan(&life, FleetScope::All, 3).await;
    assert_eq!(planned.summary["warnings"], 0);
    // Where nobody knows what will be there, all is said.
    for row in life.rows().await {
        life.instances.remove(&row.tenant, &ana()).await.unwrap();
    }
    let report = life.fleet.lint(None).await.unwrap();
    assert_eq!((report.findings.len(), report.left_out), (2, None));
}
