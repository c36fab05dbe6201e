//! Builds every part out of the configuration, in the order of their needs.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use cutover_shared::ids::OperatorName;
use cutover_shared::mapping::Mode;
use cutover_shared::rpc::Role;

use super::credentials::Credentials;
use super::{Failure, kinds};
use crate::audit::HeadFile;
use crate::clock::Clock;
use crate::config::{Catalog, Config, Loaded, Origin, Store};
use crate::doors::rpc::Parts;
use crate::faults::Faults;
use crate::flows::doctor::Doctor;
use crate::flows::kill::KillSwitch;
use crate::flows::status::Identity;
use crate::gateway::inbox::Inbox;
use crate::gateway::recover::{RecoverSettings, Recoverer};
use crate::github::{GitHub, GitHubSettings, OAuthApp, Traffic};
use crate::init::{read_keyring, seal_key_file};
use crate::mapping::catalog::app_database::AppDatabase;
use crate::mapping::catalog::ddl::DdlNames;
use crate::mapping::catalog::import::Importer;
use crate::mapping::gate::CanaryFirst;
use crate::mapping::mode;
use crate::mapping::old_hooks::planner::HooksPlanner;
use crate::mapping::planner::Planner;
use crate::mapping::sweep::Sweeper;
use crate::run::{Brake, Engine, EngineSettings};
use crate::seal::Seal;
use crate::store::{self, Db};

/// Effects of one run outside our store that are under way at once.
const OUTSIDE_PARALLEL: usize = 8;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The parts, and what is still to be started.
pub(super) struct Built {
    pub(super) door: Arc<Parts>,
    /// Stores kills that could not be stored at once.
    pub(super) kill_worker: Mutex<Option<Task>>,
}

/// What is there before anything is known of GitHub.
pub(super) struct Ground {
    pub(super) db: Db,
    pub(super) seal: Arc<Seal>,
    pub(super) clock: Clock,
    pub(super) faults: Faults,
}

pub(super) async fn ground(config: &Config, clock: &Clock, faults: Faults) -> Result<Ground, Failure> {
    let seal = Arc::new(Seal::new(read_keyring(&seal_key_file(&config.state_dir))?)?);
    let Store::Sqlite { path } = &config.store;
    let db = store::open(&format!("sqlite:{}", path.display()), faults.clone()).await?;
    Ok(Ground { db, seal, clock: clock.clone(), faults })
}

pub(super) async fn build(
    loaded: &Loaded,
    ground: Ground,
    credentials: &Credentials,
) -> Result<Built, Failure> {
    let config = &loaded.config;
    let Ground { db, seal, clock, faults } = ground;
    let clock = &clock;
    let github = GitHub::new(&github_settings(config, credentials), clock.clone())?;
    let app_database = match &config.catalog {
        Catalog::Embedded => None,
        Catalog::Postgres(catalog) => Some(AppDatabase::new(catalog)?),
    };
    let brake = Brake::pulled();
    let settings = EngineSettings {
        chunk: config.run.chunk,
        plan_ttl: config.run.plan_ttl,
        lease: config.run.lease,
        parallel: OUTSIDE_PARALLEL,
    };
    let canary = CanaryFirst::new(db.clone(), config.mapping.canary_observation);
    let gate = Arc::new(canary.clone());
    let kinds =
        kinds::kinds(&db, &seal, app_database.as_ref(), &github, config.migration.old_hook_secret.clone());
    let engine = Engine::new(db.clone(), clock.clone(), faults.clone(), brake.clone(), settings, gate, kinds);
    let sweeper = Sweeper::new(db.clone(), github.clone(), clock.clone(), config.mapping.sweep_parallel);
    let planner = Planner {
        db: db.clone(),
        github: github.clone(),
        sweeper,
        seal: seal.clone(),
        clock: clock.clone(),
        engine: engine.clone(),
        app_database: app_database.clone(),
        probe_budget: usize::try_from(config.mapping.probe_budget).unwrap_or(usize::MAX),
        index_max_age: config.mapping.index_max_age,
        app_slug: credentials.slug.clone(),
    };
    let hooks_planner = HooksPlanner {
        db: db.clone(),
        reader: github.reader(Traffic::Background),
        host: github.host_id().to_owned(),
        engine: engine.clone(),
        urls: config.migration.old_hook_urls.clone(),
        has_secret: config.migration.old_hook_secret.is_some(),
    };
    let (kill, worker) =
        KillSwitch::new(brake.clone(), &config.state_dir, db.clone(), engine.clone(), clock.clone());
    let identity = Arc::new(identity(loaded, github.host_id(), clock.now()));
    let started_at = identity.started_at;
    mode::initialise(&db, config.migration.mode, &config.migration.canary, started_at).await?;
    let doctor = Doctor {
        identity: identity.clone(),
        db: db.clone(),
        github: github.clone(),
        seal: seal.clone(),
        clock: clock.clone(),
        brake: brake.clone(),
        state_dir: config.state_dir.clone(),
        app_database,
    };
    let inbox = Inbox::new(db.clone(), clock.clone());
    let horizon = RecoverSettings::of(config.github.delivery_horizon);
    let recoverer =
        Recoverer::open(inbox.clone(), db.clone(), &github, clock.clone(), faults, horizon).await?;
    let door = Arc::new(Parts {
        identity,
        importer: Importer::new(db.clone(), seal.clone(), clock.clone()),
        inbox,
        recoverer,
        db,
        clock: clock.clone(),
        seal,
        engine,
        brake,
        canary,
        github,
        planner,
        hooks_planner,
        kill,
        doctor,
        has_webhook_secret: !credentials.webhook_secrets.is_empty(),
        heads: HeadFile::of(&config.state_dir),
        ddl_names: ddl_names(config),
        operators: operators(config),
        epoch: u64::try_from(started_at).unwrap_or(1).max(1),
    });
    Ok(Built { door, kill_worker: Mutex::new(Some(Box::pin(worker))) })
}

impl Built {
    /// Reads marker and store, and takes up what the last process left.
    pub(super) async fn take_up(&self) -> Result<(), Failure> {
        let killed = self.door.kill.start().await?;
        self.door.importer.resume().await?;
        // Under a pulled brake the drivers bring moving runs to stand.
        let runs = self.door.engine.resume().await?;
        tracing::info!(killed, runs = runs.len(), "took up what the last stop left");
        Ok(())
    }
}

/// A mode that nobody wrote down can't differ from the stored one.
fn configured_mode(loaded: &Loaded) -> Option<Mode> {
    let setting = loaded.settings.iter().find(|setting| setting.key == "migration.mode")?;
    (setting.origin != Origin::Default).then_some(loaded.config.migration.mode)
}

pub(super) fn identity(loaded: &Loaded, github_host: &str, started_at: i64) -> Identity {
    let config = &loaded.config;
    Identity {
        version: env!("CARGO_PKG_VERSION"),
        environment: config.environment.clone(),
        github_host: github_host.to_owned(),
        started_at,
        configured_mode: configured_mode(loaded),
        index_max_age_ms: i64::try_from(config.mapping.index_max_age.as_millis()).unwrap_or(i64::MAX),
    }
}

fn github_settings(config: &Config, credentials: &Credentials) -> GitHubSettings {
    let github = &config.github;
    let mut settings =
        GitHubSettings::new(github.api_base.clone(), credentials.app_id, credentials.keys.clone());
    settings.web_base = Some(github.web_base.clone());
    settings.oauth = github
        .oauth
        .as_ref()
        .map(|app| OAuthApp { client_id: app.client_id.clone(), client_secret: app.client_secret.clone() });
    settings.max_in_flight = github.max_in_flight;
    settings.background_reserve = github.background_reserve;
    settings.points_per_minute = github.points_per_minute;
    settings.request_timeout = github.request_timeout;
    settings
}

/// The daemon's own user is admin, unless the configuration gives that uid another name or role.
pub(super) fn operators(config: &Config) -> HashMap<u32, (OperatorName, Role)> {
    let own = nix::unistd::getuid();
    let name =
        nix::unistd::User::from_uid(own).ok().flatten().map_or_else(|| own.to_string(), |user| user.name);
    let mut operators = HashMap::from([(own.as_raw(), (OperatorName(name), Role::Admin))]);
    operators.extend(config.operators.iter().map(|o| (o.uid, (o.name.clone(), o.role))));
    operators
}

fn ddl_names(config: &Config) -> DdlNames {
    match &config.catalog {
        Catalog::Embedded => DdlNames::default(),
        Catalog::Postgres(catalog) => DdlNames {
            schema: Some(catalog.names.schema.clone()),
            table: catalog.names.project_table.clone(),
            installation_column: catalog.names.installation.clone(),
            status_column: catalog.names.status.clone(),
        },
    }
}
