//! Rollouts (C1 to C12): a named pair of arms, the old one (legacy) and the new one (target), that serve the same
//! operations, and a stage that says which of them answers for whom.

mod measured;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use self::measured::{
    Baseline, BaselineFigures, OutcomeBatch, OutcomeRejected, OutcomeReport, OutcomesReceipt,
};
use crate::ids::{Digest, OperatorName, TenantId};
use crate::page::{Page, PageAsk};
use crate::run::words;
use crate::status::Health;
use crate::verdict::Judgement;

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

/// Something that stands in the way of the next stage, or does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Criterion {
    /// A word: `freeze`, `window`, `soak`, `verdict`, `repair`, `reverse`, `armed`, `baseline`, `preflight`, `complete`, `flags`,
    /// `mode`, `incident`.
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
    /// Shadow calls that were left out, since shadow began.
    pub shed: u64,
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

/// A change of a rollout, as its timeline shows it. A rollback's is its receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeView {
    pub rollout: RolloutName,
    pub version: u64,
    pub at: i64,
    pub by: OperatorName,
    /// `begin`, `stage`, `back`, `rollback`, `auto-rollback`, `kill`, `unkill`, `flag`, `override`, `freeze`, `unfreeze`.
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
    pub figures: Vec<OperationFigures>,
    /// What the judge says, with a reading for each trigger; none while it is not armed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judgement: Option<Judgement>,
    /// What stands before the next stage.
    pub criteria: Vec<Criterion>,
    pub repair: RepairView,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverse: Option<ReverseView>,
    /// Epoch milliseconds of the recorded baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline_at: Option<i64>,
    /// Newest first.
    pub changes: Vec<ChangeView>,
    /// An incident that is open, in its words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
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

/// Questions about rollouts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutQuery {
    List,
    Show {
        name: RolloutName,
    },
    /// A dry-run of a step; `to` none: the next stage; `exact`: so many tenants, named, instead of the share.
    Step {
        name: RolloutName,
        to: Option<Stage>,
        exact: Option<u32>,
    },
    /// Tenants by id, with the side that answers; `side` leaves the others out.
    Members {
        name: RolloutName,
        side: Option<Side>,
        page: PageAsk,
    },
    /// Why a tenant took this arm, now or at a time (epoch milliseconds).
    Explain {
        tenant: TenantId,
        operation: Operation,
        at: Option<i64>,
    },
    /// Newest first.
    Changes {
        name: RolloutName,
        page: PageAsk,
    },
    Overrides {
        name: RolloutName,
        page: PageAsk,
    },
    /// Answers of the two arms that differed, newest first.
    Mismatches {
        name: RolloutName,
        page: PageAsk,
    },
    Flags,
    /// Incidents that are open.
    Incidents,
    /// Writes that wait or failed, the oldest first.
    Repairs {
        name: RolloutName,
        page: PageAsk,
    },
    /// The last comparison of both books.
    Reconciliation {
        name: RolloutName,
    },
}

/// Answers to [`RolloutQuery`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutAnswer {
    List(Vec<RolloutLine>),
    Show(Box<RolloutView>),
    Step(Box<StepView>),
    Members(Page<Member>),
    Explain(Box<DecisionView>),
    Changes(Page<ChangeView>),
    Overrides(Page<OverrideView>),
    Mismatches(Page<MismatchView>),
    Flags(Vec<FlagView>),
    Incidents(Vec<IncidentView>),
    Repairs(Page<RepairLine>),
    /// None: nothing was compared yet.
    Reconciliation(Option<Box<ReconcileView>>),
}

/// Acts on rollouts. Those that lead back are legal in every state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutAct {
    /// Takes the step that has this digest.
    Stage {
        name: RolloutName,
        to: Stage,
        exact: Option<u32>,
        digest: Digest,
        /// Passes the criteria that may be passed; needs the role approver.
        override_reason: Option<String>,
    },
    /// To any earlier stage; `to` none: the last good one.
    Rollback {
        name: RolloutName,
        to: Option<Stage>,
        reason: String,
    },
    Flag {
        operation: Operation,
        on: bool,
        reason: String,
    },
    /// `side` none takes the override away.
    Override {
        name: RolloutName,
        tenant: TenantId,
        side: Option<Side>,
        reason: String,
    },
    Freeze {
        name: RolloutName,
        reason: String,
    },
    Unfreeze {
        name: RolloutName,
    },
    /// Walks the way back without going it, and records whether it is walkable.
    Drill {
        name: RolloutName,
    },
    /// Tries each tenant's credential in the target.
    Preflight {
        name: RolloutName,
    },
    /// A critical incident: what it names rolls back; none: every rollout that has tenants on its target.
    Declare {
        name: Option<RolloutName>,
        text: String,
    },
    /// Ends an incident.
    Close {
        id: String,
    },
    /// Tries writes that failed again; `seq` none: all of them. With `drop` one is given up, for this reason.
    Repair {
        name: RolloutName,
        seq: Option<i64>,
        drop: Option<String>,
    },
    /// Compares both books now, and has written again what is missing or differs.
    Reconcile {
        name: RolloutName,
    },
    /// Lets go of a kill; none: of all.
    Unkill {
        name: Option<RolloutName>,
        reason: String,
    },
    /// Records the legacy arm's figures from a time (epoch milliseconds) until now: what the target is held against.
    Baseline {
        name: RolloutName,
        since_ms: i64,
    },
    /// Counts calls that were made elsewhere.
    Outcomes(OutcomeBatch),
}

/// What an act on a rollout answers: the change that it made, and none where everything was so already.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RolloutReceipt {
    pub changes: Vec<ChangeView>,
    /// What a drill or a preflight found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<ReverseView>,
    /// The incident that was declared or closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentView>,
    /// What was recorded, by [`RolloutAct::Baseline`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
    /// What was counted, by [`RolloutAct::Outcomes`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcomes: Option<OutcomesReceipt>,
    /// Writes that were moved by [`RolloutAct::Repair`].
    #[serde(default)]
    pub repairs: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconciled: Option<ReconcileView>,
}

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
