//! The fleet in words: what the console draws and what `cutover fleet` prints, made in one place so that both say the same.

mod glance;
mod instance;
mod text;

use cutover_shared::fleet::{
    FailureGroup, FleetReceipt, FleetSummary, InstanceState, InstanceView, StepStatus, Way,
};

pub use glance::{Headline, HeatRow, SHADES, WaveState, headline, heat, moves_in, shade, standing, waves};
pub use instance::{
    HISTORY_COLUMNS, INSTANCE_COLUMNS, drift_tone, facts, history_row, instance_row, show, step_line,
};
pub use text::{GROUP_COLUMNS, failure_rows, status};

use super::{Tone, number};

/// What a version is called: 0 is none.
pub fn version(version: u32) -> String {
    if version == 0 { "none".to_owned() } else { version.to_string() }
}

/// How a tenant's standing looks.
pub fn step_tone(status: StepStatus) -> Tone {
    match status {
        StepStatus::Completed => Tone::Good,
        StepStatus::Failed => Tone::Bad,
        StepStatus::Skipped => Tone::Warn,
        StepStatus::Running | StepStatus::Pending => Tone::Plain,
    }
}

/// How the state of an instance looks.
pub fn state_tone(state: InstanceState) -> Tone {
    match state {
        InstanceState::Connected => Tone::Good,
        InstanceState::New => Tone::Dim,
        InstanceState::Error => Tone::Bad,
    }
}

/// A sign and the word, so that no status is told by a colour alone.
pub fn step_word(status: StepStatus) -> String {
    let sign = match status {
        StepStatus::Pending => 'o',
        StepStatus::Running => '>',
        StepStatus::Completed => '+',
        StepStatus::Failed => 'x',
        StepStatus::Skipped => '!',
    };
    format!("{sign} {status}")
}

/// `1 tenant`, `1,200 tenants`.
pub fn tenants(n: u64) -> String {
    format!("{} {}", number(n), if n == 1 { "tenant" } else { "tenants" })
}

/// The error that a list tells of an instance: of its migration, or why it can't be reached, or how its schema differs.
pub fn trouble(view: &InstanceView) -> Option<&str> {
    let unreachable = (view.state == InstanceState::Error).then_some(view.reason.as_deref()).flatten();
    view.error.as_deref().or(unreachable).or(view.drift.as_deref())
}

/// What a filter finds of an error: its longest part without names and numbers, which differ from tenant to tenant. None
/// where nothing of it is long enough to mean anything.
pub fn told_by(error: &str) -> Option<String> {
    let differs =
        |c: char| matches!(c, '"' | '\'' | '`' | '(' | ')' | '…') || c.is_control() || c.is_ascii_digit();
    let parts = error.split(differs).map(str::trim);
    let longest = parts.max_by_key(|part| part.chars().count())?;
    (longest.chars().count() >= 4).then(|| longest.chars().take(120).collect::<String>().trim().to_owned())
}

/// The terms that find the tenants of a group in the list of instances.
pub fn filter(group: &FailureGroup) -> String {
    let mut filter = format!("status:failed failed:\"{}\"", group.migration.replace('"', ""));
    if let Some(part) = told_by(&group.text) {
        filter += &format!(" error:\"{part}\"");
    }
    filter
}

/// What a plan does, a sentence each: what a question about it tells, and what `fleet plan` prints below its groups.
pub fn plan(summary: &FleetSummary) -> Vec<String> {
    let (way, to) = match summary.way {
        Some(Way::Down) => ("go back", "at or below"),
        _ => ("are migrated", "at"),
    };
    let mut lines = vec![format!(
        "{} of {} {way} to version {}: {} steps. {} are {to} it already.",
        number(summary.changes),
        tenants(summary.tenants),
        version(summary.target),
        number(summary.steps),
        number(summary.at_target)
    )];
    let waves = summary.waves.iter().filter(|n| **n > 0).count();
    if waves > 1 {
        let all: Vec<String> = summary.waves.iter().map(|n| number(*n)).collect();
        lines.push(format!(
            "In {waves} waves: {} tenants; one that fails too often halts the rest.",
            all.join(", ")
        ));
    }
    for (what, n) in &summary.drops {
        lines.push(format!("DATA IS LOST: {what}, in {}.", tenants(*n)));
    }
    if !summary.no_down.is_empty() {
        lines.push(format!("There is no way back from {}: no `down`.", summary.no_down.join(", ")));
    }
    if summary.unreachable > 0 {
        lines.push(format!("{} can't be reached and are left out.", tenants(summary.unreachable)));
    }
    if summary.drifted > 0 {
        lines.push(format!("{} were changed by hand and are left out.", tenants(summary.drifted)));
    }
    if summary.warnings > 0 {
        lines.push(format!("`cutover fleet lint` has {} warnings about it.", number(summary.warnings)));
    }
    lines
}

/// A receipt in one sentence.
pub fn receipt(receipt: &FleetReceipt) -> String {
    match receipt {
        FleetReceipt::Planned(run) => {
            let items = number(run.progress.counts.total());
            format!("plan {} is ready: {items} steps; nothing was changed", short(run.id.as_str()))
        }
        FleetReceipt::Run(run) => format!("run {} is {}", short(run.id.as_str()), run.state),
        FleetReceipt::Added { added, replaced } => {
            format!("{} instances added, {} replaced", number(*added), number(*replaced))
        }
        FleetReceipt::Removed { tenant } => {
            format!("the instance of {tenant} is removed; its database is as it was")
        }
        FleetReceipt::Tested(all) => tested(all),
        FleetReceipt::Accepted(view) => {
            format!("the schema of {} is taken as it is, at version {}", view.tenant, version(view.version))
        }
        FleetReceipt::Rotating { key, left } => {
            format!("key {key} seals from now on; {} credentials are still to be sealed again", number(*left))
        }
        FleetReceipt::FromApplication { added, replaced, left_out } => format!(
            "{} instances taken from the application, {} replaced, {} left out",
            number(*added),
            number(*replaced),
            left_out.len()
        ),
    }
}

fn tested(all: &[InstanceView]) -> String {
    match all {
        [] => "there was no instance to ask".to_owned(),
        [one] => match (one.state, &one.reason) {
            (InstanceState::Error, Some(reason)) => format!("{}: error, {reason}", one.tenant),
            (state, _) => format!("{}: {state}, version {}", one.tenant, version(one.version)),
        },
        many => {
            let bad = many.iter().filter(|one| one.state == InstanceState::Error).count();
            format!("{} were asked: {} connected, {bad} in error", many.len(), many.len().saturating_sub(bad))
        }
    }
}

/// Letters of a run's id that are enough to name it.
fn short(id: &str) -> &str {
    id.get(..13).unwrap_or(id)
}

#[cfg(test)]
mod tests;
