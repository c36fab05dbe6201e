//! What comes next on the way to everybody mapped. A rule: from how things stand to the steps, the first one first.

use cutover_shared::mapping::MappingCounts;
use cutover_shared::run::{RunState, RunView};
use cutover_shared::status::NextStep;

/// Steps that are shown at most.
const MOST: usize = 3;

/// How far the canary is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canary {
    /// No canary run is done.
    Unproven,
    /// One is done, and its observation time has this many seconds to go.
    Observed { seconds_left: u64 },
    /// The gate for everybody is open.
    Proven,
}

/// How things stand.
#[derive(Clone, Debug)]
pub struct Situation<'a> {
    pub killed: bool,
    pub counts: &'a MappingCounts,
    /// Tenants on the canary list.
    pub canary_tenants: usize,
    pub canary: Canary,
    /// Live runs and plans that wait for an approval, newest first.
    pub runs: &'a [RunView],
}

/// The steps.
pub fn steps(at: &Situation<'_>) -> Vec<NextStep> {
    if at.killed {
        let text = "Everything is on legacy and every run stands: once the cause is gone, let go of the kill";
        return vec![step(text, "cutover unkill --all --reason TEXT")];
    }
    let mut steps: Vec<NextStep> = Vec::new();
    for step in way(at).into_iter().flatten() {
        // A run that is under way may also be the step of its scope.
        if steps.len() < MOST && !steps.contains(&step) {
            steps.push(step);
        }
    }
    steps
}

/// Everything on the way that is still to be done, in order.
fn way(at: &Situation<'_>) -> Vec<Option<NextStep>> {
    let counts = at.counts;
    let known = counts.mapped + counts.pending + counts.unmappable + counts.unplanned;
    let import = (known == 0).then(|| {
        step("Import the catalog: tenants, projects and their repositories", "cutover catalog import FILE")
    });
    // Who went to everybody already needs no canary any more.
    let before_all = known == 0 || counts.unplanned > 0;
    let is_proven = at.canary == Canary::Proven;
    let choose = (before_all && at.canary_tenants == 0 && !is_proven)
        .then(|| step("Choose the tenants that go first", "cutover mode set canary --add-canary TENANT"));
    let canary = (before_all && at.canary == Canary::Unproven).then(|| {
        open(at, "canary").unwrap_or_else(|| {
            step("Plan for the canary tenants: a dry-run that changes nothing", "cutover map plan --canary")
        })
    });
    let wait = match at.canary {
        Canary::Observed { seconds_left } if before_all => Some(step(
            &format!(
                "Watch the canary tenants: the observation time of their run has {} to go",
                span(seconds_left)
            ),
            "cutover status",
        )),
        _ => None,
    };
    let all = before_all.then(|| {
        // Before the canary is proven its approval would be refused.
        open(at, "all").filter(|_| is_proven).unwrap_or_else(|| {
            let text = if is_proven {
                "Plan for everybody: a dry-run that changes nothing"
            } else {
                "Plan for everybody, once the canary run was observed"
            };
            step(text, "cutover map plan --all")
        })
    });
    let check = (before_all || counts.mapped > 0)
        .then(|| step("Compare mapped repositories with what was imported", "cutover map spot-check"));
    let pending = (counts.pending > 0).then(|| {
        let text = format!(
            "Pending repositories: {}. Send the install links (nextSteps) to their owners, then plan again",
            counts.pending
        );
        step(&text, "cutover map plan --all --csv plan.csv")
    });
    // A run that somebody began is ended before another is begun.
    let began = at.runs.iter().find(|run| of_map(run) && run.state.is_live()).and_then(of_run);
    let waits = (counts.unplanned == 0 || is_proven).then(|| open(at, "all")).flatten().or_else(|| {
        at.runs.iter().find(|run| of_map(run) && run.scope.starts_with("tenant:")).and_then(of_run)
    });
    vec![import, began, waits, choose, canary, wait, all, check, pending]
}

fn of_map(run: &&RunView) -> bool {
    run.kind == "map"
}

/// The step of the newest open run of a scope.
fn open(at: &Situation<'_>, scope: &str) -> Option<NextStep> {
    at.runs.iter().filter(of_map).find(|run| run.scope == scope).and_then(of_run)
}

fn of_run(run: &RunView) -> Option<NextStep> {
    let (id, scope) = (&run.id, &run.scope);
    Some(match run.state {
        RunState::Planned if changes_nothing(run) => return None,
        RunState::Planned => step(
            &format!("Read the plan for {scope}, approve it by its digest and apply it"),
            &format!("cutover map apply {id} --approve {}", run.digest),
        ),
        RunState::Approved => {
            step(&format!("Apply the approved plan for {scope}"), &format!("cutover map apply {id}"))
        }
        RunState::Paused => {
            step(&format!("Go on with the paused run for {scope}"), &format!("cutover run resume {id}"))
        }
        state if state.is_moving() => {
            step(&format!("Follow the run for {scope} to its end"), &format!("cutover watch {id}"))
        }
        _ => return None,
    })
}

/// A plan with nothing to apply waits for nobody.
pub(super) fn changes_nothing(run: &RunView) -> bool {
    run.summary.get("changes").and_then(serde_json::Value::as_u64) == Some(0)
}

fn step(text: &str, command: &str) -> NextStep {
    NextStep { text: text.to_owned(), command: command.to_owned() }
}

/// Time in words: `40 s`, `23 min`, `5 h`.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..=89 => format!("{seconds} s"),
        90..=5_399 => format!("{} min", seconds.div_ceil(60)),
        5_400..=172_799 => format!("{} h", seconds.div_ceil(3_600)),
        _ => format!("{} days", seconds.div_ceil(86_400)),
    }
}

#[cfg(test)]
mod tests;
