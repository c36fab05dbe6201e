//! What a kill did.

use serde::{Deserialize, Serialize};

/// What a kill did, step by step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KillReceipt {
    /// Milliseconds since the epoch from which every decision was legacy.
    pub at: i64,
    /// The marker file is on disk.
    pub marker: bool,
    /// Mode and runs are stored, and the audit has it.
    pub stored: bool,
    /// Runs that were told to pause.
    pub paused: Vec<crate::ids::RunId>,
    /// What is still owed, in words; empty when nothing.
    pub owed: String,
    /// Each replica's receipt, this one's first.
    #[serde(default)]
    pub replicas: Vec<ReplicaReceipt>,
}

/// A replica's part of a kill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaReceipt {
    /// `local`, or as the others are called.
    pub name: String,
    pub state: ReplicaState,
    /// Epoch milliseconds from which each of its decisions is legacy.
    pub at: i64,
    /// Calls that began on the target from then until the receipt went out: 0 is the proof. None from one that did not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets_after: Option<u64>,
}

/// How a replica came to serve legacy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplicaState {
    /// It said so.
    Confirmed,
    /// It could not be reached, and has lost its lease by then.
    LegacyByLease,
}

crate::run::words!(ReplicaState { Confirmed = "confirmed", LegacyByLease = "legacy_by_lease" });
