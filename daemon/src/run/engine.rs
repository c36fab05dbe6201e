//! The engine: makes plans, keeps one driver for each moving run, and knows the kinds.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cutover_shared::ids::RunId;
use cutover_shared::run::RunView;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::approval::{self, GateCheck};
use super::brake::{Brake, Pull};
use super::error::RunError;
use super::kind::Kind;
use super::plan::{Basis, ITEMS_PER_PAGE};
use super::progress::Meter;
use super::source::{Draft, PlanSource};
use super::view::run_view;
use crate::audit::Who;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::store::{Db, Lane, NewItem, NewRun, RunOp, RunRow, UNIT_ROWS, Unit};

/// What the configuration says about runs.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// Items in one chunk, at most [`UNIT_ROWS`].
    pub chunk: usize,
    /// A planned run can be approved for so long.
    pub plan_ttl: Duration,
    /// A daemon that did not renew its lease for so long is taken for dead.
    pub lease: Duration,
    /// Outside effects of one run under way at once.
    pub parallel: usize,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            chunk: UNIT_ROWS,
            plan_ttl: Duration::from_secs(24 * 60 * 60),
            lease: Duration::from_secs(15),
            parallel: 8,
        }
    }
}

/// The run engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) faults: Faults,
    pub(super) brake: Brake,
    pub(super) settings: EngineSettings,
    pub(super) gate: Arc<dyn GateCheck>,
    /// Names this process as the holder of leases.
    pub(super) holder: String,
    pub(super) stop: CancellationToken,
    kinds: BTreeMap<&'static str, Arc<dyn Kind>>,
    pub(super) drivers: Mutex<HashMap<RunId, Meter>>,
    /// Undos that a person began under this pull of the brake; a later pull holds them too.
    undoing: Mutex<HashMap<RunId, Pull>>,
    tracker: TaskTracker,
}

impl Engine {
    /// An engine over a store. It drives nothing until it is asked to, or told to [`Engine::resume`].
    pub fn new(
        db: Db,
        clock: Clock,
        faults: Faults,
        brake: Brake,
        settings: EngineSettings,
        gate: Arc<dyn GateCheck>,
        kinds: Vec<Arc<dyn Kind>>,
    ) -> Self {
        Self(Arc::new(Inner {
            db,
            clock,
            faults,
            brake,
            settings,
            gate,
            holder: uuid::Uuid::now_v7().to_string(),
            stop: CancellationToken::new(),
            kinds: kinds.into_iter().map(|kind| (kind.name(), kind)).collect(),
            drivers: Mutex::new(HashMap::new()),
            undoing: Mutex::new(HashMap::new()),
            tracker: TaskTracker::new(),
        }))
    }

    /// Writes a plan. The run becomes visible with its last item; a crash before leaves orphans that
    /// [`Engine::resume`] drops.
    pub async fn plan(
        &self,
        draft: Draft,
        who: &Who,
        source: &mut dyn PlanSource,
    ) -> Result<RunView, RunError> {
        let inner = &self.0;
        let kind = inner.kinds.get(draft.kind).ok_or_else(|| RunError::UnknownKind(draft.kind.into()))?;
        let id = RunId(uuid::Uuid::now_v7().to_string());
        let mut writer = PageWriter { inner, run: &id, ord: 0, page: Vec::new(), pages: Vec::new() };
        while let Some(items) = source.next().await? {
            writer.take(items).await?;
        }
        let (items, pages) = writer.end().await?;
        let basis = Basis {
            kind: draft.kind.to_owned(),
            scope: draft.scope.clone(),
            rules: draft.rules,
            config: draft.config,
            items,
            pages,
        };
        let (digest, bytes) = basis.digest()?;
        let now = inner.clock.now();
        let summary = source.summary();
        let reversibility = source.reversibility().unwrap_or_else(|| kind.reversibility());
        inner.faults.point("run.plan.create").await;
        let run = NewRun {
            id: id.clone(),
            kind: draft.kind.to_owned(),
            scope: draft.scope.clone(),
            digest: digest.0.clone(),
            basis: bytes,
            effect: word(&kind.effect().class()),
            reversibility: serde_json::to_string(&reversibility).unwrap_or_default(),
            author: who.operator.0.clone(),
            planned_at: now,
            expires_at: now.saturating_add(millis(inner.settings.plan_ttl)),
            summary: summary.to_string(),
        };
        let detail = serde_json::json!({
            "kind": draft.kind, "scope": draft.scope, "digest": digest, "items": items,
        });
        let unit = Unit::new().with(RunOp::Expire { now }).with(RunOp::Create(Box::new(run))).with(who.did(
            now,
            "run.plan",
            id.as_str(),
            detail,
        ));
        inner.db.write(Lane::Handler, unit).await?;
        self.view(&id).await
    }

    /// The run as clients see it.
    pub async fn view(&self, id: &RunId) -> Result<RunView, RunError> {
        Ok(self.show(&self.0.row(id).await?))
    }

    /// A stored run as clients see it, with its rate where it moves.
    pub fn show(&self, row: &RunRow) -> RunView {
        let now = self.0.clock.monotonic();
        let rate = self.0.lock().get(&row.id).map_or(0.0, |meter| meter.rate(now));
        run_view(row, rate)
    }

    /// Takes up whatever was moving when the last process ended. Called once, after the store was read and the
    /// brake released or left pulled.
    pub async fn resume(&self) -> Result<Vec<RunId>, RunError> {
        let unit = Unit::new().with(RunOp::DropOrphans).with(RunOp::Expire { now: self.0.clock.now() });
        self.0.db.write(Lane::Handler, unit).await?;
        let mut resumed = Vec::new();
        for row in self.0.db.unfinished_runs().await? {
            if row.state.is_moving() || row.counts.leased > 0 {
                tracing::info!(run = %row.id, state = %row.state, "taking up a run");
                self.drive(&row.id);
                resumed.push(row.id);
            }
        }
        Ok(resumed)
    }

    /// Gives every run that was told to pause a driver that brings it to stand.
    pub async fn settle_pauses(&self) -> Result<(), RunError> {
        for row in self.0.db.unfinished_runs().await? {
            if row.state == cutover_shared::run::RunState::Pausing {
                self.drive(&row.id);
            }
        }
        Ok(())
    }

    /// Makes sure that a driver works on the run.
    pub(super) fn drive(&self, id: &RunId) {
        let meter = Meter::starting(self.0.clock.monotonic());
        if self.0.lock().insert(id.clone(), meter).is_some() {
            // It has a driver; the driver reads the state again before each chunk and before it ends.
            return;
        }
        let (engine, id) = (self.clone(), id.clone());
        self.0.tracker.spawn(async move {
            let end = engine.0.stop.clone();
            tokio::select! {
                () = end.cancelled() => {}
                () = super::drive::drive(&engine.0, &id) => {}
            }
            engine.0.lock().remove(&id);
            // An act may have moved the run between the driver's last look and its end.
            if !engine.0.stop.is_cancelled() && engine.0.needs_driver(&id).await {
                engine.drive(&id);
            }
        });
    }

    /// Ends every driver at its next await; what was committed stays and goes on at the next start.
    pub async fn stop(&self) {
        self.0.stop.cancel();
        self.0.tracker.close();
        self.0.tracker.wait().await;
    }
}

impl Inner {
    pub(super) async fn row(&self, id: &RunId) -> Result<RunRow, RunError> {
        self.db.run(id).await?.ok_or_else(|| RunError::NotFound(id.clone()))
    }

    pub(super) fn kind(&self, row: &RunRow) -> Result<Arc<dyn Kind>, RunError> {
        self.kinds.get(row.kind.as_str()).cloned().ok_or_else(|| RunError::UnknownKind(row.id.clone()))
    }

    pub(super) fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RunId, Meter>> {
        self.drivers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the kill switch holds this run.
    pub(super) fn is_held(&self, id: &RunId) -> bool {
        let undoing = self.undoing.lock().unwrap_or_else(PoisonError::into_inner);
        self.brake.newest().is_some_and(|pull| undoing.get(id) != Some(&pull))
    }

    /// Lets the run move under this pull, and under no later one.
    pub(super) fn let_undo(&self, id: &RunId, pull: Pull) {
        let mut undoing = self.undoing.lock().unwrap_or_else(PoisonError::into_inner);
        undoing.retain(|_, under| *under == pull);
        undoing.insert(id.clone(), pull);
    }

    async fn needs_driver(&self, id: &RunId) -> bool {
        !self.is_held(id) && matches!(self.db.run(id).await, Ok(Some(row)) if row.state.is_moving())
    }

    /// Until when a lease that is taken now holds.
    pub(super) fn lease_until(&self) -> i64 {
        self.clock.now().saturating_add(millis(self.settings.lease))
    }
}

/// Writes items in units, and hashes them in pages.
struct PageWriter<'a> {
    inner: &'a Inner,
    run: &'a RunId,
    ord: i64,
    page: Vec<(String, String)>,
    pages: Vec<String>,
}

impl PageWriter<'_> {
    async fn take(&mut self, items: Vec<(String, String)>) -> Result<(), RunError> {
        for item in items {
            self.page.push(item);
            if self.page.len() == ITEMS_PER_PAGE {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), RunError> {
        self.pages.push(approval::hash(&self.page));
        let page = std::mem::take(&mut self.page);
        let mut rows = Vec::with_capacity(UNIT_ROWS);
        let mut units = Vec::with_capacity(ITEMS_PER_PAGE.div_ceil(UNIT_ROWS));
        let mut items = page.into_iter().peekable();
        while let Some((key, body)) = items.next() {
            rows.push(NewItem { ord: self.ord, key, body });
            self.ord += 1;
            if rows.len() == UNIT_ROWS || items.peek().is_none() {
                let op = RunOp::AddItems { run: self.run.clone(), rows: std::mem::take(&mut rows) };
                units.push(self.inner.db.write(Lane::Run, Unit::new().with(op)));
            }
        }
        // Handed in together, so that a page is one commit.
        futures::future::try_join_all(units).await?;
        self.inner.faults.point("run.plan.page").await;
        Ok(())
    }

    async fn end(mut self) -> Result<(u64, Vec<String>), RunError> {
        if !self.page.is_empty() {
            self.flush().await?;
        }
        Ok((u64::try_from(self.ord).unwrap_or(0), self.pages))
    }
}

fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}
