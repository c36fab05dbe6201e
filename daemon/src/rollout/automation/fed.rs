//! What was measured in a window, as the judge takes it.

use cutover_shared::rollout::Side;

use crate::rollout::judge::{GrossRow, Limits, Slower, Window};
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
