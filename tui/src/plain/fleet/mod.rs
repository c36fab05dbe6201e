//! The fleet in words: what the console draws and what `cutover fleet` prints, made in one place so that both say the same, in
//! the same figures.

mod glance;
mod instance;
mod plan;
mod text;

use cutover_shared::fleet::{FailureGroup, FleetReceipt, InstanceState, InstanceView, StepStatus};

pub use glance::{
    Headline, HeatRow, SHADES, WaveState, headline, headlines, heat, moves_in, shade, standing, waves,
};
pub use instance::{
    HISTORY_COLUMNS, INSTANCE_COLUMNS, drift_tone, facts, history_row, instance_row, show, step_line,
};
pub use plan::plan;
pub use text::status;

use super::{Tone, number, shell_option};

/// A version as migrations are called: `0003`; `none` before the first.
pub fn version(version: u32) -> String {
    if version == 0 { "none".to_owned() } else { format!("{version:04}") }
}

/// How a tenant's standing looks.
pub fn step_tone(status: StepStatus) -> Tone {
    match status {
        StepStatus::Completed => Tone::Good,
        StepStatus::Failed => Tone::Bad,
        StepStatus::Skipped => Tone::Warn,
        StepStatus::Running => Tone::Strong,
        StepStatus::Pending => Tone::Plain,
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

/// `1 tenant`, `1,200 tenants`.
pub fn tenants(n: u64) -> String {
    format!("{} {}", number(n), if n == 1 { "tenant" } else { "tenants" })
}

/// The error that a list tells of an instance: of its migration, or why it can't be reached, or how its schema differs.
pub fn trouble(view: &InstanceView) -> Option<String> {
    let unreachable = view.reason.clone().filter(|_| view.state == InstanceState::Error);
    let drift = || view.drift.as_ref().map(|line| format!("drifted: {line}"));
    view.error.clone().or(unreachable).or_else(drift)
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

/// The command that takes a group of failures once more: in the run where they failed, whatever was run or planned since.
pub fn again(group: &FailureGroup) -> String {
    format!("cutover fleet retry {} {}", group.run, shell_option("--group", &group.group))
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
            format!("{tenant} is forgotten with its credential; its history and its database stay")
        }
        FleetReceipt::Tested(all) => tested(all),
        FleetReceipt::Accepted(view) => {
            format!("the schema of {} is taken as it is, at version {}", view.tenant, version(view.version))
        }
        FleetReceipt::Rotating { key, left } => {
            format!(
                "key {key} seals from now on; {} credentials are still to be sealed again: `cutover fleet status` says when none is left",
                number(*left)
            )
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
