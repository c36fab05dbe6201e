//! The outbox against a stand-in engine, with a clock that stands still until it is moved.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test that can't go on has failed"
)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cutover_daemon::audit::Who;
use cutover_daemon::client::Client;
use cutover_daemon::clock::Clock;
use cutover_daemon::faults::Faults;
use cutover_daemon::gateway::outbox::{Context, ContextError, Outbox, OutboxSettings, ReplayError, Service};
use cutover_daemon::gateway::triggers::{Event, Files, FilesError, Listing, Triggers};
use cutover_daemon::store::{
    self, Db, DispatchRow, DispatchTo, InboxOp, Lane, NewDelivery, NewDispatches, OutboxOp, Select, Unit,
};
use cutover_shared::webhook::DeliveryState;
use cutover_shared::workflow::DispatchState;
use cutover_tests::engine_sim::{EngineSim, Fault};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

const NOW: i64 = 1_800_000_000_000;
const TOKEN: &str = "token";

struct NoFiles;

#[async_trait]
impl Files for NoFiles {
    async fn of(&self, _: i64, repository: &str, number: i64) -> Result<Listing, FilesError> {
        match number {
            1 => Ok(Listing { paths: vec![format!("src/{repository}")], lacks: None }),
            2 => Ok(Listing { paths: Vec::new(), lacks: Some("unknown: more than 3000 files".into()) }),
            _ => Err(FilesError("not now".into())),
        }
    }
}

struct Commits;

#[async_trait]
impl Context for Commits {
    async fn of(
        &self,
        _: Option<i64>,
        repository: &str,
        event: &Event,
    ) -> Result<Map<String, Value>, ContextError> {
        let of = json!({ "commit_contexts": [{ "repository": repository, "branches": event.branches }] });
        Ok(of.as_object().unwrap().clone())
    }
}

struct Room {
    _dir: TempDir,
    db: Db,
    clock: Clock,
    engine: EngineSim,
    triggers: Arc<Triggers>,
    outbox: Arc<Outbox>,
    worker: JoinHandle<()>,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

impl Room {
    async fn new(tries: u32) -> Self {
        Self::with(tries, None, |engine| (Some(engine), None)).await
    }

    async fn with(
        tries: u32,
        context: Option<Arc<dyn Context>>,
        services: impl Fn(Service) -> (Option<Service>, Option<Service>),
    ) -> Self {
        let dir = TempDir::new().unwrap();
        let url = format!("sqlite:{}", dir.path().join("cutover.db").display());
        let (db, clock) = (store::open(&url, Faults::none()).await.unwrap(), Clock::manual(NOW));
        let engine = EngineSim::start(TOKEN).await.unwrap();
        let service = Service { url: engine.url().parse().unwrap(), token: Some(TOKEN.into()) };
        let (to_engine, scheduler) = services(service);
        let patience = Duration::from_secs(20);
        let settings = OutboxSettings { engine: to_engine, scheduler, parallel: 4, tries, patience };
        let outbox = Outbox::new(db.clone(), clock.clone(), Client::new().unwrap(), settings, context);
        let triggers = Triggers::new(db.clone(), clock.clone(), Arc::new(NoFiles));
        let worker = tokio::spawn(outbox.clone().work());
        Self { _dir: dir, db, clock, engine, triggers, outbox, worker }
    }

    async fn workflow(&self, id: &str, context: bool) {
        self.registered(id, json!({ "repository": "a/*", "events": ["push"] }), context).await;
    }

    async fn registered(&self, id: &str, trigger: Value, attach_context: bool) {
        let new = json!({ "name": id, "trigger": trigger, "definition": { "of": id }, "attach_context": attach_context });
        self.triggers.put(id, serde_json::from_value(new).unwrap(), &Who::daemon()).await.unwrap();
    }

    /// A handled delivery that leads to dispatches, in one unit as the handler writes it.
    async fn deliver(&self, guid: &str, to: DispatchTo) {
        let body = json!({ "ref": "refs/heads/main", "guid": guid, "repository": { "full_name": "a/b" } })
            .to_string();
        let delivery = NewDelivery {
            guid: guid.to_owned(),
            event: "push".to_owned(),
            action: None,
            installation: Some(7),
            repo_id: None,
            repository: Some("a/b".to_owned()),
            received_at: NOW,
            digest: "00".repeat(32),
            body: Bytes::from(body),
            ended_at: None,
        };
        self.db.write(Lane::Urgent, Unit::new().with(InboxOp::Receive(Box::new(delivery)))).await.unwrap();
        let seq = self.db.delivery(guid).await.unwrap().unwrap().seq;
        let end = InboxOp::End { seq, state: DeliveryState::Handled, at: self.clock.now(), note: None };
        self.db.write(Lane::Handler, Unit::new().with(end).with(self.put(guid, seq, to))).await.unwrap();
        self.outbox.wake();
    }

    fn put(&self, guid: &str, seq: i64, to: DispatchTo) -> OutboxOp {
        let (guid, event, repository) = (guid.to_owned(), "push".to_owned(), Some("a/b".to_owned()));
        OutboxOp::Put(Box::new(NewDispatches {
            delivery: seq,
            guid,
            event,
            repository,
            at: self.clock.now(),
            to,
        }))
    }

    async fn match_of(&self, guid: &str, workflows: &[&str]) {
        let workflows = workflows.iter().map(|id| (*id).to_owned()).collect();
        self.deliver(guid, DispatchTo::Workflows(workflows)).await;
    }

    async fn rows(&self) -> Vec<DispatchRow> {
        let select = Select { limit: 500, ..Select::default() };
        let mut rows = self.db.dispatches_window(&select).await.unwrap().rows;
        rows.reverse();
        rows
    }

    /// Waits until the dispatches are like this.
    async fn until(&self, is: impl Fn(&[DispatchRow]) -> bool) -> Vec<DispatchRow> {
        let mut versions = self.db.versions();
        let waiting = async {
            loop {
                versions.mark_unchanged();
                let rows = self.rows().await;
                if is(&rows) {
                    return rows;
                }
                versions.changed().await.unwrap();
            }
        };
        Clock::system().timeout(Duration::from_secs(20), waiting).await.expect("it never came to that")
    }

    async fn all(&self, state: DispatchState) -> Vec<DispatchRow> {
        self.until(|rows| rows.iter().all(|row| row.state == state)).await
    }
}

#[tokio::test]
async fn what_fails_waits_ever_longer_holds_its_workflow_and_no_other() {
    let room = Room::new(8).await;
    room.workflow("a", false).await;
    room.workflow("b", false).await;
    room.engine.fail_always("\"workflow_id\":\"a\"", Fault::Status(500, None));
    room.match_of("g1", &["a", "b"]).await;
    room.match_of("g2", &["a", "b"]).await;
    let rows =
        room.until(|rows| rows.iter().filter(|row| row.state == DispatchState::Sent).count() == 2).await;
    assert!(rows.iter().all(|row| (row.queue == "b") == (row.state == DispatchState::Sent)));
    let first = room.until(|rows| rows[0].attempts == 1).await[0].clone();
    assert!((NOW + 500..=NOW + 1_000).contains(&first.due_at), "{}", first.due_at);
    assert_eq!(first.note.as_deref(), Some("the engine answered 500: on purpose"));
    room.clock.advance(Duration::from_secs(1));
    room.until(|rows| rows[0].attempts == 2).await;
    room.engine.heal();
    room.clock.advance(Duration::from_secs(2));
    let rows = room.all(DispatchState::Sent).await;
    assert_eq!((rows[0].attempts, rows[0].ended_at), (2, Some(NOW + 3_000)));
    let order: Vec<String> = room.engine.taken().iter().map(|taken| taken.key.clone()).collect();
    let of_a: Vec<&String> = order.iter().filter(|key| key.ends_with("-1") || key.ends_with("-3")).collect();
    assert_eq!(of_a, ["g1-1", "g2-3"]);
    let workflow = room.db.workflow("a").await.unwrap().unwrap();
    assert_eq!((workflow.matches, workflow.last_match.unwrap().guid.as_str()), (2, "g2"));
}

#[tokio::test]
async fn what_is_refused_is_dead_at_once_and_a_replay_keeps_its_key_while_a_sent_one_gets_another() {
    let room = Room::new(8).await;
    room.workflow("a", false).await;
    room.engine.fail([Fault::Status(422, None)]);
    room.match_of("g1", &["a"]).await;
    room.match_of("g2", &["a"]).await;
    let rows = room.until(|rows| rows.len() == 2 && rows.iter().all(|row| row.ended_at.is_some())).await;
    assert_eq!((rows[0].state, rows[0].attempts), (DispatchState::Dead, 1), "{rows:?}");
    assert_eq!(rows[1].execution_id.as_deref(), Some("exec-1"));
    let all = Select { limit: 10, ..Select::default() };
    let who = Who::daemon();
    let changed = room.outbox.replay(&all, "", 3, &who).await;
    assert_eq!(changed, Err(ReplayError::Changed { expected: 3, found: 2 }));
    assert_eq!(room.outbox.replay(&all, "", 2, &who).await, Ok(2));
    room.all(DispatchState::Sent).await;
    assert_eq!(room.engine.calls(), ["g1-1", "g2-2", "g1-1", "g2-2-1"]);
    assert_eq!(room.engine.taken().len(), 3);
}

#[tokio::test]
async fn after_the_last_try_it_is_dead_and_the_next_goes_on() {
    let room = Room::new(2).await;
    room.workflow("a", false).await;
    room.engine.fail([Fault::Status(500, None), Fault::Status(503, None)]);
    room.match_of("g1", &["a"]).await;
    room.match_of("g2", &["a"]).await;
    room.until(|rows| rows[0].attempts == 1).await;
    room.clock.advance(Duration::from_secs(1));
    let rows = room.until(|rows| rows.iter().all(|row| row.ended_at.is_some())).await;
    assert_eq!(
        (rows[0].state, rows[0].attempts, rows[1].state),
        (DispatchState::Dead, 2, DispatchState::Sent)
    );
}

#[tokio::test]
async fn an_engine_that_asks_for_time_gets_it_and_no_workflow_bothers_it() {
    let room = Room::new(8).await;
    room.workflow("a", false).await;
    room.workflow("b", false).await;
    room.engine.fail([Fault::Status(429, Some(60))]);
    room.match_of("g1", &["a"]).await;
    let rows = room.until(|rows| rows[0].attempts == 1).await;
    assert!(rows[0].due_at >= NOW + 60_000);
    room.match_of("g2", &["b"]).await;
    room.clock.advance(Duration::from_secs(59));
    assert_eq!(room.engine.calls().len(), 1);
    room.clock.advance(Duration::from_secs(2));
    room.all(DispatchState::Sent).await;
    assert_eq!(room.engine.calls().len(), 3);
}

#[tokio::test]
async fn a_sick_engine_is_left_alone_and_tried_by_one_call() {
    let room = Room::new(100).await;
    let ids: Vec<String> = (0..12).map(|n| format!("w{n:02}")).collect();
    for id in &ids {
        room.workflow(id, false).await;
    }
    room.engine.fail_always("", Fault::Status(500, None));
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    room.match_of("g1", &ids).await;
    // Calls that were begun before the breaker opened end, too.
    let failed = |rows: &[DispatchRow]| rows.iter().map(|row| row.attempts).sum::<u32>();
    let rows = room.until(|rows| failed(rows) >= 5).await;
    assert!(failed(&rows) <= 8, "at most those under way: {}", failed(&rows));
    let before = room.engine.calls().len();
    room.clock.advance(Duration::from_secs(6));
    room.until(|rows| failed(rows) > u32::try_from(before).unwrap()).await;
    room.engine.heal();
    assert!(room.engine.calls().len() <= before + 2, "one call tries it");
    for _ in 0..20 {
        room.clock.advance(Duration::from_secs(15));
        tokio::task::yield_now().await;
    }
    room.all(DispatchState::Sent).await;
    assert_eq!(room.engine.taken().len(), 12);
}

#[tokio::test]
async fn what_was_taken_without_an_answer_is_sent_again_and_runs_once() {
    let room = Room::new(8).await;
    room.workflow("a", false).await;
    room.engine.fail([Fault::TakenAndDropped]);
    room.match_of("g1", &["a"]).await;
    room.until(|rows| rows[0].attempts == 1).await;
    room.clock.advance(Duration::from_secs(1));
    let rows = room.all(DispatchState::Sent).await;
    assert_eq!(rows[0].execution_id.as_deref(), Some("exec-1"));
    assert_eq!((room.engine.taken().len(), room.engine.calls().len()), (1, 2));
}

#[tokio::test]
async fn what_can_not_be_sent_is_dead_with_its_reason() {
    let room = Room::new(8).await;
    room.workflow("context", true).await;
    room.workflow("removed", false).await;
    room.engine.fail([Fault::Status(500, None)]);
    room.match_of("g1", &["removed"]).await;
    room.until(|rows| rows[0].attempts == 1).await;
    assert!(room.triggers.remove("removed", &Who::daemon()).await.unwrap());
    assert!(!room.triggers.remove("removed", &Who::daemon()).await.unwrap());
    room.clock.advance(Duration::from_secs(1));
    room.match_of("g2", &["context", "removed", "never"]).await;
    let rows =
        room.until(|rows| rows.len() == 2 && rows.iter().all(|row| row.state == DispatchState::Dead)).await;
    assert_eq!(rows[0].note.as_deref(), Some("workflow removed is not registered any more"));
    assert!(rows[1].note.as_deref().unwrap().contains("asks for context"), "{rows:?}");
    // Without its payload nothing can be sent.
    room.workflow("late", false).await;
    room.engine.fail([Fault::Status(500, None)]);
    room.match_of("g3", &["late"]).await;
    room.until(|rows| rows.len() == 3 && rows[2].attempts == 1).await;
    room.db.write(Lane::Run, Unit::new().with(InboxOp::DropBodies { before: i64::MAX })).await.unwrap();
    room.clock.advance(Duration::from_secs(1));
    let rows = room.all(DispatchState::Dead).await;
    assert!(rows[2].note.as_deref().unwrap().contains("not kept any more"), "{rows:?}");
}

#[tokio::test]
async fn without_an_engine_it_is_dead_and_context_is_attached_where_there_is_one() {
    let room = Room::with(8, None, |_| (None, None)).await;
    room.workflow("a", false).await;
    room.match_of("g1", &["a"]).await;
    let rows = room.all(DispatchState::Dead).await;
    assert_eq!(rows[0].note.as_deref(), Some("the engine is not configured"));

    let room = Room::with(8, Some(Arc::new(Commits)), |engine| (Some(engine), None)).await;
    room.workflow("a", true).await;
    room.match_of("g1", &["a"]).await;
    room.engine.until(|engine| engine.taken().len() == 1).await;
    let data = room.engine.taken()[0].body["execution_context"]["trigger_data"].clone();
    assert_eq!(data["commit_contexts"][0], json!({ "repository": "a/b", "branches": ["main"] }));
}

#[tokio::test]
async fn every_event_is_forwarded_to_the_scheduler_in_the_order_of_its_installation() {
    let room = Room::with(8, None, |service| (None, Some(service))).await;
    assert!(room.outbox.forwards());
    room.engine.fail([Fault::Status(500, None)]);
    for guid in ["g1", "g2", "g3"] {
        room.deliver(guid, DispatchTo::Scheduler { installation: Some(7) }).await;
    }
    room.until(|rows| rows[0].attempts == 1).await;
    room.clock.advance(Duration::from_secs(1));
    room.all(DispatchState::Sent).await;
    let taken = room.engine.taken();
    let guids: Vec<&Value> = taken.iter().map(|taken| &taken.body["delivery_id"]).collect();
    assert_eq!(guids, ["g1", "g2", "g3"]);
    assert_eq!(taken[0].path, "/api/v1/triggers/github/events");
    assert_eq!(
        (&taken[0].body["event_type"], &taken[0].body["installation_id"]),
        (&json!("push"), &json!(7))
    );
    assert_eq!(
        (&taken[0].body["repository_name"], &taken[0].body["payload"]["guid"]),
        (&json!("a/b"), &json!("g1"))
    );
}

#[tokio::test]
async fn an_installation_is_sent_on_among_the_events_of_it_and_as_often_as_they_are() {
    let room = Room::with(2, None, |service| (None, Some(service))).await;
    let connect = async |installation: i64| {
        let op = room.outbox.callback(installation, "install", "user-1", NOW).unwrap();
        room.db.write(Lane::Handler, Unit::new().with(op)).await.unwrap();
        room.outbox.wake();
    };
    room.engine.fail([Fault::Status(500, None)]);
    connect(7).await;
    room.deliver("g1", DispatchTo::Scheduler { installation: Some(7) }).await;
    let rows = room.until(|rows| rows.len() == 2 && rows[0].attempts == 1).await;
    assert_eq!((rows[0].queue.as_str(), rows[0].event.as_str()), ("@scheduler:7", "installation_callback"));
    assert_eq!(rows[1].attempts, 0, "it waits for the one before it");
    room.clock.advance(Duration::from_secs(1));
    let rows = room.all(DispatchState::Sent).await;
    let taken = room.engine.taken();
    let paths: Vec<&str> = taken.iter().map(|taken| taken.path.as_str()).collect();
    assert_eq!(paths, ["/api/v1/auth/github/callback", "/api/v1/triggers/github/events"]);
    let body = json!({ "installation_id": 7, "setup_action": "install", "state": "user-1", "code": null });
    assert_eq!(taken[0].body, body);
    assert_eq!(taken[0].key, format!("{}-1", rows[0].guid));
    let calls = room.engine.calls();
    assert_eq!(calls[0], calls[1], "the same key over its tries");

    // Refused, it is dead; a replay of it keeps its key, and no body of a delivery is needed.
    room.engine.fail([Fault::Status(422, None)]);
    connect(8).await;
    let rows = room.until(|rows| rows.len() == 3 && rows[2].state == DispatchState::Dead).await;
    let dead = Select { limit: 10, ..Select::default() };
    room.db.write(Lane::Run, Unit::new().with(InboxOp::DropBodies { before: i64::MAX })).await.unwrap();
    room.db
        .write(Lane::Handler, Unit::new().with(OutboxOp::Replay { seqs: vec![rows[2].seq] }))
        .await
        .unwrap();
    assert_eq!(room.db.dispatches_replayable(&dead).await.unwrap(), 2);
    room.outbox.wake();
    room.all(DispatchState::Sent).await;
    let calls = room.engine.calls();
    assert_eq!(calls[calls.len() - 1], calls[calls.len() - 2]);

    // It is kept as long as any that ended, and no delivery holds it back.
    room.db.write(Lane::Run, Unit::new().with(OutboxOp::Forget { before: NOW })).await.unwrap();
    assert_eq!(room.rows().await.len(), 3);
    room.db.write(Lane::Run, Unit::new().with(OutboxOp::Forget { before: i64::MAX })).await.unwrap();
    let left: Vec<String> = room.rows().await.into_iter().map(|row| row.guid).collect();
    assert_eq!(left, ["g1"]);

    let quiet = Room::new(8).await;
    assert_eq!(quiet.outbox.callback(7, "install", "user-1", NOW).is_none(), !quiet.outbox.forwards());
    assert!(!quiet.outbox.forwards());
}

#[tokio::test]
async fn a_delivery_leads_to_one_dispatch_for_each_workflow_and_is_forgotten_with_it() {
    let room = Room::new(8).await;
    room.workflow("a", false).await;
    room.match_of("g1", &["a"]).await;
    room.all(DispatchState::Sent).await;
    let seq = room.db.delivery("g1").await.unwrap().unwrap().seq;
    let again = room.put("g1", seq, DispatchTo::Workflows(vec!["a".into()]));
    room.db.write(Lane::Handler, Unit::new().with(again)).await.unwrap();
    assert_eq!(room.rows().await.len(), 1);
    assert_eq!(room.db.workflow("a").await.unwrap().unwrap().matches, 1);

    assert!(!room.db.is_dispatch_forgettable(i64::MAX).await.unwrap(), "its delivery is known still");
    for op in [InboxOp::DropBodies { before: i64::MAX }, InboxOp::Forget { before: i64::MAX }] {
        room.db.write(Lane::Run, Unit::new().with(op)).await.unwrap();
    }
    assert!(room.db.is_dispatch_forgettable(i64::MAX).await.unwrap());
    room.db.write(Lane::Run, Unit::new().with(OutboxOp::Forget { before: i64::MAX })).await.unwrap();
    assert_eq!(room.rows().await, []);
    assert_eq!(room.db.outbox_counts().await.unwrap(), (0, 0));
}

#[tokio::test]
async fn files_of_a_pull_request_decide_and_workflows_are_known_after_a_restart() {
    let room = Room::new(8).await;
    let trigger = json!({ "repository": "a/b", "events": ["pull_request"], "paths": ["src/**"] });
    room.registered("paths", trigger, false).await;
    let restarted = Triggers::new(room.db.clone(), room.clock.clone(), Arc::new(NoFiles));
    assert_eq!(restarted.load().await.unwrap(), 1);
    for (number, expected) in [(1, Ok(1)), (2, Ok(1)), (3, Err(()))] {
        let body = json!({
            "action": "opened", "repository": { "full_name": "a/b" }, "installation": { "id": 7 },
            "pull_request": { "number": number, "base": { "ref": "main" } },
        });
        let body = body.to_string();
        let guid = format!("pr-{number}");
        let delivery = NewDelivery {
            guid: guid.clone(),
            event: "pull_request".to_owned(),
            action: Some("opened".to_owned()),
            installation: Some(7),
            repo_id: None,
            repository: Some("A/B".to_owned()),
            received_at: NOW,
            digest: "00".repeat(32),
            body: Bytes::from(body.clone()),
            ended_at: None,
        };
        room.db.write(Lane::Urgent, Unit::new().with(InboxOp::Receive(Box::new(delivery)))).await.unwrap();
        let row = room.db.delivery(&guid).await.unwrap().unwrap();
        let found = restarted.of(&row, body.as_bytes()).await;
        assert_eq!(found.map(|ids| ids.len()).map_err(drop), expected, "{number}");
    }
    let explained = restarted.explain("pr-2", None).await.unwrap();
    let paths = explained[0].steps.iter().find(|step| step.rule == "paths").unwrap();
    assert_eq!((explained[0].matched, paths.found.as_str()), (true, "unknown: more than 3000 files"));
    assert!(restarted.explain("nothing", None).await.is_err());
}
