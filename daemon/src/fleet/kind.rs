//! The `fleet` kind: class Marked. The tenant's own ledger is written in the transaction of its step where the driver can, so what a
//! crash leaves between its commit and ours is found out by reading it; where it can't be asked, a person is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cutover_shared::fleet::{
    DriverKind, ErrorClass, FLEET, FleetItem, FleetScope, FleetSummary, StepStatus, Way,
};
use cutover_shared::ids::{RunId, TenantId};
use cutover_shared::run::{EffectClass, ItemState, Reversibility};
use tokio_util::task::TaskTracker;

use super::book::{self, Note};
use super::driver::Purpose;
use super::drivers::Drivers;
use super::drivers::application::ApplicationList;
use super::halt::Tally;
use super::item::{self, fleet_item, way};
use super::limit::Limits;
use super::live::Live;
use super::observe::unseen;
use super::runner::{FleetPass, Work};
use super::settings::Settings;
use super::wave::Waves;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::run::{Chained, Direction, Effect, Elsewhere, Kind, KindError, Pass, Place, Resolved};
use crate::seal::Seal;
use crate::store::{Db, FleetOp, InstanceRow, Observation, Op, RunRow, StoredItem};

/// Items read at a time.
const PAGE: u32 = 500;

/// How long a chain waits until the application's database has taken its version.
const TELLING: Duration = Duration::from_secs(5);

/// What everything of the fleet works with.
pub struct Inner {
    pub db: Db,
    pub seal: Arc<Seal>,
    pub clock: Clock,
    pub faults: Faults,
    pub settings: Settings,
    pub drivers: Drivers,
    /// Where a tenant's version is written back that came from there.
    pub application: Option<ApplicationList>,
    pub live: Live,
    /// Of whoever is changed, in all runs; and of whoever is only looked at, who must not wait for a long change elsewhere.
    pub limits: Limits,
    pub looks: Limits,
    pub waves: Waves,
    /// Readings of load.
    pub tasks: TaskTracker,
}

impl Inner {
    /// Tells the application which version a tenant has now that came from there: once its lock is free, and not for long. The tenant's own
    /// ledger is the truth; what can't be written is written after its next step. `most`: a higher one is not ours.
    pub(super) async fn tell_version(&self, row: &InstanceRow, most: u32, version: u32) {
        let Some(list) = self.application.as_ref().filter(|_| row.from_application) else { return };
        let tenant = &row.tenant;
        match self.clock.timeout(TELLING, list.write_version(tenant, most, version)).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => {
                tracing::warn!(%tenant, version, "the application's schemaVersion is a higher one; it was left alone");
            }
            Ok(Err(error)) => {
                tracing::warn!(%tenant, version, %error, "the application's schemaVersion could not be written");
            }
            Err(_) => {
                tracing::warn!(%tenant, version, "the application's schemaVersion was not written in time");
            }
        }
    }

    pub(super) async fn instance(&self, tenant: &TenantId) -> Result<Option<InstanceRow>, KindError> {
        let rows = self.db.fleet_instances_of(std::slice::from_ref(tenant)).await;
        Ok(rows.map_err(|error| KindError::new("reading an instance", error))?.pop())
    }
}

/// The kind.
#[derive(Clone)]
pub struct FleetKind(pub Arc<Inner>);

#[async_trait]
impl Kind for FleetKind {
    fn name(&self) -> &'static str {
        FLEET
    }

    fn reversibility(&self) -> Reversibility {
        Reversibility::Reversible
    }

    fn effect(&self) -> Effect<'_> {
        Effect::Chained(self)
    }

    async fn no_undo(&self, run: &RunRow) -> Result<Option<String>, KindError> {
        let migrations = self.0.recorded().await?;
        let mut missing = BTreeSet::new();
        let mut after = None;
        loop {
            let items = self.0.db.items(&run.id, Some(ItemState::Done), after, PAGE).await;
            let items = items.map_err(|error| KindError::new("reading the items", error))?;
            let Some(last) = items.last() else { break };
            after = Some(last.ord);
            for item in &items {
                let item = fleet_item(item)?;
                let back = way(&item, Direction::Undo);
                let there =
                    migrations.get(&item.version).is_some_and(|m| m.step(back, item.driver).is_some());
                if !there {
                    missing.insert(format!(
                        "{} has no way {} for {} databases",
                        item.migration,
                        back.word(),
                        item.driver
                    ));
                }
            }
        }
        let missing: Vec<String> = missing.into_iter().collect();
        Ok((!missing.is_empty()).then(|| missing.join("; ")))
    }

    /// Each step was read back on its own connection when it ended, and our book has it. What is left to be shown is that others see
    /// it too: some tenants of each page are connected to once more. Whoever was removed or moved meanwhile, or was taken on by another
    /// run, tells nothing of this one.
    async fn verify(
        &self,
        run: &RunId,
        direction: Direction,
        items: &[StoredItem],
    ) -> Result<Vec<(i64, String)>, KindError> {
        let says: Vec<(i64, FleetItem)> =
            items.iter().map(|item| Ok((item.ord, fleet_item(item)?))).collect::<Result<_, KindError>>()?;
        let (mut wrong, says) = self.not_in_book(run, says, direction).await?;
        let mut sample: Vec<&TenantId> = Vec::new();
        for at in [0, says.len() / 2] {
            if let Some((_, item)) = says.get(at)
                && !sample.contains(&&item.tenant)
            {
                sample.push(&item.tenant);
            }
        }
        let asked = sample.into_iter().map(|tenant| self.not_in_ledger(tenant, &says, direction));
        for found in futures::future::try_join_all(asked).await? {
            wrong.extend(found);
        }
        Ok(wrong)
    }
}

impl FleetKind {
    /// Items of a tenant that its own ledger does not tell of as they are told.
    async fn not_in_ledger(
        &self,
        tenant: &TenantId,
        says: &[(i64, FleetItem)],
        direction: Direction,
    ) -> Result<Vec<(i64, String)>, KindError> {
        // A deployment tells nothing of its calls: each was verified as it was made.
        let row = self.0.instance(tenant).await?.filter(|row| row.driver != DriverKind::Http);
        let Some(row) = row else { return Ok(Vec::new()) };
        let session = match self.0.open(&row, Purpose::Look).await {
            Ok(session) => session,
            Err(error) => {
                tracing::warn!(%tenant, %error, "a tenant of the sample can't be asked");
                return Ok(Vec::new());
            }
        };
        let mut wrong = Vec::new();
        for (ord, item) in says.iter().filter(|(_, item)| item.tenant == *tenant) {
            let is_up = way(item, direction) == Way::Up;
            if session.ledger().has(item.version) != is_up {
                let what = if is_up { "does not have it" } else { "has it still" };
                wrong.push((*ord, format!("the tenant's ledger {what}")));
            }
        }
        session.close().await;
        Ok(wrong)
    }

    /// Items that our own book does not tell of as they are told; and those of which it tells something of this run.
    async fn not_in_book(
        &self,
        run: &RunId,
        says: Vec<(i64, FleetItem)>,
        direction: Direction,
    ) -> Result<(Vec<(i64, String)>, Vec<(i64, FleetItem)>), KindError> {
        let tenants: BTreeSet<TenantId> = says.iter().map(|(_, item)| item.tenant.clone()).collect();
        let tenants: Vec<TenantId> = tenants.into_iter().collect();
        let steps = self.0.db.fleet_steps_of(&tenants).await;
        let steps = steps.map_err(|error| KindError::new("reading the steps", error))?;
        let book: BTreeMap<(&TenantId, u32), StepStatus> = steps
            .iter()
            .filter(|step| step.run == *run)
            .map(|step| ((&step.tenant, step.version), step.status))
            .collect();
        let (mut wrong, mut ours) = (Vec::new(), Vec::with_capacity(says.len()));
        for (ord, item) in says {
            let Some(status) = book.get(&(&item.tenant, item.version)) else { continue };
            if *status != book::after(way(&item, direction)) {
                wrong.push((ord, format!("the book says {status}")));
            }
            ours.push((ord, item));
        }
        Ok((wrong, ours))
    }
}

#[async_trait]
impl Elsewhere for FleetKind {
    fn class(&self) -> EffectClass {
        EffectClass::Marked
    }

    async fn resolve(
        &self,
        run: &RunId,
        direction: Direction,
        stored: &StoredItem,
    ) -> Result<Resolved, KindError> {
        let items = std::slice::from_ref(stored);
        let mut answers = self.0.found_out(run, direction, items, 1).await;
        answers.pop().unwrap_or_else(|| Ok(Resolved::Unknown("it was not asked about".to_owned())))
    }

    async fn resolve_all(
        &self,
        run: &RunId,
        direction: Direction,
        items: &[StoredItem],
        parallel: usize,
    ) -> Vec<Result<Resolved, KindError>> {
        self.0.found_out(run, direction, items, parallel).await
    }

    fn record(&self, run: &RunId, direction: Direction, stored: &StoredItem, at: i64) -> Vec<Op> {
        let Ok(says) = fleet_item(stored) else { return Vec::new() };
        let way = way(&says, direction);
        let note = Note { attempt: stored.attempts.max(1), ..Note::default() };
        let step = book::row(run, &says, way, book::after(way), &note, Some(at));
        let history = crate::store::StepRow { status: StepStatus::Completed, ..step.clone() };
        let seen = Observation {
            version: Some(book::version_after(&says, way)),
            // What the schema was left like is not known: nothing is expected until it is seen again.
            expected: unseen(says.driver),
            ..Observation::connected(says.tenant.clone(), at)
        };
        vec![
            FleetOp::Steps { rows: vec![book::kept(step)] }.into(),
            FleetOp::History { rows: vec![history] }.into(),
            FleetOp::Observe { rows: vec![seen] }.into(),
        ]
    }

    fn unrecord(
        &self,
        run: &RunId,
        direction: Direction,
        stored: &StoredItem,
        why: Option<&str>,
        at: i64,
    ) -> Vec<Op> {
        let Ok(says) = fleet_item(stored) else { return Vec::new() };
        let way = way(&says, direction);
        let note = Note { attempt: stored.attempts.max(1), ..Note::default() };
        let step = match why {
            None => book::untouched(run, &says, way, &note),
            Some(why) => {
                let (class, error) = (Some(ErrorClass::Connection), Some(format!("unknown: {why}")));
                book::row(run, &says, way, StepStatus::Failed, &Note { class, error, ..note }, Some(at))
            }
        };
        vec![FleetOp::Steps { rows: vec![step] }.into()]
    }
}

#[async_trait]
impl Chained for FleetKind {
    fn place(&self, stored: &StoredItem) -> Result<Place, KindError> {
        let says = fleet_item(stored)?;
        Ok(Place { chain: says.tenant.0, stage: says.wave, lane: says.server })
    }

    async fn pass(&self, run: &RunRow, direction: Direction) -> Result<Arc<dyn Pass>, KindError> {
        let migrations = self.0.at_hand(run, direction).await?;
        let planned = self.0.planned(run).await?;
        let summary: FleetSummary = serde_json::from_str(&run.summary)
            .map_err(|error| KindError::new("reading the summary of the plan", error))?;
        let mut tallies = BTreeMap::new();
        for wave in 1..=self.0.waves.count() {
            tallies.insert(wave, self.tally(run, wave, &summary, direction).await?);
        }
        let of_all = run.scope == FleetScope::All.to_string();
        let is_up = direction == Direction::Apply && summary.way == Some(Way::Up);
        let target = (of_all && is_up).then_some(summary.target);
        let work = Work { run: run.clone(), direction, migrations, planned, target };
        Ok(Arc::new(FleetPass::new(self.0.clone(), work, tallies)))
    }
}

impl FleetKind {
    /// How a wave of a run has gone since a person last let it go on, by what its items say: so a restart of the daemon forgets none that
    /// was written down.
    async fn tally(
        &self,
        run: &RunRow,
        wave: u32,
        summary: &FleetSummary,
        direction: Direction,
    ) -> Result<Tally, KindError> {
        let at = usize::try_from(wave.saturating_sub(1)).unwrap_or(usize::MAX);
        let tenants = summary.waves.get(at).copied().unwrap_or(0);
        let nothing = Tally { tenants, ..Tally::default() };
        // What failed on the way there says nothing of the way back, which is what helps then.
        let places = self.0.waves.places(wave).filter(|_| direction == Direction::Apply);
        let Some(places) = places else { return Ok(nothing) };
        let (from, to) = item::keys(&places);
        let since = run.resumed_at.or(run.started_at).unwrap_or(0);
        let wrong = self.0.db.fleet_wrong(&run.id, &from, &to, since).await;
        let (failed, unreachable) = wrong.map_err(|error| KindError::new("counting failures", error))?;
        Ok(Tally { failed, unreachable, ..nothing })
    }
}
