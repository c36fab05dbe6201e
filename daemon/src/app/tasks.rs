//! What goes on beside the doors. Each task is registered, so that a stop waits for it or names it.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::locks;
use cutover_shared::rollout::{RolloutName, Stage};

use super::parts::Built;
use crate::config::{Config, Env};
use crate::doors::rpc::Parts;
use crate::flows::ceiling;
use crate::flows::issuance::Issuance;
use crate::flows::kill::watch_marker;
use crate::flows::measure::Measure;
use crate::gateway::inbox::WorkSettings;
use crate::instance::notify::Notifier;
use crate::locks::LockService;
use crate::log::Logging;
use crate::metrics::Metrics;
use crate::rollout::metrics::Flush;
use crate::rollout::router::Router;
use crate::shutdown::Shutdown;
use crate::store::{Lane, RunOp, Unit};

/// How often the head of the audit chain is signed to a file.
const SIGN_HEADS: Duration = Duration::from_secs(60);

/// How often plans that nobody approved are looked through.
const EXPIRE: Duration = Duration::from_secs(60);

/// Where the level of the log is read from again, and what it is set on.
pub(super) struct Level {
    /// The file that was read at the start.
    pub(super) file: Option<PathBuf>,
    pub(super) env: Env,
    pub(super) logging: Arc<Logging>,
}

pub(super) fn spawn(
    shutdown: &Shutdown,
    built: &Built,
    config: &Config,
    level: Level,
    notifier: Arc<Notifier>,
) {
    let parts = &built.door;
    if let Some(worker) = built.kill_worker.lock().unwrap_or_else(PoisonError::into_inner).take() {
        until_stop(shutdown, "kill store", worker);
    }
    until_stop(shutdown, "kill marker", watch_marker(parts.kill.clone()));
    until_stop(shutdown, "ways back", parts.rollouts.clone().work());
    until_stop(
        shutdown,
        "rollouts' gauges",
        show_stages(parts.rollouts.router().clone(), Metrics::process()),
    );
    shutdown.spawn("audit heads", sign_heads(shutdown.clone(), parts.clone()));
    let outbox = parts.outbox.clone();
    let inbox = parts.inbox.clone().work(built.events.clone(), work_settings(config));
    until_stop(shutdown, "inbox", inbox);
    until_stop(shutdown, "inbox retention", parts.inbox.clone().retain(config.inbox.keep_payloads));
    until_stop(shutdown, "locks", built.locks.clone().watch());
    until_stop(shutdown, "sweep", parts.periodic.clone().work());
    until_stop(shutdown, "rescore", built.rescorer.clone().work());
    if let Some(mirror) = parts.doctor.mirror.clone() {
        until_stop(shutdown, "copies", mirror.work());
    }
    until_stop(shutdown, "outbox", outbox.clone().work());
    until_stop(shutdown, "outbox retention", outbox.retain(config.inbox.keep_payloads));
    until_stop(shutdown, "artifacts", built.artifacts.clone().sweep());
    let sandboxes = built.sandboxes.clone();
    until_stop(shutdown, "sandboxes", async move { sandboxes.work().await });
    until_stop(shutdown, "sandboxes in use", built.gits.clone().work());
    let instances = parts.instances.clone();
    until_stop(shutdown, "instances away", async move {
        if let Err(error) = instances.follow_canary().await {
            tracing::error!(%error, "the canary list of the fleet could not be followed; the next start tries again");
        }
        instances.retest_work().await;
    });
    until_stop(shutdown, "instances sealed again", parts.instances.clone().reseal_work());
    until_stop(shutdown, "plan expiry", expire(parts.clone()));
    until_stop(
        shutdown,
        "log level",
        reload(shutdown.clone(), level, config.log.level.clone(), built.locks.clone()),
    );
    let measure = Arc::new(Measure {
        db: parts.db.clone(),
        github: parts.github.clone(),
        sandboxes: built.sandboxes.clone(),
        clock: parts.clock.clone(),
        metrics: Metrics::process(),
    });
    let issuance = Issuance { db: parts.db.clone(), clock: parts.clock.clone(), metrics: Metrics::process() };
    until_stop(shutdown, "issued tokens", issuance.work());
    until_stop(shutdown, "gauges", measure.clone().run());
    until_stop(shutdown, "contact with GitHub", measure.keep_contact());
    if let Some(tls) = built.tls.clone() {
        let watching = tls.watch(parts.clock.clone(), shutdown.reloads(), Metrics::process());
        until_stop(shutdown, "certificate", watching);
    }
    if let Some(allow) = built.allow.clone() {
        until_stop(shutdown, "GitHub's addresses", allow.keep());
    }
    // Not registered: it gives signs of life while a graceful stop waits for the others.
    let (clock, stop) = (parts.clock.clone(), shutdown.clone());
    tokio::spawn(async move { notifier.keep_alive(&clock, &stop).await });
}

/// What stands on what was taken up. Deliveries that were missed are looked for: without the door GitHub delivers elsewhere, and none is missed here.
pub(super) fn spawn_late(shutdown: &Shutdown, built: &Built, config: &Config) {
    if config.http.listen.is_some() {
        let recoverer = built.door.recoverer.clone();
        until_stop(shutdown, "missed deliveries", recoverer.keep(config.inbox.recover_every));
    }
    let (db, rollouts, clock) =
        (built.door.db.clone(), built.door.rollouts.clone(), built.door.clock.clone());
    until_stop(shutdown, "whether to migrate", built.door.watch.clone().work());
    // Not before the rollouts are read: intents of the last process are settled first.
    until_stop(shutdown, "second writes", built.door.second.clone().work());
    until_stop(shutdown, "mode above rollouts", ceiling::keep(db, rollouts, clock));
    shutdown.spawn("rollouts' figures", flush(shutdown.clone(), built.flush.clone()));
    if let Some(prometheus) = built.prometheus.clone() {
        until_stop(shutdown, "Prometheus", prometheus.work());
    }
    for name in RolloutName::ALL.iter().copied() {
        until_stop(shutdown, "judge", built.automation.clone().work(name));
    }
    // Not before the rollouts are read: their stages say what is drilled.
    until_stop(shutdown, "drills", built.door.drills.clone().work());
    // Not before the stored workflows are loaded: what is there already is not taken for new then.
    if let Some(workflows) = built.app_workflows.clone() {
        until_stop(shutdown, "application's workflows", workflows.work());
    }
}

fn work_settings(config: &Config) -> WorkSettings {
    WorkSettings { parallel: config.inbox.parallel, tries: config.inbox.tries }
}

/// A task that a graceful stop ends at once: it holds nothing that has to be finished.
fn until_stop(shutdown: &Shutdown, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
    let stop = shutdown.clone();
    shutdown.spawn(name, async move {
        tokio::select! {
            () = stop.graceful() => {}
            () = task => {}
        }
    });
}

/// Flushes each second and once more at the end.
async fn flush(shutdown: Shutdown, flush: Flush) {
    tokio::select! {
        () = shutdown.graceful() => {}
        () = flush.clone().work() => {}
    }
    if let Err(error) = flush.stop().await {
        tracing::error!(%error, "the last figures of rollouts are lost");
    }
}

/// Shows each rollout's stage as it decides.
async fn show_stages(router: Router, metrics: Metrics) {
    let mut changes = router.changes();
    loop {
        for name in RolloutName::ALL.iter().copied() {
            if let Some(plan) = router.plan(name) {
                let killed = plan.killed || router.is_killed();
                metrics.rollout_stage(name, if killed { Stage::Off } else { plan.stage });
            }
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Signs the head each minute and once more at the end.
async fn sign_heads(shutdown: Shutdown, parts: Arc<Parts>) {
    loop {
        let stopping = tokio::select! {
            () = shutdown.graceful() => true,
            () = parts.clock.sleep(SIGN_HEADS) => false,
        };
        match parts.db.audit_newest(None, 1).await {
            Ok(rows) => {
                if let Some(row) = rows.first()
                    && let Err(error) = parts.heads.append(&parts.seal, row.seq, &row.hash, parts.clock.now())
                {
                    tracing::error!(%error, "the head of the audit log was not signed");
                }
            }
            Err(error) => tracing::error!(%error, "the head of the audit log can't be read"),
        }
        if stopping {
            return;
        }
    }
}

async fn expire(parts: Arc<Parts>) {
    loop {
        parts.clock.sleep(EXPIRE).await;
        let unit = Unit::new().with(RunOp::Expire { now: parts.clock.now() });
        if let Err(error) = parts.db.write(Lane::Handler, unit).await {
            tracing::warn!(%error, "old plans could not be expired");
        }
    }
}

/// SIGHUP reads the level of the log and the phase of the locks again.
async fn reload(shutdown: Shutdown, from: Level, first: String, held: Arc<LockService>) {
    let mut reloads = shutdown.reloads();
    let mut level = first;
    while reloads.changed().await.is_ok() {
        let loaded = Config::load(from.file.as_deref(), &from.env);
        if let Ok(loaded) = &loaded {
            locks::reload(&held, &loaded.config.locks).await;
        }
        match loaded {
            Ok(loaded) if loaded.config.log.level != level => {
                level = loaded.config.log.level;
                match from.logging.set_level(&level) {
                    Ok(()) => tracing::info!(level, "the level of the log was set"),
                    Err(error) => tracing::error!(%error, "the level of the log stays"),
                }
            }
            Ok(_) => {}
            Err(mistakes) => {
                tracing::error!(%mistakes, "the configuration has mistakes: nothing was reloaded");
            }
        }
    }
}
