//! The runner (D3, D4): one pass over a fleet run. Chains are tenants, stages are waves.

mod deployment;
mod hand;
mod model;
mod open;
mod pin;
mod see;
mod work;

pub(super) use hand::times;
pub(super) use model::Group;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use cutover_shared::fleet::{DriverKind, FleetItem, StepStatus};
use cutover_shared::ids::TenantId;

use self::model::Models;
use super::book::{self, Note};
use super::halt::{Tally, halt};
use super::item::{fleet_item, way};
use super::kind::Inner;
use super::limit;
use super::live::{Asking, Load};
use super::text::Texts;
use crate::run::{Chain, Direction, End, Ended, KindError, Pass, Told};
use crate::store::{FleetOp, InstanceRow, Observation, Op, RunRow, SettingOp, StepRow, StoredItem};

/// Tenants that are asked for at once.
const ASKED: usize = 1_000;

/// How old what was read of a tenant with others may be when its chain begins. One that waited longer for its place is read anew.
const FRESH: Duration = Duration::from_secs(2);

/// The setting that holds the fleet's target version.
pub(super) const TARGET: &str = "fleet.target";

/// One pass. What it learns of a tenant on the way is written with the ends of its items.
pub(super) struct FleetPass {
    pub(super) inner: Arc<Inner>,
    pub(super) run: RunRow,
    pub(super) direction: Direction,
    pub(super) migrations: Texts,
    /// Those of the plan, as it has them.
    planned: Texts,
    pinning: tokio::sync::Mutex<()>,
    memory: Mutex<Memory>,
    _asking: Asking,
    /// The version that the fleet is to have once this pass has begun, and whether it was written.
    target: Option<u32>,
}

#[derive(Default)]
struct Memory {
    /// Instances whose chains are to begin, and when they were read.
    rows: HashMap<TenantId, (Arc<InstanceRow>, Duration)>,
    /// Earlier attempts.
    attempts: HashMap<(TenantId, u32), u32>,
    /// What this pass has written as begun, and not yet its end.
    begun: HashSet<(TenantId, u32)>,
    /// What never comes to a tenant, because another migration stands for it there.
    replaced: HashSet<(TenantId, u32)>,
    notes: HashMap<i64, Note>,
    tallies: BTreeMap<u32, Tally>,
    /// The plan's texts are pinned up to this version, but for others that were run before: those.
    pinned: u32,
    others: BTreeSet<u32>,
    schemas: HashSet<String>,
    models: Models,
    gates: HashMap<String, Arc<Gate>>,
    target_written: bool,
}

/// What decides when a chain may begin; asked again and again while it waits.
struct Gate {
    driver: DriverKind,
    host: String,
    server: String,
    tenant: TenantId,
    /// Nobody is connected to.
    idle: bool,
}

impl Gate {
    fn server(&self) -> Option<&str> {
        limit::server(self.driver, &self.server)
    }
}

/// What a pass is to do.
pub(super) struct Work {
    pub(super) run: RunRow,
    pub(super) direction: Direction,
    pub(super) migrations: Texts,
    pub(super) planned: Texts,
    pub(super) target: Option<u32>,
}

impl FleetPass {
    pub(super) fn new(inner: Arc<Inner>, work: Work, tallies: BTreeMap<u32, Tally>) -> Self {
        let Work { run, direction, migrations, planned, target } = work;
        let memory = Mutex::new(Memory { tallies, ..Memory::default() });
        let (pinning, asking) = (tokio::sync::Mutex::new(()), inner.live.asking());
        Self { inner, run, direction, migrations, planned, pinning, memory, _asking: asking, target }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn row(&self, tenant: &TenantId) -> Option<Arc<InstanceRow>> {
        self.memory().rows.get(tenant).map(|(row, _)| row.clone())
    }

    /// An instance as its chain begins.
    pub(super) async fn instance(&self, tenant: &TenantId) -> Result<Option<Arc<InstanceRow>>, KindError> {
        let read = self.memory().rows.remove(tenant);
        match read {
            Some((row, at)) if self.inner.clock.monotonic().saturating_sub(at) < FRESH => Ok(Some(row)),
            _ => Ok(self.inner.instance(tenant).await?.map(Arc::new)),
        }
    }

    fn gate(&self, chain: &str) -> Option<Arc<Gate>> {
        self.memory().gates.get(chain).cloned()
    }

    /// The hash of the schema that a tenant of this group is taken to have.
    pub(super) fn taken(&self, group: &Group) -> Option<String> {
        self.memory().models.taken(group)
    }

    /// The number of the next attempt.
    pub(super) fn attempt(&self, item: &FleetItem) -> u32 {
        let mut memory = self.memory();
        let attempts = memory.attempts.entry((item.tenant.clone(), item.version)).or_default();
        *attempts = attempts.saturating_add(1);
        *attempts
    }

    pub(super) fn count(&self, stage: u32, change: impl FnOnce(&mut Tally)) {
        change(self.memory().tallies.entry(stage).or_default());
    }

    /// Tells an end with what goes with it.
    pub(super) async fn tell(&self, told: &Told, item: &StoredItem, how: Ended, note: Note) {
        self.memory().notes.insert(item.ord, note);
        told.end(item, how).await;
    }

    /// Whoever is told to read a server's load does so beside everything else.
    fn read_load(&self, row: &Arc<InstanceRow>, server: &str) {
        let (inner, row, server) = (self.inner.clone(), row.clone(), server.to_owned());
        self.inner.tasks.spawn(async move {
            let reading = inner.load_of(&row).await;
            inner.live.answered(&server, reading);
        });
    }

    /// What is written once, with the first items of a pass.
    fn first(&self, at: i64) -> Vec<Op> {
        let mut memory = self.memory();
        let mut ops: Vec<Op> = Vec::new();
        if let Some(target) = self.target.filter(|_| !memory.target_written) {
            memory.target_written = true;
            let (name, value, by) = (TARGET.to_owned(), target.to_string(), self.run.author.clone());
            ops.push(SettingOp::Set { name, value, at, by: by.as_str().into() }.into());
        }
        ops
    }
}

#[async_trait]
impl Pass for FleetPass {
    async fn prepare(&self, chains: &[Chain]) -> Result<(), KindError> {
        let mut tenants = Vec::with_capacity(chains.len());
        for chain in chains {
            let items: Vec<FleetItem> = chain.items.iter().map(fleet_item).collect::<Result<_, _>>()?;
            let idle = items.iter().all(|item| item.left_out.is_some());
            let Some(first) = items.into_iter().next() else { continue };
            tenants.push(first.tenant.clone());
            let FleetItem { driver, host, server, tenant, .. } = first;
            let gate = Gate { driver, host, server, tenant, idle };
            self.memory().gates.insert(chain.key.clone(), Arc::new(gate));
        }
        let reading = |error| KindError::new("reading instances", error);
        for part in tenants.chunks(ASKED) {
            let at = self.inner.clock.monotonic();
            let rows = self.inner.db.fleet_instances_of(part).await.map_err(reading)?;
            let steps = self.inner.db.fleet_steps_of(part).await.map_err(reading)?;
            let mut memory = self.memory();
            memory.rows.extend(rows.into_iter().map(|row| (row.tenant.clone(), (Arc::new(row), at))));
            for step in steps {
                let key = (step.tenant.clone(), step.version);
                if book::is_replaced(&step) {
                    memory.replaced.insert(key.clone());
                }
                memory.attempts.insert(key, step.attempt);
            }
        }
        Ok(())
    }

    fn admit(&self, chain: &Chain) -> Option<Box<dyn Send>> {
        let Some(gate) = self.gate(&chain.key).filter(|gate| !gate.idle) else { return Some(Box::new(())) };
        if self.inner.settings.load.is_some()
            && gate.driver == DriverKind::Postgres
            && let Some(row) = self.row(&gate.tenant)
        {
            match self.inner.live.load(&gate.server) {
                Load::Fine => {}
                Load::Wait => return None,
                Load::Ask => {
                    self.read_load(&row, &gate.server);
                    return None;
                }
            }
        }
        self.inner.limits.admit(&gate.host, gate.server()).map(|ticket| Box::new(ticket) as Box<dyn Send>)
    }

    fn is_held(&self, chain: &Chain) -> bool {
        let Some(gate) = self.gate(&chain.key).filter(|gate| !gate.idle) else { return false };
        self.inner.limits.is_full(&gate.host, gate.server()) || self.inner.live.is_busy(&gate.server)
    }

    async fn freed(&self) {
        if self.inner.settings.load.is_none() {
            return std::future::pending().await;
        }
        self.inner.live.changed().await;
    }

    fn halt(&self, stage: u32) -> Option<String> {
        // An earlier wave may have ended with its last failures, or a daemon with it.
        let memory = self.memory();
        let mut waves = memory.tallies.range(..=stage);
        waves.find_map(|(wave, tally)| halt(*tally, *wave, &self.inner.waves, &self.inner.settings))
    }

    fn begun(&self, items: &[StoredItem], at: i64) -> Vec<Op> {
        let items: Vec<FleetItem> = items.iter().filter_map(|item| fleet_item(item).ok()).collect();
        let mut ops = self.first(at);
        let rows: Vec<StepRow> = items
            .iter()
            .map(|item| {
                self.memory().begun.insert((item.tenant.clone(), item.version));
                let note = Note { started_at: Some(at), ..self.next_note(item) };
                book::row(&self.run.id, item, way(item, self.direction), StepStatus::Running, &note, None)
            })
            .collect();
        if !rows.is_empty() {
            ops.push(FleetOp::Steps { rows }.into());
        }
        ops
    }

    fn left(&self, items: &[StoredItem], _at: i64) -> Vec<Op> {
        let items = items.iter().filter_map(|item| fleet_item(item).ok());
        let rows: Vec<StepRow> = items
            // Of others the book tells what was, or what another run has made of them.
            .filter(|item| self.memory().begun.remove(&(item.tenant.clone(), item.version)))
            .map(|item| {
                let note = self.next_note(&item);
                book::untouched(&self.run.id, &item, way(&item, self.direction), &note)
            })
            .collect();
        if rows.is_empty() { Vec::new() } else { vec![FleetOp::Steps { rows }.into()] }
    }

    async fn work(&self, chain: &Chain, told: &Told) {
        work::work(self, chain, told).await;
    }

    fn ended(&self, ends: &[End], at: i64) -> Vec<Op> {
        let mut ops = self.first(at);
        let (mut steps, mut open, mut schemas) = (Vec::new(), Vec::new(), Vec::new());
        let mut seen: Vec<Observation> = Vec::new();
        for end in ends {
            let Ok(item) = fleet_item(&end.item) else { continue };
            self.memory().begun.remove(&(item.tenant.clone(), item.version));
            let mut note = self.memory().notes.remove(&end.item.ord).unwrap_or_default();
            let way = way(&item, self.direction);
            let status = match &end.how {
                Ended::Done => book::after(way),
                Ended::Failed(_) => StepStatus::Failed,
                // It stays an intent: what is found out is written then. Why it had to be found out is told with it.
                Ended::Unclear(_) => {
                    open.push(book::row(&self.run.id, &item, way, StepStatus::Running, &note, None));
                    continue;
                }
                Ended::Stale(why) | Ended::Skipped(why) | Ended::Unneeded(why) => {
                    note.error.get_or_insert_with(|| why.clone());
                    StepStatus::Skipped
                }
            };
            if let Some((hash, lines)) = note.schema.take() {
                let mut memory = self.memory();
                // Not before its lines are written, with it or earlier.
                if let Some(group) = note.group.take() {
                    memory.models.saw(group, &hash);
                }
                if memory.schemas.insert(hash.clone()) {
                    schemas.push((hash, lines));
                }
            }
            // One after the other, as they were made: a later one may know less.
            seen.extend(note.observation.take());
            steps.push(book::row(&self.run.id, &item, way, status, &note, Some(at)));
        }
        if !schemas.is_empty() {
            ops.push(FleetOp::Schemas { rows: schemas, at }.into());
        }
        if !seen.is_empty() {
            ops.push(FleetOp::Observe { rows: seen }.into());
        }
        if !open.is_empty() {
            ops.push(FleetOp::Steps { rows: open }.into());
        }
        if !steps.is_empty() {
            // An attempt is told as it ended: done, also where it leaves the step to be done again.
            let history = steps
                .iter()
                .map(|step| match step.status {
                    StepStatus::Pending => StepRow { status: StepStatus::Completed, ..step.clone() },
                    _ => step.clone(),
                })
                .collect();
            ops.push(FleetOp::Steps { rows: steps.into_iter().map(book::kept).collect() }.into());
            ops.push(FleetOp::History { rows: history }.into());
        }
        ops
    }
}

impl FleetPass {
    /// What is known of the attempt that is under way.
    fn next_note(&self, item: &FleetItem) -> Note {
        let attempts = self.memory().attempts.get(&(item.tenant.clone(), item.version)).copied();
        Note { attempt: attempts.unwrap_or(1).max(1), ..Note::default() }
    }

    /// Whether another migration stands for this one with this tenant.
    pub(super) fn is_replaced(&self, tenant: &TenantId, version: u32) -> bool {
        self.memory().replaced.contains(&(tenant.clone(), version))
    }
}
