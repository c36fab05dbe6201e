//! Rollouts, their changes, the lists that they name, and what is recorded of them.

use async_trait::async_trait;
use cutover_shared::rollout::{RolloutName, Stage};

use super::ReadError;

/// What decides for one rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolloutRow {
    pub name: RolloutName,
    pub version: u64,
    /// JSON.
    pub body: String,
}

/// A change to be written; the version is set inside the commit.
#[derive(Clone, Debug, PartialEq)]
pub struct NewChange {
    pub at: i64,
    pub by: String,
    pub act: &'static str,
    pub from: Stage,
    pub to: Stage,
    pub reason: String,
    pub detail: serde_json::Value,
}

/// A change as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeRow {
    pub name: RolloutName,
    pub version: u64,
    pub at: i64,
    pub by: String,
    pub act: String,
    pub from: Stage,
    pub to: Stage,
    pub reason: String,
    /// JSON.
    pub detail: String,
    /// JSON: what decided from then on.
    pub body: String,
}

/// What is recorded beside a rollout's decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// The judge's state: it goes on where it stood after a restart.
    Judge,
    /// The figures of the legacy arm before anything was moved.
    Baseline,
    /// The proof that the way back is walkable.
    Reverse,
    /// The proof that each trigger can fire.
    Armed,
    /// The proof that each tenant's credential works in the target.
    Preflight,
    /// What the last reconciliation found.
    Reconcile,
    /// Answers that left no record: the store did not take it.
    Unrecorded,
    /// When the kill switch is drilled next.
    Drill,
    /// When the judge last said no while the target answered for everybody.
    Red,
}

impl RecordKind {
    /// As it is stored.
    pub fn word(self) -> &'static str {
        match self {
            Self::Judge => "judge",
            Self::Baseline => "baseline",
            Self::Reverse => "reverse",
            Self::Armed => "armed",
            Self::Preflight => "preflight",
            Self::Reconcile => "reconcile",
            Self::Unrecorded => "unrecorded",
            Self::Drill => "drill",
            Self::Red => "red",
        }
    }
}

/// An incident as it was declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentRow {
    pub id: String,
    pub opened_at: i64,
    pub opened_by: String,
    /// None: all rollouts.
    pub rollout: Option<RolloutName>,
    pub text: String,
}

/// Operations on rollouts.
#[derive(Clone, Debug)]
pub enum RolloutOp {
    /// Sets what decides, as version `after + 1`; demands that the version is `after` (0: there is none yet).
    Put { name: RolloutName, after: u64, body: String, change: Box<NewChange> },
    /// A list by its digest; one that is there already is the same.
    List { digest: String, tenants: String },
    /// Replaces a record.
    Record { name: RolloutName, kind: RecordKind, at: i64, body: String },
    /// A record is not true any more.
    Forget { name: RolloutName, kind: RecordKind },
    /// Opens an incident.
    Declare(IncidentRow),
    /// Ends an incident; demands that it is open.
    Close { id: String, at: i64, by: String },
    /// Ends an incident, or leaves it ended.
    End { id: String, at: i64, by: String },
    /// Replaces what was seen of whether to migrate at all; JSON.
    Worth { name: RolloutName, at: i64, watch: String },
}

type Read<T> = Result<T, ReadError>;

/// What rollouts read.
#[async_trait]
pub trait RolloutRead {
    async fn rollouts(&self) -> Read<Vec<RolloutRow>>;
    /// Newest first, older than version `before`.
    async fn rollout_changes(
        &self,
        name: RolloutName,
        before: Option<u64>,
        limit: u32,
    ) -> Read<Vec<ChangeRow>>;
    /// The change that decided at this moment; none before the first.
    async fn rollout_at(&self, name: RolloutName, at: i64) -> Read<Option<ChangeRow>>;
    /// JSON array of ids.
    async fn rollout_list(&self, digest: &str) -> Read<Option<String>>;
    /// (recorded at, JSON).
    async fn rollout_record(&self, name: RolloutName, kind: RecordKind) -> Read<Option<(i64, String)>>;
    /// What was seen of whether to migrate at all, JSON.
    async fn worth(&self, name: RolloutName) -> Read<Option<String>>;
    /// Oldest first; at most a hundred.
    async fn incidents_open(&self) -> Read<Vec<IncidentRow>>;
    /// An incident, and when it was closed.
    async fn incident(&self, id: &str) -> Read<Option<(IncidentRow, Option<i64>)>>;
}
