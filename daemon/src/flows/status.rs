//! The state of the daemon on one screen.

use cutover_shared::mapping::{Mode, ModeView};
use cutover_shared::run::RunState;
use cutover_shared::status::{Attention, Health, Status, WayBack};

use crate::clock::Clock;
use crate::mapping::mode;
use crate::run::{Brake, Engine};
use crate::store::{Db, ReadError};

/// Live runs that are shown at most.
const RUNS: usize = 20;

/// What is fixed for the life of the process.
#[derive(Clone, Debug)]
pub struct Identity {
    pub version: &'static str,
    pub environment: String,
    pub github_host: String,
    pub started_at: i64,
    /// The mode that the configuration names; none when it leaves the default.
    pub configured_mode: Option<Mode>,
    /// An index older than this is worth a warning.
    pub index_max_age_ms: i64,
}

/// Reads the whole.
pub async fn status(
    identity: &Identity,
    db: &Db,
    engine: &Engine,
    brake: &Brake,
    clock: &Clock,
) -> Result<Status, ReadError> {
    let mode = mode::view(db, identity.configured_mode, brake.is_pulled()).await?;
    let index = db.index_view(&identity.github_host).await?;
    let (tenants, projects, repositories) = db.catalog_counts().await?;
    let live_runs: Vec<_> = db
        .unfinished_runs()
        .await?
        .iter()
        .filter(|run| run.state.is_live())
        .take(RUNS)
        .map(|run| engine.show(run))
        .collect();
    let now = clock.now();
    let mut attention = mode_attention(&mode);
    for run in &live_runs {
        match (run.state, &run.reason) {
            (RunState::Paused, Some(reason)) => attention.push(format!("run {} is paused: {reason}", run.id)),
            (RunState::Approved, _) => {
                attention.push(format!("run {} is approved and waits to be applied", run.id));
            }
            _ => {}
        }
        if run.progress.counts.unknown > 0 {
            attention.push(format!(
                "run {}: {} items have an unknown outcome; `cutover run items {} --state unknown`",
                run.id, run.progress.counts.unknown, run.id
            ));
        }
    }
    if index.unread > 0 {
        attention.push(format!(
            "{} installations refused to be read; their repositories are as last seen, the log says why",
            index.unread
        ));
    }
    match index.swept_at {
        None if projects > 0 => {
            attention.push("GitHub's lists were never read: `cutover map plan --refresh`".to_owned());
        }
        Some(at) if now.saturating_sub(at) > identity.index_max_age_ms => {
            attention
                .push("the index is old: `cutover map plan --refresh` reads GitHub's lists again".to_owned());
        }
        _ => {}
    }
    Ok(Status {
        version: identity.version.to_owned(),
        environment: identity.environment.clone(),
        github_host: identity.github_host.clone(),
        started_at: identity.started_at,
        now,
        mode,
        counts: db.mapping_counts().await?,
        tenants,
        projects,
        repositories,
        index,
        live_runs,
        attention: attention
            .into_iter()
            .map(|text| Attention {
                health: Health::Warning,
                text,
                run: None,
                command: None,
                runbook: None,
                why: String::new(),
            })
            .collect(),
        next: Vec::new(),
        back: WayBack::default(),
    })
}

fn mode_attention(mode: &ModeView) -> Vec<String> {
    let mut attention = Vec::new();
    if mode.killed {
        attention.push(
            "KILLED: everything is on legacy and every run stands; `cutover mode set` lets go".to_owned(),
        );
    }
    if let Some(other) = mode.environment_differs {
        attention.push(format!(
            "the configuration says mode {other}, the store says {}: the store counts; make them agree",
            mode.mode
        ));
    }
    attention
}
