//! The state of the daemon on one screen.

use cutover_shared::mapping::Mode;
use cutover_shared::rollout::RolloutName;
use cutover_shared::run::{Reversibility, RunState, RunView};
use cutover_shared::status::{Status, SweepView};

use super::attention::{Books, FAILED_MS, Facts, Overdue, RolloutNow, Webhooks, attention};
use super::back::{Effects, Holds, Measure, way_back};
use super::drill::Drills;
use super::next::{self, Canary, Situation};
use crate::clock::Clock;
use crate::gateway::recover;
use crate::mapping::gate::{CanaryFirst, CanaryStage};
use crate::mapping::mirror::Mirror;
use crate::mapping::mode;
use crate::mapping::periodic::Periodic;
use crate::rollout::automation::Judged;
use crate::rollout::book::{AUTO, Rollouts};
use crate::rollout::second::Second;
use crate::rollout::watch::{Review, Watch};
use crate::run::{Brake, Engine};
use crate::store::{Db, ReadError, RunRow, Standing, StandingRun};

/// Live runs that are shown at most.
const RUNS: usize = 20;

/// Runs that attention is looked for in at most.
const NOTED: u32 = 100;

/// Runs with effects that are looked at at most.
const STANDING: u32 = 1_000;

/// Ended runs of each way that are looked at for how fast items go.
const MEASURED: u32 = 10;

/// Changes of a rollout that are looked at for one that the daemon made by itself.
const CHANGES: u32 = 50;

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

/// What is asked for a status.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    pub identity: &'a Identity,
    pub db: &'a Db,
    pub engine: &'a Engine,
    pub brake: &'a Brake,
    pub clock: &'a Clock,
    pub canary: &'a CanaryFirst,
    pub periodic: &'a Periodic,
    /// None where nothing is copied.
    pub mirror: Option<&'a Mirror>,
    pub second: &'a Second,
    pub rollouts: &'a Rollouts,
    pub judged: &'a Judged,
    pub drills: &'a Drills,
    pub watch: &'a Watch,
}

/// Reads the whole.
pub async fn status(from: Sources<'_>) -> Result<Status, ReadError> {
    let Sources {
        identity,
        db,
        engine,
        brake,
        clock,
        canary,
        periodic,
        mirror,
        second,
        rollouts,
        judged,
        drills,
        watch,
    } = from;
    let mode = mode::view(db, identity.configured_mode, brake.is_pulled()).await?;
    let index = db.index_view(&identity.github_host).await?;
    let (tenants, projects, repositories) = db.catalog_counts().await?;
    let counts = db.mapping_counts().await?;
    let now = clock.now();
    let noted = db.runs_of_note(now.saturating_sub(FAILED_MS), now, NOTED).await?;
    let noted: Vec<RunView> = noted.iter().map(|run| engine.show(run)).collect();
    let trouble = db.write_trouble();
    let compared = recover::memory(db).await?;
    let sweeps = SweepView {
        next_at: periodic.next(),
        trouble: periodic.trouble().map(|trouble| (trouble.at, trouble.why)),
    };
    let copies = mirror.and_then(Mirror::trouble);
    let (mut books, mut drilled) = (Vec::new(), Vec::new());
    for name in RolloutName::ALL.iter().copied() {
        let (repair, reconciled) = (second.view(name).await?, second.reconciled(name).await?);
        books.push(Books { name, repair, reconciled });
        drilled.push(drills.standing(name).await?);
    }
    let standing = standing(db, rollouts, judged, now).await?;
    let reviews: Vec<Overdue> = watch.overdue().into_iter().map(overdue).collect();
    let attention = attention(&Facts {
        books: &books,
        rollouts: &standing,
        drills: &drilled,
        reviews: &reviews,
        now,
        mode: &mode,
        trouble: trouble.as_deref(),
        runs: &noted,
        index: &index,
        sweeps: &sweeps,
        copies: copies.as_ref().map(|trouble| (trouble.at, trouble.why.as_str())),
        projects,
        index_max_age_ms: identity.index_max_age_ms,
        webhooks: Webhooks {
            lost: compared.lost,
            gap: compared.gap.map(|gap| (gap.from, gap.to, gap.found_at)),
        },
    });
    let next = next::steps(&Situation {
        killed: mode.killed,
        counts: &counts,
        canary_tenants: mode.canary.len(),
        canary: stage(canary.stage(now).await?),
        runs: &noted,
    });
    let holds = Holds { killed: mode.killed, trouble: trouble.as_deref() };
    let back = way_back(&effects(db.standing(STANDING).await?), &measures(db).await?, holds);
    let live = db.unfinished_runs().await?;
    let live = live.iter().filter(|run| run.state.is_live()).take(RUNS);
    Ok(Status {
        version: identity.version.to_owned(),
        environment: identity.environment.clone(),
        github_host: identity.github_host.clone(),
        started_at: identity.started_at,
        now,
        counts,
        tenants,
        projects,
        repositories,
        index,
        sweeps,
        // The door knows them, and adds them.
        rollouts: Vec::new(),
        live_runs: live.map(|run| engine.show(run)).collect(),
        attention,
        next,
        back,
        mode,
    })
}

/// Rollouts that are not read yet are left out.
async fn standing(
    db: &Db,
    rollouts: &Rollouts,
    judged: &Judged,
    now: i64,
) -> Result<Vec<RolloutNow>, ReadError> {
    let mut all = Vec::new();
    for name in RolloutName::ALL.iter().copied() {
        let Ok((_, state)) = rollouts.state(name) else { continue };
        let since = now.saturating_sub(FAILED_MS);
        let changes = db.rollout_changes(name, None, CHANGES).await?;
        let back = changes.into_iter().find(|change| change.act == AUTO && change.at >= since);
        all.push(RolloutNow {
            name,
            stage: state.stage,
            killed: state.killed.is_some() && !rollouts.router().is_killed(),
            freeze: state.freeze.map(|freeze| freeze.reason),
            judgement: judged.of(name),
            went_back: back.map(|change| (change.at, change.to, change.reason)),
            incident: db.open_incident(name).await?,
        });
    }
    Ok(all)
}

fn overdue(review: Review) -> Overdue {
    Overdue { name: review.name, since: review.since, closed: review.closed }
}

fn stage(stage: CanaryStage) -> Canary {
    match stage {
        CanaryStage::None => Canary::Unproven,
        CanaryStage::Observed { left, .. } => Canary::Observed { seconds_left: left.as_secs() },
        CanaryStage::Proven { .. } => Canary::Proven,
    }
}

fn effects(standing: Standing) -> Effects {
    let is_final = |run: &&StandingRun| {
        serde_json::from_str(&run.reversibility).unwrap_or(Reversibility::Irreversible)
            == Reversibility::Irreversible
    };
    Effects {
        irreversible: standing.runs.iter().find(is_final).map(|run| run.id.clone()),
        items: standing.items,
        runs: standing.runs.into_iter().map(|run| run.id).collect(),
    }
}

/// Newest runs that came to their end, as measurements of how fast items go.
async fn measures(db: &Db) -> Result<Vec<Measure>, ReadError> {
    let mut rows = db.runs(Some(RunState::Done), None, None, MEASURED).await?;
    rows.extend(db.runs(Some(RunState::Undone), None, None, MEASURED).await?);
    Ok(rows.iter().filter_map(measure).collect())
}

fn measure(row: &RunRow) -> Option<Measure> {
    let undo = row.state == RunState::Undone;
    let began = if undo { row.undo_started_at } else { row.started_at };
    Some(Measure {
        run: row.id.clone(),
        undo,
        items: if undo { row.counts.undone } else { row.counts.done },
        began: began?,
        ended: row.ended_at?,
        rate: row.rate,
    })
}
