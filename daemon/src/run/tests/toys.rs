//! Three toy kinds, one for each effect class, and the worlds that they change. A value `locked` makes an item stale.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use cutover_shared::ids::RunId;
use cutover_shared::run::{EffectClass, Reversibility};
use serde_json::{Value, json};
use sqlx::Connection as _;
use tokio::sync::watch;

use crate::run::*;
use crate::store::{Db, Lane, Op, SettingOp, StoredItem, Unit};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toy {
    Local,
    Marked,
    Remote,
}

impl Toy {
    pub const ALL: [Self; 3] = [Self::Local, Self::Marked, Self::Remote];

    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "toy-local",
            Self::Marked => "toy-marked",
            Self::Remote => "toy-remote",
        }
    }
}

pub struct ToySource {
    next: usize,
    n: usize,
}

impl ToySource {
    pub fn new(n: usize) -> Self {
        Self { next: 0, n }
    }
}

#[async_trait]
impl PlanSource for ToySource {
    async fn next(&mut self) -> Result<Option<Vec<(String, String)>>, KindError> {
        let end = (self.next + 3).min(self.n);
        let page: Vec<_> = (self.next..end)
            .map(|i| (format!("k{i:03}"), canonical(&json!({ "value": format!("new {i}") })).unwrap()))
            .collect();
        self.next = end;
        Ok((!page.is_empty()).then_some(page))
    }

    fn summary(&mut self) -> Value {
        json!({ "n": self.n })
    }
}

#[derive(Default)]
struct Server {
    values: BTreeMap<String, String>,
    writes: BTreeMap<String, u32>,
    refused: BTreeSet<String>,
    mumbled: BTreeSet<String>,
    forgotten: BTreeSet<String>,
    gone: bool,
}

/// What the kinds change. It outlives an engine, as the real other side does.
#[derive(Clone)]
pub struct World {
    marked: PathBuf,
    server: Arc<Mutex<Server>>,
    /// How many effects may still happen before the next one waits; none for no limit.
    gate: Arc<watch::Sender<Option<u32>>>,
}

impl World {
    pub async fn new(dir: &Path) -> Self {
        let marked = dir.join("other.db");
        let world = Self { marked, server: Arc::default(), gate: Arc::new(watch::channel(None).0) };
        let mut c = world.connect().await;
        sqlx::raw_sql("CREATE TABLE IF NOT EXISTS v (k TEXT PRIMARY KEY, v TEXT, n INTEGER NOT NULL DEFAULT 0); CREATE TABLE IF NOT EXISTS marker (id TEXT PRIMARY KEY)")
            .execute(&mut c)
            .await
            .unwrap();
        world
    }

    async fn connect(&self) -> sqlx::SqliteConnection {
        let options =
            sqlx::sqlite::SqliteConnectOptions::new().filename(&self.marked).create_if_missing(true);
        sqlx::SqliteConnection::connect_with(&options).await.unwrap()
    }

    pub fn kinds(&self, db: &Db) -> Vec<Arc<dyn Kind>> {
        vec![
            Arc::new(LocalToy { db: db.clone() }),
            Arc::new(OutsideToy { world: self.clone(), db: db.clone(), toy: Toy::Marked }),
            Arc::new(OutsideToy { world: self.clone(), db: db.clone(), toy: Toy::Remote }),
        ]
    }

    pub fn hold_after(&self, n: u32) {
        self.gate.send_replace(Some(n));
    }

    pub async fn held(&self) {
        self.gate.subscribe().wait_for(|left| *left == Some(0)).await.unwrap();
    }

    pub fn let_go(&self) {
        self.gate.send_replace(None);
    }

    async fn pass_gate(&self) {
        let mut gate = self.gate.subscribe();
        loop {
            let mut passed = false;
            self.gate.send_if_modified(|left| match left {
                None => {
                    passed = true;
                    false
                }
                Some(0) => false,
                Some(n) => {
                    passed = true;
                    *n -= 1;
                    true
                }
            });
            if passed {
                return;
            }
            gate.changed().await.unwrap();
        }
    }

    pub fn refuse(&self, key: &str) {
        self.server.lock().unwrap().refused = BTreeSet::from([key.to_owned()]);
    }

    pub fn mumble(&self, key: &str) {
        self.server.lock().unwrap().mumbled.insert(key.to_owned());
    }

    pub fn forget(&self, key: &str) {
        self.server.lock().unwrap().forgotten.insert(key.to_owned());
    }

    pub fn vanish(&self, gone: bool) {
        self.server.lock().unwrap().gone = gone;
    }

    pub fn writes(&self) -> BTreeMap<String, u32> {
        self.server.lock().unwrap().writes.clone()
    }

    pub async fn marked_writes(&self) -> BTreeMap<String, i64> {
        let mut c = self.connect().await;
        sqlx::query_as("SELECT k, n FROM v").fetch_all(&mut c).await.unwrap().into_iter().collect()
    }

    pub async fn write(&self, db: &Db, toy: Toy, key: &str, value: &str) {
        match toy {
            Toy::Local => {
                let op = set(key, value, 0);
                db.write(Lane::Handler, Unit::new().with(op)).await.unwrap();
            }
            Toy::Marked => {
                let mut c = self.connect().await;
                sqlx::query(
                    "INSERT INTO v (k, v) VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET v = excluded.v",
                )
                .bind(key)
                .bind(value)
                .execute(&mut c)
                .await
                .unwrap();
            }
            Toy::Remote => {
                self.server.lock().unwrap().values.insert(key.to_owned(), value.to_owned());
            }
        }
    }

    /// Every value that is not empty.
    pub async fn values(&self, db: &Db, toy: Toy) -> BTreeMap<String, String> {
        let mut values = BTreeMap::new();
        for i in 0..100 {
            let key = format!("k{i:03}");
            if let Some(value) = self.value(db, toy, &key).await {
                values.insert(key, value);
            }
        }
        values
    }

    async fn value(&self, db: &Db, toy: Toy, key: &str) -> Option<String> {
        let value = match toy {
            Toy::Local => db.setting(&format!("toy.{key}")).await.unwrap().map(|(value, ..)| value),
            Toy::Marked => {
                let mut c = self.connect().await;
                sqlx::query_scalar("SELECT v FROM v WHERE k = $1")
                    .bind(key)
                    .fetch_optional(&mut c)
                    .await
                    .unwrap()
                    .flatten()
            }
            Toy::Remote => self.server.lock().unwrap().values.get(key).cloned(),
        };
        value.filter(|value| !value.is_empty())
    }
}

fn set(key: &str, value: &str, at: i64) -> Op {
    SettingOp::Set { name: format!("toy.{key}"), value: value.to_owned(), at, by: "toy".into() }.into()
}

/// What an item wants to write.
fn wanted(item: &StoredItem) -> String {
    serde_json::from_str::<Value>(&item.body).unwrap()["value"].as_str().unwrap().to_owned()
}

/// What is there now, and what should be there after a pass.
fn target(direction: Direction, item: &StoredItem) -> String {
    match direction {
        Direction::Apply => wanted(item),
        Direction::Undo => item.before.clone().unwrap_or_default(),
    }
}

fn holds(value: Option<String>) -> String {
    value.map_or_else(|| "holds nothing".to_owned(), |value| format!("holds `{value}`"))
}

struct LocalToy {
    db: Db,
}

impl LocalToy {
    async fn now(&self, item: &StoredItem) -> Option<String> {
        let value = self.db.setting(&format!("toy.{}", item.key)).await.unwrap().map(|(value, ..)| value);
        value.filter(|value| !value.is_empty())
    }
}

#[async_trait]
impl Kind for LocalToy {
    fn name(&self) -> &'static str {
        Toy::Local.name()
    }
    fn reversibility(&self) -> Reversibility {
        Reversibility::Reversible
    }
    fn effect(&self) -> Effect<'_> {
        Effect::Local(self)
    }
    async fn verify(
        &self,
        _: &RunId,
        direction: Direction,
        items: &[StoredItem],
    ) -> Result<Vec<(i64, String)>, KindError> {
        let mut wrong = Vec::new();
        for item in items {
            let now = self.now(item).await;
            if now.clone().unwrap_or_default() != target(direction, item) {
                wrong.push((item.ord, holds(now)));
            }
        }
        Ok(wrong)
    }
}

#[async_trait]
impl Local for LocalToy {
    async fn prepare(
        &self,
        _: &RunId,
        direction: Direction,
        items: &[StoredItem],
        at: i64,
    ) -> Result<Prepared, KindError> {
        let mut prepared = Prepared::default();
        for item in items {
            let now = self.now(item).await;
            prepared.outcomes.push(match direction {
                Direction::Apply if now.as_deref() == Some("locked") => Outcome::Stale("locked".into()),
                Direction::Undo if now.as_deref() != Some(&wanted(item)) => Outcome::Stale(holds(now)),
                _ => {
                    prepared.ops.push(set(&item.key, &target(direction, item), at));
                    Outcome::Done { before: Some(now.unwrap_or_default()) }
                }
            });
        }
        Ok(prepared)
    }
}

struct OutsideToy {
    world: World,
    db: Db,
    toy: Toy,
}

#[async_trait]
impl Kind for OutsideToy {
    fn name(&self) -> &'static str {
        self.toy.name()
    }
    fn reversibility(&self) -> Reversibility {
        Reversibility::Reversible
    }
    fn undo_serves_legacy(&self) -> bool {
        self.toy == Toy::Marked
    }
    fn effect(&self) -> Effect<'_> {
        Effect::Outside(self)
    }
    async fn verify(
        &self,
        _: &RunId,
        direction: Direction,
        items: &[StoredItem],
    ) -> Result<Vec<(i64, String)>, KindError> {
        let mut wrong = Vec::new();
        for item in items {
            let now = self.world.value(&self.db, self.toy, &item.key).await;
            if now.clone().unwrap_or_default() != target(direction, item) {
                wrong.push((item.ord, holds(now)));
            }
        }
        Ok(wrong)
    }
}

#[async_trait]
impl Elsewhere for OutsideToy {
    fn class(&self) -> EffectClass {
        if self.toy == Toy::Marked { EffectClass::Marked } else { EffectClass::Remote }
    }

    async fn resolve(
        &self,
        run: &RunId,
        direction: Direction,
        item: &StoredItem,
    ) -> Result<Resolved, KindError> {
        let done = if self.toy == Toy::Marked {
            let mut c = self.world.connect().await;
            sqlx::query_scalar::<_, i64>("SELECT count(*) FROM marker WHERE id = $1")
                .bind(format!("{run} {} {}", direction.word(), item.key))
                .fetch_one(&mut c)
                .await
                .unwrap()
                == 1
        } else {
            let server = self.world.server.lock().unwrap();
            if server.mumbled.contains(&item.key) {
                return Ok(Resolved::Unknown("it does not tell".into()));
            }
            server.values.get(&item.key).cloned().unwrap_or_default() == target(direction, item)
        };
        Ok(if done { Resolved::Done } else { Resolved::NotDone })
    }

    fn record(&self, _: &RunId, _: Direction, item: &StoredItem, at: i64) -> Vec<Op> {
        vec![
            SettingOp::Set { name: format!("seen.{}", item.key), value: "yes".into(), at, by: "toy".into() }
                .into(),
        ]
    }
}

#[async_trait]
impl Outside for OutsideToy {
    async fn look(
        &self,
        _: &RunId,
        direction: Direction,
        items: &[StoredItem],
    ) -> Result<Vec<Look>, KindError> {
        if self.world.server.lock().unwrap().gone {
            return Err(KindError::new("looking", "the other side is gone"));
        }
        let mut looks = Vec::new();
        for item in items {
            let now = self.world.value(&self.db, self.toy, &item.key).await;
            looks.push(match direction {
                Direction::Apply if now.as_deref() == Some("locked") => Look::Stale("locked".into()),
                Direction::Apply => Look::Ready { before: Some(now.unwrap_or_default()) },
                Direction::Undo if now.as_deref() != Some(&wanted(item)) => Look::Stale(holds(now)),
                Direction::Undo => Look::Ready { before: None },
            });
        }
        Ok(looks)
    }

    async fn act(&self, run: &RunId, direction: Direction, item: &StoredItem) -> Acted {
        self.world.pass_gate().await;
        let value = target(direction, item);
        if self.toy == Toy::Marked {
            let mut c = self.world.connect().await;
            let mut tx = c.begin().await.unwrap();
            sqlx::query("INSERT INTO marker (id) VALUES ($1)")
                .bind(format!("{run} {} {}", direction.word(), item.key))
                .execute(&mut *tx)
                .await
                .unwrap();
            sqlx::query("INSERT INTO v (k, v, n) VALUES ($1, $2, 1) ON CONFLICT (k) DO UPDATE SET v = excluded.v, n = n + 1")
                .bind(&item.key)
                .bind(&value)
                .execute(&mut *tx)
                .await
                .unwrap();
            tx.commit().await.unwrap();
            return Acted::Done;
        }
        let mut server = self.world.server.lock().unwrap();
        if server.refused.contains(&item.key) {
            return Acted::Failed("refused".into());
        }
        if server.forgotten.contains(&item.key) {
            return Acted::Done;
        }
        server.values.insert(item.key.clone(), value);
        *server.writes.entry(item.key.clone()).or_default() += 1;
        if server.mumbled.contains(&item.key) { Acted::Ambiguous("no answer".into()) } else { Acted::Done }
    }
}
