//! Rollouts in time (C8): rings, named roles, the legacy arm's standby, the timeline.

use serde::{Deserialize, Serialize};

use super::{RolloutName, Stage};
use crate::ids::{OperatorName, TenantId};
use crate::page::Page;
use crate::run::words;

/// Whom the first share of `canary` takes before all others. `internal` and `beta` are lists of tenants, `all` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ring {
    Internal,
    Beta,
    #[default]
    All,
}
words!(Ring { Internal = "internal", Beta = "beta", All = "all" });

impl Ring {
    /// Those that are lists of tenants, in the order in which they are taken.
    pub const LISTED: [Self; 2] = [Self::Internal, Self::Beta];

    /// It limits nothing.
    pub fn is_all(&self) -> bool {
        *self == Self::All
    }
}

/// What becomes of tenants and a ring's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RingChange {
    /// A tenant that is in the other ring moves to this one.
    Add,
    Remove,
}

/// A tenant of a ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingMember {
    pub tenant: TenantId,
    pub ring: Ring,
    /// Epoch milliseconds.
    pub since: i64,
    pub by: OperatorName,
}

/// What a change of a ring did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingReceipt {
    pub ring: Ring,
    /// Tenants that were added or removed; those that were so already are not among them.
    pub changed: u64,
    /// Tenants on the list now.
    pub members: u64,
}

/// Who answers for what, by name. It gives nobody a right: those are the operators' roles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedRoles {
    pub lead: Vec<OperatorName>,
    pub on_call: Vec<OperatorName>,
    pub rollback_authority: Vec<OperatorName>,
}

impl NamedRoles {
    /// What this operator is named for, in words.
    pub fn of(&self, who: &OperatorName) -> Vec<&'static str> {
        let named = [
            (&self.lead, "migration lead"),
            (&self.on_call, "on-call"),
            (&self.rollback_authority, "rollback authority"),
        ];
        named.into_iter().filter(|(names, _)| names.contains(who)).map(|(_, word)| word).collect()
    }
}

/// How the legacy arm stands once the target answers for everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StandbyState {
    /// It is written behind each answer: going back loses nothing but what is still on its way.
    Hot,
    /// It is not written any more.
    Unwritten,
}

/// The legacy arm in `live` and `complete`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standby {
    pub state: StandbyState,
    /// Epoch milliseconds.
    pub since: i64,
    /// Writes that the legacy arm is owed, and those that failed.
    pub waiting: u64,
    pub failed: u64,
    /// How far its book lags: the age of the oldest of them, milliseconds.
    pub lag_ms: i64,
    /// What it means for the way back.
    pub text: String,
}

/// Answers of this time are in the target's book alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegacyGap {
    /// Epoch milliseconds, both.
    pub since: i64,
    pub until: i64,
}

/// What a rollout shows of its place in time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InTime {
    /// Whom the stage is open for.
    #[serde(default, skip_serializing_if = "Ring::is_all")]
    pub ring: Ring,
    #[serde(default)]
    pub roles: NamedRoles,
    /// In `live` and `complete`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standby: Option<Standby>,
    /// After a way back from `complete`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<LegacyGap>,
}

/// A rollout's timeline: where it goes next, and where it has been, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineView {
    pub rollout: RolloutName,
    /// None at the last stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<Planned>,
    pub stays: Page<Stay>,
}

/// The next step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    pub stage: Stage,
    #[serde(default, skip_serializing_if = "Ring::is_all")]
    pub ring: Ring,
    /// When the time in the stage is over, epoch milliseconds.
    pub soaked_at: i64,
    /// The first moment from then on, and from now on, that lies in the hours.
    pub earliest_at: i64,
    /// Criteria besides time and hours that do not hold now, by name.
    pub waits: Vec<String>,
}

/// A time in one stage, in one ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stay {
    pub stage: Stage,
    #[serde(default, skip_serializing_if = "Ring::is_all")]
    pub ring: Ring,
    /// Epoch milliseconds, both; still there: none.
    pub entered_at: i64,
    pub left_at: Option<i64>,
    /// The version that began it, and the change that did: `begin`, `stage`, `rollback`, `auto-rollback`.
    pub version: u64,
    pub act: String,
    pub by: OperatorName,
    /// What that person was named for then: `migration lead`, `on-call`, `rollback authority`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub named: Vec<String>,
    pub reason: String,
    /// The approved step's digest; none for a way back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Criteria that did not hold and were passed, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed: Vec<String>,
    /// On the target when it began, of how many tenants; none where that was not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inside: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenants: Option<u64>,
    /// The oldest first.
    pub events: Vec<StayEvent>,
    /// There were more than these.
    #[serde(default)]
    pub more: bool,
}

/// Something that happened during a stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StayEvent {
    /// Epoch milliseconds.
    pub at: i64,
    pub kind: StayEventKind,
    pub by: OperatorName,
    pub text: String,
}

/// What can happen during a stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StayEventKind {
    Kill,
    Unkill,
    Freeze,
    Unfreeze,
    Incident,
    IncidentClosed,
}
words!(StayEventKind {
    Kill = "kill", Unkill = "unkill", Freeze = "freeze", Unfreeze = "unfreeze", Incident = "incident",
    IncidentClosed = "incident closed",
});
