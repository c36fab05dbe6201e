//! The `fleet` kind: class Marked. The tenant's own ledger is written in the transaction of its step where the driver can, so what a
//! crash leaves between its commit and ours is found out by reading it; where it can't be asked, a person is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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
use super::live::Live;
use super::runner::{FleetPass, Work};
use super::settings::Settings;
use super::wave::Waves;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::run::{Chained, Direction, Effect, Elsewhere, Kind, KindError, Pass, Place, Resolved};
use crate::seal::Seal;
use crate::store::{Db, Expected, FleetOp, InstanceRow, Observation, Op, RunRow, StoredItem};

/// Items read at a time.
const PAGE: u32 = 500;

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
    pub waves: Waves,
    /// Readings of load.
    pub tasks: TaskTracker,
}

impl Inner {
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
    /// it too: some tenants of each page are connected to once more.
    async fn verify(
        &self,
        _run: &RunId,
        direction: Direction,
        items: &[StoredItem],
    ) -> Result<Vec<(i64, String)>, KindError> {
        let says: Vec<(i64, FleetItem)> =
            items.iter().map(|item| Ok((item.ord, fleet_item(item)?))).collect::<Result<_, KindError>>()?;
        let mut wrong = self.not_in_book(&says, direction).await?;
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

    /// Items that our own book does not tell of as they are told.
    async fn not_in_book(
        &self,
        says: &[(i64, FleetItem)],
        direction: Direction,
    ) -> Result<Vec<(i64, String)>, KindError> {
        let tenants: BTreeSet<TenantId> = says.iter().map(|(_, item)| item.tenant.clone()).collect();
        let tenants: Vec<TenantId> = tenants.into_iter().collect();
        let steps = self.0.db.fleet_steps_of(&tenants).await;
        let steps = steps.map_err(|error| KindError::new("reading the steps", error))?;
        let book: BTreeMap<(&TenantId, u32), StepStatus> =
            steps.iter().map(|step| ((&step.tenant, step.version), step.status)).collect();
        let mut wrong = Vec::new();
        for (ord, item) in says {
            let wanted = book::after(way(item, direction));
            match book.get(&(&item.tenant, item.version)) {
                Some(status) if *status == wanted => {}
                Some(status) => wrong.push((*ord, format!("the book says {status}"))),
                None => wrong.push((*ord, "the book has no such step".to_owned())),
            }
        }
        Ok(wrong)
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
            expected: Expected::Unknown,
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
            tallies.insert(wave, self.tally(run, wave, &summary).await?);
        }
        let of_all = run.scope == FleetScope::All.to_string();
        let target = (of_all && direction == Direction::Apply).then_some(summary.target);
        self.0.live.quiet();
        let work = Work { run: run.clone(), direction, migrations, planned, target };
        Ok(Arc::new(FleetPass::new(self.0.clone(), work, tallies)))
    }
}

impl FleetKind {
    /// How a wave of a run has gone since a person last let it go on. A restart of the daemon forgets nothing.
    async fn tally(&self, run: &RunRow, wave: u32, summary: &FleetSummary) -> Result<Tally, KindError> {
        let at = usize::try_from(wave.saturating_sub(1)).unwrap_or(usize::MAX);
        let tenants = summary.waves.get(at).copied().unwrap_or(0);
        let Some(places) = self.0.waves.places(wave) else {
            return Ok(Tally { tenants, ..Tally::default() });
        };
        let (from, to) = item::keys(&places);
        let since = run.resumed_at.or(run.started_at).unwrap_or(0);
        let counts = self.0.db.items_between(&run.id, &from, &to, since).await;
        let counts = counts.map_err(|error| KindError::new("counting failures", error))?;
        // One failed item a tenant: it ends its chain.
        Ok(Tally { tenants, failed: counts.failed + counts.unknown, unreachable: 0 })
    }
}
