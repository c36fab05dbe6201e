//! Builds every part out of the configuration, in the order of their needs.

use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use cutover_shared::ids::OperatorName;
use cutover_shared::mapping::Mode;
use cutover_shared::rpc::Role;

use super::{Failure, kinds};
use crate::audit::HeadFile;
use crate::clock::Clock;
use crate::config::{Catalog, Config, Loaded, Origin, Store};
use crate::doors::rpc::Parts;
use crate::faults::Faults;
use crate::flows::doctor::Doctor;
use crate::flows::import::{ImportParts, Imports};
use crate::flows::kill::KillSwitch;
use crate::flows::status::Identity;
use crate::gateway::inbox::Inbox;
use crate::git::{Artifacts, Git, GitSettings, Limits};
use crate::github::{GitHub, GitHubSettings, OAuthApp};
use crate::init::{read_keyring, seal_key_file};
use crate::mapping::catalog::app_database::AppDatabase;
use crate::mapping::catalog::ddl::DdlNames;
use crate::mapping::catalog::import::Importer;
use crate::mapping::gate::CanaryFirst;
use crate::mapping::mode;
use crate::mapping::planner::Planner;
use crate::mapping::sweep::Sweeper;
use crate::run::{Brake, Engine, EngineSettings};
use crate::seal::Seal;
use crate::store::{self, Db};

/// Effects of one run outside our store that are under way at once.
const OUTSIDE_PARALLEL: usize = 8;

/// Artifacts of the largest size that are kept at once.
const ARTIFACTS: u64 = 16;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The parts, and what is still to be started.
pub(super) struct Built {
    pub(super) door: Arc<Parts>,
    pub(super) artifacts: Artifacts,
    /// Stores kills that could not be stored at once.
    pub(super) kill_worker: Mutex<Option<Task>>,
}

pub(super) async fn build(loaded: &Loaded, clock: &Clock, faults: Faults) -> Result<Built, Failure> {
    let config = &loaded.config;
    let seal = Arc::new(Seal::new(read_keyring(&seal_key_file(&config.state_dir))?)?);
    let Store::Sqlite { path } = &config.store;
    let db = store::open(&format!("sqlite:{}", path.display()), faults.clone()).await?;
    let github = GitHub::new(&github_settings(config), clock.clone())?;
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
    let kinds = kinds::kinds(&db, &seal, app_database.as_ref());
    let engine = Engine::new(db.clone(), clock.clone(), faults, brake.clone(), settings, gate, kinds);
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
        app_slug: config.github.app_slug.clone(),
    };
    let (kill, worker) =
        KillSwitch::new(brake.clone(), &config.state_dir, db.clone(), engine.clone(), clock.clone());
    let started_at = clock.now();
    let identity = Arc::new(Identity {
        version: env!("CARGO_PKG_VERSION"),
        environment: config.environment.clone(),
        github_host: github.host_id().to_owned(),
        started_at,
        configured_mode: configured_mode(loaded),
        index_max_age_ms: i64::try_from(config.mapping.index_max_age.as_millis()).unwrap_or(i64::MAX),
    });
    mode::initialise(&db, config.migration.mode, &config.migration.canary, started_at).await?;
    let (imports, artifacts, git) = imports(config, &db, &github, &seal, &brake, clock)?;
    let doctor = Doctor {
        git,
        identity: identity.clone(),
        db: db.clone(),
        github: github.clone(),
        seal: seal.clone(),
        clock: clock.clone(),
        brake: brake.clone(),
        state_dir: config.state_dir.clone(),
        app_database,
    };
    let door = Arc::new(Parts {
        identity,
        importer: Importer::new(db.clone(), seal.clone(), clock.clone()),
        inbox: Inbox::new(db.clone(), clock.clone()),
        db,
        clock: clock.clone(),
        seal,
        engine,
        brake,
        canary,
        github,
        planner,
        kill,
        imports,
        doctor,
        heads: HeadFile::of(&config.state_dir),
        ddl_names: ddl_names(config),
        operators: operators(config),
        epoch: u64::try_from(started_at).unwrap_or(1).max(1),
    });
    Ok(Built { door, artifacts, kill_worker: Mutex::new(Some(Box::pin(worker))) })
}

fn imports(
    config: &Config,
    db: &Db,
    github: &GitHub,
    seal: &Arc<Seal>,
    brake: &Brake,
    clock: &Clock,
) -> Result<(Imports, Artifacts, Git), Failure> {
    let set = &config.import;
    let settings = GitSettings {
        program: PathBuf::from("git"),
        folder: config.state_dir.join("git"),
        parallel: set.parallel,
    };
    let git = Git::new(settings, clock.clone())?;
    let most = set.max_bytes.saturating_mul(ARTIFACTS);
    let artifacts =
        Artifacts::new(config.state_dir.join("artifacts"), set.keep_artifacts, most, clock.clone())?;
    let imports = Imports::new(ImportParts {
        db: db.clone(),
        github: github.clone(),
        seal: seal.clone(),
        clock: clock.clone(),
        brake: brake.clone(),
        git: git.clone(),
        artifacts: artifacts.clone(),
        limits: Limits { time: set.timeout, bytes: set.max_bytes, files: set.max_files },
        grace_until: config.migration.grace_until,
        app_slug: config.github.app_slug.clone(),
    });
    Ok((imports, artifacts, git))
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

fn github_settings(config: &Config) -> GitHubSettings {
    let github = &config.github;
    let mut settings = GitHubSettings::new(github.api_base.clone(), github.app_id, github.keys.clone());
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
fn operators(config: &Config) -> HashMap<u32, (OperatorName, Role)> {
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
