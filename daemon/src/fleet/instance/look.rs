//! Looking at instances, and what is told of them.

use std::collections::{HashMap, HashSet};

use cutover_shared::fleet::{InstanceState, InstanceView};
use cutover_shared::ids::TenantId;
use futures::StreamExt as _;

use super::{InstanceError, Instances, PAGE, SEEN, Sight};
use crate::fleet::driver::Schema;
use crate::fleet::observe::{Seen, ops};
use crate::fleet::runner::TARGET;
use crate::fleet::schema::difference;
use crate::run::KindError;
use crate::store::{InstanceFilter, InstanceRow, Lane, MigrationMark, StepRow, Unit};

impl Instances {
    /// All in `error`, by their place.
    pub(super) async fn in_error(&self) -> Result<Vec<InstanceRow>, InstanceError> {
        let filter = InstanceFilter { state: Some(InstanceState::Error), ..InstanceFilter::default() };
        let mut all: Vec<InstanceRow> = Vec::new();
        loop {
            let from = all.last().map(|row| (row.place_in_waves, row.tenant.as_str()));
            let rows = self.inner.db.fleet_instances(&filter, from, PAGE).await?;
            if rows.is_empty() {
                return Ok(all);
            }
            all.extend(rows);
        }
    }

    /// Asks these, some at once, and writes what was seen. Those that could not be reached.
    pub(super) async fn look(&self, rows: Vec<InstanceRow>) -> Result<HashSet<TenantId>, InstanceError> {
        let mut away = HashSet::new();
        let mut rows = rows.into_iter();
        loop {
            let part: Vec<InstanceRow> = rows.by_ref().take(SEEN).collect();
            if part.is_empty() {
                return Ok(away);
            }
            let asks = part.into_iter().map(|row| {
                let inner = self.inner.clone();
                Box::pin(async move { inner.observe(&row, true).await })
            });
            let parallel = self.inner.settings.parallel.max(1);
            let seen: Vec<Result<Seen, KindError>> =
                futures::stream::iter(asks).buffer_unordered(parallel).collect().await;
            let seen: Vec<Seen> = seen.into_iter().collect::<Result<_, _>>()?;
            self.write(&seen).await?;
            away.extend(seen.into_iter().filter(|one| one.error.is_some()).map(|one| one.observation.tenant));
        }
    }

    pub(in super::super) async fn write(&self, seen: &[Seen]) -> Result<(), InstanceError> {
        let unit = Unit::new().with_all(ops(seen, self.inner.clock.now()));
        Ok(self.inner.db.write(Lane::Handler, unit).await?)
    }

    pub(super) async fn views(&self, tenants: &[TenantId]) -> Result<Vec<InstanceView>, InstanceError> {
        let mut rows = self.inner.db.fleet_instances_of(tenants).await?;
        rows.sort_by(|a, b| (a.place_in_waves, &a.tenant.0).cmp(&(b.place_in_waves, &b.tenant.0)));
        let mut steps: HashMap<TenantId, Vec<StepRow>> = HashMap::new();
        for step in self.inner.db.fleet_steps_of(tenants).await? {
            steps.entry(step.tenant.clone()).or_default().push(step);
        }
        let (target, migrations) = self.ground().await?;
        let sight = self.sight(target, &migrations);
        let view = |row: InstanceRow| {
            let steps = steps.remove(&row.tenant).unwrap_or_default();
            sight.view(&sight.standing(row, &steps))
        };
        Ok(rows.into_iter().map(view).collect())
    }

    /// The target and the recorded migrations.
    pub(super) async fn ground(&self) -> Result<(u32, Vec<MigrationMark>), InstanceError> {
        let target = self.inner.db.setting(TARGET).await?;
        let target = target.and_then(|(value, ..)| value.parse().ok()).unwrap_or(0);
        Ok((target, self.inner.db.fleet_marks().await?))
    }

    pub(super) fn sight<'a>(&'a self, target: u32, migrations: &'a [MigrationMark]) -> Sight<'a> {
        Sight { target, migrations, waves: &self.inner.waves }
    }

    /// What was seen last against what is expected.
    pub(super) async fn difference(&self, row: &InstanceRow) -> Result<Vec<String>, InstanceError> {
        let db = &self.inner.db;
        let expected = match &row.expected_schema {
            Some(expected) => Some(expected.clone()),
            None => db.fleet_common_schema(row.driver, row.version).await?,
        };
        let (Some(expected), Some(seen)) = (expected, &row.seen_schema) else { return Ok(Vec::new()) };
        let (expected, seen) = (db.fleet_schema(&expected).await?, db.fleet_schema(seen).await?);
        let (Some(expected), Some(seen)) = (expected, seen) else { return Ok(Vec::new()) };
        Ok(difference(&Schema::of_text(&expected), &Schema::of_text(&seen)))
    }
}
