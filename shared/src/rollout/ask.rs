//! Questions and acts.

use serde::{Deserialize, Serialize};

use super::{
    Baseline, ChangeView, DecisionView, FlagView, IncidentEffect, IncidentView, Member, MismatchView,
    Operation, OutcomeBatch, OutcomesReceipt, OverrideView, ReconcileView, RepairLine, ReverseView, Ring,
    RingChange, RingMember, RingReceipt, RolloutLine, RolloutName, RolloutView, Side, Stage, StepView,
    TimelineView, WorthDecision, WorthView,
};
use crate::ids::{Digest, TenantId};
use crate::mapping::MapScope;
use crate::page::{Page, PageAsk};
use crate::run::RunView;
use crate::sandbox_record::RecordView;

/// Questions about rollouts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutQuery {
    List,
    Show {
        name: RolloutName,
    },
    /// A dry-run of a step; `to` none: the next stage; `exact`: so many tenants, named, instead of the share; `ring` none: the
    /// next ring that has tenants.
    Step {
        name: RolloutName,
        to: Option<Stage>,
        exact: Option<u32>,
        #[serde(default)]
        ring: Option<Ring>,
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
    /// Imported records of sandboxes, by tenant and id.
    Records {
        tenant: Option<TenantId>,
        page: PageAsk,
    },
    /// Where it goes next, and its stages with what happened in each; newest first.
    Timeline {
        name: RolloutName,
        page: PageAsk,
    },
    /// Tenants of a ring, by id. The ring `all` has no list.
    Ring {
        ring: Ring,
        page: PageAsk,
    },
    /// Whether to migrate at all, and the evidence; none: of every rollout.
    Worth {
        name: Option<RolloutName>,
    },
}

impl RolloutQuery {
    /// The one rollout that it is about.
    pub fn rollout(&self) -> Option<RolloutName> {
        match self {
            Self::Show { name }
            | Self::Step { name, .. }
            | Self::Members { name, .. }
            | Self::Changes { name, .. }
            | Self::Overrides { name, .. }
            | Self::Mismatches { name, .. }
            | Self::Repairs { name, .. }
            | Self::Reconciliation { name }
            | Self::Timeline { name, .. } => Some(*name),
            Self::Explain { operation, .. } => Some(operation.rollout()),
            Self::Worth { name } => *name,
            Self::List | Self::Flags | Self::Incidents | Self::Records { .. } | Self::Ring { .. } => None,
        }
    }
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
    Records(Page<RecordView>),
    Timeline(Box<TimelineView>),
    Ring(Page<RingMember>),
    Worth(Vec<WorthView>),
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
        #[serde(default)]
        ring: Option<Ring>,
        digest: Digest,
        /// Passes the criteria that may be passed; needs the role approver.
        override_reason: Option<String>,
    },
    /// To any earlier stage; `to` none: the last good one, in which legacy answers for everybody.
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
    /// Writes a plan that moves imported records of sandboxes into the target's book. Changes nothing else; what follows are acts on
    /// its run.
    PlanRecords {
        scope: MapScope,
    },
    /// Puts tenants on a ring's list, or takes them off. Moves nobody: a list is frozen with the step that takes it.
    Ring {
        ring: Ring,
        change: RingChange,
        tenants: Vec<TenantId>,
    },
    /// Whether to migrate at all, as a person decides it; said again it is a review.
    Decide {
        name: RolloutName,
        decision: WorthDecision,
        reason: String,
    },
}

impl RolloutAct {
    /// The one rollout that it is about.
    pub fn rollout(&self) -> Option<RolloutName> {
        match self {
            Self::Stage { name, .. }
            | Self::Rollback { name, .. }
            | Self::Override { name, .. }
            | Self::Freeze { name, .. }
            | Self::Unfreeze { name }
            | Self::Drill { name }
            | Self::Preflight { name }
            | Self::Repair { name, .. }
            | Self::Reconcile { name }
            | Self::Baseline { name, .. }
            | Self::Decide { name, .. } => Some(*name),
            Self::Flag { operation, .. } => Some(operation.rollout()),
            Self::Declare { name, .. } | Self::Unkill { name, .. } => *name,
            Self::Close { .. } | Self::Outcomes(_) | Self::PlanRecords { .. } | Self::Ring { .. } => None,
        }
    }
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
    /// What its declaration did, rollout by rollout.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<IncidentEffect>,
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
    /// The run that [`RolloutAct::PlanRecords`] planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<Box<RunView>>,
    /// By [`RolloutAct::Ring`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ring: Option<RingReceipt>,
}
