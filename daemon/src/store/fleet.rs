//! Tenants' own databases, their migrations, and how each stands (D1-D6).

use async_trait::async_trait;
use cutover_shared::fleet::{Cell, DriverKind, ErrorClass, HistoryEntry, InstanceState, StepStatus, Way};
use cutover_shared::ids::{RunId, TenantId};
use cutover_shared::window::Window;
use serde::Serialize;

use super::ReadError;
use super::select::Select;

/// A migration as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MigrationRow {
    pub version: u32,
    pub id: String,
    pub checksum: String,
    /// JSON: `[{"name", "text"}]`.
    pub files: String,
    pub recorded_at: i64,
    /// When it was run first.
    pub pinned_at: Option<i64>,
}

/// Which text a version has, without the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationMark {
    pub version: u32,
    pub id: String,
    pub checksum: String,
    pub pinned_at: Option<i64>,
}

/// A text that a plan was made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MigrationText {
    /// SHA-256 over the files.
    pub digest: String,
    pub version: u32,
    pub id: String,
    pub checksum: String,
    pub files: String,
    pub recorded_at: i64,
}

/// An instance as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstanceRow {
    pub tenant: TenantId,
    pub external_user: Option<String>,
    pub driver: DriverKind,
    pub place: String,
    pub host: String,
    pub server: String,
    /// Address and key, sealed for the tenant: what [`crate::seal::Seal::seal`] made.
    pub sealed: String,
    pub key_id: String,
    pub from_application: bool,
    pub state: InstanceState,
    pub reason: Option<String>,
    pub version: u32,
    /// Hashes of schemas.
    pub expected_schema: Option<String>,
    pub seen_schema: Option<String>,
    pub drift: Option<String>,
    /// 0 for canary tenants, else from 1 to 1,000,000.
    pub place_in_waves: u32,
    pub checked_at: Option<i64>,
    pub notified_at: Option<i64>,
    pub added_at: i64,
}

/// What is expected of an instance's schema from now on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Expected {
    /// What was expected before.
    #[default]
    AsBefore,
    /// It was changed by a step of ours, and is not known until it is seen.
    Unknown,
    /// A hash: a step of ours made it so, or a person accepted it.
    Schema(String),
}

/// When what was seen of an instance is kept. Whether it answered is kept always.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Holds {
    #[default]
    Always,
    /// While this is what is expected of its schema: a step of ours that ended since the look began knows better.
    WhileExpected(Option<String>),
}

/// What was seen of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Observation {
    pub tenant: TenantId,
    pub state: InstanceState,
    pub reason: Option<String>,
    /// None leaves it as it was: nothing could be read.
    pub version: Option<u32>,
    /// Likewise.
    pub seen_schema: Option<String>,
    pub expected: Expected,
    /// None ends a drift only where a schema was seen, or is expected from now on: who saw none can't know.
    pub drift: Option<String>,
    pub holds: Holds,
    pub at: i64,
}

impl Observation {
    /// It answered; nothing of it is known by that.
    pub fn connected(tenant: TenantId, at: i64) -> Self {
        Self {
            tenant,
            state: InstanceState::Connected,
            reason: None,
            version: None,
            seen_schema: None,
            expected: Expected::AsBefore,
            drift: None,
            holds: Holds::Always,
            at,
        }
    }

    /// It could not be reached; what is known of it stays.
    pub fn away(tenant: TenantId, why: &str, at: i64) -> Self {
        Self { state: InstanceState::Error, reason: Some(why.to_owned()), ..Self::connected(tenant, at) }
    }
}

/// How a tenant stands with a migration. Written over what was there; not written at all where the instance is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepRow {
    pub tenant: TenantId,
    pub version: u32,
    pub migration: String,
    pub status: StepStatus,
    pub way: Way,
    pub class: Option<ErrorClass>,
    pub error: Option<String>,
    pub error_group: Option<String>,
    pub attempt: u32,
    pub run: RunId,
    pub started_at: Option<i64>,
    pub completed_at: Option<i64>,
}

/// What the steps of an instance say of it, however they were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    pub failed: bool,
    pub running: bool,
    /// Left out, with a class. Skipped without one is a step that a later one replaces: nothing is wrong with that tenant.
    pub skipped: bool,
}

impl Marks {
    pub fn of(steps: &[StepRow]) -> Self {
        let has = |status| steps.iter().any(|step| step.status == status);
        Self {
            failed: has(StepStatus::Failed),
            running: has(StepStatus::Running),
            skipped: steps.iter().any(|step| step.status == StepStatus::Skipped && step.class.is_some()),
        }
    }

    /// A tenant's status is its worst. One that was left out says so, also while it is below the target.
    pub fn status(self, version: u32, target: u32) -> StepStatus {
        match self {
            Self { failed: true, .. } => StepStatus::Failed,
            Self { running: true, .. } => StepStatus::Running,
            Self { skipped: true, .. } => StepStatus::Skipped,
            _ if version < target => StepStatus::Pending,
            _ => StepStatus::Completed,
        }
    }
}

/// An instance with how it stands, for lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceStanding {
    pub row: InstanceRow,
    pub status: StepStatus,
    /// The newest failed step.
    pub failed: Option<StepRow>,
}

/// Which instances.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct InstanceFilter {
    pub tenant: Option<TenantId>,
    /// From and to (exclusive), in `place_in_waves`.
    pub places: Option<(u32, u32)>,
    pub state: Option<InstanceState>,
    /// Sealed with another key than this.
    pub other_key: Option<String>,
    /// Asked last before this moment, or never.
    pub checked_before: Option<i64>,
}

/// Tenants that failed with one cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureRow {
    pub group: String,
    pub migration: String,
    pub class: ErrorClass,
    pub error: String,
    pub tenants: u64,
    pub example: TenantId,
    /// The run in which the example failed.
    pub run: RunId,
}

/// Figures of a part of the fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetFigures {
    pub tenants: u64,
    pub connected: u64,
    pub error: u64,
    /// Below the version that was asked for.
    pub outdated: u64,
    pub drifted: u64,
    /// Tenants with a failed step, and with one that runs.
    pub failed: u64,
    pub running: u64,
    /// Outdated, and neither failed, left out nor in error.
    pub left: u64,
}

/// Operations on the fleet.
#[derive(Clone, Debug)]
pub enum FleetOp {
    /// Adds or replaces migrations; of a pinned one only its ways down can change. Those above `after` and up to `until` that are not
    /// among them and were never run are forgotten: their files are gone.
    Migrations {
        rows: Vec<MigrationRow>,
        after: u32,
        until: u32,
    },
    /// Keeps texts that are not kept yet.
    Texts {
        rows: Vec<MigrationText>,
    },
    /// Marks these texts as run. A version that was run already keeps its own.
    Pin {
        rows: Vec<MigrationRow>,
        at: i64,
    },
    /// Adds or replaces instances: what was seen of a replaced one, and its steps, are forgotten unless driver and place are the
    /// same. The history stays.
    Instances {
        rows: Vec<InstanceRow>,
    },
    /// Removes instances with their steps. The history stays.
    Remove {
        tenants: Vec<TenantId>,
    },
    Observe {
        rows: Vec<Observation>,
    },
    /// Puts a new envelope in the place of exactly this old one: (tenant, old, new, key). Another one stays as it is.
    Reseal {
        rows: Vec<(TenantId, String, String, String)>,
    },
    Steps {
        rows: Vec<StepRow>,
    },
    /// Appends to the history; `completed_at` is the moment of the end.
    History {
        rows: Vec<StepRow>,
    },
    /// Keeps schemas that are not kept yet: (hash, lines).
    Schemas {
        rows: Vec<(String, String)>,
        at: i64,
    },
    /// The owners of these were told; one that is connected by now is left as it is, so that its next outage is told.
    Notified {
        tenants: Vec<TenantId>,
        at: i64,
    },
    /// New places in the order of waves: (tenant, place).
    Places {
        rows: Vec<(TenantId, u32)>,
    },
}

impl FleetOp {
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Migrations { rows, .. } | Self::Pin { rows, .. } => rows.len(),
            Self::Texts { rows } => rows.len(),
            Self::Instances { rows } => rows.len(),
            Self::Remove { tenants } | Self::Notified { tenants, .. } => tenants.len(),
            Self::Observe { rows } => rows.len(),
            Self::Reseal { rows } => rows.len(),
            Self::Steps { rows } | Self::History { rows } => rows.len(),
            Self::Schemas { rows, .. } => rows.len(),
            Self::Places { rows } => rows.len(),
        }
    }
}

type Read<T> = Result<T, ReadError>;

/// What can be read of the fleet.
#[async_trait]
pub trait FleetRead {
    /// All recorded migrations, oldest first.
    async fn fleet_migrations(&self) -> Read<Vec<MigrationRow>>;
    /// The same without their texts, which are long.
    async fn fleet_marks(&self) -> Read<Vec<MigrationMark>>;
    /// The texts with these digests, in any order.
    async fn fleet_texts(&self, digests: &[String]) -> Read<Vec<MigrationText>>;
    /// By place in the waves and tenant, after `after`.
    async fn fleet_instances(
        &self,
        filter: &InstanceFilter,
        after: Option<(u32, &str)>,
        limit: u32,
    ) -> Read<Vec<InstanceRow>>;
    /// Those of these tenants, in any order; at most 1,000 are asked for.
    async fn fleet_instances_of(&self, tenants: &[TenantId]) -> Read<Vec<InstanceRow>>;
    /// Filtered and sorted by [`cutover_shared::filter::INSTANCES`]. `target`: what pending is counted to; `waves`: where each
    /// wave after the first ends (exclusive), in places. A tenant's status is that of [`Marks::status`].
    async fn fleet_window(
        &self,
        select: &Select,
        target: u32,
        waves: &[u32],
        offset: u64,
        limit: u32,
    ) -> Read<Window<InstanceStanding>>;
    /// Steps of one tenant, oldest version first.
    async fn fleet_steps(&self, tenant: &TenantId) -> Read<Vec<StepRow>>;
    /// Steps of these tenants, in any order; at most 1,000 tenants are asked for.
    async fn fleet_steps_of(&self, tenants: &[TenantId]) -> Read<Vec<StepRow>>;
    /// Attempts, newest first, before `before`.
    async fn fleet_history(
        &self,
        tenant: Option<&TenantId>,
        before: Option<i64>,
        limit: u32,
    ) -> Read<Vec<HistoryEntry>>;
    /// Tenants by the version where they are and their status, which is that of [`FleetRead::fleet_window`]: a cell and the list
    /// filtered by it say the same.
    async fn fleet_cells(&self, target: u32) -> Read<Vec<Cell>>;
    /// Of tenants whose place is from the first and below the second.
    async fn fleet_figures(&self, target: u32, places: (u32, u32)) -> Read<FleetFigures>;
    /// The largest groups first; at most 50.
    async fn fleet_failures(&self) -> Read<Vec<FailureRow>>;
    /// How many tenants are at or above each recorded version.
    async fn fleet_reached(&self) -> Read<Vec<(u32, u64)>>;
    /// Lines of a schema.
    async fn fleet_schema(&self, hash: &str) -> Read<Option<String>>;
    /// The hash of the schema that most tenants of this driver at this version are expected to have.
    async fn fleet_common_schema(&self, driver: DriverKind, version: u32) -> Read<Option<String>>;
    /// Which kinds of database instances are.
    async fn fleet_drivers(&self) -> Read<Vec<DriverKind>>;
    /// How many are sealed with another key.
    async fn fleet_other_key(&self, key: &str) -> Read<u64>;
    /// Tenants with items of a run whose key is from `from` and below `to`, and that ended so at `since` or later: failed or unknown,
    /// and unreachable. Each counts once, however many items it has; its own part of a key is all but the last five characters.
    async fn fleet_wrong(&self, run: &RunId, from: &str, to: &str, since: i64) -> Read<(u64, u64)>;
}
