//! What is measured, owed and proven of a rollout.

use serde::{Deserialize, Serialize};

use super::{Operation, Side};
use crate::ids::TenantId;
use crate::run::words;
use crate::status::Health;

/// How long each window of [`ArmFigures::spark_calls`] and its siblings is, in milliseconds.
pub const SPARK_WINDOW_MS: u64 = 5_000;

/// Windows that a rate is taken over: a minute.
const RATE_WINDOWS: usize = 12;

impl ArmFigures {
    /// Calls a second over the last whole windows, in tenths; `age_ms`: how long calls are counted already. None before the first
    /// whole window is over. The newest window is left out, because it is not over.
    pub fn rate_tenths(&self, age_ms: i64) -> Option<u64> {
        let age = u64::try_from(age_ms).unwrap_or(0) / SPARK_WINDOW_MS;
        let whole = self.spark_calls.len().saturating_sub(1);
        let most = usize::try_from(age.saturating_sub(1)).unwrap_or(usize::MAX).min(RATE_WINDOWS).min(whole);
        let counted = self.spark_calls.get(whole.saturating_sub(most)..whole)?;
        let (calls, windows) =
            (counted.iter().fold(0_u64, |sum, n| sum.saturating_add(*n)), u64::try_from(most).ok()?);
        calls.saturating_mul(10_000).checked_div(windows.saturating_mul(SPARK_WINDOW_MS))
    }
}

/// One arm's figures in one operation, or in all of the rollout's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArmFigures {
    pub calls: u64,
    pub errors: u64,
    /// Microseconds; none without calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_us: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_us: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_us: Option<u64>,
    /// Calls of each of the last windows, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spark_calls: Vec<u64>,
    /// Errors of the same windows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spark_errors: Vec<u64>,
    /// P95 of the same windows, microseconds; 0 without calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spark_p95_us: Vec<u64>,
}

/// Both arms in one operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationFigures {
    /// None: all operations together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    pub legacy: ArmFigures,
    pub target: ArmFigures,
    /// Answers that were compared since shadow began.
    pub compared: u64,
    /// Of those, the ones that differed.
    pub mismatched: u64,
    /// Comparisons that were lost since shadow began: no room, no time, or the world moved.
    pub shed: u64,
    /// Comparisons that the budget of calls left out since shadow began: the sample is smaller, nothing was lost.
    #[serde(default)]
    pub over_budget: u64,
}

/// Writes of the other arm that are still owed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairView {
    pub waiting: u64,
    /// Tried and refused, or too old: a person has to look.
    pub failed: u64,
    /// Milliseconds.
    pub oldest_ms: i64,
    /// The queue is full or over its age: no stage advances.
    pub blocks: bool,
}

/// Where a write that an arm owes behind the other one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RepairState {
    /// The call is not answered yet.
    Intent,
    /// Owed, and tried by itself.
    Pending,
    Done,
    /// Given up: a person has to look.
    Failed,
    /// A newer write of the same thing took its place.
    Superseded,
    /// A person gave it up.
    Dropped,
}
words!(RepairState {
    Intent = "intent", Pending = "pending", Done = "done", Failed = "failed", Superseded = "superseded",
    Dropped = "dropped",
});

/// A write that an arm owes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairLine {
    pub seq: i64,
    pub operation: Operation,
    pub tenant: TenantId,
    /// Of the record: project, repository and commit, without a secret.
    pub key: String,
    /// The arm that owes it.
    pub side: Side,
    /// `pending` or `failed`.
    pub state: RepairState,
    /// Epoch milliseconds.
    pub created_at: i64,
    pub attempts: u32,
    /// Not before this moment, epoch milliseconds; 0 for at once.
    pub due_at: i64,
    /// Why the last try failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a comparison of both arms' books found (C4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconcileView {
    /// When it began, epoch milliseconds.
    pub at: i64,
    /// Records since this moment, epoch milliseconds.
    pub since: i64,
    /// Keys that were compared, those on their way left out.
    pub compared: u64,
    /// Legacy has a record, the target has none.
    pub missing: u64,
    /// The target has a record, legacy has none.
    pub extra: u64,
    /// Both have one, and their digests differ.
    pub different: u64,
    /// Owed, and younger than the age that a write may have.
    pub lagging: u64,
    /// Written while it compared, and left to the next one. None: it did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub later: Option<u64>,
    /// Missing, extra and different in a million compared: above 1,000 (0.1 %) it is an alert, above half of that a warning.
    pub mismatch_ppm: u64,
    /// Writes that are owed again because of it.
    pub repaired: u64,
    /// Answers since then that left no record in either book, because the store did not take it: no comparison finds these.
    pub unrecorded: u64,
    pub health: Health,
    /// The first keys that did not agree, each behind its word.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}

/// The way back was walked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReverseView {
    pub at: i64,
    pub ok: bool,
    /// What was checked, and what failed.
    pub text: String,
    /// Tenants whose legacy credential was tried.
    pub tenants: u32,
}

/// When the kill switch is drilled by the clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillView {
    /// Epoch milliseconds; from then on within the hours of rollouts.
    pub due_at: i64,
    /// It has been due for more than a day.
    pub overdue: bool,
}
