//! Rollouts (C1 to C12): a named pair of arms, the old one (legacy) and the new one (target), that serve the same
//! operations, and a stage that says which of them answers for whom.

mod ask;
mod figures;
mod incident;
mod measured;
mod time;
mod view;
mod worth;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use self::ask::{RolloutAct, RolloutAnswer, RolloutQuery, RolloutReceipt};
pub use self::figures::{
    ArmFigures, DrillView, OperationFigures, ReconcileView, RepairLine, RepairState, RepairView, ReverseView,
    SPARK_WINDOW_MS,
};
pub use self::incident::{IncidentEffect, IncidentOutcome, IncidentView, Moved};
pub use self::measured::{
    Baseline, BaselineFigures, BaselineMeasure, MeasureLine, Measured, OutcomeBatch, OutcomeRejected,
    OutcomeReport, OutcomesReceipt,
};
pub use self::time::{
    InTime, LegacyGap, NamedRoles, Planned, Ring, RingChange, RingMember, RingReceipt, Standby, StandbyState,
    Stay, StayEvent, StayEventKind, TimelineView,
};
pub use self::view::{
    ChangeView, Criterion, CriterionState, DecisionView, Difference, FlagView, FreezeView, KilledView,
    Member, MismatchView, OverrideView, RolloutLine, RolloutView, StepView, TrackStage, TrackState,
};
pub use self::worth::{Decided, WorthDecision, WorthView};
use crate::run::words;

/// A rollout. Both are built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RolloutName {
    /// Users' OAuth tokens, then tokens of the App's installations.
    GithubAuth,
    /// A sandbox for each task, then a pool of them.
    GitSandbox,
}
words!(RolloutName { GithubAuth = "github-auth", GitSandbox = "git-sandbox" });

/// What the arms of a rollout do. Each has a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    Import,
    List,
    Clone,
    Pull,
    Push,
}
words!(Operation { Import = "import", List = "list", Clone = "clone", Pull = "pull", Push = "push" });

impl Operation {
    /// The rollout that it belongs to.
    pub const fn rollout(self) -> RolloutName {
        match self {
            Self::Import | Self::List => RolloutName::GithubAuth,
            Self::Clone | Self::Pull | Self::Push => RolloutName::GitSandbox,
        }
    }

    /// Its flag's key, the same in OFREP, HTTP, command line and audit.
    pub const fn flag(self) -> &'static str {
        match self {
            Self::Import => "github.import.use_installation",
            Self::List => "github.list.use_installation",
            Self::Clone => "git.clone.use_service_layer",
            Self::Pull => "git.pull.use_service_layer",
            Self::Push => "git.push.use_service_layer",
        }
    }

    /// The operation with this flag.
    pub fn of_flag(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|operation| operation.flag() == key)
    }

    /// It changes nothing outside, so that both arms may do it and be compared.
    pub const fn is_read(self) -> bool {
        !matches!(self, Self::Push)
    }

    /// Its place in [`Operation::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl RolloutName {
    /// Its operations.
    pub fn operations(self) -> impl Iterator<Item = Operation> {
        Operation::ALL.iter().copied().filter(move |operation| operation.rollout() == self)
    }

    /// Its place in [`RolloutName::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// One of the two arms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Legacy,
    Target,
}
words!(Side { Legacy = "legacy", Target = "target" });

impl Side {
    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::Legacy => Self::Target,
            Self::Target => Self::Legacy,
        }
    }

    /// Its place in [`Side::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// A share of tenants in whole percent, 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u8);

impl Percent {
    /// None below 1 or above 100.
    pub const fn new(percent: u8) -> Option<Self> {
        if percent >= 1 && percent <= 100 { Some(Self(percent)) } else { None }
    }

    /// 1 to 100.
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// How far a rollout is. Written `off`, `dual-write`, `shadow`, `canary-10`, `live`, `complete`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Legacy alone.
    Off,
    /// Legacy answers; the target is written durably behind it.
    DualWrite,
    /// As before, and the target is also read beside a share of the reads and compared.
    Shadow,
    /// The target answers for this share of tenants; the other arm is written behind, reads are compared.
    Canary(Percent),
    /// The target answers for all; legacy is still written.
    Live,
    /// The target alone.
    Complete,
}

impl Stage {
    /// Whether the target may answer for anybody.
    pub const fn opens_target(self) -> bool {
        matches!(self, Self::Canary(_) | Self::Live | Self::Complete)
    }

    /// Whether the arm that does not answer is written behind.
    pub const fn writes_both(self) -> bool {
        !matches!(self, Self::Off | Self::Complete)
    }

    /// Whether reads of both arms are compared.
    pub const fn compares(self) -> bool {
        matches!(self, Self::Shadow | Self::Canary(_) | Self::Live)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.pad("off"),
            Self::DualWrite => f.pad("dual-write"),
            Self::Shadow => f.pad("shadow"),
            Self::Canary(percent) => f.pad(&format!("canary-{}", percent.0)),
            Self::Live => f.pad("live"),
            Self::Complete => f.pad("complete"),
        }
    }
}

/// The text is no stage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no stage: off, dual-write, shadow, canary-1 to canary-100, live, complete")]
pub struct NoStage(pub String);

impl FromStr for Stage {
    type Err = NoStage;

    fn from_str(text: &str) -> Result<Self, NoStage> {
        Ok(match text {
            "off" => Self::Off,
            "dual-write" => Self::DualWrite,
            "shadow" => Self::Shadow,
            "live" => Self::Live,
            "complete" => Self::Complete,
            _ => {
                let percent = text.strip_prefix("canary-").and_then(|percent| percent.parse().ok());
                let stage = percent.and_then(Percent::new).map(Self::Canary);
                // Only as it is written: `+5` and `05` are numbers to the parser, and no names of a stage.
                stage.filter(|stage| stage.to_string() == text).ok_or_else(|| NoStage(text.to_owned()))?
            }
        })
    }
}

impl Serialize for Stage {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stage {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What made a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The switch is pulled, for all or for this rollout.
    Killed,
    /// The daemon has not read its state yet, or has lost contact for longer than its lease.
    Unread,
    /// The operation's flag is off.
    FlagOff,
    /// The mode is `off`.
    ModeOff,
    /// The mode is `canary`, and the tenant is not on its list.
    NotListed,
    /// An override names the tenant.
    Override,
    /// The stage lets nobody on the target.
    Stage,
    /// The tenant's bucket against the share.
    Bucket,
    /// The tenant is or is not on the list that was frozen at approval.
    Roster,
    /// The target answers for all.
    Everyone,
}
words!(Why {
    Killed = "killed", Unread = "unread", FlagOff = "flag_off", ModeOff = "mode_off", NotListed = "not_listed",
    Override = "override", Stage = "stage", Bucket = "bucket", Roster = "roster", Everyone = "everyone",
});

impl Why {
    /// In words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Killed => "the kill switch is pulled",
            Self::Unread => "the daemon does not know the rollout's state",
            Self::FlagOff => "the operation's flag is off",
            Self::ModeOff => "the mode is off",
            Self::NotListed => "the mode is canary, and the tenant is not on the list",
            Self::Override => "an override names the tenant",
            Self::Stage => "the stage lets nobody on the target",
            Self::Bucket => "the tenant's bucket against the share",
            Self::Roster => "the list that was frozen at approval",
            Self::Everyone => "the target answers for all",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_read_as_it_is_written_and_nothing_else_is_one() {
        for text in ["off", "dual-write", "shadow", "canary-1", "canary-10", "canary-100", "live", "complete"]
        {
            let stage: Stage = text.parse().unwrap();
            assert_eq!(stage.to_string(), text);
            assert_eq!(serde_json::from_str::<Stage>(&format!("\"{text}\"")).unwrap(), stage);
        }
        for text in [
            "",
            "canary",
            "canary-0",
            "canary-101",
            "canary-+5",
            "canary-05",
            "canary-1.5",
            "OFF",
            "dual_write",
        ] {
            assert_eq!(text.parse::<Stage>(), Err(NoStage(text.to_owned())));
        }
    }

    #[test]
    fn stages_are_ordered_by_how_far_they_are() {
        let order =
            ["off", "dual-write", "shadow", "canary-1", "canary-10", "canary-100", "live", "complete"];
        let stages: Vec<Stage> = order.iter().map(|text| text.parse().unwrap()).collect();
        assert!(stages.is_sorted());
    }

    #[test]
    fn each_operation_has_one_flag_and_one_rollout() {
        for operation in Operation::ALL.iter().copied() {
            assert_eq!(Operation::of_flag(operation.flag()), Some(operation));
            assert_eq!(Operation::ALL[operation.index()], operation);
            assert!(operation.rollout().operations().any(|of| of == operation));
        }
        assert_eq!(Operation::of_flag("git.clone"), None);
    }
}
