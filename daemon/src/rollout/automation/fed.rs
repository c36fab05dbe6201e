//! What was measured in a window, as the judge takes it.

use std::collections::BTreeMap;

use cutover_shared::rollout::{BaselineMeasure, Measured, Side};
use cutover_shared::verdict::Effect;
use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::rollout::judge::{Better, GrossRow, Limits, Measure, Seen, Slower, Window};
use crate::rollout::metrics::{GrossRun, WindowFigures};

/// So many failures in a row, of whatever kind, without a success between ...
pub(super) const RUN_CALLS: u64 = 10;

/// ... from so many tenants, or from all if there are fewer, are not one tenant's own trouble.
pub(super) const RUN_TENANTS: u64 = 3;

/// A pause without calls of this length, milliseconds: nobody can say whether the service was disrupted in it.
const SILENCE_MS: i64 = 5 * 60 * 1_000;

/// What a window needs beside its figures.
pub(super) struct Fed {
    pub(super) number: u64,
    pub(super) limits: Limits,
    pub(super) gross: GrossRow,
}

/// The target's calls: those that it answered, and those that ran beside the legacy arm.
pub(super) fn window_of(figures: &WindowFigures, fed: &Fed) -> Window {
    let target = figures.side(Side::Target);
    let above =
        |limit: Option<u64>| limit.map_or(0, |limit| target.histogram.count_above(limit).min(target.calls));
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
        // Figures of a source without a histogram know the calls and not how long each took.
        untimed: target.calls.saturating_sub(target.histogram.total()),
        untimed_p95_us: target.outside_p95_us,
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
        // How an import goes is the target's doing. Tokens and webhooks are GitHub's as well, and legacy would not mend them.
        let (better, least, effect) = match one.measure {
            BaselineMeasure::ImportLatency => (Better::Lower, LEAST_US, Effect::Rollback),
            BaselineMeasure::ImportSuccess => (Better::Higher, 1, Effect::Rollback),
            BaselineMeasure::TokenIssuance => (Better::Lower, LEAST_US, Effect::Gate),
            BaselineMeasure::WebhookFailure => (Better::Lower, LEAST_PPM, Effect::Gate),
        };
        Some(Measure { name: one.measure.word().to_owned(), better, value: one.value?, least, effect })
    };
    enough.filter_map(measure).collect()
}

/// The target's, as the judge takes them; what nobody has is no sample.
pub(super) fn measures_now(measures: &[Measured]) -> BTreeMap<String, Seen> {
    let seen = |one: &Measured| {
        let seen = Seen { value: one.value?, sample: one.sample };
        Some((one.measure.word().to_owned(), seen))
    };
    measures.iter().filter_map(seen).collect()
}

/// A run of failures among as many tenants as the target serves.
pub(super) fn row_of(run: GrossRun, tenants: u64) -> GrossRow {
    GrossRow { length: u64::from(run.calls), tenants: u64::from(run.tenants), of: tenants.max(1) }
}

/// The present row of windows in which the target was called and not one call succeeded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Disruption {
    /// Begin of the first and end of the last of them.
    span: Option<(Millis, Millis)>,
}

impl Disruption {
    /// Takes the next window. One without calls says nothing; a success ends it.
    pub(super) fn add(&mut self, from: Millis, to: Millis, calls: u64, errors: u64) {
        if calls == 0 {
            return;
        }
        self.span = match self.span {
            _ if errors < calls => None,
            // From both sides: a clock that was set back has not made it longer.
            Some((begin, end)) if from.saturating_sub(end).saturating_abs() <= SILENCE_MS => {
                Some((begin.min(from), end.max(to)))
            }
            _ => Some((from, to)),
        };
    }

    /// How long it has lasted, milliseconds; 0 when there is none.
    pub(super) fn length_ms(self) -> u64 {
        self.span.map_or(0, |(begin, end)| u64::try_from(end.saturating_sub(begin)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests;
