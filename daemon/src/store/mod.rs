//! The only place with SQL on our own tables. Areas see typed operations and the traits of `read`; no
//! transaction handle leaves this folder.

mod downstream;
mod fleet;
mod inbox;
mod installed;
mod integration;
mod learned;
mod lock;
mod mirror;
mod mismatch;
mod open;
mod outbox;
mod read;
mod rescore;
mod rollout;
mod rollout_metrics;
mod rollout_time;
mod rows;
#[cfg(test)]
pub(crate) mod sample;
mod sandbox_record;
mod second;
mod select;
mod sqlite;
mod unit;
mod wait;

use std::sync::Arc;

use async_trait::async_trait;
use cutover_shared::rpc::Topic;
use tokio::sync::watch;

pub use downstream::{DownstreamOp, DownstreamRead, DownstreamRow};
pub use fleet::{
    Expected, FailureRow, FleetFigures, FleetOp, FleetRead, Holds, InstanceFilter, InstanceRow,
    InstanceStanding, Marks, MigrationMark, MigrationRow, MigrationText, Observation, StepRow,
};
pub use inbox::{
    DeliveryRow, InboxCounts, InboxOp, InboxRead, MOST_COUNTED, MinuteRow, NewDelivery, QueueHead,
};
pub use installed::{InstalledRead, InstalledRow, MOST_INSTALLATIONS};
pub use integration::{IntegrationOp, IntegrationRead, IntegrationRow, IntegrationState, Proof};
pub use learned::{Learned, Version};
pub use lock::{LockOp, LockRead, rule as lock_rule};
pub use mirror::{MirrorDebt, MirrorInstallation, MirrorKind, MirrorOp, MirrorRead};
pub use mismatch::{MISMATCHES_KEPT, MismatchOp, MismatchRead, MismatchRow, NewMismatch};
pub use open::{OpenError, open};
pub use outbox::{
    CALLBACK_EVENT, DispatchRow, DispatchTo, FromApplication, NewCallback, NewDispatches, OutboxOp,
    OutboxRead, PutWorkflow, WorkflowMark, WorkflowRow,
};
pub use read::{AuditRead, CatalogRead, IndexRead, MappingRead, ProbeRead, RunRead, SettingRead, UploadRead};
pub use rescore::{OwedRow, RescoreOp, RescoreRead, Scope};
pub use rollout::{ChangeRow, IncidentRow, NewChange, RecordKind, RolloutOp, RolloutRead, RolloutRow};
pub use rollout_metrics::{MetricRow, RolloutMetricOp, RolloutMetricRead, Source, TenantDay, Wholeness};
pub use rollout_time::{PastIncidentRow, RingOp, RingRow, RolloutTimeRead};
pub use rows::{
    ActReceiptRow, AuditRow, InstallationRow, LinkFilter, LinkRow, MappingRow, NewItem, NewRun,
    RepositoryRow, RequestRow, RunRow, Standing, StandingRun, StoredItem, SweepRow, TenantRow, UploadRow,
};
pub use sandbox_record::{BookChange, SandboxOp, SandboxRead, SandboxRow};
pub use second::{ArmRecord, NewSecond, RecordKey, RecordRow, SecondCounts, SecondOp, SecondRead, SecondRow};
pub use select::{Select, SelectError, Value};
pub use unit::{
    ActOp, AuditDraft, CatalogOp, IndexOp, ItemChange, Lane, MappingOp, Op, ProbeOp, RunOp, RunPatch,
    SettingOp, UNIT_ROWS, Unit,
};
pub use wait::Waits;

/// Why reading failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The database does not answer.
    #[error("the store can't be read while {doing}: {cause}")]
    Unavailable { doing: &'static str, cause: String },
    /// A stored value is not what this version writes.
    #[error("the store holds a {what} that this version can't read: {cause}")]
    Corrupt { what: &'static str, cause: String },
}

/// Why a unit was not written. Nothing of the unit is there then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The world was not as the unit demanded.
    #[error("{what} is not as expected: {found}")]
    Precondition { what: &'static str, found: String },
    /// A row of that identity is there already.
    #[error("{what} is there already")]
    Conflict { what: &'static str },
    /// The unit is larger than a unit may be.
    #[error("a unit of {rows} rows; at most {UNIT_ROWS} are allowed")]
    TooLarge { rows: usize },
    /// The database does not take it: gone, disk full, broken. Whoever waits must not think it durable.
    #[error("the store can't be written: {0}")]
    Unavailable(String),
    /// The daemon is stopping.
    #[error("the store is closed")]
    Closed,
}

/// A version for each topic; rises with every commit that touched it.
pub type Versions = std::collections::BTreeMap<Topic, u64>;

/// The store, as everything above the platform sees it.
#[async_trait]
pub trait Store:
    AuditRead
    + CatalogRead
    + DownstreamRead
    + FleetRead
    + InboxRead
    + IndexRead
    + IntegrationRead
    + InstalledRead
    + LockRead
    + MappingRead
    + MirrorRead
    + MismatchRead
    + OutboxRead
    + ProbeRead
    + RescoreRead
    + RolloutMetricRead
    + RolloutRead
    + RolloutTimeRead
    + RunRead
    + SandboxRead
    + SecondRead
    + SettingRead
    + UploadRead
    + Send
    + Sync
{
    /// Writes a unit as a whole or not at all; answers after the commit.
    async fn write(&self, lane: Lane, unit: Unit) -> Result<(), WriteError>;

    /// Why the last commit failed; none while the newest went through. Known without asking the disk.
    fn write_trouble(&self) -> Option<String>;

    /// Tells what was committed, by topic.
    fn versions(&self) -> watch::Receiver<Versions>;

    /// Only this process can hold leases: whatever is leased by another holder is left over from a crash.
    fn is_exclusive(&self) -> bool;

    /// Finishes what was handed in and closes. Later writes answer [`WriteError::Closed`].
    async fn close(&self);
}

/// A shared store.
pub type Db = Arc<dyn Store>;

#[cfg(test)]
mod tests;
