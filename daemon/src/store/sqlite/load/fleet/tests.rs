//! What operations on the fleet leave behind, and that figures of ten thousand tenants come from indexes.

use cutover_shared::filter;
use cutover_shared::fleet::{ErrorClass, InstanceState, StepStatus};
use cutover_shared::run::{ItemState, RunState};
use cutover_shared::window::{Sort, WindowAsk};
use sqlx::Execute as _;

use super::super::filled::{filled, plan};
use super::*;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::store::sample::{instance, step};
use crate::store::{
    Db, Expected, FleetOp, ItemChange, Lane, NewItem, NewRun, Observation, Op, RunOp, RunPatch, Unit, open,
};

async fn store() -> (tempfile::TempDir, Db) {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&format!("sqlite:{}/cutover.db", dir.path().display()), Faults::none()).await.unwrap();
    (dir, db)
}

async fn write(db: &Db, op: impl Into<Op>) {
    db.write(Lane::Handler, Unit::new().with(op)).await.unwrap();
}

async fn the(db: &Db, tenant: &str) -> InstanceRow {
    db.fleet_instances_of(&[tenant.into()]).await.unwrap().pop().unwrap()
}

async fn standing(db: &Db, target: u32) -> Vec<(String, StepStatus, Option<u32>)> {
    let select = Select { limit: 100, ..Select::default() };
    let window = db.fleet_window(&select, target, &[1_000_001], 0, 100).await.unwrap();
    let one = |one: &InstanceStanding| {
        (one.row.tenant.0.clone(), one.status, one.failed.as_ref().map(|step| step.version))
    };
    window.rows.iter().map(one).collect()
}

fn seen(tenant: &str) -> Observation {
    Observation::connected(tenant.into(), 50)
}

fn failed(tenant: &str, version: u32, group: &str) -> StepRow {
    let class = Some(ErrorClass::MigrationBug);
    let (error, error_group) = (Some(format!("error of {group}")), Some(group.to_owned()));
    StepRow { class, error, error_group, ..step(tenant, version, StepStatus::Failed) }
}

#[tokio::test]
async fn migrations_are_replaced_until_they_were_run() {
    let (_dir, db) = store().await;
    let row = |version, checksum: &str| MigrationRow {
        version,
        id: format!("{version:04}_m"),
        checksum: checksum.to_owned(),
        files: "[]".to_owned(),
        recorded_at: 1,
        pinned_at: None,
    };
    let put = |rows| FleetOp::Migrations { rows, after: 0, until: 8 };
    write(&db, put(vec![row(2, "a"), row(1, "a"), row(4, "a"), row(9, "a")])).await;
    write(&db, FleetOp::Pin { rows: vec![row(1, "a"), row(3, "a")], at: 7 }).await;
    // A version that was run keeps its text; of one that was not, the text that is run is the one.
    write(&db, FleetOp::Pin { rows: vec![row(1, "b"), row(9, "b")], at: 8 }).await;
    // What is gone is forgotten, where it was never run and the question was of it.
    write(&db, put(vec![row(1, "b"), row(2, "b")])).await;
    let pinned = |version, text, at| MigrationRow { pinned_at: Some(at), ..row(version, text) };
    let all = [pinned(1, "a", 7), row(2, "b"), pinned(3, "a", 7), pinned(9, "b", 8)];
    assert_eq!(db.fleet_migrations().await.unwrap(), all);
    let marks = all.map(|row| MigrationMark {
        version: row.version,
        id: row.id,
        checksum: row.checksum,
        pinned_at: row.pinned_at,
    });
    assert_eq!(db.fleet_marks().await.unwrap(), marks);
    write(&db, put(vec![])).await;
    assert_eq!(db.fleet_marks().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_pin_keeps_the_way_down_that_was_written_since() {
    let (_dir, db) = store().await;
    let row = |checksum: &str, files: &str| MigrationRow {
        version: 1,
        id: "0001_m".to_owned(),
        checksum: checksum.to_owned(),
        files: files.to_owned(),
        recorded_at: 1,
        pinned_at: None,
    };
    write(&db, FleetOp::Migrations { rows: vec![row("a", "with a down")], after: 0, until: u32::MAX }).await;
    write(&db, FleetOp::Pin { rows: vec![row("a", "without")], at: 7 }).await;
    let pinned = MigrationRow { pinned_at: Some(7), ..row("a", "with a down") };
    assert_eq!(db.fleet_migrations().await.unwrap(), [pinned]);
    let text = |digest: &str| MigrationText {
        digest: digest.to_owned(),
        version: 1,
        id: "0001_m".to_owned(),
        checksum: "a".to_owned(),
        files: "[]".to_owned(),
        recorded_at: 5,
    };
    write(&db, FleetOp::Texts { rows: vec![text("x"), text("y"), text("x")] }).await;
    assert_eq!(db.fleet_texts(&["y".to_owned(), "z".to_owned()]).await.unwrap(), [text("y")]);
}

#[tokio::test]
async fn what_was_seen_of_a_replaced_instance_stays_while_its_place_does() {
    let (_dir, db) = store().await;
    write(&db, FleetOp::Instances { rows: vec![instance("acme", 9), instance("beta", 0)] }).await;
    assert_eq!(the(&db, "acme").await, instance("acme", 9));
    let see = Observation {
        version: Some(3),
        seen_schema: Some("h".into()),
        expected: Expected::Schema("h".into()),
        ..seen("acme")
    };
    write(&db, FleetOp::Observe { rows: vec![see.clone(), Observation { tenant: "beta".into(), ..see }] })
        .await;
    write(&db, FleetOp::Steps { rows: vec![failed("acme", 4, "g"), failed("beta", 4, "g")] }).await;
    write(&db, FleetOp::History { rows: vec![failed("acme", 4, "g"), failed("beta", 4, "g")] }).await;

    // The same database with another password; and another database.
    let sealed =
        InstanceRow { sealed: "new".into(), key_id: "k2".into(), added_at: 99, ..instance("acme", 8) };
    let moved = InstanceRow { place: "db2:5432/beta".into(), ..instance("beta", 0) };
    write(&db, FleetOp::Instances { rows: vec![sealed.clone(), moved.clone()] }).await;
    let kept = InstanceRow {
        state: InstanceState::Connected,
        version: 3,
        seen_schema: Some("h".into()),
        expected_schema: Some("h".into()),
        checked_at: Some(50),
        added_at: 1,
        ..sealed
    };
    assert_eq!(the(&db, "acme").await, kept);
    assert_eq!(the(&db, "beta").await, moved);
    let (acme, beta) = ("acme".to_owned(), "beta".to_owned());
    let expected = [(acme.clone(), StepStatus::Failed, Some(4)), (beta, StepStatus::Pending, None)];
    assert_eq!(standing(&db, 4).await, expected);
    assert_eq!(db.fleet_steps(&"beta".into()).await.unwrap(), []);
    // Another kind of database at the same words is another database.
    let other = InstanceRow { driver: DriverKind::Http, ..kept };
    write(&db, FleetOp::Instances { rows: vec![other] }).await;
    assert_eq!(standing(&db, 0).await[0], (acme, StepStatus::Completed, None));

    write(&db, FleetOp::Steps { rows: vec![step("beta", 1, StepStatus::Running)] }).await;
    write(&db, FleetOp::Remove { tenants: vec!["beta".into(), "nobody".into()] }).await;
    // A step of a run that was under way comes too late.
    write(&db, FleetOp::Steps { rows: vec![failed("beta", 1, "g")] }).await;
    assert_eq!(db.fleet_steps(&"beta".into()).await.unwrap(), []);
    assert_eq!(db.fleet_failures().await.unwrap(), []);
    assert_eq!(db.fleet_instances_of(&["beta".into()]).await.unwrap(), []);
    assert_eq!(db.fleet_history(None, None, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_could_not_be_seen_changes_nothing_that_was() {
    let (_dir, db) = store().await;
    write(&db, FleetOp::Instances { rows: vec![instance("acme", 1)] }).await;
    write(&db, FleetOp::Notified { tenants: vec!["acme".into()], at: 40 }).await;
    let schema = |hash: &str| Some(hash.to_owned());
    let first = Observation {
        version: Some(2),
        seen_schema: schema("a"),
        expected: Expected::Schema("a".into()),
        ..seen("acme")
    };
    let second =
        Observation { seen_schema: schema("b"), drift: Some("+ table x".into()), at: 60, ..seen("acme") };
    // Both in one unit: the later counts, and adds to the earlier.
    write(&db, FleetOp::Observe { rows: vec![first, second] }).await;
    let row = the(&db, "acme").await;
    assert_eq!(
        (row.version, row.expected_schema.as_deref(), row.seen_schema.as_deref()),
        (2, Some("a"), Some("b"))
    );
    assert_eq!((row.drift.as_deref(), row.checked_at, row.notified_at), (Some("+ table x"), Some(60), None));

    let down = Observation { state: InstanceState::Error, reason: Some("refused".into()), ..seen("acme") };
    // Whose notice comes when it can be reached again: the next outage is told all the same.
    write(&db, FleetOp::Notified { tenants: vec!["acme".into()], at: 65 }).await;
    assert_eq!(the(&db, "acme").await.notified_at, None);
    write(&db, FleetOp::Observe { rows: vec![down] }).await;
    write(&db, FleetOp::Notified { tenants: vec!["acme".into()], at: 70 }).await;
    let found = the(&db, "acme").await;
    let expected = InstanceRow {
        state: InstanceState::Error,
        reason: Some("refused".into()),
        notified_at: Some(70),
        checked_at: Some(50),
        ..row
    };
    assert_eq!(found, expected);
    // Asked for its version only, it is as adrift as it was; accepted, it is not.
    write(&db, FleetOp::Observe { rows: vec![Observation { version: Some(3), ..seen("acme") }] }).await;
    let found = the(&db, "acme").await;
    assert_eq!(
        (found.version, found.drift.is_some(), found.reason, found.notified_at),
        (3, true, None, None)
    );
    let accepted =
        Observation { expected: Expected::Schema("b".into()), seen_schema: schema("b"), ..seen("acme") };
    write(&db, FleetOp::Observe { rows: vec![accepted] }).await;
    let found = the(&db, "acme").await;
    assert_eq!((found.expected_schema.as_deref(), found.drift), (Some("b"), None));
    // Changed by a step of ours, what was seen before it tells nothing any more: neither of a tenant that is taken to be like others,
    // nor of one of which nothing is known.
    for (expected, kept) in [(Expected::Schema("c".into()), Some("c")), (Expected::Unknown, None)] {
        write(&db, FleetOp::Observe { rows: vec![Observation { expected, ..seen("acme") }] }).await;
        let found = the(&db, "acme").await;
        assert_eq!((found.expected_schema.as_deref(), found.seen_schema, found.drift), (kept, None, None));
    }
}

#[tokio::test]
async fn a_tenants_status_is_the_worst_of_its_steps() {
    let (_dir, db) = store().await;
    write(&db, FleetOp::Instances { rows: vec![instance("acme", 1)] }).await;
    let at =
        |version| FleetOp::Observe { rows: vec![Observation { version: Some(version), ..seen("acme") }] };
    let one = async || standing(&db, 3).await.pop().map(|(_, status, failed)| (status, failed)).unwrap();
    assert_eq!(one().await, (StepStatus::Pending, None));
    let steps = |rows| FleetOp::Steps { rows };
    write(&db, steps(vec![step("acme", 1, StepStatus::Completed), step("acme", 2, StepStatus::Skipped)]))
        .await;
    assert_eq!(one().await, (StepStatus::Pending, None));
    write(&db, at(3)).await;
    // One that a later one replaces is nobody's trouble.
    assert_eq!(one().await, (StepStatus::Completed, None));
    let left_out = StepRow { class: Some(ErrorClass::Connection), ..step("acme", 2, StepStatus::Skipped) };
    write(&db, steps(vec![left_out])).await;
    assert_eq!(one().await, (StepStatus::Skipped, None));
    write(&db, steps(vec![step("acme", 3, StepStatus::Running)])).await;
    assert_eq!(one().await, (StepStatus::Running, None));
    write(&db, steps(vec![failed("acme", 2, "g"), failed("acme", 3, "g")])).await;
    assert_eq!(one().await, (StepStatus::Failed, Some(3)));
    write(&db, steps(vec![step("acme", 3, StepStatus::Running)])).await;
    assert_eq!(one().await, (StepStatus::Failed, Some(2)));
    let both = db.fleet_figures(3, (0, 10)).await.unwrap();
    assert_eq!((both.failed, both.running), (1, 1));
    // The same step twice in one unit: the later counts.
    let last = step("acme", 3, StepStatus::Completed);
    write(&db, steps(vec![step("acme", 2, StepStatus::Completed), failed("acme", 3, "g"), last.clone()]))
        .await;
    assert_eq!(one().await, (StepStatus::Completed, None));
    let all = db.fleet_steps(&"acme".into()).await.unwrap();
    assert_eq!((all.len(), &all[2]), (3, &last));
}

#[tokio::test]
async fn only_the_envelope_that_was_opened_is_replaced() {
    let (_dir, db) = store().await;
    write(&db, FleetOp::Instances { rows: vec![instance("acme", 1), instance("beta", 2)] }).await;
    let reseal = |tenant: &str, old: &str| {
        (tenant.into(), old.to_owned(), format!("new of {tenant}"), "k2".to_owned())
    };
    let rows = vec![reseal("acme", "s1.k1.acme"), reseal("beta", "s1.k1.other"), reseal("gone", "x")];
    assert_eq!(db.fleet_other_key("k2").await.unwrap(), 2);
    write(&db, FleetOp::Reseal { rows }).await;
    assert_eq!(the(&db, "acme").await.sealed, "new of acme");
    assert_eq!(the(&db, "beta").await, instance("beta", 2));
    assert_eq!((db.fleet_other_key("k2").await.unwrap(), db.fleet_other_key("k1").await.unwrap()), (1, 1));
    let filter = InstanceFilter { other_key: Some("k2".into()), ..InstanceFilter::default() };
    assert_eq!(db.fleet_instances(&filter, None, 9).await.unwrap(), [instance("beta", 2)]);
}

#[tokio::test]
async fn instances_come_by_place_and_page_without_a_gap() {
    let (_dir, db) = store().await;
    let rows: Vec<_> = (0..20_u32).map(|n| instance(&format!("t{n:02}"), n * 7 % 5)).collect();
    write(&db, FleetOp::Instances { rows: rows.clone() }).await;
    write(&db, FleetOp::Places { rows: vec![("t01".into(), 4), ("t01".into(), 3)] }).await;
    let down = Observation { state: InstanceState::Error, reason: Some("x".into()), ..seen("t04") };
    write(&db, FleetOp::Observe { rows: vec![down, seen("t05")] }).await;
    let names = async |filter: InstanceFilter| {
        let (mut all, mut after): (Vec<(u32, String)>, _) = (Vec::new(), None);
        loop {
            let page =
                db.fleet_instances(&filter, after.as_ref().map(|(p, t): &(u32, String)| (*p, t.as_str())), 3);
            let page = page.await.unwrap();
            let Some(last) = page.last() else { return all };
            after = Some((last.place_in_waves, last.tenant.0.clone()));
            all.extend(page.into_iter().map(|row| (row.place_in_waves, row.tenant.0)));
        }
    };
    let mut expected: Vec<_> = rows
        .iter()
        .map(|row| (row.place_in_waves, row.tenant.0.clone()))
        .filter(|(_, t)| t != "t01")
        .collect();
    expected.push((3, "t01".to_owned()));
    expected.sort();
    let all = InstanceFilter::default();
    assert_eq!(names(all.clone()).await, expected);
    let some = names(InstanceFilter { places: Some((1, 3)), ..all.clone() }).await;
    expected.retain(|(place, _)| (1..3).contains(place));
    assert_eq!(some, expected);
    let only =
        |filter| async { names(filter).await.into_iter().map(|(_, tenant)| tenant).collect::<Vec<_>>() };
    assert_eq!(only(InstanceFilter { state: Some(InstanceState::Error), ..all.clone() }).await, ["t04"]);
    assert_eq!(only(InstanceFilter { tenant: Some("t09".into()), ..all.clone() }).await, ["t09"]);
    assert_eq!(only(InstanceFilter { checked_before: Some(50), ..all.clone() }).await.len(), 18);
    assert_eq!(only(InstanceFilter { checked_before: Some(51), ..all }).await.len(), 20);
}

#[tokio::test]
async fn a_schema_is_kept_once_and_the_history_comes_newest_first() {
    let (_dir, db) = store().await;
    let keep = |hash: &str, lines: &str| FleetOp::Schemas { rows: vec![(hash.into(), lines.into())], at: 1 };
    write(&db, keep("h", "table a")).await;
    write(&db, keep("h", "table b")).await;
    assert_eq!(db.fleet_schema("h").await.unwrap().as_deref(), Some("table a"));
    assert_eq!(db.fleet_schema("i").await.unwrap(), None);
    let rows = vec![
        step("acme", 1, StepStatus::Completed),
        step("beta", 1, StepStatus::Skipped),
        failed("acme", 2, "g"),
    ];
    write(&db, FleetOp::History { rows }).await;
    let all = db.fleet_history(None, None, 2).await.unwrap();
    assert_eq!(
        (all[0].version, all[0].error.as_deref(), all[1].status),
        (2, Some("error of g"), StepStatus::Skipped)
    );
    let acme = db.fleet_history(Some(&"acme".into()), Some(all[0].seq), 9).await.unwrap();
    assert_eq!((acme.len(), acme[0].seq, acme[0].status), (1, 1, StepStatus::Completed));
}

fn item(key: &str, ord: i64) -> NewItem {
    NewItem { ord, key: key.to_owned(), body: "{}".to_owned() }
}

#[tokio::test]
async fn a_waves_items_count_since_somebody_let_it_go_on() {
    let (_dir, db) = store().await;
    let keys = ["w1:a/0000", "w1:a/0001", "w1:b/0000", "w1:c/0000", "w1:d/0000", "w2:a/0000"];
    let run = NewRun {
        id: "r".into(),
        kind: "fleet".into(),
        scope: "all".into(),
        digest: "d".into(),
        basis: "{}".into(),
        effect: "remote".into(),
        reversibility: "{}".into(),
        author: "ana".into(),
        planned_at: 1,
        expires_at: 100,
        summary: "{}".into(),
    };
    let rows = (0..).zip(keys).map(|(ord, key)| item(key, ord)).collect();
    let unit = Unit::new().with(RunOp::AddItems { run: "r".into(), rows }).with(RunOp::Create(Box::new(run)));
    db.write(Lane::Run, unit).await.unwrap();
    let change = |ord, to, reason: Option<&str>| {
        let reason = reason.map(str::to_owned);
        ItemChange { ord, from: ItemState::Pending, to, before: None, reason }
    };
    let items = |at, rows| RunOp::Items { run: "r".into(), at, rows };
    let away = Some("unreachable: no connection");
    write(&db, items(10, vec![change(0, ItemState::Unknown, None), change(1, ItemState::Unknown, None)]))
        .await;
    write(&db, items(20, vec![change(2, ItemState::Failed, None), change(3, ItemState::Skipped, away)]))
        .await;
    let replaced = Some("replaced by 0003_x");
    write(&db, items(20, vec![change(4, ItemState::Skipped, replaced), change(5, ItemState::Skipped, away)]))
        .await;
    let run = "r".into();
    assert_eq!(db.fleet_wrong(&run, "w1:", "w1;", 0).await.unwrap(), (2, 1), "a and b, and c");
    assert_eq!(db.fleet_wrong(&run, "w1:", "w1;", 11).await.unwrap(), (1, 1));
    assert_eq!(db.fleet_wrong(&run, "w2:", "w2;", 0).await.unwrap(), (0, 1));

    let go = |from, to, resumed_at| RunOp::Move {
        run: "r".into(),
        from: vec![from],
        to,
        patch: RunPatch { resumed_at, ..RunPatch::default() },
    };
    write(&db, go(RunState::Planned, RunState::Paused, None)).await;
    assert_eq!(db.run(&run).await.unwrap().unwrap().resumed_at, None);
    write(&db, go(RunState::Paused, RunState::Applying, Some(30))).await;
    write(&db, go(RunState::Applying, RunState::Paused, None)).await;
    assert_eq!(db.run(&run).await.unwrap().unwrap().resumed_at, Some(30));
}

/// Ten thousand tenants with five migrations each: one in ten can't be reached, one in a hundred failed, some are adrift.
const FILL: &str = "
    INSERT INTO fleet_migrations (version, id, checksum, files, recorded_at)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5)
    SELECT i, printf('%04d_m', i), 'c', '[]', 1 FROM n;
    INSERT INTO fleet_instances (tenant_id, driver, place, host, server, sealed, key_id, state, version, expected_schema,
                                 seen_schema, drift, place_in_waves, marks, failed_version, checked_at, added_at)
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
    SELECT printf('tenant-%05d', i * 7919 % 10000), 'postgres', printf('db%d:5432/t%d', i % 20, i), printf('db%d', i % 20),
           printf('db%d:5432', i % 20), printf('%0300d', i), CASE i % 50 WHEN 7 THEN 'k1' ELSE 'k2' END,
           CASE i % 10 WHEN 3 THEN 'error' ELSE 'connected' END, CASE i % 100 WHEN 5 THEN 4 ELSE 5 END, printf('schema-%d', i % 3),
           'schema-0', CASE i % 100 WHEN 9 THEN '+ table sketches' END, i * 104729 % 1000000,
           CASE i % 100 WHEN 5 THEN 4 ELSE 0 END, CASE i % 100 WHEN 5 THEN 5 END, i, 1 FROM n;
    INSERT INTO fleet_steps (tenant_id, version, migration, status, way, class, error, error_group, attempt, run_id, started_at,
                             completed_at)
    SELECT i.tenant_id, m.version, m.id, CASE WHEN m.version = i.failed_version THEN 'failed' ELSE 'completed' END, 'up',
           CASE WHEN m.version = i.failed_version THEN 'migration bug' END,
           CASE WHEN m.version = i.failed_version THEN 'column exists already' END,
           CASE WHEN m.version = i.failed_version THEN printf('group-%d', i.checked_at % 200 / 100) END, 1, 'r', 1, 2
      FROM fleet_instances AS i CROSS JOIN fleet_migrations AS m;
    INSERT INTO run_items (run_id, ord, key, state, body, updated_at)
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 49999)
    SELECT 'r', i, printf('w%d:%05d', i * 4 / 50000, i), CASE i % 100 WHEN 5 THEN 'failed' ELSE 'done' END, printf('%0400d', i), i
      FROM n;";

#[tokio::test]
async fn ten_thousand_tenants_are_counted_by_their_indexes() {
    let (_dir, db, mut connection) = filled(FILL).await;
    let cells = db.fleet_cells(5).await.unwrap();
    let cells: Vec<_> = cells.iter().map(|cell| (cell.version, cell.status, cell.tenants)).collect();
    assert_eq!(cells, [(4, StepStatus::Failed, 100), (5, StepStatus::Completed, 9_900)]);
    let all = db.fleet_figures(5, (0, 1_000_001)).await.unwrap();
    assert_eq!((all.tenants, all.connected, all.error, all.outdated), (10_000, 9_000, 1_000, 100));
    assert_eq!((all.drifted, all.failed, all.running, all.left), (100, 100, 0, 0));
    // Of those that are below it the failed and the unreachable are not still to be tried.
    assert_eq!(db.fleet_figures(6, (0, 1_000_001)).await.unwrap().left, 8_900);
    let part = db.fleet_figures(5, (1, 10_001)).await.unwrap();
    assert!(part.tenants > 50 && part.tenants < 200, "{part:?}");
    assert_eq!(db.fleet_figures(5, (9, 9)).await.unwrap(), FleetFigures::default());
    let failures = db.fleet_failures().await.unwrap();
    let found: Vec<_> =
        failures.iter().map(|row| (row.group.as_str(), row.tenants, &row.migration)).collect();
    assert_eq!(found, [("group-0", 50, &"0005_m".to_owned()), ("group-1", 50, &"0005_m".to_owned())]);
    assert_eq!(
        (failures[0].class, failures[0].error.as_str()),
        (ErrorClass::MigrationBug, "column exists already")
    );
    let reached = db.fleet_reached().await.unwrap();
    assert_eq!(reached, [(1, 10_000), (2, 10_000), (3, 10_000), (4, 10_000), (5, 9_900)]);
    let common = db.fleet_common_schema(DriverKind::Postgres, 5).await.unwrap();
    assert_eq!(common.as_deref(), Some("schema-0"));
    assert_eq!(db.fleet_common_schema(DriverKind::Http, 5).await.unwrap(), None);
    assert_eq!(db.fleet_other_key("k2").await.unwrap(), 200);
    let (failed, _) = db.fleet_wrong(&"r".into(), "w1:", "w1;", 0).await.unwrap();
    assert!((1..=125).contains(&failed), "{failed}");

    let select = |filter: &str, sort: Option<&str>| {
        let sort = sort.map(|field| Sort { field: field.to_owned(), descending: false });
        let ask = WindowAsk { filter: filter.to_owned(), sort, offset: 0, limit: 100 };
        Select::understand(&filter::INSTANCES, &ask, 0).unwrap()
    };
    let statement = |what, filter: &str, sort| {
        let sql =
            window::instances_sql(what, &select(filter, sort), 5, &[10_001, 100_001, 1_000_001]).unwrap();
        let mut sql = sql;
        sql.build().sql().as_str().to_owned()
    };
    let picked = |filter: InstanceFilter| {
        let mut sql = instance::picked(&filter, Some((1, "t")), 100);
        sql.build().sql().as_str().to_owned()
    };
    let down = InstanceFilter { state: Some(InstanceState::Error), ..InstanceFilter::default() };
    let seek = "SEARCH";
    for (sql, table, step) in [
        (
            figure::CELLS.to_owned(),
            "fleet_instances",
            "SCAN fleet_instances USING COVERING INDEX fleet_instances_version",
        ),
        (
            figure::FIGURES.to_owned(),
            "fleet_instances",
            "SEARCH fleet_instances USING COVERING INDEX fleet_instances_waves",
        ),
        (
            figure::FAILURES.to_owned(),
            "fleet_steps",
            "SCAN fleet_steps USING COVERING INDEX fleet_steps_failed",
        ),
        (
            figure::COMMON_SCHEMA.to_owned(),
            "fleet_instances",
            "SEARCH fleet_instances USING COVERING INDEX fleet_instances_version",
        ),
        (
            figure::OTHER_KEY.to_owned(),
            "fleet_instances",
            "SEARCH fleet_instances USING COVERING INDEX fleet_instances_key",
        ),
        (figure::WRONG.to_owned(), "run_items", seek),
        (step::STEPS.to_owned(), " s ", seek),
        (step::HISTORY.to_owned(), "fleet_history", seek),
        (step::HISTORY_OF.to_owned(), "fleet_history", seek),
        (picked(down), "fleet_instances", "SEARCH fleet_instances USING INDEX fleet_instances_waves"),
        (statement("count(*)", "", None), " f ", "SEARCH"),
        (statement("count(*)", "pending>0 !column", Some("wave")), " m ", "SEARCH"),
        (statement("tenant", "status:failed", None), " f ", "SEARCH"),
    ] {
        let plan = plan(&mut connection, &sql).await;
        let ours: Vec<_> = plan.iter().filter(|line| line.contains(table)).collect();
        assert!(ours.iter().all(|line| line.starts_with(step)), "{sql}\n{plan:#?}");
    }
}

/// `cargo test -p cutover-daemon --lib fleet_figures_take -- --ignored --nocapture`
#[tokio::test]
#[allow(clippy::print_stdout, reason = "the figures are what it is for")]
#[ignore = "prints figures; ten_thousand_tenants_are_counted_by_their_indexes holds the behaviour"]
async fn fleet_figures_take() {
    let (_dir, db, _connection) = filled(FILL).await;
    let clock = Clock::system();
    let waves = [10_001, 100_001, 1_000_001];
    for (filter, field) in [
        ("", ""),
        ("", "server"),
        ("", "wave"),
        ("", "pending"),
        ("99", ""),
        ("status:failed", ""),
        ("status:completed wave:3", "checked"),
        ("!column", "error"),
    ] {
        let sort = (!field.is_empty()).then(|| Sort { field: field.to_owned(), descending: true });
        let mut ask = WindowAsk { filter: filter.to_owned(), sort, offset: 0, limit: 100 };
        for offset in [0, 5_000, 9_900] {
            ask.offset = offset;
            let select = Select::understand(&filter::INSTANCES, &ask, 0).unwrap();
            let begin = clock.monotonic();
            let found = db.fleet_window(&select, 5, &waves, offset, 100).await.unwrap();
            println!("{filter:24} {field:8} {offset:6} of {:6} {:?}", found.total, clock.monotonic() - begin);
        }
    }
    let begin = clock.monotonic();
    db.fleet_cells(5).await.unwrap();
    println!("cells {:?}", clock.monotonic() - begin);
    let begin = clock.monotonic();
    db.fleet_figures(5, (0, 1_000_001)).await.unwrap();
    println!("figures {:?}", clock.monotonic() - begin);
    let begin = clock.monotonic();
    db.fleet_failures().await.unwrap();
    println!("failures {:?}", clock.monotonic() - begin);
    let begin = clock.monotonic();
    db.fleet_wrong(&"r".into(), "w1:", "w1;", 0).await.unwrap();
    println!("12,500 items between {:?}", clock.monotonic() - begin);
    let begin = clock.monotonic();
    for chunk in 0..100_u32 {
        let tenants = (0..250).map(|n| format!("tenant-{:05}", (chunk % 40) * 250 + n));
        let version = chunk / 40 + 6;
        let rows: Vec<_> = tenants.map(|tenant| step(&tenant, version, StepStatus::Completed)).collect();
        let seen = rows
            .iter()
            .map(|row| Observation { version: Some(version), ..seen(row.tenant.as_str()) })
            .collect();
        let unit = Unit::new().with(FleetOp::Steps { rows: rows.clone() }).with(FleetOp::History { rows });
        db.write(Lane::Run, unit.with(FleetOp::Observe { rows: seen })).await.unwrap();
    }
    println!("25,000 steps, attempts and observations {:?}", clock.monotonic() - begin);
    db.close().await;
}
