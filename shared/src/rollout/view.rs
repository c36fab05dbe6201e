//! A rollout as people see it.

use serde::{Deserialize, Serialize};

use super::{
    DrillView, InTime, MeasureLine, NamedRoles, Operation, OperationFigures, RepairView, ReverseView, Ring,
    RolloutName, Side, Stage, Why,
};
use crate::ids::{Digest, OperatorName, TenantId};
use crate::run::words;
use crate::verdict::Judgement;

/// A decision as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionView {
    pub rollout: RolloutName,
    pub operation: Operation,
    pub tenant: TenantId,
    /// Who answers.
    pub side: Side,
    pub why: Why,
    /// In words, with the figures that were compared.
    pub text: String,
    pub stage: Stage,
    /// The rollout's version that decided.
    pub version: u64,
    /// The tenant's bucket, 0 to 9,999; on the target of `canary-N` below N hundred.
    pub bucket: u16,
    /// Bucketing algorithm's version and salt.
    pub algorithm: u16,
    pub salt: String,
    /// Epoch milliseconds of the moment that was asked about.
    pub at: i64,
    /// The other arm runs beside it and is compared.
    pub shadow: bool,
    /// The other arm is written behind it.
    pub second_write: bool,
    /// What makes the answer doubtful: the catalog has no such tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A flag as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlagView {
    pub key: String,
    pub operation: Operation,
    pub rollout: RolloutName,
    /// Off forces legacy for the operation; on lets stage and overrides decide.
    pub on: bool,
    pub stage: Stage,
    pub killed: bool,
    pub version: u64,
}

/// An exception for one tenant, in all operations of a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverrideView {
    pub tenant: TenantId,
    /// `target` counts from `canary` on; `legacy` always.
    pub side: Side,
    pub reason: String,
    pub by: OperatorName,
    pub at: i64,
}

/// Automation stands still, and nothing advances. Rollback and kill never freeze.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreezeView {
    pub reason: String,
    pub by: OperatorName,
    pub at: i64,
}

/// Legacy answers for everybody until somebody lets go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KilledView {
    pub reason: String,
    pub by: OperatorName,
    pub at: i64,
}

/// Something that stands in the way of the next stage, or does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Criterion {
    /// A word: `freeze`, `window`, `soak`, `verdict`, `repair`, `reverse`, `armed`, `baseline`, `preflight`, `complete`, `flags`,
    /// `mode`, `incident`, `reconcile`, `stable`, `overrides`, `worth`.
    pub name: String,
    pub state: CriterionState,
    /// What was measured, against what.
    pub text: String,
    /// Whether `--override REASON` may pass it.
    pub may_override: bool,
}

/// Whether a criterion holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CriterionState {
    Holds,
    Fails,
    /// Not enough is known: it stops an advance as a failure does, and says what is missing.
    Unknown,
}
words!(CriterionState { Holds = "holds", Fails = "fails", Unknown = "unknown" });

/// A stage of the track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackStage {
    pub stage: Stage,
    pub state: TrackState,
    /// Epoch milliseconds since which it is, or was last, reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// How long a rollout stays in it at least.
    pub soak_ms: i64,
}

/// Where a stage of the track lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackState {
    Passed,
    Now,
    Next,
    Later,
}
words!(TrackState { Passed = "passed", Now = "now", Next = "next", Later = "later" });

/// A change of a rollout, as its timeline shows it. A rollback's is its receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeView {
    pub rollout: RolloutName,
    pub version: u64,
    pub at: i64,
    pub by: OperatorName,
    /// `begin`, `stage`, `back`, `rollback`, `auto-rollback`, `kill`, `unkill`, `flag`, `override`, `freeze`, `unfreeze`, `decide`.
    pub act: String,
    pub from: Stage,
    pub to: Stage,
    pub reason: String,
    /// Evidence: a rollback's verdict and time, an advance's digest, counts and criteria.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub detail: serde_json::Value,
}

/// A rollout in a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutLine {
    pub name: RolloutName,
    pub version: u64,
    pub stage: Stage,
    pub since: i64,
    pub killed: bool,
    pub frozen: bool,
    /// Tenants on the target, and all.
    pub inside: u64,
    pub tenants: u64,
    /// In words: what the judge says.
    pub verdict: String,
    /// Whether something needs a person.
    pub attention: bool,
}

/// A rollout with all that is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolloutView {
    pub line: RolloutLine,
    /// Bucketing algorithm's version and salt.
    pub algorithm: u16,
    pub salt: String,
    /// The list that was frozen at approval instead of a share: how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exact: Option<u64>,
    pub track: Vec<TrackStage>,
    pub flags: Vec<FlagView>,
    pub overrides: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<FreezeView>,
    /// The kill that holds it; none without one, and while only memory and the marker hold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub killed: Option<KilledView>,
    /// The change that led to where it is, however many came after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<Box<ChangeView>>,
    pub figures: Vec<OperationFigures>,
    /// What the judge says, with a reading for each trigger; none while it is not armed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judgement: Option<Judgement>,
    /// What stands before the next stage.
    pub criteria: Vec<Criterion>,
    pub repair: RepairView,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverse: Option<ReverseView>,
    /// The next drill of the kill switch; none where none is to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<DrillView>,
    /// Epoch milliseconds of the recorded baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline_at: Option<i64>,
    /// What else the target is held against, as the baseline has it and as it is in this stage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<MeasureLine>,
    /// Newest first.
    pub changes: Vec<ChangeView>,
    /// An incident that is open, in its words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    #[serde(default)]
    pub in_time: InTime,
}

/// A step before it is taken: what it would do, to whom. Changes nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepView {
    pub rollout: RolloutName,
    pub version: u64,
    pub from: Stage,
    pub to: Stage,
    /// Over version, stages and the list of tenants that answer on the target afterwards: what is approved.
    pub digest: Digest,
    /// Tenants that would move to the target, by name: the first of them.
    pub moving: Vec<TenantId>,
    pub moving_count: u64,
    /// Tenants that would move back to legacy.
    pub returning_count: u64,
    /// On the target afterwards, of how many.
    pub inside: u64,
    pub tenants: u64,
    /// The list is frozen as it is named here.
    pub exact: bool,
    /// Whom the stage is open for then.
    #[serde(default, skip_serializing_if = "Ring::is_all")]
    pub ring: Ring,
    #[serde(default)]
    pub roles: NamedRoles,
    pub criteria: Vec<Criterion>,
    /// Whether it may be approved now without an override.
    pub open: bool,
}

/// A field in which the two arms' answers differed. Values are digests, counts and names, cut and without secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    pub field: String,
    pub legacy: String,
    pub target: String,
}

/// Two answers to one call that differed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MismatchView {
    /// Rises with each.
    pub seq: i64,
    pub rollout: RolloutName,
    pub operation: Operation,
    pub tenant: TenantId,
    /// Epoch milliseconds.
    pub at: i64,
    /// The rollout's version that had both arms asked.
    pub version: u64,
    pub differences: Vec<Difference>,
}

/// A tenant and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub tenant: TenantId,
    pub side: Side,
    pub why: Why,
    pub bucket: u16,
}
