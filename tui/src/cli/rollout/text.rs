//! How rollouts read.

use cutover_shared::rollout::{
    ArmFigures, Criterion, CriterionState, DecisionView, OperationFigures, RolloutView, Side, StepView,
    TrackState,
};
use cutover_shared::verdict::{Judgement, ReadingState, Verdict};

use super::when;
use crate::plain::rollout::{
    amount, changed, criterion, error_rate, inside, latency, limited, measure, missing, next_drill,
    reading_state, track_state, trigger, verdict, walked,
};
use crate::plain::{Block, Cell, Column, Style, Table, Tone, age, clean, number, span, time, wrap};

/// Tenants that a dry-run names.
const NAMED: usize = 40;

const TRACK: &[Column] =
    &[Column::words("STAGE"), Column::words("STATE"), Column::words("SINCE"), Column::words("SOAK")];

const ARMS: &[Column] = &[
    Column::words("OPERATION"),
    Column::words("ARM"),
    Column::number("CALLS"),
    Column::number("ERRORS"),
    Column::number("P50"),
    Column::number("P95"),
    Column::number("P99"),
];

const READINGS: &[Column] = &[
    Column::words("TRIGGER"),
    Column::words("STATE"),
    Column::number("VALUE"),
    Column::number("FIRES AT"),
    Column::number("LEFT"),
    Column::text("MISSING"),
];

const CRITERIA: &[Column] = &[Column::words("CRITERION"), Column::words("STATE"), Column::text("SEEN")];

const CHANGES: &[Column] =
    &[Column::words("WHEN"), Column::text("WHAT"), Column::long("BY"), Column::text("REASON")];

pub(super) fn show(view: &RolloutView, now: i64, style: Style) -> String {
    let line = &view.line;
    let mut block = Block::new();
    block.toned("Rollout", line.name.word(), Tone::Strong);
    if line.killed {
        let killed = "legacy answers for everybody, whatever the stage says";
        block.toned("KILLED", killed, Tone::Bad);
        if let Some(kill) = &view.killed {
            let why = if kill.reason.is_empty() { String::new() } else { format!(": {}", kill.reason) };
            block.line("", format!("{} by {}{why}", when(now, kill.at), kill.by));
        }
        block.line("", format!("`cutover unkill {} --reason TEXT` lets go", line.name));
    }
    block.line("Stage", format!("{}, since {}", line.stage, when(now, line.since)));
    if let Some(freeze) = &view.freeze {
        block.toned(
            "Frozen",
            format!("{}, by {}: {}", age(now, freeze.at), freeze.by, freeze.reason),
            Tone::Warn,
        );
    }
    let exact = view.exact.map_or(String::new(), |k| format!(", a list of {} frozen at approval", number(k)));
    block.line("In", format!("{}{exact}", inside(line)));
    super::time::standing(&mut block, &view.in_time);
    let (said, tone) = match &view.judgement {
        Some(judgement) => (verdict(judgement.verdict), verdict_tone(judgement.verdict)),
        None => (line.verdict.as_str(), Tone::Plain),
    };
    block.toned("Verdict", said, tone);
    if let Some(claim) = view.judgement.as_ref().and_then(|judgement| judgement.claim.as_ref()) {
        block.line("Consistency", claim.to_string());
    }
    if let Some(limited) = view.figures.first().and_then(limited) {
        block.toned("Sample", limited, Tone::Warn);
    }
    let repair = &view.repair;
    let tone = if repair.blocks || repair.failed > 0 { Tone::Bad } else { Tone::Plain };
    let oldest = if repair.waiting == 0 {
        String::new()
    } else {
        format!(", the oldest {}", span(repair.oldest_ms.unsigned_abs() / 1_000))
    };
    block.toned(
        "Repair queue",
        format!("{} waiting{oldest}, {} failed", number(repair.waiting), number(repair.failed)),
        tone,
    );
    let (last, tone) = walked(view.reverse.as_ref(), now);
    let found = view.reverse.as_ref().map_or(String::new(), |walked| format!(": {}", walked.text));
    block.toned("Drill", format!("{last}{found}"), tone);
    if let Some(drill) = &view.drill {
        let (text, tone) = next_drill(drill, now);
        block.toned("", format!("{text}, {}", time(drill.due_at)), tone);
    }
    block.line("Baseline", view.baseline_at.map_or("none recorded".to_owned(), |at| when(now, at)));
    for line in &view.measures {
        let (what, text) = measure(line);
        block.line("", format!("{what}: {text}"));
    }
    if let Some(incident) = &view.incident {
        block.toned("Incident", incident, Tone::Bad);
    }
    block.line("Overrides", number(view.overrides));
    let off: Vec<&str> = view.flags.iter().filter(|flag| !flag.on).map(|flag| flag.key.as_str()).collect();
    block.line("Flags off", if off.is_empty() { "none".to_owned() } else { off.join(", ") });
    let mut text = block.render(style);
    text += &section("Track", style, TRACK, track(view, now));
    text += &section("Both arms", style, ARMS, arms(&view.figures));
    if let Some(judgement) = &view.judgement {
        text += &section("Triggers", style, READINGS, readings(judgement));
    }
    text += &section("Before the next stage", style, CRITERIA, criteria(&view.criteria));
    let rows = view.changes.iter().map(|change| {
        vec![
            age(now, change.at).into(),
            changed(change).into(),
            change.by.as_str().into(),
            change.reason.as_str().into(),
        ]
    });
    text += &section("Last changes", style, CHANGES, rows.collect());
    text
}

pub(super) fn section(title: &str, style: Style, columns: &[Column], rows: Vec<Vec<Cell>>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    format!("\n{}\n{}", style.paint(title, Tone::Strong), Table::whole(columns, &rows, style))
}

fn verdict_tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Pass => Tone::Good,
        Verdict::NotEnoughData => Tone::Plain,
        Verdict::GateFailed => Tone::Warn,
        Verdict::Breach => Tone::Bad,
    }
}

fn track(view: &RolloutView, now: i64) -> Vec<Vec<Cell>> {
    view.track
        .iter()
        .map(|stage| {
            let tone = match stage.state {
                TrackState::Passed => Tone::Good,
                TrackState::Now => Tone::Strong,
                TrackState::Next | TrackState::Later => Tone::Dim,
            };
            let full = stage.soak_ms.max(0);
            let soak = match (stage.state, stage.since) {
                _ if full == 0 => String::new(),
                (TrackState::Now, Some(since)) => {
                    let gone = now.saturating_sub(since).clamp(0, full);
                    format!("{} of {}", soaked(gone), soaked(full))
                }
                _ => soaked(full),
            };
            vec![
                stage.stage.to_string().into(),
                Cell::toned(track_state(stage.state), tone),
                stage.since.map_or(String::new(), |at| age(now, at)).into(),
                soak.into(),
            ]
        })
        .collect()
}

fn soaked(ms: i64) -> String {
    span(ms.unsigned_abs() / 1_000)
}

fn arms(all: &[OperationFigures]) -> Vec<Vec<Cell>> {
    let row = |operation: &str, side: Side, arm: &ArmFigures| -> Vec<Cell> {
        let time = |us: Option<u64>| us.map_or("-".to_owned(), latency);
        vec![
            operation.into(),
            side.word().into(),
            number(arm.calls).into(),
            error_rate(arm).unwrap_or_else(|| "-".to_owned()).into(),
            time(arm.p50_us).into(),
            time(arm.p95_us).into(),
            time(arm.p99_us).into(),
        ]
    };
    all.iter()
        .flat_map(|one| {
            let word = one.operation.map_or("all", |operation| operation.word());
            [row(word, Side::Legacy, &one.legacy), row("", Side::Target, &one.target)]
        })
        .collect()
}

fn readings(judgement: &Judgement) -> Vec<Vec<Cell>> {
    judgement
        .readings
        .iter()
        .map(|reading| {
            let tone = match reading.state {
                ReadingState::Clear => Tone::Good,
                ReadingState::Warning | ReadingState::Undecided => Tone::Warn,
                ReadingState::NotEnoughData => Tone::Plain,
                ReadingState::Fired => Tone::Bad,
            };
            vec![
                trigger(reading).into(),
                Cell::toned(reading_state(reading.state), tone),
                amount(reading.unit, reading.value).into(),
                amount(reading.unit, reading.threshold).into(),
                format!("{} %", reading.distance_permille / 10).into(),
                missing(reading).into(),
            ]
        })
        .collect()
}

fn criteria(all: &[Criterion]) -> Vec<Vec<Cell>> {
    all.iter()
        .map(|one| {
            let tone = match one.state {
                CriterionState::Holds => Tone::Good,
                CriterionState::Fails => Tone::Bad,
                CriterionState::Unknown => Tone::Warn,
            };
            vec![one.name.as_str().into(), Cell::toned(criterion(one.state), tone), one.text.as_str().into()]
        })
        .collect()
}

pub(super) fn step(step: &StepView, next: &str, style: Style) -> String {
    let mut block = Block::new();
    block.toned("Rollout", step.rollout.word(), Tone::Strong);
    block.line("Step", format!("{} to {}", step.from, step.to));
    block.line("Move in", tenants(step.moving_count));
    if step.returning_count > 0 {
        block.toned("Move back", tenants(step.returning_count), Tone::Warn);
    }
    block.line("In then", format!("{} of {}", number(step.inside), number(step.tenants)));
    if step.exact {
        block.line("List", "frozen at approval, by name");
    }
    if !step.ring.is_all() {
        block.line("Ring", format!("{}: its list is frozen at approval", step.ring));
    }
    super::time::roles(&mut block, &step.roles);
    block.line("Digest", step.digest.as_str());
    let mut text = block.render(style);
    if !step.moving.is_empty() {
        text += &format!("\n{}\n", style.paint("Tenants that would move to the target", Tone::Strong));
        let shown = step.moving.len().min(NAMED);
        let names: Vec<&str> =
            step.moving.iter().take(shown).map(cutover_shared::ids::TenantId::as_str).collect();
        for line in wrap(&clean(&names.join(", ")), style.measure()) {
            text += &format!("{line}\n");
        }
        let rest = step.moving_count.saturating_sub(u64::try_from(shown).unwrap_or(u64::MAX));
        if rest > 0 {
            text += &format!("and {} more\n", number(rest));
        }
    }
    text += &section("Criteria", style, CRITERIA, criteria(&step.criteria));
    let failing = step.criteria.iter().filter(|one| one.state != CriterionState::Holds);
    let (may, must_not): (Vec<&Criterion>, Vec<&Criterion>) = failing.partition(|one| one.may_override);
    text.push('\n');
    if let [first, ..] = must_not.as_slice() {
        text += &style.paint("CLOSED", Tone::Bad);
        text += &format!(": {} does not hold, and nobody may pass it\n", clean(&first.name));
        return text;
    }
    if !may.is_empty() {
        text += &style.paint("closed", Tone::Warn);
        text += ": an approver may pass what does not hold, with a reason\n";
    }
    text += "Nothing was changed. This takes the step:\n";
    text + &format!(
        "  {}\n",
        next.replacen(" --approve ", " \\\n    --approve ", 1).replacen(
            " --override ",
            " \\\n    --override ",
            1
        )
    )
}

fn tenants(count: u64) -> String {
    format!("{} {}", number(count), if count == 1 { "tenant" } else { "tenants" })
}

pub(super) fn explain(view: &DecisionView, style: Style) -> String {
    let mut block = Block::new();
    block.line("Tenant", view.tenant.as_str());
    block.line("Operation", format!("{} ({}) of {}", view.operation, view.operation.flag(), view.rollout));
    let tone = if view.side == Side::Target { Tone::Good } else { Tone::Strong };
    block.toned("Answers", view.side.word(), tone);
    block.line("Why", view.text.as_str());
    block.line("Rule", view.why.text());
    block.line("Stage", format!("{}, version {}", view.stage, view.version));
    block.line(
        "Bucket",
        format!("{} of 10,000, by algorithm {} with salt {}", view.bucket, view.algorithm, view.salt),
    );
    let beside = match (view.shadow, view.second_write) {
        (true, true) => "the other arm is read and compared, and written behind",
        (true, false) => "the other arm is read beside it and compared",
        (false, true) => "the other arm is written behind it",
        (false, false) => "nothing",
    };
    block.line("Beside it", beside);
    block.line("As of", time(view.at));
    if let Some(note) = &view.note {
        block.toned("Doubt", note, Tone::Warn);
    }
    block.render(style)
}
