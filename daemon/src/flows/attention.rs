//! What needs a person, the most urgent first. A rule: from how things stand to sentences, each with why it is said.

mod rollouts;

use cutover_shared::mapping::ModeView;
use cutover_shared::rollout::{ReconcileView, RepairView, RolloutName};
use cutover_shared::run::{RunState, RunView};
use cutover_shared::status::{Attention, Health, IndexView, SweepView};

pub use self::rollouts::RolloutNow;
use super::drill::due::DrillStanding;
use super::next::{changes_nothing, span};

/// A failed run is told of for so long after its end.
pub const FAILED_MS: i64 = 24 * 60 * 60 * 1_000;

/// A gap among the webhooks is told of for so long after it was found.
const GAP_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// How things stand.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    pub now: i64,
    pub mode: &'a ModeView,
    /// Why the last commit failed.
    pub trouble: Option<&'a str>,
    /// Live, with unknown items, failed of late, or the newest plan of its kind and scope; newest first.
    pub runs: &'a [RunView],
    pub index: &'a IndexView,
    pub sweeps: &'a SweepView,
    /// Since when and why the copies in the application's database are behind.
    pub copies: Option<(i64, &'a str)>,
    pub projects: u64,
    /// An index older than this is worth a warning.
    pub index_max_age_ms: i64,
    pub webhooks: Webhooks,
    pub books: &'a [Books],
    pub rollouts: &'a [RolloutNow],
    pub drills: &'a [DrillStanding],
    /// Overdue reviews of whether to migrate at all.
    pub reviews: &'a [Overdue],
}

/// What one rollout's second arm owes, and whether both books agree.
#[derive(Clone, Debug)]
pub struct Books {
    pub name: RolloutName,
    pub repair: RepairView,
    pub reconciled: Option<ReconcileView>,
}

/// A review of whether to migrate that nobody made in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overdue {
    pub name: RolloutName,
    /// Epoch milliseconds.
    pub since: i64,
    /// It is closed as not needed.
    pub closed: bool,
}

/// What the comparisons with GitHub's list of deliveries have shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Webhooks {
    /// Deliveries that can't be had any more.
    pub lost: u64,
    /// From when to when nothing can be proven, and when that was found.
    pub gap: Option<(i64, i64, i64)>,
}

/// What needs a person.
pub fn attention(facts: &Facts<'_>) -> Vec<Attention> {
    let mut all = Vec::new();
    killed(facts, &mut all);
    trouble(facts, &mut all);
    for run in facts.runs {
        of_run(run, facts.now, &mut all);
    }
    webhooks(facts, &mut all);
    rollouts::rollouts(facts.now, facts.rollouts, &mut all);
    books(facts, &mut all);
    drills(facts, &mut all);
    index(facts, &mut all);
    copies(facts, &mut all);
    mode(facts, &mut all);
    reviews(facts, &mut all);
    // Stable: what is said first of the same weight stays first.
    all.sort_by_key(|attention| match attention.health {
        Health::Bad => 0,
        Health::Warning => 1,
        Health::Ok => 2,
    });
    all
}

fn say(health: Health, text: impl Into<String>, why: impl Into<String>) -> Attention {
    Attention { health, text: text.into(), run: None, command: None, runbook: None, why: why.into() }
}

fn command(attention: Attention, command: impl Into<String>) -> Attention {
    Attention { command: Some(command.into()), ..attention }
}

fn runbook(attention: Attention, file: &str) -> Attention {
    Attention { runbook: Some(file.to_owned()), ..attention }
}

fn killed(facts: &Facts<'_>, all: &mut Vec<Attention>) {
    if facts.mode.killed {
        let why = "The kill switch is pulled: in memory, by a marker in the state folder, or as the store says. \
                   `cutover unkill --all` lets go; setting a mode does for github-auth alone.";
        let said = say(Health::Bad, "KILLED: everything is on legacy and every run stands", why);
        all.push(runbook(command(said, "cutover unkill --all --reason TEXT"), "kill.md"));
    }
}

fn trouble(facts: &Facts<'_>, all: &mut Vec<Attention>) {
    if let Some(cause) = facts.trouble {
        let why =
            "The last commit failed with these words; the next one that goes through ends this warning.";
        let said = say(Health::Bad, format!("the store can't be written: {cause}"), why);
        all.push(runbook(command(said, "cutover doctor"), "store_disk_full.md"));
    }
}

fn of_run(run: &RunView, now: i64, all: &mut Vec<Attention>) {
    let (id, counts) = (&run.id, &run.progress.counts);
    let mut about = |attention: Attention, told: String| {
        all.push(Attention { run: Some(id.clone()), ..command(attention, told) });
    };
    if counts.unknown > 0 {
        let why = format!(
            "{} `unknown`: whether the effect happened can't be found out, and a person decides. Threshold: one.",
            count(counts.unknown, "item")
        );
        let text = format!("run {id}: the outcome of {} is unknown", count(counts.unknown, "item"));
        about(say(Health::Bad, text, why), format!("cutover run items {id} --state unknown"));
    }
    let is_fresh = run.ended_at.is_some_and(|at| now.saturating_sub(at) < FAILED_MS);
    match run.state {
        RunState::Failed if is_fresh => {
            let reason = run.reason.as_deref().unwrap_or("no reason is stored");
            let failed = match counts.failed {
                0 => String::new(),
                n => format!(", {} failed", count(n, "item")),
            };
            let why = format!("It is `failed` and ended {} ago; told for 24 h.", ago(now, run.ended_at));
            let said = say(Health::Bad, format!("run {id} failed: {reason}{failed}"), why);
            about(said, format!("cutover run show {id}"));
        }
        RunState::Done if is_fresh && counts.failed > 0 => {
            let why = format!(
                "{} `failed` in a run that ended {} ago; told for 24 h. Threshold: one.",
                count(counts.failed, "item"),
                ago(now, run.ended_at)
            );
            let text = format!("run {id} is done, and {} of it failed", count(counts.failed, "item"));
            about(say(Health::Warning, text, why), format!("cutover run items {id} --state failed"));
        }
        RunState::Paused => {
            let reason = run.reason.as_deref().unwrap_or("nobody wrote why");
            let why = "It is `paused`: nothing moves until somebody goes on, cancels or undoes.";
            let said = say(Health::Warning, format!("run {id} is paused: {reason}"), why);
            about(said, format!("cutover run resume {id}"));
        }
        RunState::Approved => {
            let by = run.approved_by.as_ref().map_or("somebody", |name| name.as_str());
            let why = format!("It is `approved` since {} and nobody started it.", ago(now, run.approved_at));
            let text = format!("run {id} for {} was approved by {by} and waits to be applied", run.scope);
            about(say(Health::Ok, text, why), format!("cutover map apply {id}"));
        }
        RunState::Planned if now < run.expires_at && !changes_nothing(run) => waits(run, now, &mut about),
        _ => {}
    }
}

fn waits(run: &RunView, now: i64, about: &mut impl FnMut(Attention, String)) {
    let left = u64::try_from(run.expires_at.saturating_sub(now) / 1_000).unwrap_or(0);
    let text = format!(
        "{} planned {} for {} ({}), and it waits for an approval",
        run.author,
        run.kind,
        run.scope,
        count(run.progress.counts.total(), "item")
    );
    let why = format!(
        "It is `planned`, the newest of its kind and scope, would change something, and expires in {}.",
        span(left)
    );
    let id = &run.id;
    let told = format!("cutover run approve {id} --digest {}", run.digest);
    about(say(Health::Ok, text, why), told);
}

fn webhooks(facts: &Facts<'_>, all: &mut Vec<Attention>) {
    let Webhooks { lost, gap } = facts.webhooks;
    if let Some((from, to, found)) = gap.filter(|(_, _, found)| facts.now.saturating_sub(*found) < GAP_MS) {
        let away = span(to.abs_diff(from) / 1_000);
        let text = format!(
            "webhooks of {away} may be missed for good, from {} ago on: GitHub keeps them no longer",
            ago(facts.now, Some(from))
        );
        let why = format!(
            "GitHub's list could be compared again {} ago, and did not reach back to the comparison before; \
             told for 7 days. A sweep of GitHub's lists puts the index right.",
            ago(facts.now, Some(found))
        );
        let said = command(say(Health::Bad, text, why), "cutover map plan --refresh");
        all.push(runbook(said, "missed_webhooks.md"));
    }
    if lost > 0 {
        let count = if lost == 1 { "1 delivery".to_owned() } else { format!("{lost} deliveries") };
        let text = format!("{count} of GitHub's webhooks can't be fetched");
        let why = "The last comparison with GitHub's list named them: their payload is gone there, and delivering \
                   again was refused. Threshold: one.";
        let said = command(say(Health::Warning, text, why), "cutover webhook recover --look");
        all.push(runbook(said, "missed_webhooks.md"));
    }
}

fn books(facts: &Facts<'_>, all: &mut Vec<Attention>) {
    for Books { name, repair, reconciled } in facts.books {
        if repair.failed > 0 || repair.blocks {
            let text = format!("repair queue of {name}: {} owed, {} failed", repair.waiting, repair.failed);
            let oldest = span(u64::try_from(repair.oldest_ms / 1_000).unwrap_or(0));
            let why = format!(
                "The arm that did not answer was not written for up to {oldest}, and no stage advances. Threshold: one that \
                 failed, rollout.repair_age or rollout.repair_most."
            );
            all.push(runbook(command(say(Health::Bad, text, why), "cutover doctor"), "repair_queue.md"));
        }
        if let Some(view) = reconciled.as_ref().filter(|view| view.health != Health::Ok) {
            let differ = view.missing + view.extra + view.different;
            let text = format!("the books of {name} differ in {differ} of {} records", view.compared);
            let why = format!(
                "Compared {} ago: {} missing, {} extra, {} different. An alert above 0.1 %, a warning above half of it.",
                ago(facts.now, Some(view.at)),
                view.missing,
                view.extra,
                view.different
            );
            all.push(runbook(command(say(view.health, text, why), "cutover doctor"), "repair_queue.md"));
        }
    }
}

fn drills(facts: &Facts<'_>, all: &mut Vec<Attention>) {
    for DrillStanding { name, open, next, failed } in facts.drills {
        let mut about = |health, text: String, why: String| {
            let said = command(say(health, text, why), format!("cutover rollout drill {name}"));
            all.push(runbook(said, "drill.md"));
        };
        if let Some((at, cause)) = failed {
            let health = if *open { Health::Bad } else { Health::Warning };
            let why = format!(
                "Walked {} ago, by the clock or by hand; a walk that goes well ends this. Threshold: one.",
                ago(facts.now, Some(*at))
            );
            about(health, format!("the way back of {name} FAILED its drill: {cause}"), why);
        }
        if let Some(next) = next.as_ref().filter(|next| next.overdue) {
            let late = ago(facts.now, Some(next.due_at));
            let why = "It comes every rollout.drill_every, from rollout.hours_from to rollout.hours_to; it was begun and broke off, or the \
                       daemon was down. Threshold: a day.";
            about(
                Health::Warning,
                format!("the drill of {name}'s kill switch is due since {late}"),
                why.to_owned(),
            );
        }
    }
}

fn index(facts: &Facts<'_>, all: &mut Vec<Attention>) {
    const REFRESH: &str = "cutover map plan --refresh";
    let index = facts.index;
    if index.unread > 0 {
        let text = format!(
            "{} refused to be read; the repositories there are as last seen, the log says why",
            count(index.unread, "installation")
        );
        let why = "The last sweep got a refusal of their own for them, often an allow-list of addresses. \
                   Threshold: one.";
        all.push(command(say(Health::Warning, text, why), "cutover doctor"));
    }
    if index.suspended > 0 {
        let text =
            format!("suspended: {}; nothing can be mapped there", count(index.suspended, "installation"));
        let why =
            "GitHub's list or a refused mint said so; their owners can unsuspend the App. Threshold: one.";
        all.push(command(say(Health::Warning, text, why), "cutover token list --filter state:suspended"));
    }
    if let Some((at, cause)) = &facts.sweeps.trouble {
        let why = format!(
            "The newest sweep stopped {} ago; what it read stays, and it goes on where it is.",
            ago(facts.now, Some(*at))
        );
        let text = format!("the sweep of GitHub's lists stopped: {cause}");
        all.push(command(say(Health::Warning, text, why), "cutover doctor"));
    }
    match index.swept_at {
        None if facts.projects > 0 => {
            let why = "There are projects, and no sweep has ended whole yet.";
            all.push(command(say(Health::Warning, "GitHub's lists were never read", why), REFRESH));
        }
        Some(at) if facts.now.saturating_sub(at) > facts.index_max_age_ms => {
            let limit = u64::try_from(facts.index_max_age_ms / 1_000).unwrap_or(0);
            let why = format!(
                "The last whole sweep ended {} ago; mapping.index_max_age is {}.",
                ago(facts.now, Some(at)),
                span(limit)
            );
            all.push(command(say(Health::Warning, "the index of GitHub's lists is old", why), REFRESH));
        }
        _ => {}
    }
}

fn copies(facts: &Facts<'_>, all: &mut Vec<Attention>) {
    if let Some((at, cause)) = facts.copies {
        let why = format!(
            "The newest try failed {} ago with these words; what is owed stands in the store, and is tried again by itself.",
            ago(facts.now, Some(at))
        );
        let text = format!("the copies in the application's database are behind: {cause}");
        all.push(command(say(Health::Warning, text, why), "cutover doctor"));
    }
}

fn mode(facts: &Facts<'_>, all: &mut Vec<Attention>) {
    if let Some(other) = facts.mode.environment_differs {
        let text = format!(
            "the configuration says mode {other}, the store says {}: the store counts; make them agree",
            facts.mode.mode
        );
        let why = "The configuration gives the first value only; afterwards `mode set` does. They differ.";
        all.push(command(say(Health::Warning, text, why), "cutover mode get"));
    }
}

fn reviews(facts: &Facts<'_>, all: &mut Vec<Attention>) {
    for Overdue { name, since, closed } in facts.reviews {
        let stands = if *closed { "closed as not needed" } else { "not decided" };
        let text = format!("whether to migrate {name} is to be looked at again: it is {stands}");
        let why = format!(
            "The review was due {} ago; worth.review says how often. A decision, the same or another, is the review.",
            ago(facts.now, Some(*since))
        );
        all.push(command(say(Health::Warning, text, why), format!("cutover rollout worth {name}")));
    }
}

/// `1 item`, `3 items`.
fn count(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn ago(now: i64, at: Option<i64>) -> String {
    at.map_or_else(|| "some time".to_owned(), |at| span(now.abs_diff(at) / 1_000))
}

#[cfg(test)]
mod tests;
