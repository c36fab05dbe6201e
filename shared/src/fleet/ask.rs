//! What is asked of the fleet, done to it, and answered.

use serde::{Deserialize, Serialize};

use super::{
    DriverKind, FleetResult, FleetScope, FleetStatus, Hidden, HistoryEntry, InstanceView, LintReport,
    MigrationView, PlanGroup,
};
use crate::ids::{RunId, TenantId};
use crate::page::{Page, PageAsk};
use crate::rpc::Role;
use crate::run::RunView;
use crate::window::{Window, WindowAsk};

/// An instance to be added or replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewInstance {
    pub tenant: TenantId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_user: Option<String>,
    pub driver: DriverKind,
    /// `postgres://user:password@host/db`, a file's path, `https://name.convex.cloud`.
    pub url: Hidden,
    /// The deploy key of an HTTP deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Hidden>,
}

/// A file of migrations that is linted where it is not the daemon's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationFile {
    pub name: String,
    pub text: String,
}

/// Questions about the fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FleetQuery {
    Status,
    /// Instances, filtered and sorted ([`crate::filter::INSTANCES`]).
    Instances {
        ask: WindowAsk,
    },
    Instance {
        tenant: TenantId,
    },
    Registry,
    /// Attempts, newest first; of one tenant or of all.
    History {
        tenant: Option<TenantId>,
        page: PageAsk,
    },
    /// What a plan does to each group of tenants.
    Groups {
        run: RunId,
    },
    /// The result of a run, by tenants.
    Result {
        run: RunId,
    },
    /// Mistakes and warnings; of these files, or of the daemon's folder.
    Lint {
        files: Option<Vec<MigrationFile>>,
    },
}

/// Answers about the fleet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FleetAnswer {
    Status(Box<FleetStatus>),
    Instances(Window<InstanceView>),
    Instance(Box<InstanceDetail>),
    Registry(Vec<MigrationView>),
    History(Page<HistoryEntry>),
    Groups(Vec<PlanGroup>),
    Result(FleetResult),
    Lint(LintReport),
}

/// All that is known of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceDetail {
    pub instance: InstanceView,
    /// Each migration up to the target, oldest first.
    pub steps: Vec<HistoryEntry>,
    /// Lines with `+` (there, not expected), `-` (expected, not there) and ` `.
    pub drift: Vec<String>,
}

/// Acts on the fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FleetAct {
    /// Plans the way up to a version; none: to the one that was set before.
    Plan {
        scope: FleetScope,
        to: Option<u32>,
        refresh: bool,
    },
    /// Plans the way back to a version.
    Rollback {
        scope: FleetScope,
        to: u32,
        refresh: bool,
    },
    Add {
        rows: Vec<NewInstance>,
    },
    Remove {
        tenant: TenantId,
    },
    /// Connects and reads version and schema; of all instances in `error` where no tenant is named.
    Test {
        tenant: Option<TenantId>,
    },
    /// Takes the schema as it is for the one that is expected.
    Accept {
        tenant: TenantId,
    },
    /// Adds a key to the ring and seals every credential again, in the background.
    RotateKey,
    /// Takes instances from the application's table.
    FromApplication,
    /// Takes the failed tenants of one group of a run once more.
    Retry {
        run: RunId,
        group: String,
    },
}

impl FleetAct {
    /// The least role that may do it. Exhaustive on purpose: a new act must choose.
    pub fn least_role(&self) -> Role {
        match self {
            // A new key is the daemon's own secret.
            Self::RotateKey => Role::Admin,
            Self::Plan { .. }
            | Self::Rollback { .. }
            | Self::Add { .. }
            | Self::Remove { .. }
            | Self::Test { .. }
            | Self::Accept { .. }
            | Self::FromApplication
            | Self::Retry { .. } => Role::Operator,
        }
    }

    /// Its name in audit and refusals.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Plan { .. } => "fleet.plan",
            Self::Rollback { .. } => "fleet.rollback",
            Self::Add { .. } => "fleet.instance.add",
            Self::Remove { .. } => "fleet.instance.remove",
            Self::Test { .. } => "fleet.instance.test",
            Self::Accept { .. } => "fleet.instance.accept",
            Self::RotateKey => "fleet.instance.rotate-key",
            Self::FromApplication => "fleet.instance.from-application",
            Self::Retry { .. } => "fleet.retry",
        }
    }
}

/// Receipts of acts on the fleet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FleetReceipt {
    Planned(Box<RunView>),
    Run(Box<RunView>),
    Added {
        added: u64,
        replaced: u64,
    },
    Removed {
        tenant: TenantId,
    },
    /// Those that were asked.
    Tested(Vec<InstanceView>),
    Accepted(Box<InstanceView>),
    /// Key that seals from now on, and credentials that are still to be sealed again.
    Rotating {
        key: String,
        left: u64,
    },
    /// `left_out`: rows that could not be taken, with the reason.
    FromApplication {
        added: u64,
        replaced: u64,
        left_out: Vec<String>,
    },
}

impl FleetReceipt {
    /// The run that was planned.
    pub fn planned(&self) -> Option<&RunView> {
        if let Self::Planned(run) = self { Some(run) } else { None }
    }
}
