//! Whether and how fast everything that was applied could be taken back. A rule: from effects and measurements to an estimate.

use cutover_shared::ids::RunId;
use cutover_shared::status::WayBack;

use super::next::span;

/// Effects that stand.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// Newest first; perhaps not all.
    pub runs: Vec<RunId>,
    /// Of all runs.
    pub items: u64,
    /// A run of a kind that has no undo.
    pub irreversible: Option<RunId>,
}

/// How long a run took for how many items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measure {
    pub run: RunId,
    /// It was taken back; else it was applied.
    pub undo: bool,
    pub items: u64,
    pub began: i64,
    pub ended: i64,
    /// Most items a second that it was allowed.
    pub rate: Option<u32>,
}

/// What stands in the way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Holds<'a> {
    pub killed: bool,
    /// Why the store takes no commits.
    pub trouble: Option<&'a str>,
}

/// Runs that are named at most.
const RUNS: usize = 20;

/// The way back.
pub fn way_back(effects: &Effects, measures: &[Measure], holds: Holds<'_>) -> WayBack {
    if effects.items == 0 {
        let basis = "nothing that was applied stands".to_owned();
        return WayBack { seconds: Some(0), basis, ..WayBack::default() };
    }
    let (seconds, basis) = match best(measures) {
        Some(measure) => (Some(estimate(effects.items, measure)), words(measure)),
        None => (None, "nothing was measured yet: no run has come to its end".to_owned()),
    };
    WayBack {
        runs: effects.runs.iter().take(RUNS).cloned().collect(),
        items: effects.items,
        seconds,
        basis,
        blocked: blocked(effects, holds),
    }
}

/// The newest that went as fast as it could; a slowed one only where there is no other.
fn best(measures: &[Measure]) -> Option<&Measure> {
    let useful = measures.iter().filter(|measure| measure.items > 0 && measure.ended >= measure.began);
    useful.max_by_key(|measure| (measure.rate.is_none(), measure.ended))
}

fn took_ms(measure: &Measure) -> u64 {
    measure.ended.abs_diff(measure.began).max(1)
}

fn estimate(items: u64, measure: &Measure) -> u64 {
    let ms = u128::from(items) * u128::from(took_ms(measure));
    u64::try_from(ms.div_ceil(u128::from(measure.items.max(1)) * 1_000)).unwrap_or(u64::MAX)
}

fn words(measure: &Measure) -> String {
    let ms = took_ms(measure);
    let took = if ms < 10_000 { format!("{}.{} s", ms / 1_000, ms % 1_000 / 100) } else { span(ms / 1_000) };
    let act = if measure.undo { "undone" } else { "applied" };
    let held = measure.rate.map_or(String::new(), |rate| format!(", held to {rate} a second"));
    format!("measured: {} items in {took} when run {} was {act}{held}", grouped(measure.items), measure.run)
}

fn blocked(effects: &Effects, holds: Holds<'_>) -> Option<String> {
    if let Some(run) = &effects.irreversible {
        return Some(format!("run {run} can't be undone: its kind is irreversible"));
    }
    if holds.killed {
        return Some("the kill switch holds every run: set a mode first, then undo".to_owned());
    }
    holds.trouble.map(|cause| format!("the store can't be written: {cause}"))
}

/// 1234567 as `1,234,567`.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests;
