//! The items of a plan, tenant by tenant in the order of the waves.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use cutover_shared::fleet::{DriverKind, FleetItem, FleetSummary, InstanceState, PlanGroup, PlanStep, Way};
use cutover_shared::run::Reversibility;
use serde_json::Value;

use super::super::Fleet;
use super::super::chain::Planned;
use super::super::item::key;
use super::super::migration::{Migration, Step};
use super::super::registry;
use super::{Aim, PAGE, steps};
use crate::run::{KindError, PlanSource, canonical};
use crate::store::{InstanceFilter, InstanceRow};

/// Groups that a summary has.
const GROUPS: usize = 50;

/// Tenants that a group names.
const EXAMPLES: usize = 5;

/// Reads instances and writes items.
pub(super) struct Steps<'a> {
    fleet: &'a Fleet,
    filter: InstanceFilter,
    aim: Aim,
    migrations: &'a BTreeMap<u32, Migration>,
    after: Option<(u32, String)>,
    summary: FleetSummary,
    groups: BTreeMap<String, PlanGroup>,
    drops: BTreeMap<String, u64>,
    no_down: BTreeSet<String>,
}

impl<'a> Steps<'a> {
    pub(super) fn new(
        fleet: &'a Fleet,
        filter: InstanceFilter,
        aim: Aim,
        migrations: &'a BTreeMap<u32, Migration>,
        asked: u64,
    ) -> Self {
        let waves = usize::try_from(fleet.inner.waves.count()).unwrap_or(0);
        let summary = FleetSummary {
            target: aim.to,
            way: Some(aim.way),
            asked,
            waves: vec![0; waves],
            ..FleetSummary::default()
        };
        Self {
            fleet,
            filter,
            aim,
            migrations,
            after: None,
            summary,
            groups: BTreeMap::new(),
            drops: BTreeMap::new(),
            no_down: BTreeSet::new(),
        }
    }

    fn add(
        &mut self,
        row: &InstanceRow,
        replaced: &BTreeSet<u32>,
        items: &mut Vec<(String, String)>,
    ) -> Result<(), KindError> {
        self.summary.tenants += 1;
        let planned = steps(self.migrations, row.version, self.aim, row.driver, replaced)
            .map_err(|error| KindError::new("planning a tenant", error))?;
        if planned.is_empty() {
            self.summary.at_target += 1;
            return Ok(());
        }
        let wave = self.fleet.inner.waves.wave(row.place_in_waves);
        if let Some(n) = usize::try_from(wave).ok().and_then(|wave| self.summary.waves.get_mut(wave - 1)) {
            *n += 1;
        }
        let out = left_out(row);
        match &out {
            Some(why) if why.starts_with("unreachable") => self.summary.unreachable += 1,
            Some(_) => self.summary.drifted += 1,
            None => self.change(row, &planned),
        }
        // Of a tenant that is left out the first step stands for all: nothing of it is tried.
        let taken = if out.is_some() { 1 } else { planned.len() };
        for (at, step) in planned.iter().take(taken).enumerate() {
            let item = self.item(row, wave, step, out.clone());
            let body = canonical(&item).map_err(|error| KindError::new("writing an item", error))?;
            items.push((key(row.place_in_waves, row.tenant.as_str(), at), body));
        }
        Ok(())
    }

    /// Warnings on what is to be run.
    async fn judge(&mut self) -> Result<(), KindError> {
        let named: BTreeSet<&str> = self
            .groups
            .values()
            .flat_map(|group| group.steps.iter().map(|step| step.migration.as_str()))
            .collect();
        let planned: Vec<Migration> =
            self.migrations.values().filter(|one| named.contains(one.id.as_str())).cloned().collect();
        let postgres = self.groups.values().any(|group| group.driver == DriverKind::Postgres);
        self.summary.warnings = self.fleet.warnings(planned, postgres).await?.len() as u64;
        Ok(())
    }

    fn item(&self, row: &InstanceRow, wave: u32, step: &Planned<'_>, out: Option<String>) -> FleetItem {
        let runs = step.migration.step(step.way, row.driver).filter(|_| step.left_out.is_none());
        FleetItem {
            tenant: row.tenant.clone(),
            driver: row.driver,
            host: row.host.clone(),
            server: row.server.clone(),
            wave,
            migration: step.migration.id.clone(),
            version: step.migration.version,
            way: step.way,
            from: step.from,
            to: step.to,
            checksum: runs.map_or(String::new(), |step| step.checksum().to_owned()),
            drops: runs.map_or(Vec::new(), drops),
            left_out: out.or_else(|| step.left_out.clone()),
        }
    }

    /// Counts a tenant that is changed.
    fn change(&mut self, row: &InstanceRow, planned: &[Planned<'_>]) {
        self.summary.changes += 1;
        let mut lost = BTreeSet::new();
        let mut group_key = format!("{} {}", row.driver, row.version);
        for step in planned {
            group_key +=
                &format!(" {}{}", step.migration.version, if step.left_out.is_some() { "-" } else { "" });
            if step.left_out.is_some() {
                continue;
            }
            self.summary.steps += 1;
            if let Some(runs) = step.migration.step(step.way, row.driver) {
                lost.extend(drops(runs));
            }
            if step.way == Way::Up && step.migration.step(Way::Down, row.driver).is_none() {
                self.no_down.insert(step.migration.id.clone());
            }
        }
        for what in lost {
            *self.drops.entry(what).or_default() += 1;
        }
        let to = planned.last().map_or(row.version, |step| step.to);
        let group = self.groups.entry(group_key).or_insert_with(|| PlanGroup {
            driver: row.driver,
            from: row.version,
            to,
            tenants: 0,
            examples: Vec::new(),
            steps: planned.iter().map(told).collect(),
        });
        group.tenants += 1;
        if group.examples.len() < EXAMPLES {
            group.examples.push(row.tenant.clone());
        }
    }
}

fn told(step: &Planned<'_>) -> PlanStep {
    let migration = step.migration.id.clone();
    PlanStep { migration, way: step.way, text: String::new(), left_out: step.left_out.clone() }
}

fn drops(step: Step<'_>) -> Vec<String> {
    match step {
        Step::Sql(script) => registry::drops(script),
        Step::Http(_) => Vec::new(),
    }
}

/// Why nothing is tried for a tenant.
fn left_out(row: &InstanceRow) -> Option<String> {
    use cutover_shared::fleet::ErrorClass as C;
    let told = |word: &str, why: &str, class: C| format!("{word}: {why}; {}", class.next_step());
    match (row.state, &row.drift) {
        (InstanceState::Error, _) => {
            Some(told("unreachable", row.reason.as_deref().unwrap_or("it does not answer"), C::Connection))
        }
        (InstanceState::New, _) => Some(told("unreachable", "it was never asked", C::Connection)),
        (InstanceState::Connected, Some(drift)) => Some(told("drifted", drift, C::SchemaMismatch)),
        (InstanceState::Connected, None) => None,
    }
}

#[async_trait]
impl PlanSource for Steps<'_> {
    async fn next(&mut self) -> Result<Option<Vec<(String, String)>>, KindError> {
        let after = self.after.as_ref().map(|(place, tenant)| (*place, tenant.as_str()));
        let rows = self.fleet.inner.db.fleet_instances(&self.filter, after, PAGE).await;
        let rows = rows.map_err(|error| KindError::new("reading instances", error))?;
        let Some(last) = rows.last() else {
            self.judge().await?;
            return Ok(None);
        };
        self.after = Some((last.place_in_waves, last.tenant.0.clone()));
        let mut items = Vec::new();
        let replaced = self.fleet.replaced(&rows, self.aim).await;
        let mut replaced = replaced.map_err(|error| KindError::new("reading the steps", error))?;
        for row in &rows {
            self.add(row, &replaced.remove(&row.tenant).unwrap_or_default(), &mut items)?;
        }
        Ok(Some(items))
    }

    fn summary(&mut self) -> Value {
        let mut groups: Vec<PlanGroup> = std::mem::take(&mut self.groups).into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.tenants));
        groups.truncate(GROUPS);
        self.summary.groups = groups;
        self.summary.drops = std::mem::take(&mut self.drops).into_iter().collect();
        self.summary.no_down = self.no_down.iter().cloned().collect();
        serde_json::to_value(&self.summary).unwrap_or_default()
    }

    fn reversibility(&self) -> Option<Reversibility> {
        // An undo is refused as a whole where one way down is missing.
        if !self.no_down.is_empty() {
            return Some(Reversibility::Irreversible);
        }
        if self.summary.drops.is_empty() {
            return None;
        }
        let what: Vec<&str> = self.summary.drops.iter().take(3).map(|(what, _)| what.as_str()).collect();
        let more = self.summary.drops.len().saturating_sub(3);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Some(Reversibility::IrreversibleFor(format!("the data of {}{more}", what.join(", "))))
    }
}
