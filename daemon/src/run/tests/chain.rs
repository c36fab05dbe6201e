//! A kind whose items go in chains, against a database that holds a marker beside each effect; killed at every crash point, and
//! stopped by halts, pauses and failures.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use cutover_shared::ids::RunId;
use cutover_shared::run::{EffectClass, ItemState, Reversibility, RunState, RunView};
use serde_json::{Value, json};
use sqlx::Connection as _;
use tokio::sync::Notify;

use super::{ana, let_go};
use crate::clock::Clock;
use crate::faults::Faults;
use crate::faults::crash::{live_until, runtime};
use crate::run::*;
use crate::store::{Db, Op, RunRow, StoredItem, open};

const KIND: &str = "toy-chained";
const CHAINS: usize = 8;
const LINKS: usize = 4;

/// What the kind changes, and how it behaves. It outlives an engine.
#[derive(Clone)]
struct World(Arc<Inner>);

struct Inner {
    other: PathBuf,
    /// Keys that are refused.
    refused: Mutex<Vec<String>>,
    /// Keys of which no answer comes.
    silent: Mutex<Vec<String>>,
    /// A stage halts at so many failures.
    most: AtomicUsize,
    failed: Mutex<BTreeMap<u32, usize>>,
    /// Chains at once, at most.
    peak: AtomicUsize,
    stages: Mutex<Vec<u32>>,
    /// Items wait for each other before their effect until so many may go on.
    gate: AtomicU32,
    opened: Notify,
    reached: Notify,
}

impl World {
    async fn new(dir: &Path) -> Self {
        let world = Self(Arc::new(Inner {
            other: dir.join("chains.db"),
            refused: Mutex::default(),
            silent: Mutex::default(),
            most: AtomicUsize::new(usize::MAX),
            failed: Mutex::default(),
            peak: AtomicUsize::new(0),
            stages: Mutex::default(),
            gate: AtomicU32::new(u32::MAX),
            opened: Notify::new(),
            reached: Notify::new(),
        }));
        let mut c = world.connect().await;
        sqlx::raw_sql("PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS did (seq INTEGER PRIMARY KEY, key TEXT, way TEXT, UNIQUE (key, way))")
            .execute(&mut c)
            .await
            .unwrap();
        world
    }

    async fn connect(&self) -> sqlx::SqliteConnection {
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(&self.0.other)
            .create_if_missing(true)
            .busy_timeout(std::time::Duration::from_secs(30));
        sqlx::SqliteConnection::connect_with(&options).await.unwrap()
    }

    /// Every effect, in order: (key, way).
    async fn did(&self) -> Vec<(String, String)> {
        let mut c = self.connect().await;
        sqlx::query_as("SELECT key, way FROM did ORDER BY seq").fetch_all(&mut c).await.unwrap()
    }

    async fn has(&self, key: &str, way: &str) -> bool {
        self.did().await.iter().any(|(k, w)| k == key && w == way)
    }

    async fn pass_gate(&self) {
        loop {
            let opened = self.0.opened.notified();
            let passed = self.0.gate.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
                u32::MAX => Some(u32::MAX),
                0 => None,
                n => Some(n - 1),
            });
            if passed.is_ok() {
                return;
            }
            self.0.reached.notify_one();
            opened.await;
        }
    }

    fn open_gate(&self) {
        self.0.gate.store(u32::MAX, Ordering::SeqCst);
        self.0.opened.notify_waiters();
    }
}

struct Source {
    left: Vec<(String, String)>,
}

#[async_trait]
impl PlanSource for Source {
    async fn next(&mut self) -> Result<Option<Vec<(String, String)>>, KindError> {
        let page: Vec<_> = self.left.drain(..self.left.len().min(5)).collect();
        Ok((!page.is_empty()).then_some(page))
    }

    fn summary(&mut self) -> Value {
        json!({})
    }
}

/// Two stages of chains.
fn source() -> Source {
    let key = |chain: usize, link: usize| format!("{}/c{chain:02}/{link}", chain * 2 / CHAINS);
    let items = (0..CHAINS).flat_map(|chain| (0..LINKS).map(move |link| (key(chain, link), "{}".to_owned())));
    Source { left: items.collect() }
}

#[derive(Clone)]
struct Toy(World);

#[async_trait]
impl Kind for Toy {
    fn name(&self) -> &'static str {
        KIND
    }
    fn reversibility(&self) -> Reversibility {
        Reversibility::Reversible
    }
    fn effect(&self) -> Effect<'_> {
        Effect::Chained(self)
    }
    async fn verify(
        &self,
        _: &RunId,
        direction: Direction,
        items: &[StoredItem],
    ) -> Result<Vec<(i64, String)>, KindError> {
        let did = self.0.did().await;
        let is_there = |item: &StoredItem| did.contains(&(item.key.clone(), direction.word().to_owned()));
        Ok(items.iter().filter(|item| !is_there(item)).map(|item| (item.ord, "gone".into())).collect())
    }
}

#[async_trait]
impl Elsewhere for Toy {
    fn class(&self) -> EffectClass {
        EffectClass::Marked
    }
    async fn resolve(&self, _: &RunId, way: Direction, item: &StoredItem) -> Result<Resolved, KindError> {
        if self.0.0.silent.lock().unwrap().contains(&item.key) {
            return Ok(Resolved::Unknown("it does not tell".into()));
        }
        Ok(if self.0.has(&item.key, way.word()).await { Resolved::Done } else { Resolved::NotDone })
    }
    fn record(&self, _: &RunId, _: Direction, _: &StoredItem, _: i64) -> Vec<Op> {
        Vec::new()
    }
}

#[async_trait]
impl Chained for Toy {
    fn place(&self, item: &StoredItem) -> Result<Place, KindError> {
        let mut parts = item.key.split('/');
        let stage = parts.next().unwrap().parse().unwrap();
        Ok(Place { chain: parts.next().unwrap().to_owned(), stage, lane: String::new() })
    }
    async fn pass(&self, _: &RunRow, direction: Direction) -> Result<Arc<dyn Pass>, KindError> {
        self.0.0.failed.lock().unwrap().clear();
        Ok(Arc::new(ToyPass { world: self.0.clone(), direction, now: Arc::default() }))
    }
}

struct ToyPass {
    world: World,
    direction: Direction,
    /// Chains at once.
    now: Arc<AtomicUsize>,
}

struct Ticket(Arc<AtomicUsize>);

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Pass for ToyPass {
    async fn prepare(&self, _: &[Chain]) -> Result<(), KindError> {
        Ok(())
    }
    fn admit(&self, chain: &Chain) -> Option<Box<dyn Send>> {
        let world = &self.world.0;
        if self.now.load(Ordering::SeqCst) >= 3 {
            return None;
        }
        world.stages.lock().unwrap().push(chain.stage);
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        world.peak.fetch_max(now, Ordering::SeqCst);
        Some(Box::new(Ticket(self.now.clone())))
    }
    async fn freed(&self) {
        std::future::pending::<()>().await;
    }
    fn halt(&self, stage: u32) -> Option<String> {
        let failed = self.world.0.failed.lock().unwrap().get(&stage).copied().unwrap_or(0);
        (failed >= self.world.0.most.load(Ordering::SeqCst)).then(|| format!("{failed} failed in {stage}"))
    }
    fn begun(&self, _: &[StoredItem], _: i64) -> Vec<Op> {
        Vec::new()
    }
    async fn work(&self, chain: &Chain, told: &Told) {
        for item in &chain.items {
            if told.stop().is_cancelled() {
                return;
            }
            told.begin(item).await;
            self.world.pass_gate().await;
            assert!(!item.key.ends_with("panic"), "as the test wants it");
            if self.world.0.refused.lock().unwrap().contains(&item.key) {
                *self.world.0.failed.lock().unwrap().entry(chain.stage).or_default() += 1;
                told.end(item, Ended::Failed("refused".into())).await;
                return;
            }
            let way = self.direction.word();
            let mut c = self.world.connect().await;
            // The marker guards its effect: what a dead process had sent off may arrive after it was asked about.
            sqlx::query("INSERT INTO did (key, way) VALUES ($1, $2) ON CONFLICT (key, way) DO NOTHING")
                .bind(&item.key)
                .bind(way)
                .execute(&mut c)
                .await
                .unwrap();
            if self.world.0.silent.lock().unwrap().contains(&item.key) {
                told.end(item, Ended::Unclear("no answer".into())).await;
                return;
            }
            told.end(item, Ended::Done).await;
        }
    }
    fn left(&self, _: &[StoredItem], _: i64) -> Vec<Op> {
        Vec::new()
    }
    fn ended(&self, _: &[End], _: i64) -> Vec<Op> {
        Vec::new()
    }
}

struct Life {
    db: Db,
    engine: Engine,
}

async fn life(dir: &Path, world: &World, faults: Faults) -> Life {
    let db = open(&format!("sqlite:{}/cutover.db", dir.display()), faults.clone()).await.unwrap();
    let brake = Brake::pulled();
    let_go(&brake);
    let kinds: Vec<Arc<dyn Kind>> = vec![Arc::new(Toy(world.clone()))];
    let settings = EngineSettings::default();
    let gate = Arc::new(OpenGate);
    Life { db: db.clone(), engine: Engine::new(db, Clock::system(), faults, brake, settings, gate, kinds) }
}

impl Life {
    async fn plan(&self) -> RunView {
        let draft = Draft { kind: KIND, scope: "all".into(), rules: json!({}), config: json!({}) };
        self.engine.plan(draft, &ana(), &mut source()).await.unwrap()
    }

    async fn going(&self) -> RunView {
        let run = self.plan().await;
        self.engine.approve(&run.id, &run.digest, None, &ana()).await.unwrap();
        self.engine.apply(&run.id, None, &ana()).await.unwrap()
    }

    async fn items(&self, run: &RunId, state: ItemState) -> Vec<StoredItem> {
        self.db.items(run, Some(state), None, 100).await.unwrap()
    }
}

/// Each chain's effects came in order, and each once.
fn in_order(did: &[(String, String)], way: &str) {
    let mut last = BTreeMap::<&str, &str>::new();
    for (key, _) in did.iter().filter(|(_, w)| w == way) {
        let before = last.insert(&key[..5], key.as_str());
        let rises = before
            .is_none_or(|before| if way == "apply" { before < key.as_str() } else { before > key.as_str() });
        assert!(rises, "{before:?} then {key}");
    }
}

#[tokio::test]
async fn chains_go_side_by_side_in_order_stage_by_stage_and_back() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let life = life(dir.path(), &world, Faults::none()).await;
    let run = life.going().await;
    let done = life.engine.ended(&run.id).await;
    assert_eq!((done.state, done.progress.counts.done), (RunState::Done, (CHAINS * LINKS) as u64));
    let peak = world.0.peak.load(Ordering::SeqCst);
    assert!((2..=3).contains(&peak), "{peak} at once");
    assert!(world.0.stages.lock().unwrap().is_sorted());
    in_order(&world.did().await, "apply");
    life.engine.undo(&run.id, None, &ana()).await.unwrap();
    let undone = life.engine.ended(&run.id).await;
    assert_eq!((undone.state, undone.progress.counts.undone), (RunState::Undone, (CHAINS * LINKS) as u64));
    in_order(&world.did().await, "undo");
}

#[tokio::test]
async fn a_failure_ends_its_chain_only_and_a_retry_takes_what_it_held_up() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let life = life(dir.path(), &world, Faults::none()).await;
    world.0.refused.lock().unwrap().extend(["0/c01/1".to_owned(), "1/c05/0".to_owned()]);
    let run = life.going().await;
    let done = life.engine.ended(&run.id).await;
    let counts = &done.progress.counts;
    assert_eq!((counts.failed, counts.skipped, counts.done), (2, 2 + 3, (CHAINS * LINKS) as u64 - 7));
    let held_up = life.items(&run.id, ItemState::Skipped).await;
    assert!(held_up.iter().all(|item| item.reason.as_deref().unwrap().starts_with(BLOCKED)));
    // Of one of them.
    world.0.refused.lock().unwrap().clear();
    life.engine.retry_those(&run.id, &ana(), |item| item.key.starts_with("0/c01")).await.unwrap();
    let again = life.engine.ended(&run.id).await;
    assert_eq!((again.progress.counts.failed, again.progress.counts.skipped), (1, 3));
    life.engine.retry(&run.id, &ana()).await.unwrap();
    let all = life.engine.ended(&run.id).await;
    assert_eq!((all.state, all.progress.counts.done), (RunState::Done, (CHAINS * LINKS) as u64));
    in_order(&world.did().await, "apply");
}

#[tokio::test]
async fn too_many_failures_halt_the_run_in_their_stage() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let life = life(dir.path(), &world, Faults::none()).await;
    world.0.most.store(1, Ordering::SeqCst);
    world.0.refused.lock().unwrap().push("0/c00/0".to_owned());
    let run = life.going().await;
    let halted = life.engine.until(&run.id, &[RunState::Paused]).await;
    assert_eq!(halted.reason.as_deref(), Some("1 failed in 0"));
    let counts = &halted.progress.counts;
    assert_eq!(counts.leased, 0);
    assert!(counts.pending >= (CHAINS * LINKS / 2) as u64, "the next stage was not begun: {counts:?}");
    world.0.refused.lock().unwrap().clear();
    life.engine.retry(&run.id, &ana()).await.unwrap();
    let all = life.engine.ended(&run.id).await;
    assert_eq!((all.state, all.progress.counts.done), (RunState::Done, (CHAINS * LINKS) as u64));
}

#[tokio::test]
async fn a_pause_lets_each_chain_end_what_it_is_at_and_puts_the_rest_back() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let life = life(dir.path(), &world, Faults::none()).await;
    world.0.gate.store(5, Ordering::SeqCst);
    let run = life.going().await;
    world.0.reached.notified().await;
    life.engine.pause(&run.id, &ana()).await.unwrap();
    // The pass has to see it before the chains go on.
    let mut stop = false;
    while !stop {
        tokio::task::yield_now().await;
        stop = life.db.run(&run.id).await.unwrap().unwrap().state == RunState::Pausing;
    }
    world.open_gate();
    let paused = life.engine.until(&run.id, &[RunState::Paused]).await;
    assert_eq!(paused.progress.counts.leased, 0);
    assert_eq!(usize::try_from(paused.progress.counts.done), Ok(world.did().await.len()));
    if paused.progress.counts.pending > 0 {
        life.engine.resume_run(&run.id, None, &ana()).await.unwrap();
    }
    let done = life.engine.ended(&run.id).await;
    assert_eq!(done.progress.counts.done, (CHAINS * LINKS) as u64);
    in_order(&world.did().await, "apply");
}

#[tokio::test]
async fn what_can_not_be_found_out_is_unknown_and_ends_its_chain() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path()).await;
    let life = life(dir.path(), &world, Faults::none()).await;
    world.0.silent.lock().unwrap().push("0/c02/1".to_owned());
    let run = life.going().await;
    let done = life.engine.ended(&run.id).await;
    let counts = &done.progress.counts;
    assert_eq!((counts.unknown, counts.skipped, counts.leased), (1, 2, 0));
}

fn survives(undo: bool) {
    let mut reached = 0;
    for point in CRASH_POINTS {
        for nth in [1, 2, 4, 7] {
            let dir = tempfile::tempdir().unwrap();
            let world = runtime().block_on(World::new(dir.path()));
            let died = live_until(point, nth, async |faults| {
                let life = life(dir.path(), &world, faults).await;
                let run = life.going().await;
                life.engine.ended(&run.id).await;
                if undo {
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
                let life = life(dir.path(), &world, Faults::none()).await;
                let run = life.engine.carried(&at, undo, &ana(), async || life.plan().await).await;
                let counts = run.progress.counts;
                let all = (CHAINS * LINKS) as u64;
                assert_eq!(if undo { counts.undone } else { counts.done }, all, "{at}: {counts:?}");
                let did = world.did().await;
                in_order(&did, "apply");
                in_order(&did, "undo");
                assert_eq!(did.len(), CHAINS * LINKS * if undo { 2 } else { 1 }, "{at}: each once");
                assert!(crate::audit::verify(&life.db, None).await.unwrap().intact, "{at}");
            });
        }
    }
    assert!(reached >= 20, "only {reached} crashes were reached");
}

#[test]
fn a_run_in_chains_survives_every_crash_point() {
    survives(false);
}

#[test]
fn an_undo_of_a_run_in_chains_survives_every_crash_point() {
    survives(true);
}
