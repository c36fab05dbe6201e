//! What was measured in a window, as the judge takes it.

use cutover_shared::rollout::{BaselineMeasure, Measured, Side};

use crate::rollout::judge::{Better, GrossRow, Limits, Measure, Outside, Seen, Slower, Window};
use crate::rollout::metrics::WindowFigures;

/// What a window needs beside its figures.
pub(super) struct Fed {
    pub(super) number: u64,
    pub(super) limits: Limits,
    pub(super) gross: GrossRow,
}

/// The target's calls: those that it answered, and those that ran beside the legacy arm.
pub(super) fn window_of(figures: &WindowFigures, fed: &Fed) -> Window {
    let target = figures.side(Side::Target);
    let above = |limit: Option<u64>| {
        // Figures of a source without a histogram know the calls and not how long each took.
        limit.map_or(0, |limit| target.histogram.count_above(limit).min(target.calls))
    };
    Window {
        number: fed.number,
        to_ms: figures.start_at.saturating_add(figures.length_ms),
        calls: target.calls,
        errors: target.errors,
        slower: Slower {
            p50: above(fed.limits.p50_us),
            p95: above(fed.limits.p95_us),
            p99: above(fed.limits.p99_us),
        },
        compared: figures.compared,
        mismatches: figures.mismatched,
        shed: figures.shed,
        gross: fed.gross,
        lost: 0,
        incomplete: !figures.complete,
    }
}

/// A shorter latency than a millisecond is no difference to anybody.
const LEAST_US: u64 = 1_000;

/// A smaller share of webhooks says nothing: one of a few hundred would be twice as many as none.
const LEAST_PPM: u64 = 10_000;

/// What the baseline has enough of; the others are not watched.
pub(super) fn measures_of(recorded: &[Measured], floor: u64) -> Vec<Measure> {
    let enough = recorded.iter().filter(|one| one.sample >= floor);
    let measure = |one: &Measured| {
        let (better, least) = match one.measure {
            BaselineMeasure::ImportLatency | BaselineMeasure::TokenIssuance => (Better::Lower, LEAST_US),
            BaselineMeasure::WebhookFailure => (Better::Lower, LEAST_PPM),
            BaselineMeasure::ImportSuccess => (Better::Higher, 1),
        };
        Some(Measure { name: one.measure.word().to_owned(), better, value: one.value?, least })
    };
    enough.filter_map(measure).collect()
}

/// The target's, as the judge takes them; what nobody has is no sample.
pub(super) fn outside_of(measures: &[Measured]) -> Outside {
    let seen = |one: &Measured| {
        let seen = Seen { value: one.value?, sample: one.sample };
        Some((one.measure.word().to_owned(), seen))
    };
    Outside { measures: measures.iter().filter_map(seen).collect(), ..Outside::default() }
}
