//! The fleet: tenants' own databases, the migrations that they are to get, and where each of them stands (D1-D6).

mod ask;
mod place;
mod result;

use serde::{Deserialize, Serialize};

pub use self::ask::{
    FleetAct, FleetAnswer, FleetQuery, FleetReceipt, InstanceDetail, MigrationFile, NewInstance,
};
pub use self::place::{Place, PlaceError, checked, place};
pub use self::result::{FleetFault, FleetResult, TenantResult};

use crate::ids::{RunId, TenantId};
use crate::run::{RunView, words};

/// The word of the kind of run that migrates tenants' databases, up or down.
pub const FLEET: &str = "fleet";

/// Text that must not be shown: a connection address with its password, a deploy key. It travels to the daemon, which
/// seals it, and never back.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hidden(pub String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

/// What a tenant's database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriverKind {
    Postgres,
    /// A SQLite file that the daemon can open.
    Sqlite,
    /// A deployment that is spoken to over HTTP in Convex's manner.
    Http,
}
words!(DriverKind { Postgres = "postgres", Sqlite = "sqlite", Http = "http" });

/// Whether an instance can be reached, as far as it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceState {
    /// It was never asked.
    New,
    Connected,
    /// It could not be reached or opened; it is asked again by the clock, and no run takes it.
    Error,
}
words!(InstanceState { New = "new", Connected = "connected", Error = "error" });

/// Where one tenant stands with one migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    Pending,
    Running,
    Completed,
    Failed,
    Skipped,
}
words!(StepStatus {
    Pending = "pending", Running = "running", Completed = "completed", Failed = "failed", Skipped = "skipped",
});

/// Which way a step goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    Up,
    Down,
}
words!(Way { Up = "up", Down = "down" });

/// What kind of failure it was, which decides what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    MigrationBug,
    Connection,
    SchemaMismatch,
    TimeOut,
}
words!(ErrorClass {
    MigrationBug = "migration bug", Connection = "connection", SchemaMismatch = "schema mismatch",
    TimeOut = "time-out",
});

impl ErrorClass {
    /// What a person does next.
    pub fn next_step(self) -> &'static str {
        match self {
            Self::MigrationBug => {
                "write a new migration that says `replaces:` this one, or mend the tenant's data; then plan again, or retry"
            }
            Self::Connection => {
                "mend the address or the server, then `cutover fleet instance test TENANT`; the next plan takes it again"
            }
            Self::SchemaMismatch => {
                "look at the difference with `cutover fleet instance show TENANT`; put the schema right or accept it, redeploy \
                 where it is a deployment, then plan again"
            }
            Self::TimeOut => {
                "write a new migration that says `replaces:` this one, with a larger `timeout` or in chunks (`chunk`), and plan again; \
                 where its head says none, raise `fleet.timeout` and retry"
            }
        }
    }
}

/// What a plan covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FleetScope {
    All,
    Tenant(TenantId),
    /// One wave, counted from 1: the canary tenants are the first.
    Wave(u32),
}

impl std::fmt::Display for FleetScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Tenant(tenant) => write!(f, "tenant:{tenant}"),
            Self::Wave(wave) => write!(f, "wave:{wave}"),
        }
    }
}

/// One item of a fleet run: one tenant and one migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetItem {
    pub tenant: TenantId,
    pub driver: DriverKind,
    /// Where it is, without user and password: what limits go by.
    pub host: String,
    pub server: String,
    /// From 1.
    pub wave: u32,
    pub migration: String,
    pub version: u32,
    pub way: Way,
    /// The tenant's version before this item.
    pub from: u32,
    /// And after it.
    pub to: u32,
    /// SHA-256 of what is run; empty where nothing is.
    pub checksum: String,
    /// Data that is gone after it, as statements say: `table tags`, `column notes.slug`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drops: Vec<String>,
    /// Nothing is run, and why: `unreachable: ...`, `drifted: ...`, `replaced by 0003_x`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
}

/// The summary of a fleet plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FleetSummary {
    /// The version that the tenants are to have.
    pub target: u32,
    pub way: Option<Way>,
    /// Tenants of the scope.
    pub tenants: u64,
    /// Those with something to do, and steps that are to be run.
    pub changes: u64,
    pub steps: u64,
    /// Those that have the target's version already.
    pub at_target: u64,
    pub unreachable: u64,
    pub drifted: u64,
    /// Ledgers that were read for this plan; the others were read less than `fleet.fresh` ago.
    pub asked: u64,
    /// Tenants that each wave has something to do for, the first wave first.
    pub waves: Vec<u64>,
    /// Data that is gone after it, with the number of tenants.
    pub drops: Vec<(String, u64)>,
    /// Migrations of the plan without a `down`.
    pub no_down: Vec<String>,
    /// Warnings of `fleet lint` on the migrations of the plan.
    pub warnings: u64,
    /// Tenants at the same version that get the same, without the texts; the largest fifty.
    pub groups: Vec<PlanGroup>,
}

/// A group of tenants of a plan that are at the same version and get the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanGroup {
    pub driver: DriverKind,
    pub from: u32,
    pub to: u32,
    pub tenants: u64,
    /// A few of them.
    pub examples: Vec<TenantId>,
    /// What they get, in order.
    pub steps: Vec<PlanStep>,
}

/// One migration of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanStep {
    pub migration: String,
    pub way: Way,
    /// SQL, or the TOML of a step over HTTP; cut where it is very long. Empty in a summary.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Why nothing is run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
}

/// A migration of the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationView {
    /// `0002_add_tags`.
    pub id: String,
    pub version: u32,
    pub name: String,
    pub description: String,
    pub checksum: String,
    pub has_down: bool,
    /// What it can be run on.
    pub drivers: Vec<DriverKind>,
    /// Tenants that have it.
    pub tenants: u64,
    /// It was run somewhere: its file can't be edited any more.
    pub pinned: bool,
    /// The earlier migration that it stands for, where that one was not run.
    pub replaces: Option<String>,
}

/// One warning or mistake of a migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LintFinding {
    pub file: String,
    /// From 1.
    pub line: u32,
    /// `require-concurrent-index-creation`, `edited`, `front-matter`.
    pub rule: String,
    /// A mistake stops every plan; a warning does not.
    pub mistake: bool,
    pub message: String,
    /// The safer form, or the mend.
    pub help: String,
}

/// What lint says of migrations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LintReport {
    pub findings: Vec<LintFinding>,
    /// Rules that were not looked at, and why.
    pub left_out: Option<String>,
}

/// One instance, without what must not be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceView {
    pub tenant: TenantId,
    pub external_user: Option<String>,
    pub driver: DriverKind,
    /// Host, port and database; a file; a deployment's address.
    pub place: String,
    pub server: String,
    pub state: InstanceState,
    /// Why it is in `error`.
    pub reason: Option<String>,
    /// The newest migration that it has; 0 for none. As it was seen last.
    pub version: u32,
    /// Migrations between its version and the target.
    pub pending: u32,
    /// Its worst status among the migrations of the fleet: failed, running, skipped (left out, with a class), pending, completed.
    pub status: StepStatus,
    /// The migration that failed, and its error.
    pub failed: Option<String>,
    pub class: Option<ErrorClass>,
    pub error: Option<String>,
    /// The schema was changed by hand; the first line of the difference.
    pub drift: Option<String>,
    /// From 1.
    pub wave: u32,
    /// Its credential comes from the application's table.
    pub from_application: bool,
    /// The key that it is sealed with.
    pub key: String,
    pub checked_at: Option<i64>,
}

/// How many tenants are at a version with a status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    pub version: u32,
    pub status: StepStatus,
    pub tenants: u64,
}

/// One wave of the fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaveView {
    /// From 1.
    pub wave: u32,
    /// `canary`, `1 %`, `10 %`, `all`.
    pub name: String,
    pub tenants: u64,
    pub at_target: u64,
    pub failed: u64,
    pub unreachable: u64,
    pub running: u64,
    /// Below the target, and neither failed, left out nor unreachable: what is still to be tried.
    pub left: u64,
}

/// Tenants that failed with the same error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureGroup {
    /// What `retry` takes it by.
    pub group: String,
    pub migration: String,
    pub class: ErrorClass,
    pub text: String,
    pub tenants: u64,
    pub example: TenantId,
    /// The run in which the example failed: the one that `retry` takes.
    pub run: RunId,
    pub next: String,
}

/// A server that takes no further tenant now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttle {
    pub server: String,
    /// `load 14 is more than 10`, `4 of 4 at once`.
    pub reason: String,
    pub since: i64,
}

/// The fleet at a glance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FleetStatus {
    /// Where the migrations are; none: the fleet is not configured.
    pub folder: Option<String>,
    /// The version that the tenants are to have; none until somebody set one.
    pub target: Option<u32>,
    /// The newest of the registry.
    pub head: Option<u32>,
    /// Why the registry can't be used.
    pub registry_mistake: Option<String>,
    pub instances: u64,
    pub connected: u64,
    pub error: u64,
    pub outdated: u64,
    pub drifted: u64,
    pub cells: Vec<Cell>,
    pub waves: Vec<WaveView>,
    pub failures: Vec<FailureGroup>,
    pub throttles: Vec<Throttle>,
    /// The run that is live, one that is halted first; else the newest that was begun.
    pub run: Option<Box<RunView>>,
    /// The newest plan that waits to be approved or applied, where it is newer than that run.
    pub plan: Option<Box<RunView>>,
    /// Sealed with another than the newest key.
    pub old_key: u64,
}

/// One attempt at one migration of one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    pub seq: i64,
    pub tenant: TenantId,
    pub migration: String,
    pub version: u32,
    pub way: Way,
    pub status: StepStatus,
    pub class: Option<ErrorClass>,
    pub error: Option<String>,
    pub attempt: u32,
    pub run: RunId,
    pub started_at: Option<i64>,
    pub completed_at: Option<i64>,
}
