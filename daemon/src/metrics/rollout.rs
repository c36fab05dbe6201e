//! What rollouts count and where they stand.

use cutover_shared::rollout::{Operation, RolloutName, Side, Stage};
use metrics::{Counter, Gauge};
use metrics_exporter_prometheus::PrometheusRecorder;

use super::table::{self, OPERATIONS, OUTCOMES, ROLLOUTS, SIDES};
use super::{Metrics, counter, labelled_gauge};

pub(super) struct RolloutSeries {
    /// By operation, arm and how a call ended.
    calls: [[[Counter; 3]; 2]; Operation::ALL.len()],
    stage: [Gauge; RolloutName::ALL.len()],
}

impl RolloutSeries {
    pub(super) fn new(recorder: &PrometheusRecorder) -> Self {
        let series = |operation: usize, side: usize, outcome: usize| {
            let labels =
                [("operation", OPERATIONS[operation]), ("side", SIDES[side]), ("outcome", OUTCOMES[outcome])];
            counter(recorder, &table::ROLLOUT_CALLS, &labels)
        };
        let stage = std::array::from_fn(|at| {
            labelled_gauge(recorder, &table::ROLLOUT_STAGE, &[("rollout", ROLLOUTS[at])])
        });
        // What was never told is not 0.
        stage.iter().for_each(|gauge: &Gauge| gauge.set(f64::NAN));
        Self {
            calls: std::array::from_fn(|operation| {
                std::array::from_fn(|side| std::array::from_fn(|outcome| series(operation, side, outcome)))
            }),
            stage,
        }
    }
}

impl Metrics {
    /// Calls of an arm: good ones, failed ones, gross ones.
    pub fn rollout_calls(&self, operation: Operation, side: Side, calls: [u64; 3]) {
        for (counter, calls) in self.0.rollout.calls[operation.index()][side.index()].iter().zip(calls) {
            counter.increment(calls);
        }
    }

    /// The stage that decides for a rollout; a kill is `off`.
    pub fn rollout_stage(&self, name: RolloutName, stage: Stage) {
        let number = match stage {
            Stage::Off => 0.0,
            Stage::DualWrite => 1.0,
            Stage::Shadow => 2.0,
            Stage::Canary(_) => 3.0,
            Stage::Live => 4.0,
            Stage::Complete => 5.0,
        };
        self.0.rollout.stage[name.index()].set(number);
    }
}
