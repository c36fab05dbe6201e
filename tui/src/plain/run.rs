//! Runs as text.

use cutover_shared::fleet::FleetSummary;
use cutover_shared::hooks::HooksSummary;
use cutover_shared::mapping::{MappingCounts, PlanSummary};
use cutover_shared::run::{
    Counts, EffectClass, GateView, ItemGroup, ItemState, Reversibility, RunState, RunView,
};
use cutover_shared::sandbox_record::{RecordVerdict, RecordsSummary, SANDBOX_RECORDS};

use super::{Block, Cell, Column, Style, Table, Tone, age, decimal, number, percent, span, time};

/// The kind that removes old webhooks.
const OLD_HOOKS: &str = "old_hooks";

/// Letters of a run's id that tables show: its whole millisecond, and enough to name it in a command.
const SHORT_ID: usize = 13;

/// Columns of `run list`.
pub const RUN_COLUMNS: &[Column] = &[
    Column::words("ID"),
    Column::words("KIND"),
    Column::long("SCOPE"),
    Column::words("STATE"),
    Column::number("ITEMS"),
    Column::number("SETTLED"),
    Column::long("PLANNED"),
];

/// The colour of a state.
fn tone(state: RunState, counts: &Counts) -> Tone {
    match state {
        RunState::Done | RunState::Undone if counts.findings() > 0 => Tone::Warn,
        RunState::Done | RunState::Undone => Tone::Good,
        RunState::Failed => Tone::Bad,
        RunState::Paused | RunState::Pausing | RunState::Cancelled => Tone::Warn,
        RunState::Expired => Tone::Dim,
        RunState::Planned
        | RunState::Approved
        | RunState::Applying
        | RunState::Verifying
        | RunState::Undoing => Tone::Plain,
    }
}

/// A row of `run list`.
pub fn runs_row(run: &RunView, now: i64) -> Vec<Cell> {
    let counts = &run.progress.counts;
    vec![
        short_id(run).into(),
        run.kind.as_str().into(),
        run.scope.as_str().into(),
        Cell::toned(run.state.word(), tone(run.state, counts)),
        number(counts.total()).into(),
        format!("{} %", percent(settled(run), counts.total())).into(),
        format!("{} by {}", age(now, run.planned_at), run.author).into(),
    ]
}

fn short_id(run: &RunView) -> &str {
    run.id.0.get(..SHORT_ID).unwrap_or(&run.id.0)
}

/// Items by state, those without any left out: `1,200 done, 30 stale`.
pub fn counts(counts: &Counts) -> String {
    let mut counts = counts.clone();
    let parts: Vec<String> = ItemState::ALL
        .iter()
        .filter_map(|state| match *counts.of(*state) {
            0 => None,
            n => Some(format!("{} {state}", number(n))),
        })
        .collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

/// Items that need no more work: taken back for an undo, tried for anything else.
fn settled(run: &RunView) -> u64 {
    let counts = &run.progress.counts;
    let left = match run.state {
        RunState::Undoing => counts.done + counts.leased,
        _ => counts.pending + counts.leased,
    };
    counts.total().saturating_sub(left)
}

/// One line of progress, at most 80 columns for ordinary figures.
pub fn moving_line(run: &RunView) -> String {
    let progress = &run.progress;
    let total = progress.counts.total();
    let done = settled(run);
    let mut line = format!("{}  {}/{}  {} %", run.state, number(done), number(total), percent(done, total));
    if run.state.is_moving() && progress.per_second > 0.0 {
        line += &format!("  {}/s", decimal(progress.per_second));
        if let Some(left) = progress.seconds_left {
            line += &format!("  {} left", span(left));
        }
    }
    let findings = Counts {
        stale: progress.counts.stale,
        failed: progress.counts.failed,
        unknown: progress.counts.unknown,
        superseded: progress.counts.superseded,
        ..Counts::default()
    };
    if findings.total() > 0 {
        line += &format!("  {}", counts(&findings));
    }
    if let Some(reason) = run.reason.as_ref().filter(|_| !run.state.is_moving()) {
        line += &format!("  ({reason})");
    }
    line
}

/// Everything about a run that fits one screen.
pub fn show(run: &RunView, now: i64, style: Style) -> String {
    let progress = &run.progress;
    let mut block = Block::new();
    block.line("Run", run.id.as_str());
    block.line("Kind", format!("{}, scope {}", run.kind, run.scope));
    block.toned("State", run.state.word(), tone(run.state, &progress.counts));
    if let Some(reason) = &run.reason {
        block.toned("Reason", reason, Tone::Warn);
    }
    block.line("Items", format!("{}: {}", number(progress.counts.total()), counts(&progress.counts)));
    if run.state.is_moving() {
        let left = progress.seconds_left.map_or(String::new(), |s| format!(", {} left", span(s)));
        block.line("Speed", format!("{}/s{left}", decimal(progress.per_second)));
    }
    block.maybe("Rate", run.rate.map(|rate| format!("at most {} items a second", number(rate.into()))));
    block.line("Digest", run.digest.as_str());
    block.line("Effect", format!("{}, {}", effect(run.effect), reversibility(&run.reversibility)));
    block.line(
        "Planned",
        format!("{} by {} ({})", time(run.planned_at), run.author, age(now, run.planned_at)),
    );
    if run.state == RunState::Planned {
        block.line("Expires", format!("{} ({})", time(run.expires_at), age(now, run.expires_at)));
    }
    if let Some(at) = run.approved_at {
        let who = run.approved_by.as_ref().map_or("somebody", |name| name.as_str());
        let same = if run.self_approved { ", who also planned it" } else { "" };
        block.line("Approved", format!("{} by {who}{same}", time(at)));
    }
    block.maybe("Started", run.started_at.map(time));
    block.maybe("Ended", run.ended_at.map(|at| format!("{}{}", time(at), took(run.started_at, at))));
    let mut text = block.render(style);
    text += &summary(run, now, style);
    text
}

/// What an approval of a plan would be told.
pub fn gate(gate: &GateView, style: Style) -> String {
    let mut block = Block::new();
    match &gate.closed {
        None => block.toned("Gate", "open", Tone::Good),
        Some(why) => block.toned("Gate", format!("closed: {why}"), Tone::Warn),
    };
    for fact in &gate.facts {
        block.line("", fact);
    }
    format!("\n{}", block.render(style))
}

/// Findings by state and reason.
pub fn groups(groups: &[ItemGroup], style: Style) -> String {
    if groups.is_empty() {
        return String::new();
    }
    let columns =
        [Column::words("STATE"), Column::number("ITEMS"), Column::long("REASON"), Column::long("EXAMPLE")];
    let rows: Vec<Vec<Cell>> = groups
        .iter()
        .map(|group| {
            vec![
                Cell::toned(group.state.word(), item_tone(group.state)),
                number(group.count).into(),
                group.reason.as_deref().unwrap_or_default().into(),
                group.example.as_str().into(),
            ]
        })
        .collect();
    format!("\n{}\n{}", style.paint("Findings", Tone::Strong), Table::whole(&columns, &rows, style))
}

/// The colour of an item's state.
pub fn item_tone(state: ItemState) -> Tone {
    match state {
        ItemState::Done | ItemState::Undone => Tone::Good,
        ItemState::Failed | ItemState::Unknown => Tone::Bad,
        ItemState::Stale | ItemState::Superseded => Tone::Warn,
        ItemState::Pending | ItemState::Leased | ItemState::Skipped => Tone::Plain,
    }
}

fn took(started: Option<i64>, ended: i64) -> String {
    started.map_or(String::new(), |at| format!(" after {}", span(ended.abs_diff(at) / 1000)))
}

fn effect(effect: EffectClass) -> &'static str {
    match effect {
        EffectClass::Local => "local (our store)",
        EffectClass::Marked => "marked (a database that holds our marker)",
        EffectClass::Remote => "remote (compare-and-set)",
    }
}

fn reversibility(is: &Reversibility) -> String {
    match is {
        Reversibility::Reversible => "can be undone".to_owned(),
        Reversibility::ReversibleUntil(until) => format!("can be undone until {until}"),
        Reversibility::IrreversibleFor(what) => format!("can be undone, but IRREVERSIBLE for {what}"),
        Reversibility::Irreversible => "CAN'T BE UNDONE".to_owned(),
    }
}

/// What the kind of the run wants shown: a mapping plan's figures, or whatever another kind says.
fn summary(run: &RunView, now: i64, style: Style) -> String {
    if run.kind == "map"
        && let Ok(plan) = serde_json::from_value::<PlanSummary>(run.summary.clone())
    {
        return plan_summary(&plan, now, style);
    }
    if run.kind == OLD_HOOKS
        && let Ok(plan) = serde_json::from_value::<HooksSummary>(run.summary.clone())
    {
        return hooks_summary(&plan, style);
    }
    if run.kind == SANDBOX_RECORDS
        && let Ok(plan) = serde_json::from_value::<RecordsSummary>(run.summary.clone())
    {
        return records_summary(&plan, style);
    }
    if run.kind == cutover_shared::fleet::FLEET
        && let Ok(plan) = serde_json::from_value::<FleetSummary>(run.summary.clone())
    {
        let mut block = Block::new();
        for (key, text, tone) in super::fleet::plan(&plan) {
            block.toned(key, text, tone);
        }
        return format!("\n{}", block.render(style));
    }
    let Some(facts) = run.summary.as_object().filter(|facts| !facts.is_empty()) else { return String::new() };
    let mut block = Block::new();
    for (key, value) in facts {
        block.line(key, value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    format!("\n{}", block.render(style))
}

fn plan_summary(plan: &PlanSummary, now: i64, style: Style) -> String {
    let mut block = Block::new();
    let MappingCounts { mapped, pending, unmappable, unplanned } = plan.counts;
    let unplanned = if unplanned == 0 { String::new() } else { format!(", {} unplanned", number(unplanned)) };
    block.line(
        "Repositories",
        format!(
            "{}: {} mapped, {} pending, {} unmappable{unplanned}",
            number(mapped + pending + unmappable + plan.counts.unplanned),
            number(mapped),
            number(pending),
            number(unmappable),
        ),
    );
    block.line("Changes", format!("{} stored mappings would change", number(plan.changes)));
    block.line(
        "Index",
        format!(
            "{}: {} installations, {} repositories, epoch {}",
            plan.index_at.map_or("never swept whole".to_owned(), |at| format!("swept {}", age(now, at))),
            number(plan.installations),
            number(plan.repositories),
            plan.index_epoch,
        ),
    );
    block.line(
        "Probes",
        format!(
            "{} made, {} answers were stored, {} still owed",
            number(plan.probes_made),
            number(plan.probes_stored),
            number(plan.probes_owed)
        ),
    );
    let rows: Vec<Vec<Cell>> =
        plan.reasons.iter().map(|(reason, n)| vec![reason.word().into(), number(*n).into()]).collect();
    let table = Table::whole(&[Column::words("REASON"), Column::number("REPOSITORIES")], &rows, style);
    format!("\n{}\n{table}", block.render(style))
}

fn hooks_summary(plan: &HooksSummary, style: Style) -> String {
    let mut block = Block::new();
    block.line("Repositories", format!("{} mapped, looked at", number(plan.repositories)));
    block.line("Webhooks", format!("{} would be removed", number(plan.hooks)));
    for (why, n) in &plan.left_out {
        block.toned("Left out", format!("{} repositories: {why}", number(*n)), Tone::Warn);
    }
    let tone = if plan.irreversible > 0 { Tone::Warn } else { Tone::Plain };
    block.toned("Undo", &plan.undo, tone);
    if !plan.mend.is_empty() {
        block.line("Mend", &plan.mend);
    }
    format!("\n{}", block.render(style))
}

fn records_summary(plan: &RecordsSummary, style: Style) -> String {
    let mut block = Block::new();
    block.line("Records", format!("{} of sandboxes, imported", number(plan.records)));
    block.line("Changes", format!("{} would move into the target's book", number(plan.changes)));
    for (why, n) in &plan.left_out {
        let tone = match why {
            RecordVerdict::OtherTree | RecordVerdict::UnknownProject => Tone::Warn,
            _ => Tone::Plain,
        };
        block.toned("Left out", format!("{}: {why}", number(*n)), tone);
    }
    format!("\n{}", block.render(style))
}

/// The noun whose `apply` applies a plan of this kind, where there is one.
pub fn noun_of(kind: &str) -> Option<&'static str> {
    match kind {
        "map" => Some("map"),
        OLD_HOOKS => Some("hooks"),
        SANDBOX_RECORDS => Some("rollout records"),
        cutover_shared::fleet::FLEET => Some("fleet"),
        _ => None,
    }
}

/// The exact command that comes after a plan; `options` are the global ones that it needs again.
pub fn next_of_plan(run: &RunView, options: &str) -> String {
    let changes = if run.kind == OLD_HOOKS { "hooks" } else { "changes" };
    if run.summary.get(changes).and_then(serde_json::Value::as_u64) == Some(0) {
        return "\nNothing would change: there is nothing to apply.\n".to_owned();
    }
    let noun = noun_of(&run.kind).unwrap_or("map");
    format!("\nNext\n  cutover{options} {noun} apply {} \\\n    --approve {}\n", run.id, run.digest)
}
