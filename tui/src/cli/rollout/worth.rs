//! Whether to migrate at all: thresholds with their evidence, and the decision.

use cutover_shared::rollout::{
    Decided, RolloutAct, RolloutAnswer, RolloutName, RolloutQuery, WorthDecision, WorthView,
};
use cutover_shared::verdict::{Exceeded, WorthMeasure, WorthOutcome, WorthReading};
use serde_json::json;

use super::super::{Outcome, Verdict};
use super::text::section;
use super::{ask, done, when};
use crate::failure::Failure;
use crate::plain::rollout::{amount, ppm};
use crate::plain::{Block, Cell, Column, Style, Tone, age, number, span};
use crate::session::Session;
use crate::words;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Decide {
    #[arg(value_parser = words::rollout())]
    name: RolloutName,
    /// `not-needed` closes the phases, `migrate` opens them; the same again is the review
    #[arg(value_parser = words::worth_decision())]
    decision: WorthDecision,
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

const READINGS: &[Column] = &[
    Column::words("MEASURE"),
    Column::words("STATE"),
    Column::number("VALUE"),
    Column::number("THRESHOLD"),
    Column::words("SINCE"),
    Column::words("TO GO"),
];

pub(super) async fn look(session: &mut Session<'_>, name: Option<RolloutName>) -> Verdict {
    let RolloutAnswer::Worth(views) = ask(session, RolloutQuery::Worth { name }).await? else {
        return Err(Failure::unexpected("rollout worth"));
    };
    let now = session.now();
    session.out.answer(&json!({ "rows": views }), |style| {
        let texts: Vec<String> = views.iter().map(|view| text(view, now, style)).collect();
        texts.join("\n")
    })?;
    Ok(Outcome::Done)
}

pub(super) async fn decide(args: Decide, session: &mut Session<'_>) -> Verdict {
    let Decide { name, decision, reason } = args;
    done(session, RolloutAct::Decide { name, decision, reason }, "nothing was decided").await
}

fn text(view: &WorthView, now: i64, style: Style) -> String {
    let mut block = Block::new();
    block.toned("Rollout", view.rollout.word(), Tone::Strong);
    let (said, tone) = match view.worth.outcome {
        WorthOutcome::Migrate => ("migrate: a threshold was exceeded for long enough", Tone::Warn),
        WorthOutcome::NotNeeded => ("not needed: none was exceeded for a whole period", Tone::Good),
        WorthOutcome::Watching => ("not enough data", Tone::Plain),
    };
    block.toned("Outcome", said, tone);
    match &view.decided {
        None => block.line("Decided", "nobody has"),
        Some(decided) => block.toned("Decided", decision(decided, now), Tone::Strong),
    };
    let review = when(now, view.worth.review_ms);
    match view.due {
        true => block.toned("Review", format!("overdue since {review}"), Tone::Warn),
        false => block.line("Review", review),
    };
    block.line("Sampled", view.sampled_at.map_or("not yet".to_owned(), |at| age(now, at)));
    let rows = view.worth.readings.iter().map(|reading| row(reading, now)).collect();
    let mut text = block.render(style) + &section("Thresholds of the legacy arm", style, READINGS, rows);
    let mut seen = Block::new();
    for reading in &view.worth.readings {
        let said = evidence(reading, now);
        if !said.is_empty() {
            seen.line(&name(reading), said);
        }
    }
    let seen = seen.render(style);
    if !seen.is_empty() {
        text += &format!("\n{seen}");
    }
    text
}

fn decision(decided: &Decided, now: i64) -> String {
    let Decided { decision, reason, by, at, .. } = decided;
    format!("{}, {} by {by}: {reason}", decision.word().replace('_', " "), age(now, *at))
}

fn row(reading: &WorthReading, now: i64) -> Vec<Cell> {
    let (word, tone) = match (&reading.source, &reading.exceeded, reading.value) {
        (None, ..) => ("? no source", Tone::Warn),
        (_, Some(_), _) if reading.missing_ms == 0 => ("x long enough", Tone::Bad),
        (_, Some(_), _) => ("x exceeded", Tone::Warn),
        (_, None, None) => ("? no sample", Tone::Warn),
        // Over the threshold, and too long ago for a word on the time since.
        (_, None, Some(value)) if value > reading.threshold => ("? not lately", Tone::Warn),
        (_, None, Some(_)) => ("+ kept", Tone::Good),
    };
    let shown = |value: u64| measured(reading.measure, value);
    vec![
        name(reading).into(),
        Cell::toned(word, tone),
        reading.value.map_or("-".to_owned(), shown).into(),
        shown(reading.threshold).into(),
        reading.exceeded.map_or(String::new(), |one| age(now, one.since_ms)).into(),
        to_go(reading).into(),
    ]
}

fn name(reading: &WorthReading) -> String {
    reading.measure.word().replace('_', " ")
}

/// How much longer it would have to go on.
fn to_go(reading: &WorthReading) -> String {
    match reading.exceeded {
        Some(_) if reading.missing_ms > 0 => span(reading.missing_ms.unsigned_abs() / 1_000),
        _ => String::new(),
    }
}

fn evidence(reading: &WorthReading, now: i64) -> String {
    let mut said = Vec::new();
    let shown = |value: u64| measured(reading.measure, value);
    if let Some(Exceeded { since_ms, until_ms, samples, least, most }) = reading.exceeded {
        let lasted = span(until_ms.abs_diff(since_ms) / 1_000);
        let samples = format!("{} {}", number(samples), if samples == 1 { "sample" } else { "samples" });
        said.push(format!("for {lasted}, {samples} of {} to {}", shown(least), shown(most)));
    }
    said.extend(reading.last_dip_ms.map(|at| format!("dip {}", age(now, at))));
    said.extend(reading.last_hole_ms.map(|at| format!("hole {}", age(now, at))));
    said.join("; ")
}

/// A value in its measure's unit.
fn measured(measure: WorthMeasure, value: u64) -> String {
    use cutover_shared::verdict::Unit;
    match measure {
        WorthMeasure::P95 | WorthMeasure::PoolWait => amount(Unit::Millis, value),
        WorthMeasure::ErrorRate => ppm(value),
        WorthMeasure::Concurrency => number(value),
        WorthMeasure::CostPerCall => format!("{}.{:06}", number(value / 1_000_000), value % 1_000_000),
    }
}
