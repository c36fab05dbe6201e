//! Two arms in memory behind a real store.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use cutover_shared::ids::TenantId;
use cutover_shared::mapping::Mode;
use cutover_shared::rollout::{Operation, RolloutName, Side, Stage};
use serde_json::json;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::faults::Faults;
use crate::rollout::router::Router;
use crate::rollout::second::{
    Asked, Intent, Record, RepairLimits, Second, SecondArm, SecondError, SecondParts,
};
use crate::rollout::state::{Lists, State, StoredCeiling};
use crate::run::Brake;
use crate::store::{self, Db, Lane, NewChange, RolloutOp, Unit};

pub(super) const NOW: i64 = 1_800_000_000_000;
/// By the real clock: a store on a busy disk takes its time.
const LONG: Duration = Duration::from_secs(60);

pub(super) const NAME: RolloutName = RolloutName::GithubAuth;

/// What the arms did, outside of any store and any process: (side, key) by how often.
#[derive(Clone, Default)]
pub(super) struct Outside(pub(super) Arc<Mutex<BTreeMap<(Side, String), u32>>>);

impl Outside {
    pub(super) fn did(&self, side: Side, key: &str) {
        *self.0.lock().unwrap().entry((side, key.to_owned())).or_default() += 1;
    }

    pub(super) fn times(&self, side: Side, key: &str) -> u32 {
        self.0.lock().unwrap().get(&(side, key.to_owned())).copied().unwrap_or(0)
    }
}

/// The arm that is written behind; fails as often as it is told to.
#[derive(Clone, Default)]
pub(super) struct Script {
    pub(super) outside: Outside,
    pub(super) transient: Arc<AtomicU32>,
    pub(super) permanent: Arc<AtomicU32>,
    /// It does something else than the arm that answered.
    pub(super) other_digest: Arc<AtomicU32>,
    /// Whether the answering arm's effects are asked for after a crash.
    pub(super) asks: bool,
    /// Writes that wait in the middle until they are let go.
    pub(super) stops: Arc<AtomicU32>,
    pub(super) go: Arc<Notify>,
    /// Writes that have begun.
    pub(super) begun: Arc<AtomicU32>,
    /// What was written, in this order.
    pub(super) wrote: Arc<Mutex<Vec<String>>>,
}

fn take(count: &AtomicU32) -> bool {
    count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok()
}

#[async_trait]
impl SecondArm for Script {
    async fn write(&self, intent: &Intent) -> Result<Record, SecondError> {
        if take(&self.permanent) {
            return Err(SecondError::Permanent("no access".to_owned()));
        }
        if take(&self.transient) {
            return Err(SecondError::Transient { why: "not now".to_owned(), wait: None });
        }
        self.begun.fetch_add(1, Ordering::SeqCst);
        if take(&self.stops) {
            self.go.notified().await;
        }
        self.outside.did(intent.side, &intent.key);
        let asked = intent.body["digest"].as_str().unwrap_or("same");
        let digest = if take(&self.other_digest) { "other" } else { asked };
        self.wrote.lock().unwrap().push(digest.to_owned());
        Ok(record(&intent.key, digest))
    }

    async fn became(&self, intent: &Intent) -> Result<Option<Record>, SecondError> {
        let done = self.asks && self.outside.times(intent.side.other(), &intent.key) > 0;
        Ok(done.then(|| record(&intent.key, "same")))
    }
}

pub(super) fn record(key: &str, digest: &str) -> Record {
    Record { key: key.to_owned(), digest: digest.to_owned(), body: json!({ "of": key, "digest": digest }) }
}

/// One life of a process over the store in a folder.
pub(super) struct Life {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) router: Router,
    pub(super) script: Script,
    pub(super) second: Second,
}

impl Life {
    pub(super) async fn new(dir: &Path, script: Script, faults: Faults) -> Self {
        Self::with(dir, script, faults, Clock::manual(NOW), 100).await
    }

    pub(super) async fn with(dir: &Path, script: Script, faults: Faults, clock: Clock, most: u64) -> Self {
        let url = format!("sqlite:{}", dir.join("cutover.db").display());
        let db = store::open(&url, Faults::none()).await.unwrap();
        let brake = Brake::pulled();
        brake.release(brake.newest().unwrap());
        let router = Router::new(brake);
        let arm: Arc<dyn SecondArm> = Arc::new(script.clone());
        let second = Second::new(SecondParts {
            db: db.clone(),
            clock: clock.clone(),
            faults,
            router: router.clone(),
            limits: RepairLimits { age: Duration::from_secs(3_600), most },
            every: Duration::from_secs(300),
            arms: std::array::from_fn(|_| Some(arm.clone())),
        });
        let life = Self { db, clock, router, script, second };
        life.stage("dual-write", 1);
        life
    }

    pub(super) fn stage(&self, stage: &str, version: u64) {
        self.publish(stage, version, false);
    }

    pub(super) fn publish(&self, stage: &str, version: u64, killed: bool) {
        let stage: Stage = stage.parse().unwrap();
        let mut state = State::begin(NAME, stage, 0);
        state.ceiling = Some(StoredCeiling { mode: Mode::On, listed: None });
        let mut plan = state.plan(NAME, version, Lists::default(), 0).unwrap();
        plan.killed = killed;
        self.router.publish(plan);
    }

    /// The state as the store has it.
    pub(super) async fn stored(&self, state: &State, version: u64) {
        let change = NewChange {
            at: self.clock.now(),
            by: "ana".to_owned(),
            act: "stage",
            from: state.stage,
            to: state.stage,
            reason: String::new(),
            detail: serde_json::Value::Null,
        };
        let body = serde_json::to_string(state).unwrap();
        let put = RolloutOp::Put { name: NAME, after: version - 1, body, change: Box::new(change) };
        self.db.write(Lane::Handler, Unit::new().with(put)).await.unwrap();
        let plan = state.plan(NAME, version, Lists::default(), 0).unwrap();
        self.router.publish(plan);
    }

    pub(super) fn asked(&self, key: &str) -> Asked {
        let tenant = TenantId("acme".to_owned());
        let decision = self.router.decide(Operation::Import, &tenant.0);
        Asked { operation: Operation::Import, tenant, key: key.to_owned(), decision, body: json!({}) }
    }

    /// One call: the answering arm does it, and the caller has an answer when this comes back.
    pub(super) async fn call(&self, key: &str) {
        self.answers(key, "same").await;
    }

    /// A call whose answer has this digest.
    pub(super) async fn answers(&self, key: &str, digest: &str) {
        let asked = self.asked(key);
        let side = asked.decision.side;
        let work = async {
            self.script.outside.did(side, key);
            Ok::<_, String>(record(key, digest))
        };
        self.second.around(asked, work, |record| Some(record.clone())).await.unwrap();
    }

    /// Waits until it is so, moving the clock where nothing happens by itself.
    pub(super) async fn until(&self, mut so: impl AsyncFnMut(&Self) -> bool) {
        let (real, mut round) = (Clock::system(), 0_u32);
        let end = real.monotonic() + LONG;
        while real.monotonic() < end {
            if so(self).await {
                return;
            }
            round += 1;
            if round.is_multiple_of(20) {
                self.clock.advance(Duration::from_secs(1));
            }
            tokio::task::yield_now().await;
        }
        panic!("it did not come to be so");
    }

    pub(super) async fn settled(&self) {
        // In this order: an intent that is settled in between becomes a write that waits.
        self.until(async |life| {
            life.db.second_intents(NAME, 0, 1).await.unwrap().is_empty()
                && life.db.second_counts(NAME).await.unwrap().waiting == 0
        })
        .await;
    }

    /// Keys in the book of an arm, with whether it answered.
    pub(super) async fn book(&self, side: Side) -> Vec<(String, bool)> {
        let rows = self.db.arm_records(NAME, side, None, 500).await.unwrap();
        rows.into_iter().map(|row| (row.record.of.key, row.record.answered)).collect()
    }
}
