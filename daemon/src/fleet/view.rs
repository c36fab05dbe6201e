//! What is told of the fleet.

use std::collections::{BTreeMap, BTreeSet};

use cutover_shared::filter::INSTANCES;
use cutover_shared::fleet::{
    DriverKind, FLEET, FailureGroup, FleetFault, FleetItem, FleetResult, FleetStatus, FleetSummary,
    HistoryEntry, InstanceView, MigrationView, PlanGroup, TenantResult, WaveView, Way,
};
use cutover_shared::ids::{RunId, TenantId};
use cutover_shared::page::{Page, PageAsk};
use cutover_shared::run::{ItemState, RunState, RunView};
use cutover_shared::window::{Window, WindowAsk};

use super::Fleet;
use super::error::FleetError;
use super::instance::Sight;
use super::item::fleet_item;
use super::migration::Migration;
use super::wave::PLACES;
use crate::audit::Who;
use crate::store::{FailureRow, RunRow, Select, StoredItem};

/// Bytes of one step's text that a plan shows.
const SHOWN: usize = 16 * 1024;

/// Tenants that a result names.
const FAULTS: usize = 100;

/// Items read at a time.
const PAGE: u32 = 500;

impl Fleet {
    /// The fleet at a glance.
    ///
    /// # Errors
    /// The store can't be read.
    pub async fn status(&self) -> Result<FleetStatus, FleetError> {
        let db = &self.inner.db;
        let target = self.target().await?;
        let (head, registry_mistake) = match self.glance().await {
            Ok(judged) => {
                let (registry, mistakes) = &*judged;
                let wrong =
                    (!mistakes.is_empty()).then(|| FleetError::Mistakes(mistakes.clone()).to_string());
                (registry.head(), wrong)
            }
            Err(FleetError::NotConfigured) => (None, None),
            Err(error) => (None, Some(error.to_string())),
        };
        let to = target.unwrap_or(0);
        let all = db.fleet_figures(to, (0, PLACES + 1)).await?;
        let run = db.run_under_way(FLEET).await?;
        // An older plan stands on what was so before the run.
        let plan = db.waiting_plan(FLEET, self.inner.clock.now()).await?;
        let plan = plan.filter(|plan| run.as_ref().is_none_or(|run| run.id.0 < plan.id.0));
        let show = |row: &RunRow| Box::new(self.engine.show(row));
        Ok(FleetStatus {
            folder: self.inner.settings.folder.as_ref().map(|folder| folder.display().to_string()),
            target,
            head,
            registry_mistake,
            instances: all.tenants,
            connected: all.connected,
            error: all.error,
            outdated: all.outdated,
            drifted: all.drifted,
            cells: db.fleet_cells(to).await?,
            waves: self.waves(to).await?,
            failures: db.fleet_failures().await?.into_iter().map(failure).collect(),
            throttles: self.inner.live.throttles(),
            run: run.as_ref().map(show),
            plan: plan.as_ref().map(show),
            old_key: db.fleet_other_key(&self.inner.seal.current_key()).await?,
        })
    }

    async fn waves(&self, target: u32) -> Result<Vec<WaveView>, FleetError> {
        let waves = &self.inner.waves;
        let mut told = Vec::new();
        for wave in 1..=waves.count() {
            let Some(places) = waves.places(wave) else { continue };
            let of = self.inner.db.fleet_figures(target, (places.start, places.end)).await?;
            told.push(WaveView {
                wave,
                name: waves.name(wave),
                tenants: of.tenants,
                at_target: of.tenants.saturating_sub(of.outdated),
                failed: of.failed,
                unreachable: of.error,
                running: of.running,
                left: of.left,
            });
        }
        Ok(told)
    }

    /// Instances, filtered and sorted.
    ///
    /// # Errors
    /// The filter can't be understood, or the store can't be read.
    pub async fn instances(
        &self,
        select: &Select,
        ask: &WindowAsk,
    ) -> Result<Window<InstanceView>, FleetError> {
        let migrations = self.inner.db.fleet_marks().await?;
        let target = self.target().await?.unwrap_or(0);
        let ends = self.inner.waves.ends();
        let window = self.inner.db.fleet_window(select, target, &ends, ask.offset, ask.rows()).await?;
        let sight = Sight { target, migrations: &migrations, waves: &self.inner.waves };
        Ok(window.map(|standing| sight.view(&standing)))
    }

    /// The fields that instances are filtered and sorted by.
    pub const FIELDS: &'static cutover_shared::filter::Fields = &INSTANCES;

    /// A tenant's version, and how many migrations are still to come for it; none where no database of it is known.
    ///
    /// # Errors
    /// The store can't be read.
    pub async fn stands(&self, tenant: &TenantId) -> Result<Option<(u32, u32)>, FleetError> {
        let Some(row) = self.inner.instance(tenant).await? else { return Ok(None) };
        let migrations = self.inner.db.fleet_marks().await?;
        let target = self.target().await?.unwrap_or(0);
        let sight = Sight { target, migrations: &migrations, waves: &self.inner.waves };
        let view = sight.view(&sight.standing(row, &[]));
        Ok(Some((view.version, view.pending)))
    }

    /// The migrations of the folder, oldest first.
    ///
    /// # Errors
    /// The folder can't be read.
    pub async fn migrations(&self) -> Result<Vec<MigrationView>, FleetError> {
        let judged = self.glance().await?;
        let recorded = self.inner.db.fleet_marks().await?;
        let reached: BTreeMap<u32, u64> = self.inner.db.fleet_reached().await?.into_iter().collect();
        let pinned: BTreeSet<u32> =
            recorded.iter().filter(|row| row.pinned_at.is_some()).map(|row| row.version).collect();
        let told = |migration: &Migration| MigrationView {
            tenants: reached.get(&migration.version).copied().unwrap_or(0),
            pinned: pinned.contains(&migration.version),
            has_down: migration.down != super::migration::Ways::default(),
            drivers: [DriverKind::Postgres, DriverKind::Sqlite, DriverKind::Http]
                .into_iter()
                .filter(|driver| migration.step(Way::Up, *driver).is_some())
                .collect(),
            id: migration.id.clone(),
            version: migration.version,
            name: migration.name.clone(),
            description: migration.description.clone(),
            checksum: migration.checksum.clone(),
            replaces: migration.replaces.clone(),
        };
        Ok(judged.0.migrations.iter().map(told).collect())
    }

    /// Attempts, newest first.
    ///
    /// # Errors
    /// `after` is no `next` of an earlier page, or the store can't be read.
    pub async fn history(
        &self,
        tenant: Option<&TenantId>,
        page: &PageAsk,
    ) -> Result<Page<HistoryEntry>, FleetError> {
        let before = page.after.as_deref().map(|after| after.parse().map_err(|_| FleetError::NoSuchPage));
        let before = before.transpose()?;
        let rows = self.inner.db.fleet_history(tenant, before, page.rows()).await?;
        let is_full = rows.len() == usize::try_from(page.rows()).unwrap_or(usize::MAX);
        let next = rows.last().filter(|_| is_full).map(|row| row.seq.to_string());
        Ok(Page { rows, next })
    }

    /// What a plan does to each group of tenants, with the texts that it was made with.
    ///
    /// # Errors
    /// The run is none of the fleet's, or the store can't be read.
    pub async fn groups(&self, run: &RunId) -> Result<Vec<PlanGroup>, FleetError> {
        let row = self.row(run).await?;
        let mut groups = summary(&row).groups;
        let migrations = self.inner.planned(&row).await?;
        let by_id: BTreeMap<&str, &Migration> = migrations.values().map(|m| (m.id.as_str(), m)).collect();
        for group in &mut groups {
            for step in &mut group.steps {
                let known = by_id.get(step.migration.as_str());
                let runs = known.and_then(|migration| migration.step(step.way, group.driver));
                step.text = runs.map_or(String::new(), |runs| cut(runs.text()));
            }
        }
        Ok(groups)
    }

    async fn row(&self, run: &RunId) -> Result<RunRow, FleetError> {
        let row = self.inner.db.run(run).await?.filter(|row| row.kind == FLEET);
        row.ok_or_else(|| FleetError::NotOurs(run.0.clone()))
    }

    /// The result of a run in the words of tenants.
    ///
    /// # Errors
    /// The run is none of the fleet's, or the store can't be read.
    pub async fn result(&self, run: &RunId) -> Result<FleetResult, FleetError> {
        let row = self.row(run).await?;
        let total = summary(&row).waves.iter().sum();
        let mut failed: BTreeMap<TenantId, (String, Option<String>)> = BTreeMap::new();
        let mut skipped: BTreeMap<TenantId, (String, Option<String>)> = BTreeMap::new();
        for state in [ItemState::Failed, ItemState::Unknown, ItemState::Stale, ItemState::Skipped] {
            self.each(run, state, |item, reason| {
                let replaced = item.left_out.as_deref().is_some_and(|why| why.starts_with("replaced"));
                if replaced || reason.starts_with(crate::run::BLOCKED) {
                    return;
                }
                let at = (item.left_out.is_none()).then_some(item.migration);
                if matches!(state, ItemState::Failed | ItemState::Unknown) {
                    failed.entry(item.tenant).or_insert((reason, at));
                } else {
                    skipped.entry(item.tenant).or_insert((reason, at));
                }
            })
            .await?;
        }
        skipped.retain(|tenant, _| !failed.contains_key(tenant));
        let mut waiting = BTreeSet::new();
        for state in [ItemState::Pending, ItemState::Leased] {
            self.each(run, state, |item, _| {
                waiting.insert(item.tenant);
            })
            .await?;
        }
        waiting.retain(|tenant| !failed.contains_key(tenant) && !skipped.contains_key(tenant));
        let (bad, left, open) = (failed.len() as u64, skipped.len() as u64, waiting.len() as u64);
        let faults = failed.into_iter().chain(skipped).take(FAULTS);
        let errors: Vec<FleetFault> =
            faults.map(|(user_id, (error, failed_at))| FleetFault { user_id, error, failed_at }).collect();
        let one = match row.scope.strip_prefix("tenant:") {
            Some(tenant) => Some(self.one(&tenant.into(), row.state, errors.first()).await?),
            None => None,
        };
        let succeeded = u64::saturating_sub(total, bad + left + open);
        Ok(FleetResult { total, succeeded, failed: bad, skipped: left, errors, one })
    }

    /// How a run for one tenant went.
    async fn one(
        &self,
        tenant: &TenantId,
        state: RunState,
        fault: Option<&FleetFault>,
    ) -> Result<TenantResult, FleetError> {
        let new_version = self.inner.instance(tenant).await?.map(|row| row.version);
        let success = fault.is_none() && matches!(state, RunState::Done | RunState::Undone);
        let message = match (fault, new_version) {
            (Some(fault), _) => fault.error.clone(),
            (None, Some(version)) if success => format!("{tenant} is at version {version}"),
            (None, None) if success => "the instance was removed since".to_owned(),
            (None, _) => format!("the run is {state}"),
        };
        let failed_at = fault.and_then(|fault| fault.failed_at.clone());
        Ok(TenantResult { success, message, failed_at, new_version })
    }

    async fn each(
        &self,
        run: &RunId,
        state: ItemState,
        mut take: impl FnMut(FleetItem, String) + Send,
    ) -> Result<(), FleetError> {
        let mut after = None;
        loop {
            let items = self.inner.db.items(run, Some(state), after, PAGE).await?;
            let Some(last) = items.last() else { return Ok(()) };
            after = Some(last.ord);
            for item in items {
                take(fleet_item(&item)?, item.reason.unwrap_or_default());
            }
        }
    }

    /// Takes the failed tenants of one group of a run once more, with what their failures held up.
    ///
    /// # Errors
    /// There is no such group, or the run is not in a state for it.
    pub async fn retry(&self, run: &RunId, group: &str, who: &Who) -> Result<RunView, FleetError> {
        self.row(run).await?;
        let mut tenants = BTreeSet::new();
        self.each(run, ItemState::Failed, |item, reason| {
            if is_of(group, &item.migration, &reason) {
                tenants.insert(item.tenant);
            }
        })
        .await?;
        if tenants.is_empty() {
            return Err(FleetError::NoGroup { run: run.0.clone(), group: group.to_owned() });
        }
        let pick = |item: &StoredItem| fleet_item(item).is_ok_and(|item| tenants.contains(&item.tenant));
        Ok(self.engine.retry_those(run, who, pick).await?)
    }
}

fn summary(row: &RunRow) -> FleetSummary {
    serde_json::from_str(&row.summary).unwrap_or_default()
}

/// Whether a failed item is of a group: its reason is the class and the text that the group was made of.
fn is_of(group: &str, migration: &str, reason: &str) -> bool {
    use cutover_shared::fleet::ErrorClass;
    ErrorClass::ALL.iter().any(|class| {
        let text = reason.strip_prefix(class.word()).and_then(|rest| rest.strip_prefix(": "));
        text.is_some_and(|text| super::book::group(migration, *class, text) == group)
    })
}

fn failure(row: FailureRow) -> FailureGroup {
    FailureGroup {
        next: row.class.next_step().to_owned(),
        group: row.group,
        migration: row.migration,
        class: row.class,
        text: row.error,
        tenants: row.tenants,
        example: row.example,
        run: row.run,
    }
}

fn cut(text: &str) -> String {
    if text.len() <= SHOWN {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(SHOWN);
    format!("{}\n... and {} bytes more", text.get(..end).unwrap_or_default(), text.len() - end)
}
