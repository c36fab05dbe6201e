//! What was asked lately: a share that a gate is held against must follow what people mend.

use serde::{Deserialize, Serialize};

use super::share::Tally;

/// Lately is this span and the one before it: half an hour to an hour.
const SPAN_MS: i64 = 30 * 60 * 1_000;

/// Calls and hits of the last windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Recent {
    /// The number of the span that runs.
    span: i64,
    now: Tally,
    before: Tally,
}

impl Recent {
    /// Adds a window that ended then. One of the span before counts with the span that runs; one of before that tells of a clock that was
    /// ahead and was set right, and what it had dated begins anew.
    pub fn add(&mut self, to_ms: i64, calls: u64, hits: u64) {
        let span = to_ms.div_euclid(SPAN_MS);
        if span > self.span || span < self.span.saturating_sub(1) {
            let follows = span == self.span.saturating_add(1);
            let before = if follows { self.now } else { Tally::default() };
            *self = Self { span, now: Tally::default(), before };
        }
        self.now.add(calls, hits);
    }

    /// Both spans.
    pub fn tally(&self) -> Tally {
        let mut sum = self.before;
        sum.add(self.now.calls, self.now.hits);
        sum
    }
}
