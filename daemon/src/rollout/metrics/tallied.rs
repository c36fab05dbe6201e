//! Routed calls as the recorder counts them.

use cutover_shared::rollout::Operation;

use super::WINDOW_MS;
use super::counters::{Recorder, Sample};
use crate::clock::Clock;
use crate::rollout::tally::Tally;
use crate::store::{Op, RolloutMetricOp};

/// The recorder of this process, and the clock that says into which window a difference falls.
pub struct Tallied {
    pub recorder: Recorder,
    pub clock: Clock,
}

impl Tally for Tallied {
    fn record(&self, sample: &Sample<'_>) {
        self.recorder.record(sample);
    }

    fn compared(&self, operation: Operation, equal: bool) {
        self.recorder.compared(operation, equal);
    }

    fn shed(&self, operation: Operation) {
        self.recorder.shed(operation);
    }

    fn over_budget(&self, operation: Operation) {
        self.recorder.over_budget(operation);
    }

    fn mismatch(&self, operation: Operation) -> Option<Op> {
        let at = self.clock.now();
        let one =
            RolloutMetricOp::Compared { operation, at, window_ms: WINDOW_MS, compared: 1, mismatched: 1 };
        Some(one.into())
    }
}
