//! The service between daemon and clients. Few methods, wide enums: tarpc closes the connection when a peer
//! calls a method that it lacks, while an unknown variant is an ordinary error of one call.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::app::{AppAct, AppAnswer, AppQuery, AppView};
use crate::audit::{AuditAnswer, AuditQuery};
use crate::catalog::{CatalogAct, CatalogAnswer, CatalogQuery, CatalogReceipt};
pub use crate::changes::{Changes, Topic};
use crate::context::{ContextAct, ContextAnswer, ContextQuery, ContextReceipt};
use crate::error::RpcError;
use crate::fleet::{FleetAct, FleetAnswer, FleetQuery, FleetReceipt};
use crate::hooks::{HooksAct, HooksReceipt};
use crate::ids::{ActKey, OperatorName};
use crate::import::{ImportAct, ImportView, RecordView};
use crate::installation::{InstallationAnswer, InstallationQuery};
pub use crate::kill::{KillReceipt, ReplicaReceipt, ReplicaState};
use crate::mapping::{MapAct, MapAnswer, MapQuery, MapReceipt};
use crate::rollout::{RolloutAct, RolloutAnswer, RolloutName, RolloutQuery, RolloutReceipt};
use crate::run::{RunAct, RunAnswer, RunQuery, RunView};
use crate::status::{Check, Status};
use crate::token::{TokenAct, TokenAnswer, TokenQuery, TokenView};
use crate::webhook::{WebhookAct, WebhookAnswer, WebhookQuery, WebhookReceipt};
use crate::workflow::{WorkflowAct, WorkflowAnswer, WorkflowQuery, WorkflowReceipt};

/// Raised when an older peer could misread a newer one.
pub const PROTOCOL: u32 = 1;

/// One frame on the wire. An answer over this limit would end the connection, so pages are capped well below.
pub const MAX_FRAME: usize = 8 * 1024 * 1024;

/// How long a question may take.
pub const QUERY_DEADLINE: Duration = Duration::from_secs(30);

/// How long a question to GitHub may take: a pull request of 3,000 files is 30 pages, a file 100 MiB.
pub const CONTEXT_DEADLINE: Duration = Duration::from_secs(5 * 60);

/// How long `changes` holds on before it answers that nothing changed.
pub const CHANGES_WAIT: Duration = Duration::from_secs(25);

/// How long an act may take. A plan over a slow GitHub takes its time; the act goes on when the caller leaves.
pub const ACT_DEADLINE: Duration = Duration::from_secs(6 * 60 * 60);

/// What an operator may do. Each role may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Viewer,
    Operator,
    Approver,
    Admin,
}
crate::run::words!(Role {
    Viewer = "viewer", Operator = "operator", Approver = "approver", Admin = "admin",
});

/// The first call on every connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    pub protocol: u32,
    /// The client's version, for the log.
    pub version: String,
    /// `console`, `cli`, `watch`.
    pub purpose: String,
    /// Lowers the role of this connection; never raises it.
    #[serde(default)]
    pub role: Option<Role>,
}

/// The daemon's answer to [`Hello`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    pub protocol: u32,
    pub version: String,
    pub environment: String,
    pub operator: OperatorName,
    pub role: Role,
}

/// A question: changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Query {
    Status,
    Doctor,
    Run(RunQuery),
    Map(MapQuery),
    Catalog(CatalogQuery),
    Token(TokenQuery),
    Webhook(WebhookQuery),
    App(AppQuery),
    Installation(InstallationQuery),
    Workflow(WorkflowQuery),
    Rollout(RolloutQuery),
    Fleet(FleetQuery),
    Audit(AuditQuery),
    Context(ContextQuery),
}

/// The answer to the [`Query`] of the same name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Status(Box<Status>),
    Doctor(Vec<Check>),
    Run(RunAnswer),
    Map(MapAnswer),
    Catalog(CatalogAnswer),
    Token(TokenAnswer),
    Webhook(WebhookAnswer),
    App(AppAnswer),
    Installation(InstallationAnswer),
    Workflow(WorkflowAnswer),
    Rollout(RolloutAnswer),
    Fleet(FleetAnswer),
    Audit(AuditAnswer),
    Context(ContextAnswer),
}

/// Something that changes something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    Run(RunAct),
    Map(MapAct),
    Hooks(HooksAct),
    Catalog(CatalogAct),
    Token(TokenAct),
    Webhook(WebhookAct),
    Workflow(WorkflowAct),
    Rollout(RolloutAct),
    Fleet(FleetAct),
    App(AppAct),
    Import(ImportAct),
    Context(ContextAct),
    /// Everything on legacy, every run paused; of a rollout that is named, that one alone.
    Kill {
        reason: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rollout: Option<RolloutName>,
    },
}

/// The receipt of the [`Act`] of the same name; `Recorded` is that of an import's probes, `Rollout` also that of one
/// rollout's kill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Receipt {
    Run(Box<RunView>),
    Map(MapReceipt),
    Hooks(HooksReceipt),
    Catalog(CatalogReceipt),
    Token(TokenView),
    Webhook(WebhookReceipt),
    Workflow(WorkflowReceipt),
    Rollout(Box<RolloutReceipt>),
    Fleet(FleetReceipt),
    App(Box<AppView>),
    Import(Box<ImportView>),
    Recorded(Box<RecordView>),
    Context(Box<ContextReceipt>),
    Kill(KillReceipt),
}

impl Receipt {
    /// The run that was planned, when this is the receipt of a plan.
    pub fn planned(&self) -> Option<&RunView> {
        match self {
            Self::Map(MapReceipt::Planned(run)) | Self::Hooks(HooksReceipt::Planned(run)) => Some(run),
            Self::Rollout(receipt) => receipt.planned.as_deref(),
            Self::Fleet(receipt) => receipt.planned(),
            _ => None,
        }
    }
}

impl Query {
    /// The least role that may ask it. Exhaustive on purpose: a new question must choose.
    pub fn least_role(&self) -> Role {
        match self {
            // Tenants' code, which is nobody's business who does nothing with it.
            Self::Context(_) => Role::Operator,
            Self::Status
            | Self::Doctor
            | Self::Run(_)
            | Self::Map(_)
            | Self::Catalog(_)
            | Self::Token(_)
            | Self::Webhook(_)
            | Self::App(_)
            | Self::Installation(_)
            | Self::Workflow(_)
            | Self::Rollout(_)
            | Self::Fleet(_)
            | Self::Audit(_) => Role::Viewer,
        }
    }

    /// The question's name in refusals.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Doctor => "doctor",
            Self::Run(_) => "run",
            Self::Map(_) => "map",
            Self::Catalog(_) => "catalog",
            Self::Token(_) => "token",
            Self::Webhook(_) => "webhook",
            Self::App(_) => "app",
            Self::Installation(_) => "installation",
            Self::Workflow(_) => "workflow",
            Self::Rollout(_) => "rollout",
            Self::Fleet(_) => "fleet",
            Self::Audit(_) => "audit",
            Self::Context(query) => query.name(),
        }
    }

    /// How long its answer may take.
    pub fn deadline(&self) -> Duration {
        if matches!(self, Self::Context(_)) { CONTEXT_DEADLINE } else { QUERY_DEADLINE }
    }
}

impl Act {
    /// The least role that may do it. Exhaustive on purpose: a new act must choose.
    pub fn least_role(&self) -> Role {
        match self {
            // The kill switch is the easiest key: whoever may operate may kill.
            Self::Kill { .. } => Role::Operator,
            Self::Run(act) => match act {
                RunAct::Approve { .. }
                | RunAct::Apply { .. }
                | RunAct::Pause { .. }
                | RunAct::Resume { .. }
                | RunAct::Cancel { .. }
                | RunAct::Retry { .. }
                | RunAct::Undo { .. }
                | RunAct::Settle { .. } => Role::Operator,
            },
            Self::Map(act) => match act {
                MapAct::Plan { .. } | MapAct::SetMode { .. } | MapAct::SpotCheck { .. } => Role::Operator,
            },
            Self::Hooks(HooksAct::Plan { .. }) => Role::Operator,
            Self::Catalog(act) => match act {
                CatalogAct::Begin { .. } | CatalogAct::Chunk { .. } | CatalogAct::Commit { .. } => {
                    Role::Operator
                }
            },
            Self::Token(act) => match act {
                TokenAct::Refresh { .. } | TokenAct::Invalidate { .. } => Role::Operator,
            },
            Self::Webhook(act) => match act {
                WebhookAct::ReplayOne { .. } | WebhookAct::ReplayAll { .. } | WebhookAct::Recover { .. } => {
                    Role::Operator
                }
            },
            // Whoever makes the App decides what the daemon may do at GitHub.
            Self::App(AppAct::Create { .. }) => Role::Admin,
            Self::Workflow(act) => match act {
                WorkflowAct::Put { .. } | WorkflowAct::Remove { .. } | WorkflowAct::Replay { .. } => {
                    Role::Operator
                }
            },
            Self::Rollout(act) => match act {
                // What passes a criterion that stands in the way is another person's word than the operator's.
                RolloutAct::Stage { override_reason: Some(_), .. } | RolloutAct::Decide { .. } => {
                    Role::Approver
                }
                RolloutAct::Stage { .. }
                | RolloutAct::Rollback { .. }
                | RolloutAct::Flag { .. }
                | RolloutAct::Override { .. }
                | RolloutAct::Freeze { .. }
                | RolloutAct::Unfreeze { .. }
                | RolloutAct::Repair { .. }
                | RolloutAct::Reconcile { .. }
                | RolloutAct::Drill { .. }
                | RolloutAct::Preflight { .. }
                | RolloutAct::Declare { .. }
                | RolloutAct::Close { .. }
                | RolloutAct::Unkill { .. }
                | RolloutAct::Baseline { .. }
                | RolloutAct::Ring { .. }
                | RolloutAct::Outcomes(_)
                | RolloutAct::PlanRecords { .. } => Role::Operator,
            },
            Self::Fleet(act) => act.least_role(),
            // It spends an installation's calls and leaves an artifact.
            Self::Import(act) => match act {
                ImportAct::Run { .. } | ImportAct::Record { .. } => Role::Operator,
            },
            // It speaks in the App's name where tenants read it.
            Self::Context(ContextAct::Comment { .. }) => Role::Operator,
        }
    }

    /// The act's name in audit and refusals.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Kill { .. } => "kill",
            Self::Run(act) => match act {
                RunAct::Approve { .. } => "run.approve",
                RunAct::Apply { .. } => "run.apply",
                RunAct::Pause { .. } => "run.pause",
                RunAct::Resume { .. } => "run.resume",
                RunAct::Cancel { .. } => "run.cancel",
                RunAct::Retry { .. } => "run.retry",
                RunAct::Undo { .. } => "run.undo",
                RunAct::Settle { .. } => "run.settle",
            },
            Self::Map(act) => match act {
                MapAct::Plan { .. } => "map.plan",
                MapAct::SetMode { .. } => "mode.set",
                MapAct::SpotCheck { .. } => "map.spot-check",
            },
            Self::Hooks(HooksAct::Plan { .. }) => "hooks.plan",
            Self::Catalog(act) => match act {
                CatalogAct::Begin { .. } => "catalog.begin",
                CatalogAct::Chunk { .. } => "catalog.chunk",
                CatalogAct::Commit { .. } => "catalog.import",
            },
            Self::Token(act) => match act {
                TokenAct::Refresh { .. } => "token.refresh",
                TokenAct::Invalidate { .. } => "token.invalidate",
            },
            Self::Webhook(act) => match act {
                WebhookAct::ReplayOne { .. } => "webhook.replay",
                WebhookAct::ReplayAll { .. } => "webhook.replay-all",
                WebhookAct::Recover { .. } => "webhook.recover",
            },
            Self::App(AppAct::Create { .. }) => "app.create",
            Self::Workflow(act) => match act {
                WorkflowAct::Put { .. } => "workflow.put",
                WorkflowAct::Remove { .. } => "workflow.remove",
                WorkflowAct::Replay { .. } => "workflow.replay",
            },
            Self::Rollout(act) => match act {
                RolloutAct::Stage { override_reason: Some(_), .. } => "rollout.stage --override",
                RolloutAct::Stage { .. } => "rollout.stage",
                RolloutAct::Rollback { .. } => "rollback",
                RolloutAct::Flag { .. } => "rollout.flag",
                RolloutAct::Override { .. } => "rollout.override",
                RolloutAct::Freeze { .. } => "rollout.freeze",
                RolloutAct::Unfreeze { .. } => "rollout.unfreeze",
                RolloutAct::Drill { .. } => "rollout.drill",
                RolloutAct::Preflight { .. } => "rollout.preflight",
                RolloutAct::Declare { .. } => "incident.declare",
                RolloutAct::Close { .. } => "incident.close",
                RolloutAct::Repair { .. } => "rollout.repair",
                RolloutAct::Reconcile { .. } => "rollout.reconcile",
                RolloutAct::Unkill { .. } => "unkill",
                RolloutAct::Baseline { .. } => "rollout.baseline",
                RolloutAct::Outcomes(_) => "rollout.outcomes",
                RolloutAct::PlanRecords { .. } => "rollout.records.plan",
                RolloutAct::Ring { .. } => "rollout.ring",
                RolloutAct::Decide { .. } => "rollout.decide",
            },
            Self::Fleet(act) => act.name(),
            Self::Import(act) => match act {
                ImportAct::Run { .. } => "import",
                ImportAct::Record { .. } => "import.record",
            },
            Self::Context(ContextAct::Comment { .. }) => "context.comment",
        }
    }
}

/// The service. `query` and the kill of `act` never wait for a store that is gone.
#[tarpc::service]
pub trait Control {
    /// Must come first on a connection.
    async fn hello(hello: Hello) -> Result<Welcome, RpcError>;
    /// Asks.
    async fn query(query: Query) -> Result<Answer, RpcError>;
    /// Does; the same key returns the first receipt for 24 h.
    async fn act(key: ActKey, act: Act) -> Result<Receipt, RpcError>;
    /// Waits until a version differs from those given, or [`CHANGES_WAIT`] is over.
    async fn changes(epoch: u64, versions: Vec<(Topic, u64)>) -> Result<Changes, RpcError>;
}
