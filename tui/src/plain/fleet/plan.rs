//! What a plan does to how many, and loudly what can't be had back.

use cutover_shared::fleet::{FleetSummary, Way};

use super::{tenants, version};
use crate::plain::{Tone, number};

/// A line each, with its title: `fleet plan` prints them, and a question about the plan asks with them.
pub fn plan(plan: &FleetSummary) -> Vec<(&'static str, String, Tone)> {
    let way = if plan.way == Some(Way::Down) { "back to" } else { "up to" };
    let steps = format!("{} {}", number(plan.steps), if plan.steps == 1 { "step" } else { "steps" });
    let mut lines = vec![
        ("Version", format!("{way} {}", version(plan.target)), Tone::Plain),
        (
            "Tenants",
            format!("{}: {} have it already", number(plan.tenants), number(plan.at_target)),
            Tone::Plain,
        ),
        ("Changes", format!("{} would get {steps}", tenants(plan.changes)), Tone::Plain),
    ];
    if plan.waves.iter().filter(|n| **n > 0).count() > 1 {
        let waves: Vec<String> = plan.waves.iter().map(|count| number(*count)).collect();
        let text = format!(
            "{} tenants, one wave after the other; too many failures halt the rest",
            waves.join(", ")
        );
        lines.push(("Waves", text, Tone::Plain));
    }
    lines.push(("Asked", format!("{} were read for this plan", tenants(plan.asked)), Tone::Plain));
    if plan.unreachable > 0 {
        lines.push(("Left out", format!("{} can't be reached", tenants(plan.unreachable)), Tone::Warn));
    }
    if plan.drifted > 0 {
        let text = format!("{} with a schema that was changed by hand", tenants(plan.drifted));
        lines.push(("Left out", text, Tone::Warn));
    }
    for (what, count) in &plan.drops {
        lines.push(("DATA GONE", format!("{what}, of {}", tenants(*count)), Tone::Bad));
    }
    if !plan.no_down.is_empty() {
        let text = format!("{} without a `down`", plan.no_down.join(", "));
        lines.push(("NO WAY BACK", text, Tone::Bad));
    }
    if plan.warnings > 0 {
        let noun = if plan.warnings == 1 { "warning" } else { "warnings" };
        let text = format!("{} {noun}: `cutover fleet lint`", number(plan.warnings));
        lines.push(("Lint", text, Tone::Warn));
    }
    lines
}
