//! The application's own workflows: read, changed, removed, mistaken, in the way of others, away and back, pushed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cutover_daemon::audit::Who;
use cutover_daemon::client::Client;
use cutover_daemon::clock::Clock;
use cutover_daemon::faults::Faults;
use cutover_daemon::flows::app_workflows::{AppWorkflows, Reading, ReadingError, forget};
use cutover_daemon::gateway::outbox::{Outbox, OutboxSettings, Service};
use cutover_daemon::gateway::triggers::{Files, FilesError, Listing, PutError, RemoveError, Triggers};
use cutover_daemon::mapping::catalog::app_database::{AppDatabase, AppDatabaseError};
use cutover_daemon::mapping::catalog::ddl::quoted;
use cutover_daemon::store::{
    Db, DispatchRow, DispatchTo, InboxOp, Lane, NewDelivery, NewDispatches, OutboxOp, Select, Unit,
    WorkflowRow, open,
};
use cutover_shared::workflow::{DispatchState, WorkflowSource};
use cutover_tests::engine_sim::EngineSim;
use cutover_tests::services::Postgres;
use serde_json::{Value, json};

use super::world::{App, hostile, prisma};

const NOW: i64 = 1_700_000_000_000;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

struct NoFiles;

#[async_trait]
impl Files for NoFiles {
    async fn of(&self, _: i64, _: &str, _: i64) -> Result<Listing, FilesError> {
        Ok(Listing::default())
    }
}

/// One life of the daemon.
struct Life {
    db: Db,
    triggers: Arc<Triggers>,
    flows: Arc<AppWorkflows>,
    clock: Clock,
}

impl Life {
    async fn new(dir: &std::path::Path, database: AppDatabase, clock: Clock, channel: Option<&str>) -> Self {
        let db = open(&format!("sqlite:{}/cutover.db", dir.display()), Faults::none()).await.unwrap();
        let triggers = Triggers::new(db.clone(), clock.clone(), Arc::new(NoFiles));
        triggers.load().await.unwrap();
        let channel = channel.map(str::to_owned);
        let flows = AppWorkflows::new(database, db.clone(), triggers.clone(), clock.clone(), DAY, channel);
        Self { db, triggers, flows, clock }
    }

    async fn read(&self) -> Reading {
        self.flows.read().await.unwrap()
    }

    async fn rows(&self) -> BTreeMap<String, WorkflowRow> {
        let rows = self.db.workflows_after(None, 20_000).await.unwrap();
        rows.into_iter().map(|row| (row.id.clone(), row)).collect()
    }

    async fn ids(&self) -> Vec<String> {
        self.rows().await.into_keys().collect()
    }

    /// Newest audit records.
    async fn records(&self, n: u32) -> Vec<String> {
        self.db.audit_newest(None, n).await.unwrap().into_iter().map(|row| row.bytes).collect()
    }

    async fn records_in_all(&self) -> i64 {
        self.db.audit_newest(None, 1).await.unwrap().first().map_or(0, |row| row.seq)
    }

    async fn register(&self, id: &str) -> Result<bool, PutError> {
        let new = json!({ "name": id, "trigger": rule("own/repo"), "definition": {} });
        let new = serde_json::from_value(new).unwrap();
        self.triggers.put(id, new, &ana()).await.map(|(_, is_new)| is_new)
    }
}

struct Ours {
    dir: tempfile::TempDir,
    app: App,
    life: Life,
}

impl Ours {
    async fn new(ids: &str) -> Self {
        let (dir, mut app) = (tempfile::tempdir().unwrap(), App::new(prisma(), "TEXT").await);
        tables(&mut app, ids).await;
        let life = Life::new(dir.path(), app.open(), Clock::manual(NOW), None).await;
        Self { dir, app, life }
    }
}

fn ana() -> Who {
    Who { operator: "ana".into(), origin: "test".to_owned() }
}

fn rule(repository: &str) -> Value {
    json!({ "repository": repository, "events": ["push"] })
}

async fn tables(app: &mut App, ids: &str) {
    let (q, n) = (quoted, app.names.workflows.clone());
    let schema = q(&app.names.schema);
    app.sql(&format!(
        "CREATE TABLE {schema}.{} ({} {ids} PRIMARY KEY, {} TEXT, {} JSONB);
         CREATE TABLE {schema}.{} ({} {ids} PRIMARY KEY, {} {ids}, {} TEXT DEFAULT 'TRIGGER_GITHUB', {} JSONB)",
        q(&n.table),
        q(&n.id),
        q(&n.name),
        q(&n.definition),
        q(&n.triggers),
        q(&n.trigger_id),
        q(&n.trigger_workflow),
        q(&n.trigger_type),
        q(&n.trigger_config),
    ))
    .await;
}

/// A workflow with one trigger for each of these rules; the trigger's id is the workflow's with two digits more.
async fn add(app: &mut App, workflow: i64, rules: &[Value]) {
    let (q, n) = (quoted, app.names.workflows.clone());
    let schema = q(&app.names.schema);
    let mut sql = format!(
        "INSERT INTO {schema}.{} VALUES ({workflow}, 'W{workflow}', '{{\"n\": {workflow}}}');",
        q(&n.table)
    );
    for (at, rule) in rules.iter().enumerate() {
        sql += &format!(
            "INSERT INTO {schema}.{} VALUES ({}, {workflow}, DEFAULT, '{rule}');",
            q(&n.triggers),
            workflow * 100 + i64::try_from(at).unwrap()
        );
    }
    app.sql(&sql).await;
}

fn figures(reading: &Reading) -> (u64, u64, u64, u64, u64, u64) {
    let Reading { added, changed, unchanged, removed, mistaken, left_out, .. } = reading;
    (*added, *changed, *unchanged, *removed, *mistaken, *left_out)
}

#[tokio::test]
async fn workflows_are_read_changed_and_removed_and_nothing_else_is_written() {
    let Ours { dir: _dir, mut app, life } = Ours::new("BIGINT").await;
    add(&mut app, 1, &[rule("acme/site")]).await;
    add(
        &mut app,
        2,
        &[json!({ "repository": "acme/*", "events": ["push", "release"], "attach_context": true })],
    )
    .await;
    add(&mut app, 3, &[]).await;
    app.sql("INSERT INTO workflow_triggers VALUES (300, 3, 'TRIGGER_CRON', '{}')").await;
    assert!(!life.triggers.awaits("push", Some("acme/site")));
    assert_eq!(figures(&life.read().await), (2, 0, 0, 0, 0, 0));
    assert!(life.triggers.awaits("push", Some("Acme/Site")), "at once");
    assert!(!life.triggers.awaits("release", Some("other/x")));
    let rows = life.rows().await;
    assert_eq!(rows.keys().collect::<Vec<_>>(), ["1", "2"]);
    let row = &rows["2"];
    assert_eq!((row.name.as_str(), row.updated_by.as_str()), ("W2", "application"));
    assert_eq!((row.source, row.attach_context), (WorkflowSource::Application, true));
    assert_eq!(serde_json::from_str::<Value>(&row.definition).unwrap(), json!({ "n": 2 }));
    let records = life.records(2).await.concat();
    for part in ["\"act\":\"workflow.put\"", "\"actor\":\"system\"", "\"origin\":\"application\""] {
        assert_eq!(records.matches(part).count(), 2, "{records}");
    }

    let before = life.records_in_all().await;
    assert_eq!(figures(&life.read().await), (0, 0, 2, 0, 0, 0));
    assert_eq!(life.records_in_all().await, before, "nothing has changed");

    life.clock.advance(Duration::from_secs(1));
    app.sql("UPDATE workflows SET definition = '{\"n\": 7}' WHERE id = 1").await;
    app.sql("UPDATE workflow_triggers SET trigger_config = '{\"repository\":\"acme/*\",\"events\":[\"issues\"]}' WHERE id = 200").await;
    assert_eq!(figures(&life.read().await), (0, 2, 0, 0, 0, 0));
    app.sql("UPDATE workflows SET name = 'Named' WHERE id = 1").await;
    life.clock.advance(Duration::from_secs(1));
    assert_eq!(figures(&life.read().await), (0, 1, 1, 0, 0, 0));
    let rows = life.rows().await;
    assert_eq!((rows["1"].name.as_str(), rows["1"].definition.as_str()), ("Named", "{\"n\": 7}"));
    assert_eq!((rows["1"].updated_at, rows["2"].updated_at), (NOW + 2_000, NOW + 1_000));
    assert!(
        !life.triggers.awaits("release", Some("acme/x")) && life.triggers.awaits("issues", Some("acme/x"))
    );

    app.sql("DELETE FROM workflow_triggers WHERE workflow_id = 2").await;
    assert_eq!(figures(&life.read().await), (0, 0, 1, 1, 0, 0));
    assert_eq!(life.ids().await, ["1"]);
    assert!(!life.triggers.awaits("issues", Some("acme/x")));
    assert!(life.records(1).await[0].contains("\"act\":\"workflow.remove\""));
}

#[tokio::test]
async fn a_mistake_is_shown_and_matches_nothing_until_it_is_mended() {
    let Ours { dir, mut app, life } = Ours::new("INTEGER").await;
    add(&mut app, 1, &[json!({ "repository": "a/b", "events": ["push"], "branches": ["main", "["] })]).await;
    add(&mut app, 2, &[json!({ "repository": "a/b", "events": ["push"], "branch": ["main"] })]).await;
    add(&mut app, 3, &[rule("good/one")]).await;
    add(&mut app, 4, &[rule("a/b")]).await;
    add(&mut app, 5, &[rule("a/b")]).await;
    add(&mut app, 6, &[rule("a/b")]).await;
    app.sql("UPDATE workflows SET definition = '[1]' WHERE id = 4; UPDATE workflows SET definition = NULL WHERE id = 5").await;
    app.sql("UPDATE workflows SET definition = jsonb_build_object('x', repeat('x', 600000)) WHERE id = 6")
        .await;
    assert_eq!(figures(&life.read().await), (6, 0, 0, 0, 5, 0));
    let rows = life.rows().await;
    for (id, part) in [
        ("1", "trigger.branches[1]: this is no glob"),
        ("2", "trigger: unknown field `branch`"),
        ("4", "definition: expected a JSON object"),
        ("5", "definition: there is none"),
        ("6", "definition: at most 524288 bytes"),
    ] {
        let trouble = rows[id].trouble.as_deref().unwrap_or("none");
        assert!(trouble.starts_with(part), "{id}: {trouble}");
    }
    assert_eq!(rows["3"].trouble, None);
    assert!(!life.triggers.awaits("push", Some("a/b")) && life.triggers.awaits("push", Some("good/one")));
    let before = life.records_in_all().await;
    assert_eq!(figures(&life.read().await), (0, 0, 6, 0, 5, 0));
    assert_eq!(life.records_in_all().await, before, "the same mistakes are not written again");

    app.sql("UPDATE workflow_triggers SET trigger_config = '{\"repository\":\"a/b\",\"events\":[\"push\"]}'")
        .await;
    app.sql(
        "UPDATE workflow_triggers SET trigger_config = '{\"repository\":\"good\"}' WHERE workflow_id = 3",
    )
    .await;
    assert_eq!(figures(&life.read().await), (0, 3, 3, 0, 4, 0));
    assert!(life.triggers.awaits("push", Some("a/b")) && !life.triggers.awaits("push", Some("good/one")));
    // A restart knows the same.
    life.db.close().await;
    let next = Life::new(dir.path(), app.open(), Clock::manual(NOW), None).await;
    assert!(next.triggers.awaits("push", Some("a/b")) && !next.triggers.awaits("push", Some("good/one")));
}

#[tokio::test]
async fn several_triggers_of_a_workflow_start_it_once_for_a_delivery() {
    let Ours { dir: _dir, mut app, life } = Ours::new("BIGINT").await;
    add(
        &mut app,
        42,
        &[rule("a/b"), json!({ "repository": "a/*", "events": ["push", "issues"] }), rule("x/y")],
    )
    .await;
    assert_eq!(figures(&life.read().await), (3, 0, 0, 0, 0, 0));
    assert_eq!(life.ids().await, ["42", "42:4201", "42:4202"]);
    let body = json!({ "ref": "refs/heads/main", "repository": { "full_name": "a/b" } }).to_string();
    let delivery = NewDelivery {
        guid: "g".to_owned(),
        event: "push".to_owned(),
        action: None,
        installation: Some(7),
        repo_id: None,
        repository: Some("a/b".to_owned()),
        received_at: NOW,
        digest: "00".repeat(32),
        body: body.clone().into(),
        ended_at: None,
    };
    life.db.write(Lane::Urgent, Unit::new().with(InboxOp::Receive(Box::new(delivery)))).await.unwrap();
    let delivery = life.db.delivery("g").await.unwrap().unwrap();
    let matching = life.triggers.of(&delivery, body.as_bytes()).await.unwrap();
    assert_eq!(matching, ["42", "42:4201"]);
    let dispatch = |guid: &str, ids: &[&str]| {
        let to = DispatchTo::Workflows(ids.iter().map(|id| (*id).to_owned()).collect());
        let (event, repository) = ("push".to_owned(), Some("a/b".to_owned()));
        let new =
            NewDispatches { delivery: delivery.seq, guid: guid.to_owned(), event, repository, at: NOW, to };
        life.db.write(Lane::Handler, Unit::new().with(OutboxOp::Put(Box::new(new))))
    };
    dispatch("g", &["42", "42:4201"]).await.unwrap();
    dispatch("h", &["42:4201"]).await.unwrap();
    let sent = dispatches(&life.db, |_| true).await;
    let told: Vec<_> =
        sent.iter().map(|row| (row.guid.as_str(), row.queue.as_str(), row.workflow.as_deref())).collect();
    assert_eq!(told, [("g", "42", Some("42")), ("h", "42", Some("42"))], "one queue, the workflow's own id");
    let rows = life.rows().await;
    assert_eq!((rows["42"].matches, rows["42:4201"].matches, rows["42:4202"].matches), (1, 2, 0));
    assert_eq!(life.db.workflow("42:4201").await.unwrap().unwrap().waiting, 2);

    // The first goes: the next has the workflow's id then, and what waits is still its.
    app.sql("DELETE FROM workflow_triggers WHERE id = 4200").await;
    life.read().await;
    assert_eq!(life.ids().await, ["42", "42:4202"]);
    assert_eq!(life.rows().await["42"].rule.repository, "a/*");
    let engine = EngineSim::start("token").await.unwrap();
    let worker = send(&life, &engine);
    let ended = dispatches(&life.db, |rows| rows.iter().all(|row| row.ended_at.is_some())).await;
    // Only one of the two deliveries was ever received.
    assert_eq!((ended[0].state, ended[1].state), (DispatchState::Sent, DispatchState::Dead));
    let taken = engine.taken().remove(0).body;
    assert_eq!(
        (&taken["workflow_definition"], &taken["execution_context"]["workflow_id"]),
        (&json!({ "n": 42 }), &json!("42"))
    );
    worker.abort();

    // What waits for a workflow that is gone ends as it does after `workflow remove`.
    life.db
        .write(Lane::Handler, Unit::new().with(OutboxOp::Replay { seqs: vec![ended[0].seq] }))
        .await
        .unwrap();
    app.sql("DELETE FROM workflow_triggers").await;
    assert_eq!(life.read().await.removed, 2);
    let worker = send(&life, &engine);
    let ended = dispatches(&life.db, |rows| rows.iter().all(|row| row.ended_at.is_some())).await;
    assert_eq!(ended[0].note.as_deref(), Some("workflow 42 is not registered any more"));
    worker.abort();
}

fn send(life: &Life, engine: &EngineSim) -> tokio::task::JoinHandle<()> {
    let settings = OutboxSettings {
        engine: Some(Service { url: engine.url().parse().unwrap(), token: Some("token".into()) }),
        scheduler: None,
        parallel: 2,
        tries: 1,
        patience: Duration::from_secs(20),
    };
    let outbox = Outbox::new(life.db.clone(), life.clock.clone(), Client::new().unwrap(), settings, None);
    tokio::spawn(outbox.work())
}

/// Waits until the dispatches are like this; in their order.
async fn dispatches(db: &Db, is: impl Fn(&[DispatchRow]) -> bool) -> Vec<DispatchRow> {
    let (mut versions, select) = (db.versions(), Select { limit: 100, ..Select::default() });
    let waiting = async {
        loop {
            versions.mark_unchanged();
            let mut rows = db.dispatches_window(&select).await.unwrap().rows;
            rows.sort_by_key(|row| row.seq);
            if is(&rows) {
                return rows;
            }
            versions.changed().await.unwrap();
        }
    };
    Clock::system().timeout(Duration::from_secs(20), waiting).await.expect("it never came to that")
}

#[tokio::test]
async fn neither_side_overwrites_the_others() {
    let Ours { dir: _dir, mut app, life } = Ours::new("TEXT").await;
    assert!(life.register("7").await.unwrap());
    for id in [7, 8] {
        add(&mut app, id, &[rule("a/b"), rule("c/d")]).await;
    }
    app.sql("INSERT INTO workflows VALUES ('no id', 'W', '{}'); INSERT INTO workflow_triggers VALUES ('t', 'no id', DEFAULT, '{}')").await;
    // The first has the second's id.
    app.sql("INSERT INTO workflows VALUES ('8:801', 'W', '{}'); INSERT INTO workflow_triggers VALUES ('0', '8:801', DEFAULT, '{\"repository\":\"e/f\",\"events\":[\"push\"]}')").await;
    let reading = life.read().await;
    assert_eq!(figures(&reading), (2, 0, 0, 0, 0, 4), "{:?}", reading.reasons);
    let reasons = reading.reasons.join("\n");
    for part in [
        "trigger 700 of workflow 7: a workflow with the id 7 is registered",
        "trigger 701 of workflow 7: a workflow with the id 7 is registered",
        "trigger t of workflow no id: id: 1 to 128 letters",
        "trigger 801 of workflow 8: another workflow of the application has the id 8:801",
    ] {
        assert!(reasons.contains(part), "{part}\n{reasons}");
    }
    let rows = life.rows().await;
    assert_eq!(
        (rows["7"].source, rows["7"].rule.repository.as_str()),
        (WorkflowSource::Registered, "own/repo")
    );
    assert_eq!(rows["8:801"].rule.repository, "e/f");

    let refused = life.register("8").await.unwrap_err();
    assert_eq!(refused, PutError::Theirs("8".to_owned()));
    let refused = life.triggers.remove("8", &ana()).await.unwrap_err();
    assert_eq!(refused, RemoveError::Theirs("8".to_owned()));
    assert!(refused.to_string().contains("once it is removed there"), "{refused}");
    assert_eq!(life.rows().await["8"].rule.repository, "a/b");
    assert!(!life.triggers.remove("nobody", &ana()).await.unwrap());

    // Out of the way, it is taken.
    assert!(life.triggers.remove("7", &ana()).await.unwrap());
    assert_eq!(life.read().await.added, 2);
    assert_eq!(life.ids().await, ["7", "7:701", "8", "8:801"]);

    // A configuration that asks for them no more: only those that are registered stay.
    assert!(life.register("mine").await.unwrap());
    forget(&life.triggers).await.unwrap();
    assert_eq!(life.ids().await, ["mine"]);
    assert!(!life.triggers.awaits("push", Some("a/b")) && life.triggers.awaits("push", Some("own/repo")));
    assert!(life.records(1).await[0].contains("\"origin\":\"configuration\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_the_last_known_stay_over_a_restart_and_it_is_said() {
    let postgres = Postgres::start().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut app = App::on(&postgres, prisma(), "TEXT").await;
    tables(&mut app, "UUID").await;
    let id = "0190f3e4-0000-7000-8000-000000000001";
    app.sql(&format!(
        "INSERT INTO workflows VALUES ('{id}', 'W', '{{}}');
         INSERT INTO workflow_triggers VALUES ('{id}', '{id}', DEFAULT, '{}')",
        rule("a/b")
    ))
    .await;
    let life = Life::new(dir.path(), app.open(), Clock::manual(NOW), None).await;
    assert_eq!(life.read().await.added, 1);
    postgres.crash().await.unwrap();
    let error = life.flows.read().await.unwrap_err();
    assert!(matches!(error, ReadingError::Database(AppDatabaseError::Unavailable { .. })), "{error}");
    let standing = life.flows.standing();
    assert_eq!(standing.newest.map(|(at, reading)| (at, reading.added)), Some((NOW, 1)));
    assert!(standing.trouble.is_some_and(|(since, why)| since == NOW && why.contains("does not answer")));
    assert!(life.triggers.awaits("push", Some("a/b")));
    life.db.close().await;

    let next = Life::new(dir.path(), app.open(), Clock::manual(NOW), None).await;
    assert!(next.flows.read().await.is_err());
    assert!(next.triggers.awaits("push", Some("a/b")), "a restart knows them");
    postgres.start_again().await.unwrap();
    app.reconnect().await;
    app.sql(&format!("UPDATE workflow_triggers SET trigger_config = '{}'", rule("c/d"))).await;
    assert_eq!(figures(&next.read().await), (0, 1, 0, 0, 0, 0));
    assert_eq!(next.flows.standing().trouble, None);
    assert!(!next.triggers.awaits("push", Some("a/b")) && next.triggers.awaits("push", Some("c/d")));
}

#[tokio::test]
async fn ten_thousand_are_read_in_pages() {
    let Ours { dir: _dir, mut app, life } = Ours::new("BIGINT").await;
    app.sql(
        "INSERT INTO workflows SELECT n, 'W' || n, jsonb_build_object('n', n, 'text', repeat('x', n % 3000))
           FROM generate_series(1, 10000) AS n;
         INSERT INTO workflow_triggers SELECT n, n, 'TRIGGER_GITHUB',
                jsonb_build_object('repository', 'org' || n % 50 || '/repo' || n, 'events', '[\"push\"]'::jsonb)
           FROM generate_series(1, 10000) AS n",
    )
    .await;
    assert_eq!(figures(&life.read().await), (10_000, 0, 0, 0, 0, 0));
    assert_eq!(life.ids().await.len(), 10_000);
    assert!(
        life.triggers.awaits("push", Some("org0/repo10000"))
            && life.triggers.awaits("push", Some("org1/repo1"))
    );
    let before = life.records_in_all().await;
    assert_eq!(figures(&life.read().await), (0, 0, 10_000, 0, 0, 0));
    assert_eq!(life.records_in_all().await, before);
    app.sql(
        "DELETE FROM workflow_triggers WHERE id > 5000; UPDATE workflows SET name = 'other' WHERE id = 200",
    )
    .await;
    assert_eq!(figures(&life.read().await), (0, 1, 4_999, 5_000, 0, 0));
    assert_eq!(life.ids().await.len(), 5_000);
    assert!(!life.triggers.awaits("push", Some("org0/repo10000")));
}

#[tokio::test]
async fn what_the_application_says_on_its_channel_leads_to_a_reading() {
    let (dir, mut app) = (tempfile::tempdir().unwrap(), App::new(prisma(), "TEXT").await);
    tables(&mut app, "BIGINT").await;
    add(&mut app, 1, &[rule("a/b")]).await;
    let channel = "Work\"flows; changed";
    let life = Life::new(dir.path(), app.open(), Clock::system(), Some(channel)).await;
    let worker = tokio::spawn(life.flows.clone().work());
    until(&life, &["1"]).await;
    // The period is a day: nothing but what is said leads to a reading from here on.
    for id in 2..5 {
        add(&mut app, id, &[rule("a/b")]).await;
        app.sql(&format!("NOTIFY {}", quoted(channel))).await;
        let ids: Vec<String> = (1..=id).map(|id| id.to_string()).collect();
        until(&life, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    // The connection is cut: what was said meanwhile is not missed, nor what is said after.
    app.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND pid <> pg_backend_pid()").await;
    app.sql("DELETE FROM workflow_triggers WHERE workflow_id = 1").await;
    until(&life, &["2", "3", "4"]).await;
    app.sql("DELETE FROM workflow_triggers WHERE workflow_id = 2").await;
    app.sql(&format!("NOTIFY {}", quoted(channel))).await;
    until(&life, &["3", "4"]).await;
    worker.abort();
}

/// Waits until these are there.
async fn until(life: &Life, wanted: &[&str]) {
    let mut versions = life.db.versions();
    let waiting = async {
        loop {
            versions.mark_unchanged();
            if life.ids().await == wanted {
                return;
            }
            versions.changed().await.unwrap();
        }
    };
    let came = Clock::system().timeout(Duration::from_secs(20), waiting).await;
    assert!(came.is_ok(), "{wanted:?} never came; there is {:?}", life.ids().await);
}

#[tokio::test]
async fn hostile_names_are_quoted_and_what_does_not_fit_is_named() {
    let mut names = hostile();
    let ours = &mut names.workflows;
    ours.table = "work \"flows\"; --".into();
    ours.id = "SELECT".into();
    ours.name = "{} $1".into();
    ours.definition = "'); DROP TABLE x".into();
    ours.triggers = "table".to_owned() + "'s";
    ours.trigger_id = "\\".into();
    ours.trigger_workflow = "from".into();
    ours.trigger_type = "NULL".into();
    ours.trigger_config = "ÄÖ".into();
    let (dir, mut app) = (tempfile::tempdir().unwrap(), App::new(names, "TEXT").await);
    tables(&mut app, "SMALLINT").await;
    add(&mut app, 3, &[rule("a/b"), rule("c/d")]).await;
    let life = Life::new(dir.path(), app.open(), Clock::manual(NOW), None).await;
    assert_eq!(figures(&life.read().await), (2, 0, 0, 0, 0, 0));
    assert_eq!(life.ids().await, ["3", "3:301"]);

    app.names.workflows.trigger_config = "gone".into();
    app.names.workflows.table = "nowhere".into();
    let other = tempfile::tempdir().unwrap();
    let life = Life::new(other.path(), app.open(), Clock::manual(NOW), None).await;
    let error = life.flows.read().await.unwrap_err().to_string();
    assert!(error.contains("there is no table nowhere") && error.contains("has no column gone"), "{error}");
    app.open().check().await.unwrap();
}
