//! The fleet from end to end over SQLite files: waves, halts, failures, drift, ways back, and a crash at every point.

mod ahead;
mod alike;
mod broken;
mod deployments;
mod flaky;
mod mend;
mod text;
mod there;
mod world;

use cutover_shared::fleet::{Cell, DriverKind, FleetScope, FleetSummary, InstanceState, StepStatus, Way};
use cutover_shared::page::PageAsk;
use cutover_shared::run::{ItemState, Reversibility, RunState};
use cutover_shared::window::WindowAsk;
use serde_json::json;

use self::world::{World, ana, tenant};
use super::error::FleetError;
use super::settings::{Settings, sample};
use crate::faults::Faults;
use crate::faults::crash::{live_until, runtime};
use crate::run::{Direction, Resolved};
use crate::store::Select;

const TENANTS: usize = 10;

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn a_fleet_goes_up_in_waves_stands_still_when_asked_again_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), TENANTS).await;
    let life = world.life(Faults::none()).await;
    world.enter(&life, TENANTS).await;
    let plan = life.fleet.plan(&FleetScope::All, Some(2), false, &ana()).await.unwrap();
    let summary: FleetSummary = serde_json::from_value(plan.summary.clone()).unwrap();
    assert_eq!((summary.target, summary.changes, summary.steps, summary.asked), (2, 10, 20, 10));
    assert_eq!(summary.waves, [2, 4, 4]);
    let groups = life.fleet.groups(&plan.id).await.unwrap();
    assert_eq!((groups.len(), groups[0].tenants, groups[0].from, groups[0].to), (1, 10, 0, 2));
    assert!(groups[0].steps[0].text.contains("CREATE TABLE tags"));
    // A dry-run changed nothing over there.
    assert_eq!(world.state(0).await, (names(&["users"]), vec![]));
    life.go(&plan).await;
    let done = life.engine.ended(&plan.id).await;
    assert_eq!((done.state, done.progress.counts.done), (RunState::Done, 20), "{:?}", done.reason);
    for at in 0..TENANTS {
        assert_eq!(world.state(at).await, (names(&["notes", "tags", "tags_name", "users"]), vec![1, 2]));
    }
    let result = life.fleet.result(&plan.id).await.unwrap();
    assert_eq!((result.total, result.succeeded, result.failed, result.skipped), (10, 10, 0, 0));
    let status = life.fleet.status().await.unwrap();
    assert_eq!((status.target, status.head, status.instances, status.outdated), (Some(2), Some(2), 10, 0));
    assert_eq!(status.cells.len(), 1);
    assert_eq!(
        (status.cells[0].version, status.cells[0].status, status.cells[0].tenants),
        (2, StepStatus::Completed, 10)
    );

    // Nothing is left to do: the target needs no second word.
    let again = life.fleet.plan(&FleetScope::All, None, true, &ana()).await.unwrap();
    let summary: FleetSummary = serde_json::from_value(again.summary.clone()).unwrap();
    assert_eq!(
        (summary.changes, summary.at_target, summary.asked, again.progress.counts.total()),
        (0, 10, 10, 0)
    );

    // One tenant back, then all by the run's own undo.
    let back = life.fleet.rollback(&FleetScope::Tenant(tenant(3)), 1, false, &ana()).await.unwrap();
    assert_eq!(back.reversibility, Reversibility::IrreversibleFor("the data of table notes".into()));
    life.go(&back).await;
    assert_eq!(life.engine.ended(&back.id).await.state, RunState::Done);
    assert_eq!(world.state(3).await, (names(&["tags", "tags_name", "users"]), vec![1]));
    // Of one tenant it is told as of one tenant.
    let told = serde_json::to_value(life.fleet.result(&back.id).await.unwrap()).unwrap();
    assert_eq!(
        (&told["success"], &told["newVersion"], &told["failedAt"]),
        (&json!(true), &json!(1), &json!(null))
    );
    assert_eq!((told["message"].as_str(), &told["total"]), (Some("t03 is at version 1"), &json!(1)));
    assert!(serde_json::to_value(&result).unwrap().get("newVersion").is_none());
    life.engine.undo(&plan.id, None, &ana()).await.unwrap();
    let undone = life.engine.ended(&plan.id).await;
    assert_eq!((undone.state, undone.progress.counts.undone), (RunState::Undone, 20), "{:?}", undone.reason);
    for at in 0..TENANTS {
        assert_eq!(world.state(at).await, (names(&["users"]), vec![]));
    }
    let history = life.fleet.history(Some(&tenant(3)), &PageAsk::default()).await.unwrap().rows;
    let told: Vec<_> = history.iter().map(|one| (one.version, one.way, one.status)).collect();
    let done = StepStatus::Completed;
    let now = life.db.fleet_steps(&tenant(3)).await.unwrap();
    let told_now: Vec<_> =
        now.iter().map(|step| (step.version, step.way, step.status, step.completed_at)).collect();
    assert_eq!(told_now, [(1, Way::Up, StepStatus::Pending, None), (2, Way::Up, StepStatus::Pending, None)]);
    // The undo found version 2 gone already, and says so as done.
    assert_eq!(
        told,
        [
            (1, Way::Down, done),
            (2, Way::Down, done),
            (2, Way::Down, done),
            (2, Way::Up, done),
            (1, Way::Up, done)
        ]
    );
    assert!(crate::audit::verify(&life.db, None).await.unwrap().intact);
}

#[tokio::test]
async fn a_failing_migration_halts_its_wave_and_another_takes_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), TENANTS).await;
    let life = world.life(Faults::none()).await;
    world.enter(&life, TENANTS).await;
    // In the second wave somebody has two users with one address.
    for at in 2..6 {
        world.run(at, "UPDATE users SET email = 'same@x'").await;
    }
    world.write("0003_unique.up.sql", "CREATE UNIQUE INDEX users_email ON users (email);");
    let run = life.going(3).await;
    let halted = life.engine.ended(&run.id).await;
    assert_eq!(halted.state, RunState::Paused);
    let why = halted.reason.unwrap();
    assert!(
        why.starts_with("wave 2 (10 %) halted: ") && why.contains("more than 5 % (fleet.halt_share)"),
        "{why}"
    );
    assert_eq!(world.state(0).await.1, [1, 2, 3]);
    assert_eq!(world.state(9).await.1, Vec::<i64>::new(), "the last wave was not begun");
    let status = life.fleet.status().await.unwrap();
    let [group] = &status.failures[..] else { panic!("{:?}", status.failures) };
    assert_eq!(group.migration, "0003_unique");
    assert!(group.text.contains("UNIQUE constraint failed"), "{}", group.text);
    assert!(!group.text.contains("same@x"));

    // The file is mended in its place: refused, with the difference.
    world.write("0003_unique.up.sql", "CREATE INDEX users_email ON users (email);");
    let refused = life.fleet.plan(&FleetScope::All, Some(3), false, &ana()).await.unwrap_err();
    let FleetError::Mistakes(mistakes) = &refused else { panic!("{refused}") };
    assert_eq!((mistakes[0].rule.as_str(), mistakes[0].file.as_str()), ("edited", "0003_unique.up.sql"));
    assert!(refused.to_string().contains("- CREATE UNIQUE INDEX"), "{refused}");
    world.write("0003_unique.up.sql", "CREATE UNIQUE INDEX users_email ON users (email);");

    // A new one stands for it.
    world.write(
        "0004_emails.up.sql",
        "-- replaces: 0003_unique\nDROP INDEX IF EXISTS users_email;\nCREATE INDEX users_email_plain ON users (email);",
    );
    life.engine.cancel(&run.id, &ana()).await.unwrap();
    let second = life.going(4).await;
    let done = life.engine.ended(&second.id).await;
    assert_eq!(done.state, RunState::Done, "{:?}", done.reason);
    for at in 0..TENANTS {
        let (things, versions) = world.state(at).await;
        assert!(
            things.contains(&"users_email_plain".to_owned()) && !things.contains(&"users_email".to_owned())
        );
        assert_eq!(versions.contains(&3), at < 2, "tenant {at}: {versions:?}");
        assert_eq!(versions.last(), Some(&4));
    }
    let result = life.fleet.result(&second.id).await.unwrap();
    assert_eq!((result.total, result.succeeded, result.failed), (10, 10, 0), "{:?}", result.errors);
    // That the third was replaced is no stain on anybody.
    let cells = life.fleet.status().await.unwrap().cells;
    assert_eq!(cells, [Cell { version: 4, status: StepStatus::Completed, tenants: 10 }]);
    // What has no way down can't be undone, and nothing is touched.
    let refused = life.engine.undo(&second.id, None, &ana()).await.unwrap_err().to_string();
    assert!(
        refused.contains("nothing was touched") && refused.contains("0004_emails has no way down"),
        "{refused}"
    );
    let back = life.fleet.rollback(&FleetScope::All, 2, false, &ana()).await.unwrap_err();
    assert!(back.to_string().contains("go back no further than to 4"), "{back}");
    // A way down may come later; and whoever never got the third needs none of it.
    world.write("0004_emails.down.sql", "DROP INDEX users_email_plain;");
    let back = life.fleet.rollback(&FleetScope::Tenant(tenant(0)), 2, false, &ana()).await.unwrap_err();
    assert!(back.to_string().contains("0003_unique has no way down"), "{back}");
    let back = life.fleet.rollback(&FleetScope::Tenant(tenant(5)), 2, false, &ana()).await.unwrap();
    life.go(&back).await;
    assert_eq!(life.engine.ended(&back.id).await.state, RunState::Done);
    assert_eq!(world.state(5).await.1, [1, 2]);
}

#[tokio::test]
async fn a_retry_takes_one_group_and_what_it_held_up() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), TENANTS).await;
    let settings = Settings { waves: vec![1_000], halt_permille: 1_000, halt_failures: 100, ..sample() };
    let life = world.life_with(Faults::none(), settings).await;
    world.enter(&life, TENANTS).await;
    for at in [3, 4] {
        world.run(at, "CREATE TABLE tags (x)").await;
    }
    world.run(7, "CREATE TABLE notes (x)").await;
    let run = life.going(2).await;
    let ended = life.engine.ended(&run.id).await;
    assert_eq!(ended.state, RunState::Done);
    let counts = &ended.progress.counts;
    assert_eq!((counts.failed, counts.skipped, counts.done), (3, 2, 15));
    let status = life.fleet.status().await.unwrap();
    let told: Vec<_> = status.failures.iter().map(|one| (one.migration.as_str(), one.tenants)).collect();
    assert_eq!(told, [("0001_tags", 2), ("0002_notes", 1)]);
    let result = life.fleet.result(&run.id).await.unwrap();
    assert_eq!((result.total, result.succeeded, result.failed, result.skipped), (10, 7, 3, 0));
    for at in [3, 4] {
        world.run(at, "DROP TABLE tags").await;
    }
    life.fleet.retry(&run.id, &status.failures[0].group, &ana()).await.unwrap();
    let again = life.engine.ended(&run.id).await;
    let counts = &again.progress.counts;
    assert_eq!((counts.failed, counts.skipped, counts.done), (1, 0, 19));
    let detail = life.instances.detail(&tenant(3)).await.unwrap();
    assert_eq!(detail.steps.iter().map(|step| step.attempt).collect::<Vec<_>>(), [2, 1]);
    let unknown = life.fleet.retry(&run.id, "nothing", &ana()).await.unwrap_err();
    assert!(unknown.to_string().contains("no failed tenant of group"));
}

#[tokio::test]
async fn who_is_away_or_was_changed_by_hand_is_named_and_the_others_are_done() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), TENANTS).await;
    let settings = Settings { waves: vec![1_000], ..sample() };
    let life = world.life_with(Faults::none(), settings).await;
    world.enter(&life, TENANTS).await;
    let first = life.going(1).await;
    assert_eq!(life.engine.ended(&first.id).await.state, RunState::Done);
    world.run(5, "ALTER TABLE tags ADD COLUMN colour TEXT").await;
    std::fs::rename(world.file(6), world.file(60)).unwrap();
    let run = life.going(2).await;
    let ended = life.engine.ended(&run.id).await;
    assert_eq!(
        (ended.state, ended.progress.counts.done, ended.progress.counts.skipped),
        (RunState::Done, 8, 2)
    );
    let result = life.fleet.result(&run.id).await.unwrap();
    assert_eq!((result.succeeded, result.failed, result.skipped), (8, 0, 2));
    let of = |at: usize| result.errors.iter().find(|one| one.user_id == tenant(at)).unwrap().error.clone();
    assert!(of(5).starts_with("drifted: ") && of(5).contains("colour"), "{}", of(5));
    assert!(of(6).starts_with("unreachable: "), "{}", of(6));
    assert!(of(6).contains("cutover fleet instance test"), "{}", of(6));
    let ask = WindowAsk { filter: "state:error".into(), limit: 10, ..WindowAsk::default() };
    let select = Select::understand(super::Fleet::FIELDS, &ask, 0).unwrap();
    let away = life.fleet.instances(&select, &ask).await.unwrap();
    assert_eq!(
        (away.total, away.rows[0].tenant.clone(), away.rows[0].state),
        (1, tenant(6), InstanceState::Error)
    );
    let detail = life.instances.detail(&tenant(5)).await.unwrap();
    assert!(
        detail.drift.iter().any(|line| line.starts_with('+') && line.contains("colour")),
        "{:?}",
        detail.drift
    );
    // The next plan leaves both out and says why.
    let next = life.fleet.plan(&FleetScope::All, Some(2), false, &ana()).await.unwrap();
    let summary: FleetSummary = serde_json::from_value(next.summary.clone()).unwrap();
    assert_eq!((summary.unreachable, summary.drifted, summary.changes, summary.at_target), (1, 1, 0, 8));
    let left = life.db.items(&next.id, Some(ItemState::Pending), None, 10).await.unwrap();
    assert_eq!(left.len(), 2);
}

#[tokio::test]
async fn after_a_crash_each_tenant_answers_for_all_its_steps_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), 4).await;
    let life = world.life(Faults::none()).await;
    world.enter(&life, 4).await;
    let first = life.going(1).await;
    assert_eq!(life.engine.ended(&first.id).await.state, RunState::Done);
    let items = async |run| life.db.items(run, None, None, 100).await.unwrap();
    let mut asked = items(&first.id).await;
    let second = life.fleet.plan(&FleetScope::All, Some(2), false, &ana()).await.unwrap();
    asked.extend(items(&second.id).await);
    asked.sort_by(|one, other| one.key.cmp(&other.key));
    std::fs::rename(world.file(2), world.file(20)).unwrap();
    let inner = &life.fleet.inner;
    let answers = inner.found_out(&second.id, Direction::Apply, &asked, 8).await;
    let told: Vec<_> =
        asked.iter().zip(answers).map(|(item, answer)| (item.key.clone(), answer.unwrap())).collect();
    assert_eq!(told.len(), 8);
    for (pair, at) in told.chunks(2).zip(0..) {
        let [(_, first), (key, second)] = pair else { panic!("{pair:?}") };
        assert!(key.contains(tenant(at).as_str()), "{key}");
        if at == 2 {
            // Who can't be asked is gone to again: each step of SQL begins by reading the ledger.
            assert_eq!((first, second), (&Resolved::NotDone, &Resolved::NotDone), "{key}");
        } else {
            assert_eq!((first, second), (&Resolved::Done, &Resolved::NotDone), "{key}");
        }
    }
    // Nor while somebody else has its lock, such as what a dead daemon left at work there.
    let row = inner.instance(&tenant(1)).await.unwrap().unwrap();
    let held = inner.open_to_migrate(&row).await.unwrap();
    let answers = inner.found_out(&second.id, Direction::Apply, &asked[2..4], 8).await;
    assert!(answers.iter().all(|one| matches!(one, Ok(Resolved::NotDone))), "{answers:?}");
    held.close().await;
}

#[tokio::test]
async fn what_a_plan_needs_is_asked_for_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), 1).await;
    let life = world.life(Faults::none()).await;
    let plan = async |scope: FleetScope, to| {
        life.fleet.plan(&scope, to, false, &ana()).await.unwrap_err().to_string()
    };
    assert_eq!(
        plan(FleetScope::All, None).await,
        "the fleet has no target version yet; the newest migration is 2"
    );
    assert_eq!(plan(FleetScope::All, Some(9)).await, "there is no migration 9; the newest is 2");
    assert_eq!(
        plan(FleetScope::All, Some(1)).await,
        "there is nothing to plan: scope all covers no instance"
    );
    assert_eq!(
        plan(FleetScope::Wave(7), Some(1)).await,
        "there is no wave 7: the waves are 1 (canary), 2 (10 %), 3 (all)"
    );
    world.write("0002_other.up.sql", "SELECT 1;");
    assert!(plan(FleetScope::All, Some(1)).await.starts_with("the migrations can't be used: "));
    assert_eq!(DriverKind::ALL.len(), 3);
}

/// Dies at a point, starts again, and the end is as if nothing had happened.
fn survives(back: bool) {
    let mut reached = 0;
    let points = ["fleet.step.before", "fleet.step.committed"];
    for point in crate::run::CRASH_POINTS.iter().chain(&points) {
        for nth in [1, 3, 8] {
            let dir = tempfile::tempdir().unwrap();
            let world = runtime().block_on(World::new(dir.path(), 6));
            let died = live_until(point, nth, async |faults| {
                let life = world.life(faults).await;
                world.enter(&life, 6).await;
                // Each schema was seen before; that tells nothing of what it is after the steps.
                let run = life.fleet.plan(&FleetScope::All, Some(2), true, &ana()).await.unwrap();
                life.go(&run).await;
                life.engine.ended(&run.id).await;
                if back {
                    life.engine.undo(&run.id, None, &ana()).await.unwrap();
                    life.engine.ended(&run.id).await;
                }
            });
            if !died {
                continue;
            }
            reached += 1;
            runtime().block_on(async {
                let at = format!("killed at {point} #{nth}");
                let life = world.life(Faults::none()).await;
                world.enter(&life, 6).await;
                let plan = async || life.fleet.plan(&FleetScope::All, Some(2), true, &ana()).await.unwrap();
                let run = life.engine.carried(&at, back, &ana(), plan).await;
                let counts = run.progress.counts;
                assert_eq!(if back { counts.undone } else { counts.done }, 12, "{at}: {counts:?}");
                for tenant in 0..6 {
                    let (things, versions) = world.state(tenant).await;
                    if back {
                        assert_eq!((things, versions), (names(&["users"]), vec![]), "{at}");
                    } else {
                        assert_eq!(versions, [1, 2], "{at}");
                        assert_eq!(things, names(&["notes", "tags", "tags_name", "users"]), "{at}");
                    }
                }
                plan().await;
                for row in life.rows().await {
                    assert_eq!(
                        (row.drift, row.state),
                        (None, InstanceState::Connected),
                        "{at}: {}",
                        row.tenant
                    );
                }
                assert!(crate::audit::verify(&life.db, None).await.unwrap().intact, "{at}");
            });
        }
    }
    assert!(reached >= 15, "only {reached} crashes were reached");
}

#[test]
fn a_run_of_the_fleet_survives_every_crash_point() {
    survives(false);
}

#[test]
fn an_undo_of_the_fleet_survives_every_crash_point() {
    survives(true);
}

#[tokio::test]
async fn a_plan_or_a_smaller_run_does_not_hide_the_one_that_is_halted() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), TENANTS).await;
    let life = world.life(Faults::none()).await;
    world.enter(&life, TENANTS).await;
    let first = life.fleet.plan(&FleetScope::All, Some(2), false, &ana()).await.unwrap();
    let status = life.fleet.status().await.unwrap();
    assert_eq!((status.run, status.plan.map(|plan| plan.id)), (None, Some(first.id.clone())));
    for at in 2..6 {
        world.run(at, "UPDATE users SET email = 'same@x'").await;
    }
    world.write("0003_unique.up.sql", "CREATE UNIQUE INDEX users_email ON users (email);");
    let halted = life.going(3).await.id;
    assert_eq!(life.engine.ended(&halted).await.state, RunState::Paused);
    let shown = async || {
        let status = life.fleet.status().await.unwrap();
        (status.run.map(|run| run.id), status.plan.map(|plan| plan.id))
    };
    assert_eq!(shown().await, (Some(halted.clone()), None), "the older plan is about what was before it");
    let one = life.fleet.plan(&FleetScope::Tenant(tenant(9)), Some(2), false, &ana()).await.unwrap();
    assert_eq!(shown().await, (Some(halted.clone()), Some(one.id.clone())));
    life.go(&one).await;
    assert_eq!(life.engine.ended(&one.id).await.state, RunState::Done);
    assert_eq!(shown().await, (Some(halted.clone()), None));
    // The failures are the halted run's, whatever was run since: that is the one to retry.
    let group = life.fleet.status().await.unwrap().failures.remove(0);
    assert_eq!(group.run, halted);
    life.engine.cancel(&halted, &ana()).await.unwrap();
    assert_eq!(shown().await, (Some(one.id), None), "none is live: the newest that was begun");
}

#[tokio::test]
async fn a_page_of_the_history_that_nobody_named_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let life = World::new(dir.path(), 0).await.life(Faults::none()).await;
    let page = |after: &str| PageAsk { after: Some(after.to_owned()), limit: 10 };
    for after in ["abc", "", "1x", "99999999999999999999"] {
        let refused = life.fleet.history(None, &page(after)).await.unwrap_err();
        assert!(matches!(refused, FleetError::NoSuchPage), "{after}: {refused}");
    }
    assert_eq!(life.fleet.history(None, &page("7")).await.unwrap().rows, []);
}
