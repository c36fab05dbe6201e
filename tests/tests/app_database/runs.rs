//! The `map` kind over the application's database, through the real engine.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use cutover_daemon::audit::{Who, verify};
use cutover_daemon::clock::Clock;
use cutover_daemon::faults::Faults;
use cutover_daemon::mapping::catalog::app_database::AppDatabase;
use cutover_daemon::mapping::catalog::sync::sync;
use cutover_daemon::mapping::kind::MAP;
use cutover_daemon::mapping::kind_outside::MapInApplication;
use cutover_daemon::run::{Brake, Draft, Engine, EngineSettings, KindError, OpenGate, PlanSource, canonical};
use cutover_daemon::seal::Seal;
use cutover_daemon::store::{Db, LinkFilter, MappingRow, open};
use cutover_shared::ids::{InstallationId, LinkKey, RunId};
use cutover_shared::mapping::{Evidence, Mapping, MappingStatus, PlanItem, Reason};
use cutover_shared::run::{ItemState, RunState, RunView};
use cutover_tests::services::Postgres;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::world::{App, held, prisma, with_repo_table};

fn ana() -> Who {
    Who { operator: "ana".into(), origin: "test".to_owned() }
}

pub struct Life {
    pub db: Db,
    pub engine: Engine,
    pub clock: Clock,
    pub seal: Arc<Seal>,
    pub database: AppDatabase,
}

struct Items(Option<Vec<(String, String)>>);

#[async_trait]
impl PlanSource for Items {
    async fn next(&mut self) -> Result<Option<Vec<(String, String)>>, KindError> {
        Ok(self.0.take())
    }

    fn summary(&mut self) -> Value {
        json!({})
    }
}

impl Life {
    pub async fn new(dir: &Path, app: &App, chunk: usize, faults: Faults) -> Self {
        let db = open(&format!("sqlite:{}/cutover.db", dir.display()), faults.clone()).await.unwrap();
        let (clock, database) = (Clock::system(), app.open());
        let seal =
            Arc::new(Seal::new(vec![("k1".to_owned(), secrecy::SecretBox::new(Box::new([7; 32])))]).unwrap());
        let brake = Brake::pulled();
        assert!(brake.newest().is_some_and(|pull| brake.release(pull)));
        let settings = EngineSettings { chunk, ..EngineSettings::default() };
        let kind = Arc::new(MapInApplication::new(db.clone(), database.clone(), seal.clone()));
        let engine =
            Engine::new(db.clone(), clock.clone(), faults, brake, settings, Arc::new(OpenGate), vec![kind]);
        Self { db, engine, clock, seal, database }
    }

    /// Reads the catalog and plans: every repository is served by `installation`.
    pub async fn approved(&self, installation: i64) -> RunView {
        sync(&self.db, &self.database, &self.seal, &self.clock, &ana()).await.unwrap();
        let links = self.db.links(&LinkFilter::All, None, 10_000).await.unwrap();
        let keys: Vec<LinkKey> = links.iter().map(|link| link.key.clone()).collect();
        let now: BTreeMap<LinkKey, String> = self
            .db
            .mappings(&keys)
            .await
            .unwrap()
            .into_iter()
            .map(|row| (row.key, row.fingerprint))
            .collect();
        let items = links.into_iter().map(|link| {
            let mapping = now.get(&link.key).map_or("", String::as_str);
            let item = PlanItem {
                before: format!("{}:{mapping}", link.fingerprint),
                to: Mapping {
                    status: MappingStatus::Mapped,
                    reason: Reason::IdListed,
                    installation: Some(InstallationId(installation)),
                    repo_id: None,
                    confidence: 100,
                    evidence: Evidence::default(),
                    next_steps: String::new(),
                },
                key: link.key,
                project: link.project,
                tenant: link.tenant,
                repo_full_name: link.repo_full_name,
                project_installation: Some(InstallationId(installation)),
                project_status: MappingStatus::Mapped,
            };
            (item.key.0.clone(), canonical(&item).unwrap())
        });
        let draft = Draft { kind: MAP, scope: "all".into(), rules: json!({}), config: json!({}) };
        let mut source = Items(Some(items.collect()));
        let run = self.engine.plan(draft, &ana(), &mut source).await.unwrap();
        self.engine.approve(&run.id, &run.digest, None, &ana()).await.unwrap()
    }

    pub async fn until(&self, id: &RunId, done: impl Fn(&RunView) -> bool) -> RunView {
        let mut versions = self.db.versions();
        let waiting = async {
            loop {
                let view = self.engine.view(id).await.unwrap();
                if done(&view) {
                    return view;
                }
                versions.changed().await.unwrap();
            }
        };
        self.clock.timeout(Duration::from_secs(120), waiting).await.expect("not there in two minutes")
    }

    pub async fn stands(&self, id: &RunId) -> RunView {
        self.until(id, |view| !view.state.is_moving() && view.state != RunState::Approved).await
    }

    pub async fn apply(&self, id: &RunId) -> RunView {
        self.engine.apply(id, None, &ana()).await.unwrap();
        self.stands(id).await
    }

    pub async fn undo(&self, id: &RunId) -> RunView {
        self.engine.undo(id, None, &ana()).await.unwrap();
        self.stands(id).await
    }

    pub async fn mappings(&self) -> Vec<MappingRow> {
        let links = self.db.links(&LinkFilter::All, None, 10_000).await.unwrap();
        let keys: Vec<LinkKey> = links.into_iter().map(|link| link.key).collect();
        self.db.mappings(&keys).await.unwrap()
    }

    pub async fn reason(&self, id: &RunId, state: ItemState) -> (String, String) {
        let item = self.db.items(id, Some(state), None, 1).await.unwrap().remove(0);
        (item.key, item.reason.unwrap())
    }
}

/// Projects with one to three repositories, some with values of their own.
pub async fn several(app: &mut App) {
    app.add("1", Some("acme"), &["acme/a", "acme/b", "acme/c"]).await;
    app.add("2", Some("acme"), &["acme/d"]).await;
    app.add("3", Some("beta"), &["beta/a", "beta/b"]).await;
    app.add("4", Some("beta"), &["beta/c"]).await;
    app.add("5", Some("beta"), &["beta/d", "beta/e"]).await;
    app.set("1", "7", "'by hand'").await;
    app.set("3", "NULL", "''").await;
    app.set("4", "99", "NULL").await;
    // It holds what the run will write.
    app.set("5", "42", "'mapped'").await;
}

#[tokio::test]
async fn a_run_writes_the_two_columns_only_and_undo_puts_every_byte_back_whatever_the_chunks() {
    for chunk in [1, 2, 3, 100] {
        let mut app = App::new(with_repo_table(), "BIGINT").await;
        several(&mut app).await;
        let dir = tempfile::tempdir().unwrap();
        let life = Life::new(dir.path(), &app, chunk, Faults::none()).await;
        let (before, rest) = (app.dump().await, app.rest().await);
        let run = life.approved(42).await;
        assert_eq!(app.dump().await, before, "a plan changes nothing");
        let done = life.apply(&run.id).await;
        assert_eq!((done.state, done.progress.counts.done), (RunState::Done, 9), "{:?}", done.reason);
        for id in 1..=5 {
            assert_eq!(app.held(&id.to_string()).await, held(Some(42), Some("mapped")));
        }
        assert_eq!(app.rest().await, rest);
        assert_eq!(app.touched().await, ["1", "2", "3", "4"].map(|id| (id.to_owned(), 1)).into());
        assert_eq!(life.mappings().await.len(), 9);
        // Another chunk size on the way back: items of one project fall apart differently.
        drop(life);
        let life = Life::new(dir.path(), &app, 4 - chunk.min(3), Faults::none()).await;
        let undone = life.undo(&run.id).await;
        assert_eq!(
            (undone.state, undone.progress.counts.undone),
            (RunState::Undone, 9),
            "{:?}",
            undone.reason
        );
        assert_eq!(app.dump().await, before, "chunks of {chunk}");
        assert_eq!(life.mappings().await, []);
        assert!(verify(&life.db, None).await.unwrap().intact);
    }
}

#[tokio::test]
async fn a_second_run_is_undone_to_the_first() {
    let mut app = App::new(with_repo_table(), "TEXT").await;
    several(&mut app).await;
    let dir = tempfile::tempdir().unwrap();
    let life = Life::new(dir.path(), &app, 2, Faults::none()).await;
    let first = life.approved(42).await;
    life.apply(&first.id).await;
    let (between, mappings) = (app.dump().await, life.mappings().await);
    let again = life.approved(42).await;
    assert_eq!(life.apply(&again.id).await.progress.counts.skipped, 9);
    let second = life.approved(43).await;
    assert_eq!(life.apply(&second.id).await.progress.counts.done, 9);
    assert_eq!(life.undo(&first.id).await.progress.counts.superseded, 9);
    let undone = life.undo(&second.id).await;
    assert_eq!((undone.state, undone.progress.counts.undone), (RunState::Undone, 9));
    assert_eq!(app.dump().await, between);
    assert_eq!(life.mappings().await, mappings);
}

#[tokio::test]
async fn what_somebody_changed_before_is_stale_and_what_changed_since_is_superseded() {
    let mut app = App::new(with_repo_table(), "BIGINT").await;
    several(&mut app).await;
    let dir = tempfile::tempdir().unwrap();
    let life = Life::new(dir.path(), &app, 100, Faults::none()).await;
    let run = life.approved(42).await;
    app.set("2", "NULL", "'ghp_secretinthewrongcolumn'").await;
    let done = life.apply(&run.id).await;
    assert_eq!((done.progress.counts.done, done.progress.counts.stale), (8, 1), "{:?}", done.reason);
    let (key, why) = life.reason(&run.id, ItemState::Stale).await;
    assert_eq!(key, "2:acme/d");
    assert_eq!(why, "the application's columns hold (NULL, `[redacted]`), the plan saw (NULL, NULL)");
    app.set("4", "1000", "'theirs'").await;
    app.sql("DELETE FROM \"Project\" WHERE id = 5").await;
    let undone = life.undo(&run.id).await;
    let counts = &undone.progress.counts;
    assert_eq!((undone.state, counts.undone, counts.superseded), (RunState::Undone, 5, 3));
    let (key, why) = life.reason(&run.id, ItemState::Superseded).await;
    assert_eq!((key.as_str(), why.as_str()), ("4:beta/c", "the application's columns hold (1000, `theirs`)"));
    assert_eq!(app.held("4").await, held(Some(1000), Some("theirs")));
    assert_eq!(app.held("1").await, held(Some(7), Some("by hand")));
    assert_eq!(app.held("3").await, held(None, Some("")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_dies_in_a_run_pauses_it_with_the_cause_and_it_goes_on_afterwards() {
    let postgres = Postgres::start().await.unwrap();
    let mut app = App::on(&postgres, prisma(), "BIGINT").await;
    for id in 0..60 {
        app.add(&id.to_string(), Some("t"), &["a/b"]).await;
    }
    let before = app.dump().await;
    let (reached, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait, passed) = (reached.clone(), go.clone(), Arc::new(AtomicUsize::new(0)));
    let faults = Faults::with(Arc::new(move |name| {
        let hit = name == "run.effect.after" && passed.fetch_add(1, Ordering::SeqCst) + 1 == 25;
        let (tell, wait) = (tell.clone(), wait.clone());
        Box::pin(async move {
            if hit {
                tell.notify_one();
                wait.notified().await;
            }
        })
    }));
    let dir = tempfile::tempdir().unwrap();
    let life = Life::new(dir.path(), &app, 20, faults).await;
    let run = life.approved(42).await;
    life.engine.apply(&run.id, None, &ana()).await.unwrap();
    reached.notified().await;
    postgres.crash().await.unwrap();
    go.notify_one();
    let paused = life.stands(&run.id).await;
    assert_eq!(paused.state, RunState::Paused);
    let why = paused.reason.unwrap();
    assert!(why.contains("the application's database") && why.contains("does not answer"), "{why}");
    assert!(!why.contains(cutover_tests::services::PASSWORD), "{why}");
    let counts = &paused.progress.counts;
    assert!(counts.failed + counts.unknown + counts.stale == 0 && counts.pending > 0, "{counts:?}");
    postgres.start_again().await.unwrap();
    app.reconnect().await;
    life.engine.resume_run(&run.id, None, &ana()).await.unwrap();
    let done = life.stands(&run.id).await;
    assert_eq!((done.state, done.progress.counts.done), (RunState::Done, 60), "{:?}", done.reason);
    let touched = app.touched().await;
    assert!(touched.len() == 60 && touched.values().all(|n| *n == 1), "{touched:?}");
    assert_eq!(life.undo(&run.id).await.progress.counts.undone, 60);
    assert_eq!(app.dump().await, before);
}

#[tokio::test]
async fn a_missing_grant_pauses_the_run_before_its_first_write() {
    let mut app = App::new(prisma(), "BIGINT").await;
    for id in 0..5 {
        app.add(&id.to_string(), Some("t"), &["a/b"]).await;
    }
    app.sql("CREATE ROLE reader_only LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader_only")
        .await;
    let url = app.database.url.clone();
    app.database.url = url.replace("postgres:planted", "reader_only:planted");
    let dir = tempfile::tempdir().unwrap();
    let life = Life::new(dir.path(), &app, 3, Faults::none()).await;
    let run = life.approved(42).await;
    let paused = life.apply(&run.id).await;
    assert_eq!((paused.state, paused.progress.counts.pending), (RunState::Paused, 5));
    assert!(paused.reason.unwrap().contains("can't be written: GRANT UPDATE"));
    app.sql("GRANT UPDATE (\"githubInstallationId\", \"migrationStatus\") ON \"Project\" TO reader_only")
        .await;
    app.sql("GRANT INSERT ON public.touched TO reader_only").await;
    life.engine.resume_run(&run.id, None, &ana()).await.unwrap();
    assert_eq!(life.stands(&run.id).await.state, RunState::Done);
    life.database.close().await;
    app.sql("DROP OWNED BY reader_only; DROP ROLE reader_only").await;
}
