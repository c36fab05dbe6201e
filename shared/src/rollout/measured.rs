//! The baseline, and calls that were made elsewhere and are reported.

use serde::{Deserialize, Serialize};

use super::{ArmFigures, Operation, Side};
use crate::run::words;

/// The legacy arm's figures of a span before the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Epoch milliseconds: when it was recorded, and the span.
    pub at: i64,
    pub from: i64,
    pub to: i64,
    /// All operations together first, then each that had calls.
    pub operations: Vec<BaselineFigures>,
    /// What else the target is held against; empty where nothing else is, and in what older versions recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<Measured>,
}

/// What a rollout is held against beside its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BaselineMeasure {
    /// P50 of imports, microseconds.
    ImportLatency,
    /// Imports that succeeded, in a million.
    ImportSuccess,
    /// P50 of what GitHub took to give an installation token, microseconds.
    TokenIssuance,
    /// Webhooks that were given up, in a million that were done with.
    WebhookFailure,
}
words!(BaselineMeasure {
    ImportLatency = "import_latency", ImportSuccess = "import_success", TokenIssuance = "token_issuance",
    WebhookFailure = "webhook_failure",
});

/// One measure of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    pub measure: BaselineMeasure,
    /// None: there is no data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<u64>,
    /// What it stands on.
    pub sample: u64,
}

/// One measure before the start and since the stage began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasureLine {
    pub measure: BaselineMeasure,
    pub before: Measured,
    pub now: Measured,
}

/// What the target is held against, in one operation or in all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaselineFigures {
    /// None: all operations together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    #[serde(flatten)]
    pub figures: ArmFigures,
    /// Calls whose latency was measured here: a Prometheus server counts others. None: an older version did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timed: Option<u64>,
}

/// Calls that were made elsewhere and are reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutcomeBatch {
    /// Chosen by who reports; the same batch counts once in 24 h.
    pub id: String,
    pub outcomes: Vec<OutcomeReport>,
}

/// How one call ended. Names its operation, or that operation's flag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutcomeReport {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    pub tenant: String,
    /// The arm that answered.
    pub side: Side,
    pub ok: bool,
    /// It failed as calls must not: no answer at all, or a broken one.
    #[serde(default)]
    pub gross: bool,
    pub duration_ms: u64,
    /// Epoch milliseconds; none: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<i64>,
    /// Comes back with a rejection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomesReceipt {
    pub id: String,
    pub counted: u64,
    pub rejected: Vec<OutcomeRejected>,
    /// It was counted before: this is the first answer again.
    #[serde(default)]
    pub repeated: bool,
}

/// One report that was not counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeRejected {
    /// Its place in the batch, from 0.
    pub index: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub reason: String,
}
