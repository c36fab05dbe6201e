//! Critical incidents, and what follows from one.

use serde::{Deserialize, Serialize};

use super::{Operation, RolloutName, Stage};
use crate::ids::OperatorName;

/// A critical incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentView {
    pub id: String,
    pub opened_at: i64,
    pub opened_by: OperatorName,
    /// None: every rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutName>,
    pub text: String,
}

/// What the declaration of an incident did to one rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentEffect {
    pub rollout: RolloutName,
    #[serde(flatten)]
    pub outcome: IncidentOutcome,
}

/// How it ended for that rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum IncidentOutcome {
    /// It went back, and legacy answers for everybody.
    RolledBack {
        from: Stage,
        to: Stage,
        /// Those that the target answered.
        operations: Vec<Operation>,
        /// Those that were on legacy already, because their flag is off.
        off: Vec<Operation>,
        /// Tenants that left the target, of all; none where they could not be counted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tenants: Option<Moved>,
        /// False: it is in effect, and the daemon goes on trying to store it.
        stored: bool,
    },
    /// It was left as it is, for this reason.
    Left { stage: Stage, why: String },
    /// It should have gone back, and did not.
    Failed { why: String },
}

/// How many left the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    pub moved: u64,
    pub all: u64,
}
