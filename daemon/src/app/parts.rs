//! Builds every part out of the configuration, in the order of their needs.

mod life;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use cutover_shared::mapping::Mode;

use super::credentials::Credentials;
use super::fleet::{fleet_parts, instances};
use super::gits::gits;
use super::imports::imports;
use super::measured::Measured;
use super::routed::Routed;
use super::second::second;
use super::settings::{ddl_names, github_settings, operators, outbox_settings};
use super::watch::watch;
use super::{Failure, kinds, locks};
use crate::audit::HeadFile;
use crate::client::Client;
use crate::clock::Clock;
use crate::config::{self, Catalog, Config, Loaded, Origin, Store};
use crate::doors::http::{AllowList, Certificates};
use crate::doors::rpc::Parts;
use crate::faults::Faults;
use crate::fleet::Fleet;
use crate::fleet::kind::FleetKind;
use crate::flows::app_workflows::AppWorkflows;
use crate::flows::doctor::{Certificate, Doctor};
use crate::flows::drill::Drills;
use crate::flows::gits::Gits;
use crate::flows::incident::Incidents;
use crate::flows::kill::{KillParts, KillSwitch};
use crate::flows::probe::rule::Rule;
use crate::flows::probe::{Post, Probe, ProbeParts, Probes};
use crate::flows::proof::Proofs;
use crate::flows::status::Identity;
use crate::flows::webhook_event::WebhookEvents;
use crate::gateway::context::{OperatorContext, RepositoryContext};
use crate::gateway::inbox::Inbox;
use crate::gateway::outbox::{Context, Outbox};
use crate::gateway::recover::{RecoverSettings, Recoverer};
use crate::gateway::triggers::{GitHubFiles, Triggers};
use crate::git::Artifacts;
use crate::github::{GitHub, Traffic};
use crate::init::{read_keyring, seal_key_file};
use crate::locks::LockService;
use crate::mapping::catalog::app_database::AppDatabase;
use crate::mapping::catalog::import::Importer;
use crate::mapping::gate::CanaryFirst;
use crate::mapping::mirror::Mirror;
use crate::mapping::mode;
use crate::mapping::old_hooks::planner::HooksPlanner;
use crate::mapping::periodic::Periodic;
use crate::mapping::planner::Planner;
use crate::mapping::rescore::Rescorer;
use crate::mapping::sandbox_record::planner::RecordsPlanner;
use crate::mapping::sweep::Sweeper;
use crate::rollout::automation::Automation;
use crate::rollout::metrics::Flush;
use crate::rollout::metrics::prometheus::Prometheus;
use crate::rollout::peers::Alone;
use crate::run::{Brake, Engine, EngineSettings};
use crate::sandbox::Sandboxes;
use crate::seal::Seal;
use crate::store::{self, Db};

/// Effects of one run outside our store that are under way at once.
const OUTSIDE_PARALLEL: usize = 8;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The parts, and what is still to be started.
pub(super) struct Built {
    pub(super) door: Arc<Parts>,
    /// What the inbox works for.
    pub(super) events: Arc<WebhookEvents>,
    pub(super) artifacts: Artifacts,
    /// Stores kills that could not be stored at once.
    pub(super) kill_worker: Mutex<Option<Task>>,
    /// What the HTTP door shows and asks for, when there is one and it is configured.
    pub(super) tls: Option<Arc<Certificates>>,
    pub(super) allow: Option<Arc<AllowList>>,
    pub(super) rescorer: Rescorer,
    pub(super) locks: Arc<LockService>,
    /// Git for tenants, and the service that it stands on.
    pub(super) gits: Gits,
    pub(super) sandboxes: Sandboxes,
    /// None: the application's tables are not read for workflows.
    pub(super) app_workflows: Option<Arc<AppWorkflows>>,
    /// Stores what rollouts count.
    pub(super) flush: Flush,
    /// None: no Prometheus server is asked.
    pub(super) prometheus: Option<Prometheus>,
    /// A mode other than `off` was stored before this start.
    was_on: bool,
    /// Judges rollouts and goes back by itself.
    pub(super) automation: Automation,
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
    let mut kinds =
        kinds::kinds(&db, &seal, app_database.as_ref(), &github, config.migration.old_hook_secret.clone());
    let fleet_parts = fleet_parts(config, &db, &seal, clock, &faults)?;
    kinds.push(Arc::new(FleetKind(fleet_parts.clone())));
    let sweeper = Sweeper::new(db.clone(), github.clone(), clock.clone(), config.mapping.sweep_parallel);
    let locks = locks::build(config, &db, clock)?;
    // Before anything takes one.
    locks.take_up().await?;
    let periodic = Periodic::new(
        sweeper.clone(),
        db.clone(),
        clock.clone(),
        github.host_id(),
        config.mapping.sweep_every,
    )
    .in_turn(locks.clone(), &locks::holder(), config.locks.ttl);
    let rescorer = Rescorer {
        db: db.clone(),
        github: github.clone(),
        clock: clock.clone(),
        brake: brake.clone(),
        faults: faults.clone(),
        auto_map: auto_map(config),
        app_slug: credentials.slug.clone(),
    };
    let engine = Engine::new(db.clone(), clock.clone(), faults.clone(), brake.clone(), settings, gate, kinds);
    let instances = instances(config, fleet_parts.clone())?;
    let fleet = Fleet::new(fleet_parts, engine.clone());
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
    let identity = Arc::new(identity(loaded, github.host_id(), clock.now()));
    let started_at = identity.started_at;
    let routed = Routed::new(config, &brake, &db, clock)?;
    let Routed { rollouts, measured: Measured { outcomes, flush, prometheus }, arms, automation } = routed;
    let (kill, worker) = KillSwitch::new(KillParts {
        brake: brake.clone(),
        rollouts: rollouts.clone(),
        peers: Arc::new(Alone),
        state_dir: config.state_dir.clone(),
        db: db.clone(),
        engine: engine.clone(),
        clock: clock.clone(),
    });
    // Whoever is on installations already stays there: a rollout begins where the mode of an older version has led.
    let was_on = mode::stored(&db).await?.is_some_and(|mode| mode != Mode::Off);
    mode::initialise(&db, config.migration.mode, &config.migration.canary, started_at).await?;
    let tls = match config.http.tls.as_ref().filter(|_| config.http.listen.is_some()) {
        Some(files) => Some(Certificates::load(files.certificate.clone(), files.key.clone()).await?),
        None => None,
    };
    let allow = match config.http.only_from.as_ref().filter(|_| config.http.listen.is_some()) {
        Some(extra) => Some(AllowList::new(extra.clone(), db.clone(), github.clone(), clock.clone()).await),
        None => None,
    };
    let certificate = tls
        .clone()
        .map(|tls| -> Arc<dyn Fn() -> Certificate + Send + Sync> { Arc::new(move || tls.state()) });
    let (imports, artifacts, git) =
        imports(config, credentials.slug.clone(), &db, &github, &seal, arms.clone(), clock)?;
    let (gits, sandboxes) = gits(config, &db, &github, &imports, arms, clock)?;
    let watch = watch(config, &db, clock, &rollouts, flush.windows(), prometheus.as_ref(), &git);
    let second = second(config, &db, rollouts.router(), (&imports, &gits), &faults, clock);
    imports.write_behind(second.clone());
    gits.write_behind(second.clone());
    let triggers = Triggers::new(db.clone(), clock.clone(), Arc::new(GitHubFiles(github.clone())));
    let app_workflows = workflow_reader(config, app_database.as_ref(), &db, &triggers, clock);
    let mirror = app_database
        .clone()
        .and_then(|app| Mirror::new(db.clone(), app, github.host_id(), clock.clone(), faults.clone()));
    let doctor = Doctor {
        mirror,
        git,
        identity: identity.clone(),
        db: db.clone(),
        github: github.clone(),
        seal: seal.clone(),
        clock: clock.clone(),
        brake: brake.clone(),
        state_dir: config.state_dir.clone(),
        app_database,
        app_workflows: app_workflows.clone(),
        certificate,
        locks: locks.clone(),
        flush: flush.clone(),
        prometheus: prometheus.clone(),
        second: second.clone(),
    };
    let context: Option<Arc<dyn Context>> = Some(Arc::new(RepositoryContext::new(github.clone())));
    let outbox = Outbox::new(db.clone(), clock.clone(), Client::new()?, outbox_settings(config)?, context);
    let events = WebhookEvents::new(github.clone(), triggers.clone(), outbox.clone(), clock.clone());
    let events = Arc::new(events);
    let inbox = Inbox::judged(db.clone(), clock.clone(), events.clone());
    let probes = probes(config, &db, clock)?;
    let horizon = RecoverSettings::of(config.github.delivery_horizon);
    let recoverer =
        Recoverer::open(inbox.clone(), db.clone(), &github, clock.clone(), faults, horizon).await?;
    let asker = RepositoryContext::new(github.clone());
    let host = github.host_id().to_owned();
    let proofs = Proofs {
        db: db.clone(),
        clock: clock.clone(),
        rollouts: rollouts.clone(),
        provers: [Arc::new(imports.clone()), Arc::new(gits.clone())],
    };
    let incidents = Incidents { db: db.clone(), clock: clock.clone(), rollouts: rollouts.clone() };
    let door = Arc::new(Parts {
        context: OperatorContext::new(db.clone(), clock.clone(), host, asker),
        identity,
        fleet,
        instances,
        importer: Importer::new(db.clone(), seal.clone(), clock.clone()),
        records_planner: RecordsPlanner { db: db.clone(), engine: engine.clone() },
        inbox,
        recoverer,
        triggers,
        outbox,
        db,
        clock: clock.clone(),
        seal,
        engine,
        brake,
        canary,
        github,
        planner,
        periodic,
        hooks_planner,
        kill,
        rollouts,
        drills: Drills::new(proofs.clone(), config.rollout.drill_every),
        proofs,
        incidents,
        judged: automation.judged.clone(),
        recorder: flush.recorder().clone(),
        windows: flush.windows().clone(),
        outcomes,
        second,
        watch,
        imports,
        probes,
        doctor,
        has_webhook_secret: !credentials.webhook_secrets.is_empty(),
        heads: HeadFile::of(&config.state_dir),
        ddl_names: ddl_names(config),
        operators: operators(config),
        epoch: u64::try_from(started_at).unwrap_or(1).max(1),
    });
    Ok(Built {
        door,
        events,
        artifacts,
        kill_worker: Mutex::new(Some(Box::pin(worker))),
        tls,
        allow,
        rescorer,
        locks,
        gits,
        sandboxes,
        app_workflows,
        flush,
        prometheus,
        was_on,
        automation,
    })
}

fn probes(loaded: &Config, db: &Db, clock: &Clock) -> Result<Probes, Failure> {
    let probe = |probe: &config::Probe| Probe {
        name: probe.name.clone(),
        url: probe.url.clone(),
        post: probe.post.as_ref().map(|post| Post { body: post.body.clone() }),
        token: probe.token.clone(),
        rule: Rule {
            end_event: probe.end_event.clone(),
            contains: probe.contains.clone(),
            digest: probe.digest,
            length_permille: probe.length_permille,
        },
        timeout: probe.timeout,
    };
    let probes = loaded.probes.iter().map(probe).collect();
    let client = Client::new()?;
    Ok(Probes::new(ProbeParts { db: db.clone(), clock: clock.clone(), client, probes }))
}

/// The reader of the application's workflows, where the configuration asks for it.
fn workflow_reader(
    config: &Config,
    database: Option<&AppDatabase>,
    db: &Db,
    triggers: &Arc<Triggers>,
    clock: &Clock,
) -> Option<Arc<AppWorkflows>> {
    let (set, database) = (config.workflows.as_ref()?, database?.clone());
    let (triggers, channel) = (triggers.clone(), set.channel.clone());
    Some(AppWorkflows::new(database, db.clone(), triggers, clock.clone(), set.every, channel))
}

/// Which mappings events and sweeps make by themselves. The application's columns are written by runs alone.
fn auto_map(config: &Config) -> Option<u8> {
    match &config.catalog {
        Catalog::Embedded => config.mapping.auto_map,
        Catalog::Postgres(_) => {
            if config.mapping.auto_map.is_some() {
                tracing::warn!("mapping.auto_map has no effect: the catalog is the application's database");
            }
            None
        }
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
