//! What rollouts count and where they stand.

use cutover_shared::rollout::{Operation, RolloutName, Side, Stage};
use metrics::{Counter, Gauge};
use metrics_exporter_prometheus::PrometheusRecorder;

use super::Metrics;
use super::register::Register;
use super::table::{Described, Values, counter, gauge, series};

/// By [`Operation::index`], [`Side::index`] and [`RolloutName::index`].
pub(super) const OPERATIONS: &[&str] = &["import", "list", "clone", "pull", "push"];
pub(super) const SIDES: &[&str] = &["legacy", "target"];
pub(super) const ROLLOUTS: &[&str] = &["github-auth", "git-sandbox"];

series! {
    RolloutSeries {
        calls: [[[Counter; 3]; 2]; Operation::ALL.len()] = counter(
            "cutover_rollout_calls",
            "calls",
            "Calls of a rollout's arm, by operation and by how they ended; those that ran beside are among them.",
        ).by(&[
            ("operation", Values::Words(OPERATIONS)),
            ("side", Values::Words(SIDES)),
            ("outcome", Values::Words(&["ok", "error", "gross"])),
        ]),
        stage: [Gauge; RolloutName::ALL.len()] = gauge(
            "cutover_rollout_stage",
            "stage",
            "The stage that decides now: 0 off or killed, 1 dual-write, 2 shadow, 3 canary, 4 live, 5 complete.",
        ).by(&[("rollout", Values::Words(ROLLOUTS))]),
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
