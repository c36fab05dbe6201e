//! The fleet at a glance: what is halted and why, which wave moves, how many are where.

use cutover_shared::fleet::{FleetStatus, StepStatus, WaveView};
use cutover_shared::run::{RunState, RunView};

use super::{tenants, version};
use crate::plain::{Tone, age, decimal, number, percent, span};

/// Shades of a cell, none included.
pub const SHADES: usize = 5;

/// What an operator has to know before anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headline {
    /// One word, which a sign goes with: `HALTED`, `failing`, `moves`, `well`.
    pub word: &'static str,
    pub text: String,
    pub tone: Tone,
    /// What to do; none where there is nothing to be done.
    pub next: Option<String>,
}

fn line(word: &'static str, text: impl Into<String>, tone: Tone) -> Headline {
    Headline { word, text: text.into(), tone, next: None }
}

/// A run that stands because of what it found.
fn halted(run: &RunView) -> Option<&str> {
    matches!(run.state, RunState::Paused | RunState::Pausing | RunState::Failed)
        .then_some(run.reason.as_deref())
        .flatten()
}

fn failed(status: &FleetStatus) -> u64 {
    let cells = status.cells.iter().filter(|cell| cell.status == StepStatus::Failed);
    cells.fold(0, |sum, cell| sum.saturating_add(cell.tenants))
}

/// What an operator has to know first.
pub fn headline(status: &FleetStatus, now: i64) -> Headline {
    headlines(status, now).swap_remove(0)
}

/// All that is so at the moment, at least one, the worst first: a plan or a mistake in a file hides no run that is halted.
pub fn headlines(status: &FleetStatus, now: i64) -> Vec<Headline> {
    if status.folder.is_none() {
        let mut line = line("off", "no folder of migrations is configured", Tone::Dim);
        line.next = Some("`fleet.folder` in the daemon's configuration names it".to_owned());
        return vec![line];
    }
    let mut lines: Vec<Headline> = status.run.as_deref().and_then(of_run).into_iter().collect();
    let moves = !lines.is_empty();
    if let Some(mistake) = &status.registry_mistake {
        // A difference is what `fleet lint` shows.
        let mistake = mistake.lines().next().unwrap_or_default();
        let mut line = line("REFUSED", format!("nothing can be planned: {mistake}"), Tone::Bad);
        line.next = Some("`cutover fleet lint` names file and line".to_owned());
        lines.push(line);
    }
    let plan = status.plan.as_deref().and_then(|plan| of_plan(plan, now));
    if !moves && (failed(status) > 0 || (lines.is_empty() && plan.is_none())) {
        lines.push(standing_still(status, now));
    }
    lines.extend(plan);
    lines
}

/// What the run says, where it is not over and done.
fn of_run(run: &RunView) -> Option<Headline> {
    if let Some(reason) = halted(run) {
        let word = if run.state == RunState::Failed { "FAILED" } else { "HALTED" };
        // The word says it already.
        let mut line = line(word, reason.replacen(" halted:", ":", 1), Tone::Bad);
        line.next = Some(format!("the failures say what to mend; `cutover run resume {}` goes on", run.id));
        return Some(line);
    }
    let counts = &run.progress.counts;
    let (left, total) = (counts.pending.saturating_add(counts.leased), counts.total());
    let far = format!("{} of {} steps", number(total.saturating_sub(left)), number(total));
    match run.state {
        RunState::Paused | RunState::Pausing => {
            let mut line = line("paused", format!("{}: {far} are done", run.scope), Tone::Warn);
            line.next = Some(format!("`cutover run resume {}` goes on", run.id));
            Some(line)
        }
        RunState::Applying | RunState::Verifying | RunState::Undoing => {
            let left = run.progress.seconds_left.map_or(String::new(), |s| format!(", {} left", span(s)));
            let failed = match counts.failed {
                0 => String::new(),
                n => format!(", {} FAILED", number(n)),
            };
            let speed = decimal(run.progress.per_second);
            let text = format!("{} {}: {far}, {speed}/s{left}{failed}", run.state, run.scope);
            Some(line("moves", text, if counts.failed > 0 { Tone::Warn } else { Tone::Plain }))
        }
        _ => None,
    }
}

/// What a plan that waits says.
fn of_plan(plan: &RunView, now: i64) -> Option<Headline> {
    let approve = match plan.state {
        RunState::Planned if plan.expires_at > now => format!(" --approve {}", plan.digest),
        RunState::Approved => String::new(),
        _ => return None,
    };
    let steps = match plan.progress.counts.total() {
        1 => "1 step".to_owned(),
        many => format!("{} steps", number(many)),
    };
    let word = if approve.is_empty() { "approved" } else { "planned" };
    let mut line = line(word, format!("a plan of {} waits: {steps}", plan.scope), Tone::Plain);
    line.next = Some(format!("`cutover fleet apply {}{approve}`", plan.id));
    Some(line)
}

/// No run moves: what the newest left behind.
fn standing_still(status: &FleetStatus, now: i64) -> Headline {
    let ended = status.run.as_deref().and_then(|run| run.ended_at);
    let when = ended.map_or(String::new(), |at| format!("; the last run ended {}", age(now, at)));
    let failed = failed(status);
    if failed > 0 {
        let mut line = line("failing", format!("{} failed{when}", tenants(failed)), Tone::Bad);
        line.next =
            Some("the failures say what to mend, and the command that takes them once more".to_owned());
        return line;
    }
    let Some(target) = status.target else {
        let mut line = line(
            "new",
            format!("{} instances, and no version was asked for yet", number(status.instances)),
            Tone::Dim,
        );
        line.next = Some("`cutover fleet plan --all --to VERSION` plans the first".to_owned());
        return line;
    };
    if status.instances == 0 {
        let mut line = line("empty", "there is no instance yet", Tone::Dim);
        line.next = Some("`cutover fleet instance add` takes them from a file or from stdin".to_owned());
        return line;
    }
    let target = version(target);
    match (status.outdated, status.error, status.drifted) {
        (0, 0, 0) => line(
            "well",
            format!("all {} are at version {target}{when}", tenants(status.instances)),
            Tone::Good,
        ),
        (0, ..) => {
            let text = format!("all that can be migrated are at version {target}{when}");
            line("well", text, Tone::Warn)
        }
        (outdated, ..) => {
            let mut line =
                line("behind", format!("{} below version {target}{when}", tenants(outdated)), Tone::Warn);
            line.next = Some("`cutover fleet plan --all` plans their way".to_owned());
            line
        }
    }
}

/// How a wave stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaveState {
    /// Every tenant has the target's version.
    Done,
    /// Every tenant was tried; some failed or can't be reached.
    Findings,
    /// It is at work.
    Moves,
    /// It is its turn, and somebody holds the run.
    Held,
    /// Its failures hold the run.
    Halted,
    Ahead,
    /// Nobody is in it.
    Empty,
}

impl WaveState {
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Findings => "tried",
            Self::Moves => "moves",
            Self::Held => "paused",
            Self::Halted => "HALTED",
            Self::Ahead => "waits",
            Self::Empty => "empty",
        }
    }

    pub fn tone(self) -> Tone {
        match self {
            Self::Done => Tone::Good,
            Self::Findings | Self::Held => Tone::Warn,
            Self::Moves => Tone::Strong,
            Self::Halted => Tone::Bad,
            Self::Ahead | Self::Empty => Tone::Dim,
        }
    }
}

/// The wave that a halted run speaks of: `wave 2 halted: 3 of 30 failed`.
fn named(reason: &str) -> Option<u32> {
    let mut words = reason.split_whitespace();
    words.find(|word| *word == "wave")?;
    words.next()?.trim_end_matches([':', ',']).parse().ok()
}

/// The wave whose turn it is; none while no run is about waves.
pub fn moves_in(status: &FleetStatus) -> Option<u32> {
    let run = status.run.as_deref().filter(|run| run.state.is_live() || halted(run).is_some())?;
    let with_failures = || status.waves.iter().rev().find(|wave| wave.failed > 0).map(|wave| wave.wave);
    let at_work = || status.waves.iter().rev().find(|wave| wave.running > 0).map(|wave| wave.wave);
    let first = || status.waves.iter().find(|wave| wave.left > 0).map(|wave| wave.wave);
    match halted(run) {
        Some(reason) => named(reason)
            .filter(|n| status.waves.iter().any(|wave| wave.wave == *n))
            .or_else(with_failures)
            .or_else(first),
        None => at_work().or_else(first),
    }
}

/// Each wave with how it stands.
pub fn waves(status: &FleetStatus) -> Vec<(&WaveView, WaveState)> {
    let turn = moves_in(status);
    let run = status.run.as_deref();
    let of = |wave: &WaveView| match run {
        Some(run) if turn == Some(wave.wave) => match run.state {
            _ if halted(run).is_some() => WaveState::Halted,
            RunState::Paused | RunState::Pausing | RunState::Approved => WaveState::Held,
            _ => WaveState::Moves,
        },
        _ if wave.tenants == 0 => WaveState::Empty,
        _ if wave.left > 0 => WaveState::Ahead,
        _ if wave.at_target >= wave.tenants => WaveState::Done,
        _ => WaveState::Findings,
    };
    status.waves.iter().map(|wave| (wave, of(wave))).collect()
}

/// The tenants of a version, or of all that are older, by status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeatRow {
    pub label: String,
    /// It is the version that all are to have.
    pub target: bool,
    /// In the order of [`StepStatus::ALL`].
    pub cells: [u64; 5],
}

impl HeatRow {
    fn add(&mut self, status: StepStatus, tenants: u64) {
        let at = StepStatus::ALL.iter().position(|one| *one == status);
        if let Some(cell) = at.and_then(|at| self.cells.get_mut(at)) {
            *cell = cell.saturating_add(tenants);
        }
    }
}

/// Versions, the newest first, at most `most` of them: the last row then stands for all that are older.
pub fn heat(status: &FleetStatus, most: usize) -> Vec<HeatRow> {
    let mut versions: Vec<u32> = status.cells.iter().map(|cell| cell.version).chain(status.target).collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions.dedup();
    let cut = versions.len() > most && most > 0;
    let kept = if cut { most - 1 } else { versions.len() };
    let mut rows: Vec<HeatRow> = versions
        .iter()
        .take(kept)
        .map(|one| HeatRow {
            label: version(*one),
            target: Some(*one) == status.target,
            ..HeatRow::default()
        })
        .collect();
    if let Some(newest) = versions.get(kept) {
        let target = status.target.is_some_and(|target| target <= *newest);
        rows.push(HeatRow { label: format!("<= {}", version(*newest)), target, ..HeatRow::default() });
    }
    for cell in &status.cells {
        let at = versions.iter().position(|one| *one == cell.version).unwrap_or(kept).min(kept);
        if let Some(row) = rows.get_mut(at) {
            row.add(cell.status, cell.tenants);
        }
    }
    rows
}

/// How dark a cell is, 0 to 4: nothing, below a tenth, a third, two thirds, more. One tenant of 10,000 is seen.
pub fn shade(part: u64, whole: u64) -> usize {
    match (part, percent(part, whole.max(part))) {
        (0, _) => 0,
        (_, ..10) => 1,
        (_, ..33) => 2,
        (_, ..67) => 3,
        _ => 4,
    }
}

/// `10,000 instances: 9,900 connected, 100 in error, 3 drifted`.
pub fn standing(status: &FleetStatus) -> Vec<(String, Tone)> {
    let mut parts = vec![(format!("{} instances", number(status.instances)), Tone::Plain)];
    let mut part = |n: u64, word: &str, tone: Tone| {
        if n > 0 {
            parts.push((format!("{} {word}", number(n)), tone));
        }
    };
    part(status.connected, "connected", Tone::Plain);
    part(status.error, "unreachable", Tone::Warn);
    part(status.outdated, "outdated", Tone::Plain);
    part(status.drifted, "drifted", Tone::Warn);
    part(status.old_key, "sealed with an old key", Tone::Dim);
    parts
}
