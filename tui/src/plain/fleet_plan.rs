//! Plans of the fleet as text.

use cutover_shared::fleet::{FleetSummary, Way};

use super::{Block, Style, Tone, number};

fn tenants(count: u64) -> String {
    format!("{} {}", number(count), if count == 1 { "tenant" } else { "tenants" })
}

/// What a plan does to how many, and loudly what can't be had back.
pub(super) fn summary(plan: &FleetSummary, style: Style) -> String {
    let mut block = Block::new();
    let way = if plan.way == Some(Way::Down) { "back to" } else { "up to" };
    block.line("Version", format!("{way} {:04}", plan.target));
    block.line("Tenants", format!("{}: {} have it already", number(plan.tenants), number(plan.at_target)));
    block.line("Changes", format!("{} would get {} steps", tenants(plan.changes), number(plan.steps)));
    if plan.waves.len() > 1 {
        let waves: Vec<String> = plan.waves.iter().map(|count| number(*count)).collect();
        block.line("Waves", format!("{} tenants, one wave after the other", waves.join(", ")));
    }
    block.line("Asked", format!("{} were read for this plan", tenants(plan.asked)));
    if plan.unreachable > 0 {
        block.toned("Left out", format!("{} can't be reached", tenants(plan.unreachable)), Tone::Warn);
    }
    if plan.drifted > 0 {
        let what = format!("{} with a schema that was changed by hand", tenants(plan.drifted));
        block.toned("Left out", what, Tone::Warn);
    }
    for (what, count) in &plan.drops {
        block.toned("DATA GONE", format!("{what}, of {}", tenants(*count)), Tone::Bad);
    }
    if !plan.no_down.is_empty() {
        block.toned("NO WAY BACK", format!("{} without a `down`", plan.no_down.join(", ")), Tone::Bad);
    }
    if plan.warnings > 0 {
        let noun = if plan.warnings == 1 { "warning" } else { "warnings" };
        let what = format!("{} {noun}: `cutover fleet lint`", number(plan.warnings));
        block.toned("Lint", what, Tone::Warn);
    }
    format!("\n{}", block.render(style))
}
