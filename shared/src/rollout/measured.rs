//! The baseline, and calls that were made elsewhere and are reported.

use serde::{Deserialize, Serialize};

use super::{Operation, Side};

/// The legacy arm's figures of a span before the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Epoch milliseconds: when it was recorded, and the span.
    pub at: i64,
    pub from: i64,
    pub to: i64,
    /// All operations together first, then each that had calls.
    pub operations: Vec<BaselineFigures>,
}

/// What the target is held against, in one operation or in all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaselineFigures {
    /// None: all operations together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    pub calls: u64,
    pub errors: u64,
    /// Errors in a million calls.
    pub errors_ppm: u64,
    /// Microseconds; none where only figures without latencies came from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_us: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_us: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_us: Option<u64>,
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
