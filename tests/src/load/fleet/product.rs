//! The whole of the fleet as the daemon has it, in this process: store on disk, run engine, kind, instances. Every step's status is
//! durable, as in a daemon.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cutover_daemon::audit::Who;
use cutover_daemon::client::Client;
use cutover_daemon::clock::Clock;
use cutover_daemon::faults::Faults;
use cutover_daemon::fleet::Fleet;
use cutover_daemon::fleet::drivers::Drivers;
use cutover_daemon::fleet::instance::{Instances, Ring};
use cutover_daemon::fleet::kind::{FleetKind, Inner};
use cutover_daemon::fleet::limit::Limits;
use cutover_daemon::fleet::live::Live;
use cutover_daemon::fleet::settings::Settings;
use cutover_daemon::fleet::wave::Waves;
use cutover_daemon::run::{Brake, Engine, EngineSettings, OpenGate};
use cutover_daemon::seal::Seal;
use cutover_daemon::store::{Db, open};
use cutover_shared::fleet::{DriverKind, FleetItem, FleetScope, FleetSummary, Hidden, NewInstance};
use cutover_shared::ids::{RunId, TenantId};
use cutover_shared::run::{ItemState, RunView};
use secrecy::SecretBox;
use tokio_util::task::TaskTracker;

use super::{FleetLoadError, MIGRATIONS, arm};

/// Instances that are handed in at once.
const ADDED: usize = 256;

/// Between two looks at a run. Each costs about a millisecond of a core, so that looking more often would be a good part of what is measured.
const LOOK: Duration = Duration::from_millis(100);

/// A fleet with a store of its own. Its folder goes with it, and the tenants' files in there.
pub(super) struct Product {
    db: Db,
    engine: Engine,
    pub(super) fleet: Fleet,
    instances: Instances,
    clock: Clock,
    _folder: tempfile::TempDir,
}

/// What an arm of ours took, in tenants a second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rates {
    /// From the approval to the end of the verification.
    pub(super) apply: f64,
    /// With the plan, which asks each tenant.
    pub(super) whole: f64,
    /// Nothing to do: a plan that asks each tenant, and finds that.
    pub(super) again: f64,
}

pub(super) fn who() -> Who {
    Who { operator: "load".into(), origin: "load".to_owned() }
}

/// The id of a tenant.
pub(super) fn tenant(number: usize) -> TenantId {
    TenantId(format!("tenant-{number:05}"))
}

impl Product {
    /// A daemon's parts over a new store in `folder`, with the migrations of `folder`'s `migrations` and what the configuration says
    /// where nobody says anything, but that a plan asks every tenant.
    pub(super) async fn new(
        folder: tempfile::TempDir,
        change: impl FnOnce(Settings) -> Settings,
    ) -> Result<Self, FleetLoadError> {
        let settings = Settings {
            folder: Some(folder.path().join("migrations")),
            fresh: Duration::ZERO,
            ..Settings::default()
        };
        let settings = change(settings);
        let clock = Clock::system();
        let db = open(&format!("sqlite:{}", folder.path().join("cutover.db").display()), Faults::none())
            .await
            .map_err(arm)?;
        let key = ("load".to_owned(), SecretBox::new(Box::new([1; 32])));
        let client = Client::new().map_err(arm)?;
        let inner = Arc::new(Inner {
            drivers: Drivers::new(settings.http.clone(), client.clone(), clock.clone()),
            application: None,
            live: Live::new(clock.clone(), f64::MAX, Duration::MAX),
            limits: Limits::of(&settings),
            looks: Limits::of(&settings),
            waves: Waves::new(&settings.waves),
            tasks: TaskTracker::new(),
            db: db.clone(),
            seal: Arc::new(Seal::new(vec![key]).map_err(arm)?),
            clock: clock.clone(),
            faults: Faults::none(),
            settings,
        });
        let brake = Brake::pulled();
        if let Some(pull) = brake.newest() {
            brake.release(pull);
        }
        let engine = Engine::new(
            db.clone(),
            clock.clone(),
            Faults::none(),
            brake,
            EngineSettings::default(),
            Arc::new(OpenGate),
            vec![Arc::new(FleetKind(inner.clone()))],
        );
        let ring: Ring = Arc::new(|| Err("no key is added here".to_owned()));
        let instances = Instances::new(inner.clone(), client, ring);
        let fleet = Fleet::new(inner, engine.clone());
        Ok(Self { db, engine, fleet, instances, clock, _folder: folder })
    }

    /// Enters tenants' databases.
    pub(super) async fn enter(&self, driver: DriverKind, urls: &[String]) -> Result<(), FleetLoadError> {
        let rows: Vec<NewInstance> =
            (0..).zip(urls).map(|(number, url)| instance(number, driver, url)).collect();
        for part in rows.chunks(ADDED) {
            self.instances.add(part, false, &who()).await.map_err(arm)?;
        }
        Ok(())
    }

    /// A plan over all of them.
    pub(super) async fn plan(&self, to: u32) -> Result<RunView, FleetLoadError> {
        self.fleet.plan(&FleetScope::All, Some(to), false, &who()).await.map_err(arm)
    }

    /// Approves a plan, applies it, and waits until it stands; with the moment of the last commit.
    pub(super) async fn apply(&self, plan: &RunView) -> Result<(RunView, Duration), FleetLoadError> {
        let mut versions = self.db.versions();
        self.engine.approve(&plan.id, &plan.digest, None, &who()).await.map_err(arm)?;
        self.engine.apply(&plan.id, None, &who()).await.map_err(arm)?;
        let (mut looked, mut last) = (self.clock.monotonic(), self.clock.monotonic());
        loop {
            if let Ok(changed) = self.clock.timeout(LOOK, versions.changed()).await {
                changed.map_err(arm)?;
                last = self.clock.monotonic();
            }
            if self.clock.monotonic().saturating_sub(looked) < LOOK {
                continue;
            }
            looked = self.clock.monotonic();
            let run = self.engine.view(&plan.id).await.map_err(arm)?;
            if !run.state.is_moving() {
                // It may have ended since the last commit that was heard.
                let is_later = versions.has_changed().map_err(arm)?;
                return Ok((run, if is_later { self.clock.monotonic() } else { last }));
            }
        }
    }

    /// Brings all to the newest version, and then again where nothing is left to do.
    pub(super) async fn rates(&self, tenants: usize) -> Result<Rates, FleetLoadError> {
        let began = self.clock.monotonic();
        let plan = self.plan(MIGRATIONS).await?;
        let planned = self.clock.monotonic();
        let (run, ended) = self.apply(&plan).await?;
        let applied = self.clock.monotonic();
        let steps = (tenants as u64) * u64::from(MIGRATIONS);
        if run.progress.counts.done != steps {
            let why = run.reason.unwrap_or_default();
            return Err(arm(format!("of {steps} steps {:?} ended: {why}", run.progress.counts)));
        }
        let plan = self.plan(MIGRATIONS).await?;
        let again = self.clock.monotonic();
        let summary: FleetSummary = serde_json::from_value(plan.summary).map_err(arm)?;
        if (summary.asked, summary.at_target) != (tenants as u64, tenants as u64) {
            return Err(arm(format!(
                "the second plan asked {} and left {}",
                summary.asked, summary.at_target
            )));
        }
        let rate = |took: Duration| tenants as f64 / took.as_secs_f64();
        Ok(Rates { apply: rate(ended - planned), whole: rate(ended - began), again: rate(again - applied) })
    }

    /// Why each tenant of a run did not succeed: of its first item that did not, which says why the others were not tried.
    pub(super) async fn reasons(&self, run: &RunId) -> Result<BTreeMap<TenantId, String>, FleetLoadError> {
        let mut reasons = BTreeMap::new();
        for state in [ItemState::Failed, ItemState::Unknown, ItemState::Stale, ItemState::Skipped] {
            let mut after = None;
            loop {
                let items = self.db.items(run, Some(state), after, 500).await.map_err(arm)?;
                let Some(last) = items.last() else { break };
                after = Some(last.ord);
                for item in items {
                    let says: FleetItem = serde_json::from_str(&item.body).map_err(arm)?;
                    reasons.entry(says.tenant).or_insert(item.reason.unwrap_or_default());
                }
            }
        }
        Ok(reasons)
    }

    /// Ends the parts: nothing of them is under way after it.
    pub(super) async fn end(self) {
        self.engine.stop().await;
        self.db.close().await;
    }
}

/// A row as an operator hands it in.
pub(super) fn instance(number: usize, driver: DriverKind, url: &str) -> NewInstance {
    NewInstance {
        tenant: tenant(number),
        external_user: None,
        driver,
        url: Hidden(url.to_owned()),
        key: None,
    }
}

/// A folder with the bench's migrations, in `migrations`.
pub(super) fn folder(within: &Path) -> Result<tempfile::TempDir, FleetLoadError> {
    let failed = |error| FleetLoadError::File("writing migrations", error);
    let folder = tempfile::Builder::new().prefix("fleet-").tempdir_in(within).map_err(failed)?;
    let migrations = folder.path().join("migrations");
    std::fs::create_dir(&migrations).map_err(failed)?;
    for number in 1..=MIGRATIONS {
        std::fs::write(migrations.join(format!("{number:04}_m{number}.up.sql")), super::up(number))
            .map_err(failed)?;
    }
    Ok(folder)
}
