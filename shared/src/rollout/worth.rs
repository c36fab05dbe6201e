//! Whether to migrate at all, as people see and decide it (C11).

use serde::{Deserialize, Serialize};

use super::RolloutName;
use crate::ids::OperatorName;
use crate::run::words;
use crate::verdict::{Worth, WorthOutcome};

/// What a person decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorthDecision {
    /// The phases are open.
    Migrate,
    /// The phases are closed: the rollout does not advance until it is decided anew.
    NotNeeded,
}
words!(WorthDecision { Migrate = "migrate", NotNeeded = "not_needed" });

/// The decision that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    pub decision: WorthDecision,
    pub reason: String,
    pub by: OperatorName,
    /// Epoch milliseconds.
    pub at: i64,
    /// What the thresholds said at that moment.
    pub outcome: WorthOutcome,
}

/// Thresholds, evidence and decision of one rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorthView {
    pub rollout: RolloutName,
    pub worth: Worth,
    /// None: nobody decided yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decided>,
    /// The review is overdue.
    pub due: bool,
    /// When the legacy arm was last sampled, epoch milliseconds; none: not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampled_at: Option<i64>,
}
