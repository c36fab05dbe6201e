//! Makes plans of the fleet: reads the registry, asks the instances that were not seen lately, and says for each tenant which steps it
//! gets. What can't be gone back is refused as a whole, before anything is written.

mod source;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cutover_shared::fleet::{DriverKind, FLEET, FleetScope, InstanceState, Way};
use cutover_shared::ids::TenantId;
use cutover_shared::run::RunView;
use futures::StreamExt as _;
use serde_json::json;

use self::source::Steps;
use super::Fleet;
use super::book;
use super::chain::{self, NoWay, Planned};
use super::error::FleetError;
use super::migration::Migration;
use super::observe::{self, Seen};
use super::registry::{self, Registry};
use super::runner::TARGET;
use super::text;
use crate::audit::Who;
use crate::run::Draft;
use crate::store::{FleetOp, InstanceFilter, InstanceRow, Lane, ReadError, UNIT_ROWS, Unit};

/// Raised when the same world would give another plan.
const RULES: u32 = 2;

/// Instances read at a time.
const PAGE: u32 = 256;

/// What a plan is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Aim {
    pub(super) way: Way,
    pub(super) to: u32,
    /// Ask every instance, and look at its schema too.
    pub(super) refresh: bool,
}

impl Fleet {
    /// Plans the way up to a version; none: to the one that was set before.
    ///
    /// # Errors
    /// [`FleetError`]; nothing was planned then.
    pub async fn plan(
        &self,
        scope: &FleetScope,
        to: Option<u32>,
        refresh: bool,
        who: &Who,
    ) -> Result<RunView, FleetError> {
        let registry = self.registry().await?;
        let to = match to {
            Some(to) => to,
            None => self.target().await?.ok_or(FleetError::NoTarget { head: registry.head() })?,
        };
        self.make(registry, scope, Aim { way: Way::Up, to, refresh }, who).await
    }

    /// Plans the way back to a version; 0 takes everything back.
    ///
    /// # Errors
    /// [`FleetError`]; nothing was planned then.
    pub async fn rollback(
        &self,
        scope: &FleetScope,
        to: u32,
        refresh: bool,
        who: &Who,
    ) -> Result<RunView, FleetError> {
        let registry = self.registry().await?;
        self.make(registry, scope, Aim { way: Way::Down, to, refresh }, who).await
    }

    /// The version that the fleet is to have, once somebody has set one.
    pub(super) async fn target(&self) -> Result<Option<u32>, FleetError> {
        Ok(self.inner.db.setting(TARGET).await?.and_then(|(value, ..)| value.parse().ok()))
    }

    /// The folder as it is now, held against what was recorded. Any mistake refuses all of it.
    async fn registry(&self) -> Result<Registry, FleetError> {
        let (registry, mistakes) = self.read().await?;
        if mistakes.is_empty() { Ok(registry) } else { Err(FleetError::Mistakes(mistakes)) }
    }

    async fn make(
        &self,
        registry: Registry,
        scope: &FleetScope,
        aim: Aim,
        who: &Who,
    ) -> Result<RunView, FleetError> {
        let to = match aim.way {
            Way::Up => registry.get(aim.to).map(|there| there.version),
            // It may end between two versions: what is above goes.
            Way::Down => registry.head().filter(|head| aim.to <= *head).map(|_| registry.below(aim.to)),
        };
        let Some(to) = to.or((aim.to == 0).then_some(0)) else {
            return Err(FleetError::NoVersion { version: aim.to, head: registry.head() });
        };
        let aim = Aim { to, ..aim };
        let filter = self.filter(scope)?;
        self.record(&registry).await?;
        let migrations: BTreeMap<u32, Migration> =
            registry.migrations.into_iter().map(|migration| (migration.version, migration)).collect();
        let asked = self.ask(&filter, aim, &migrations).await?;
        if asked.tenants == 0 {
            return Err(FleetError::Empty(scope.to_string()));
        }
        let waves: Vec<String> =
            (1..=self.inner.waves.count()).map(|wave| self.inner.waves.name(wave)).collect();
        let sums: Vec<[String; 3]> = migrations.values().map(text::named).collect();
        let draft = Draft {
            kind: FLEET,
            scope: scope.to_string(),
            rules: json!({ "fleet": RULES }),
            config: json!({ "target": aim.to, "way": aim.way.word(), "waves": waves, "migrations": sums }),
        };
        let mut source = Steps::new(self, filter, aim, &migrations, asked.asked);
        Ok(self.engine.plan(draft, who, &mut source).await?)
    }

    fn filter(&self, scope: &FleetScope) -> Result<InstanceFilter, FleetError> {
        Ok(match scope {
            FleetScope::All => InstanceFilter::default(),
            FleetScope::Tenant(tenant) => {
                InstanceFilter { tenant: Some(tenant.clone()), ..InstanceFilter::default() }
            }
            FleetScope::Wave(wave) => {
                let waves = &self.inner.waves;
                let places = waves.places(*wave).ok_or_else(|| FleetError::NoWave {
                    wave: *wave,
                    names: (1..=waves.count())
                        .map(|n| format!("{n} ({})", waves.name(n)))
                        .collect::<Vec<_>>()
                        .join(", "),
                })?;
                InstanceFilter { places: Some((places.start, places.end)), ..InstanceFilter::default() }
            }
        })
    }

    /// What a plan names is kept as it was read: that is what is run. What was only recorded before and is gone is forgotten.
    async fn record(&self, registry: &Registry) -> Result<(), FleetError> {
        let at = self.inner.clock.now();
        let mut after = 0;
        let mut rest = registry.migrations.as_slice();
        loop {
            // Each of them is two rows.
            let (part, later) = rest.split_at(rest.len().min(UNIT_ROWS / 2));
            let last = part.last().filter(|_| !later.is_empty());
            let until = last.map_or(u32::MAX, |migration| migration.version);
            let rows = part.iter().map(|migration| registry::row(migration, at)).collect();
            let texts = part.iter().map(|migration| text::kept(migration, at)).collect();
            let unit = Unit::new()
                .with(FleetOp::Migrations { rows, after, until })
                .with(FleetOp::Texts { rows: texts });
            self.inner.db.write(Lane::Handler, unit).await?;
            if later.is_empty() {
                return Ok(());
            }
            (after, rest) = (until, later);
        }
    }

    /// Asks whoever was not seen lately, and looks that there is a way for everybody.
    async fn ask(
        &self,
        filter: &InstanceFilter,
        aim: Aim,
        migrations: &BTreeMap<u32, Migration>,
    ) -> Result<Asked, FleetError> {
        let mut asked = Asked::default();
        let mut versions: BTreeMap<(DriverKind, u32, BTreeSet<u32>), (u64, TenantId)> = BTreeMap::new();
        let mut after: Option<(u32, String)> = None;
        loop {
            let place = after.as_ref().map(|(place, tenant)| (*place, tenant.as_str()));
            let rows = self.inner.db.fleet_instances(filter, place, PAGE).await?;
            let Some(last) = rows.last() else { break };
            after = Some((last.place_in_waves, last.tenant.0.clone()));
            asked.tenants += rows.len() as u64;
            let mut replaced = self.replaced(&rows, aim).await?;
            let (old, fresh): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| self.is_old(row, aim));
            asked.asked += old.len() as u64;
            let seen = self.look(&old, aim).await?;
            let reached = seen.into_iter().zip(&old).filter_map(|(seen, row)| Some((row, seen.version?)));
            let known = fresh.iter().filter(|row| row.state == InstanceState::Connected);
            for (row, version) in reached.chain(known.map(|row| (row, row.version))) {
                let replaced = replaced.remove(&row.tenant).unwrap_or_default();
                let one = versions.entry((row.driver, version, replaced));
                let one = one.or_insert_with(|| (0, row.tenant.clone()));
                one.0 += 1;
            }
        }
        for ((driver, version, replaced), (tenants, example)) in versions {
            let steps = steps(migrations, version, aim, driver, &replaced);
            if let Err(way) = steps {
                return Err(FleetError::NoWay { way, tenants, example });
            }
        }
        Ok(asked)
    }

    /// By tenant, what never came to it because another migration stands for it: on the way back it is left out again.
    async fn replaced(
        &self,
        rows: &[InstanceRow],
        aim: Aim,
    ) -> Result<HashMap<TenantId, BTreeSet<u32>>, ReadError> {
        let mut replaced: HashMap<TenantId, BTreeSet<u32>> = HashMap::new();
        if aim.way == Way::Down {
            let tenants: Vec<TenantId> = rows.iter().map(|row| row.tenant.clone()).collect();
            let steps = self.inner.db.fleet_steps_of(&tenants).await?;
            for step in steps.into_iter().filter(book::is_replaced) {
                replaced.entry(step.tenant).or_default().insert(step.version);
            }
        }
        Ok(replaced)
    }

    /// Whether what is known of an instance is too old for a plan. Whoever can't be reached is asked by the clock.
    fn is_old(&self, row: &InstanceRow, aim: Aim) -> bool {
        if aim.refresh || row.state == InstanceState::New {
            return true;
        }
        let fresh = i64::try_from(self.inner.settings.fresh.as_millis()).unwrap_or(i64::MAX);
        let until = row.checked_at.map(|at| at.saturating_add(fresh));
        row.state == InstanceState::Connected && until.is_none_or(|until| until <= self.inner.clock.now())
    }

    async fn look(&self, rows: &[InstanceRow], aim: Aim) -> Result<Vec<Seen>, FleetError> {
        let questions: Vec<_> = rows.iter().map(|row| self.inner.observe(row, aim.refresh)).collect();
        let answers: Vec<_> =
            futures::stream::iter(questions).buffered(self.inner.settings.parallel.max(1)).collect().await;
        let seen: Vec<Seen> = answers.into_iter().collect::<Result<_, _>>()?;
        if !seen.is_empty() {
            let unit = Unit::new().with_all(observe::ops(&seen, self.inner.clock.now()));
            self.inner.db.write(Lane::Run, unit).await?;
        }
        Ok(seen)
    }
}

#[derive(Default)]
struct Asked {
    tenants: u64,
    asked: u64,
}

/// What a tenant at `version` has to do.
pub(super) fn steps<'a>(
    migrations: &'a BTreeMap<u32, Migration>,
    version: u32,
    aim: Aim,
    driver: DriverKind,
    replaced: &BTreeSet<u32>,
) -> Result<Vec<Planned<'a>>, NoWay> {
    match aim.way {
        Way::Up => chain::up(migrations, version, aim.to, driver),
        Way::Down => chain::down(migrations, version, aim.to, driver, replaced),
    }
}
