//! How the receipts of acts on rollouts read.

use cutover_shared::rollout::{
    Baseline, BaselineFigures, ReconcileView, ReverseView, RolloutName, RolloutReceipt,
};
use cutover_shared::status::Health;

use super::text::section;
use super::when;
use crate::plain::rollout::{changed, error_rate, latency, measured, ppm};
use crate::plain::{Block, Cell, Column, Style, Tone, clean, number, time};

const BASELINE: &[Column] = &[
    Column::words("OPERATION"),
    Column::number("CALLS"),
    Column::number("ERRORS"),
    Column::number("P50"),
    Column::number("P95"),
    Column::number("P99"),
];

/// Whether somebody has to look: a proof failed, or the books do not agree.
pub(super) fn is_bad(receipt: &RolloutReceipt) -> bool {
    receipt.proof.as_ref().is_some_and(|proof| !proof.ok)
        || receipt
            .reconciled
            .as_ref()
            .is_some_and(|found| found.health != Health::Ok || mismatches(found) > 0)
}

/// What an act did, with all that it found; `unchanged` where everything was so already.
pub(super) fn text(receipt: &RolloutReceipt, unchanged: &str, now: i64, style: Style) -> String {
    let mut text = changes(receipt, now, style);
    if let Some(found) = &receipt.proof {
        text += &proof(found, now, style);
    }
    if let Some(ring) = &receipt.ring {
        let word = if ring.changed > 0 { "changed" } else { "so already" };
        let mut block = Block::new();
        block.toned("Ring", format!("{}, {word}", ring.ring), Tone::Good);
        block.line("Changed", number(ring.changed));
        block.line("Tenants", number(ring.members));
        text += &block.render(style);
    }
    if let Some(recorded) = &receipt.baseline {
        text += &baseline(recorded, style);
    }
    if receipt.repairs > 0 {
        let writes = if receipt.repairs == 1 { "write" } else { "writes" };
        text += &Block::new().line("Moved", format!("{} {writes}", number(receipt.repairs))).render(style);
    }
    if let Some(found) = &receipt.reconciled {
        text += &reconciled(found, now, style);
    }
    if text.is_empty() { format!("{}: nothing was changed\n", clean(unchanged)) } else { text }
}

fn changes(receipt: &RolloutReceipt, now: i64, style: Style) -> String {
    let mut text = String::new();
    for change in &receipt.changes {
        let mut block = Block::new();
        block.toned("Done", format!("{}: {}", change.rollout, changed(change)), Tone::Good);
        block.line("Version", change.version.to_string());
        block.line("At", when(now, change.at));
        if !change.reason.is_empty() {
            block.line("Reason", &change.reason);
        }
        let named = change.detail.get("named").and_then(|named| named.as_array()).into_iter().flatten();
        let named: Vec<&str> = named.filter_map(|word| word.as_str()).collect();
        if !named.is_empty() {
            block.line("By", format!("{}, {}", change.by, named.join(", ")));
        }
        if let Some(warning) = change.detail.get("warning").and_then(|warning| warning.as_str()) {
            block.toned("Warning", warning, Tone::Warn);
        }
        text += &block.render(style);
    }
    text
}

fn proof(proof: &ReverseView, now: i64, style: Style) -> String {
    let (word, tone) = if proof.ok { ("passed", Tone::Good) } else { ("FAILED", Tone::Bad) };
    let mut block = Block::new();
    block.toned("Proof", word, tone);
    block.line("At", when(now, proof.at));
    block.line("Tenants", number(u64::from(proof.tenants)));
    block.line("Found", &proof.text);
    block.render(style)
}

fn baseline(baseline: &Baseline, style: Style) -> String {
    let mut block = Block::new();
    block.toned("Baseline", "recorded", Tone::Good);
    block.line("From", time(baseline.from));
    block.line("To", time(baseline.to));
    for one in &baseline.measures {
        block.line("Besides", format!("{}: {}", one.measure.word().replace('_', " "), measured(one)));
    }
    let row = |one: &BaselineFigures| -> Vec<Cell> {
        let time = |us: Option<u64>| us.map_or("-".to_owned(), latency);
        vec![
            one.operation.map_or("all", |operation| operation.word()).into(),
            number(one.figures.calls).into(),
            error_rate(&one.figures).unwrap_or_else(|| "-".to_owned()).into(),
            time(one.figures.p50_us).into(),
            time(one.figures.p95_us).into(),
            time(one.figures.p99_us).into(),
        ]
    };
    let rows = baseline.operations.iter().map(row).collect();
    block.render(style) + &section("Legacy arm", style, BASELINE, rows)
}

/// Missing, extra and different together.
fn mismatches(found: &ReconcileView) -> u64 {
    found.missing.saturating_add(found.extra).saturating_add(found.different)
}

/// A comparison of both books.
pub(super) fn reconciled(found: &ReconcileView, now: i64, style: Style) -> String {
    let mut block = Block::new();
    let (word, tone) = match found.health {
        Health::Bad => ("DIFFER", Tone::Bad),
        Health::Warning => ("differ a little", Tone::Warn),
        Health::Ok if mismatches(found) > 0 => ("differ a little", Tone::Warn),
        Health::Ok => ("agree", Tone::Good),
    };
    block.toned("Books", word, tone);
    block.line("Compared", format!("{}, {}", number(found.compared), when(now, found.at)));
    block.line("Since", time(found.since));
    let share = format!("{} of what was compared", ppm(found.mismatch_ppm));
    let tone = if mismatches(found) > 0 { tone } else { Tone::Plain };
    block.toned("Mismatches", format!("{} ({share})", number(mismatches(found))), tone);
    block.line("Missing", format!("{} in the target's book", number(found.missing)));
    block.line("Extra", format!("{} in the target's book alone", number(found.extra)));
    block.line("Different", number(found.different));
    block.line("Lagging", format!("{} on their way", number(found.lagging)));
    block.line("Owed again", number(found.repaired));
    let tone = if found.unrecorded > 0 { Tone::Bad } else { Tone::Plain };
    block.toned("Unrecorded", format!("{}, in neither book", number(found.unrecorded)), tone);
    for (n, example) in found.examples.iter().enumerate() {
        block.line(if n == 0 { "First" } else { "" }, example);
    }
    block.render(style)
}

/// The receipt of one rollout's kill.
pub(in crate::cli) fn killed(name: RolloutName, receipt: &RolloutReceipt, now: i64, style: Style) -> String {
    let mut block = Block::new();
    block.toned("Killed", format!("{name}: legacy answers for everybody in it"), Tone::Strong);
    for change in &receipt.changes {
        block.line("Since", when(now, change.at));
        block.line("Version", change.version.to_string());
    }
    block.line("Lets go", format!("cutover unkill {name} --reason TEXT"));
    block.render(style)
}
