//! A unit: an owned list of typed operations with their preconditions, written as a whole or not at all.

use cutover_shared::ids::{LinkKey, RunId};
use cutover_shared::rpc::Topic;
use cutover_shared::run::{ItemState, RunState};

use super::downstream::DownstreamOp;
use super::fleet::FleetOp;
use super::inbox::InboxOp;
use super::integration::IntegrationOp;
use super::learned::Learned;
use super::lock::LockOp;
use super::mirror::MirrorOp;
use super::mismatch::MismatchOp;
use super::outbox::{DispatchTo, OutboxOp};
use super::rescore::RescoreOp;
use super::rollout::{RecordKind, RolloutOp};
use super::rollout_metrics::{RolloutMetricOp, Wholeness};
use super::rollout_time::RingOp;
use super::rows::{InstallationRow, LinkRow, MappingRow, NewItem, NewRun, RepositoryRow, RequestRow};
use super::sandbox_record::SandboxOp;
use super::second::SecondOp;

/// The most rows of one operation. Keeps a group commit short, so that the urgent lane never waits long.
pub const UNIT_ROWS: usize = 256;

/// Who goes first when several units wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// The kill switch and what must be durable before an acknowledgement.
    Urgent,
    /// Operators' acts and handlers.
    Handler,
    /// Bulk work of runs, sweeps and imports.
    Run,
}

/// A list of operations.
#[derive(Clone, Debug, Default)]
pub struct Unit {
    pub(super) ops: Vec<Op>,
}

impl Unit {
    /// An empty unit.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an operation.
    #[must_use]
    pub fn with(mut self, op: impl Into<Op>) -> Self {
        self.ops.push(op.into());
        self
    }

    /// Adds all of another unit: both are written, or neither is.
    #[must_use]
    pub fn joined(mut self, other: Self) -> Self {
        self.ops.extend(other.ops);
        self
    }

    /// How many rows all its operations carry.
    pub fn rows(&self) -> usize {
        self.ops.iter().map(Op::rows).sum()
    }

    /// Adds operations.
    #[must_use]
    pub fn with_all(mut self, ops: impl IntoIterator<Item = Op>) -> Self {
        self.ops.extend(ops);
        self
    }
}

macro_rules! ops {
    ($($variant:ident($inner:ty),)*) => {
        /// One operation of a unit.
        #[derive(Clone, Debug)]
        pub enum Op { $($variant($inner),)* }
        $(impl From<$inner> for Op {
            fn from(op: $inner) -> Self { Self::$variant(op) }
        })*
    };
}
ops! {
    Run(RunOp),
    Catalog(CatalogOp),
    Downstream(DownstreamOp),
    Fleet(FleetOp),
    Mapping(MappingOp),
    Mirror(MirrorOp),
    Mismatch(MismatchOp),
    Index(IndexOp),
    Inbox(InboxOp),
    Integration(IntegrationOp),
    Lock(LockOp),
    Outbox(OutboxOp),
    Probe(ProbeOp),
    Rescore(RescoreOp),
    Rollout(RolloutOp),
    Ring(RingOp),
    RolloutMetric(RolloutMetricOp),
    Sandbox(SandboxOp),
    Second(SecondOp),
    Setting(SettingOp),
    Act(ActOp),
    Audit(AuditDraft),
}

/// What a transition sets besides the state; `None` leaves a column as it is.
#[derive(Clone, Debug, Default)]
pub struct RunPatch {
    pub approved: Option<(String, i64)>,
    pub started_at: Option<i64>,
    pub ended_at: Option<i64>,
    /// Kept where it was set before.
    pub undo_started_at: Option<i64>,
    pub resumed_at: Option<i64>,
    /// Sets or clears the rate.
    pub rate: Option<Option<u32>>,
    /// Sets or clears the reason.
    pub reason: Option<Option<String>>,
    pub direction: Option<&'static str>,
}

/// One item's way from one state to another.
#[derive(Clone, Debug)]
pub struct ItemChange {
    pub ord: i64,
    pub from: ItemState,
    pub to: ItemState,
    /// Replaces the before-image when given.
    pub before: Option<String>,
    /// Replaces the reason, also by nothing.
    pub reason: Option<String>,
}

/// Operations on runs.
#[derive(Clone, Debug)]
pub enum RunOp {
    /// Adds items under a run that is not visible yet.
    AddItems { run: RunId, rows: Vec<NewItem> },
    /// Makes the run and its items visible, as `planned`.
    Create(Box<NewRun>),
    /// Demands that the run is in one of these states.
    Expect { run: RunId, states: Vec<RunState> },
    /// Moves the run. Demands that it is in one of `from` before.
    Move { run: RunId, from: Vec<RunState>, to: RunState, patch: RunPatch },
    /// Takes or renews the lease.
    Lease { run: RunId, holder: String, until: i64 },
    /// Moves items, each from the state that it is thought to be in.
    Items { run: RunId, at: i64, rows: Vec<ItemChange> },
    /// Removes items whose run never became visible.
    DropOrphans,
    /// Every planned run whose time is over becomes `expired`.
    Expire { now: i64 },
    /// Tells every moving run to pause, with a reason.
    PauseAll { reason: String },
}

/// Operations on the catalog.
#[derive(Clone, Debug)]
pub enum CatalogOp {
    /// Opens an upload.
    Open { upload: String, at: i64, operator: String, format: String },
    /// Adds the next part. A part that is there already is left alone.
    Part { upload: String, part: i64, bytes: i64, sealed: String },
    /// The upload was checked and is being taken; demands that it is open.
    Taking { upload: String, skip_bad: bool },
    /// The upload is not needed any more.
    Close { upload: String },
    /// Adds or changes links.
    PutLinks { rows: Vec<LinkRow> },
    /// Removes links and leaves their mappings.
    DropLinks { keys: Vec<LinkKey> },
    /// Adds sealed tokens: (fingerprint, envelope).
    PutTokens { rows: Vec<(String, String)>, at: i64 },
    /// The catalog has a new revision.
    Bump { at: i64, by: String },
}

/// Operations on mappings.
#[derive(Clone, Debug)]
pub enum MappingOp {
    /// Demands that each link and each mapping still has this fingerprint (`link fingerprint`, `mapping fingerprint
    /// or empty`).
    Expect { rows: Vec<(LinkKey, String, String)> },
    /// Adds or replaces mappings.
    Put { rows: Vec<MappingRow>, at: i64 },
    /// Removes mappings.
    Drop { keys: Vec<LinkKey> },
}

/// Operations on the index of installations and repositories.
#[derive(Clone, Debug)]
pub enum IndexOp {
    /// Opens a sweep.
    Begin { sweep: String, host: String, at: i64 },
    /// One page of the list of installations, and where the list goes on; `done` after the last page.
    Installations {
        sweep: String,
        host: String,
        rows: Vec<InstallationRow>,
        cursor: Option<String>,
        done: bool,
    },
    /// Open requests for installations.
    Requests { sweep: String, host: String, rows: Vec<RequestRow> },
    /// Repositories of one installation.
    Repositories { sweep: String, host: String, rows: Vec<RepositoryRow> },
    /// The installation's list was read to its end: what this sweep did not see in it is gone.
    Listed { sweep: String, host: String, installation: i64 },
    /// An installation's state was learned outside the list (a mint was refused).
    Suspended { sweep: String, host: String, installation: i64, at: i64 },
    /// The installation's list could not be read, for a reason of its own: what was known of it stays.
    Unread { sweep: String, host: String, installation: i64, why: String },
    /// GitHub does not know the installation any more. Integrations of before the sweep's beginning end with it.
    Gone { host: String, installation: i64, sweep: String, at: i64 },
    /// Ends the sweep: what it did not see is gone, with its integrations; the epoch rises when anything changed.
    End { sweep: String, host: String, at: i64 },
    /// An event told a fact; the epoch rises when the index changed.
    Learned { host: String, fact: Box<Learned>, at: i64 },
}

/// Operations on stored probe answers.
#[derive(Clone, Debug)]
pub enum ProbeOp {
    /// (key, answer as canonical JSON).
    Put { rows: Vec<(String, String)>, at: i64 },
    /// Forgets every answer.
    Clear,
    /// Forgets answers with these keys that were given before this moment.
    Forget { keys: Vec<String>, before: i64 },
}

/// Operations on settings.
#[derive(Clone, Debug)]
pub enum SettingOp {
    Set { name: String, value: String, at: i64, by: String },
}

/// Operations on receipts of acts.
#[derive(Clone, Debug)]
pub enum ActOp {
    /// An act that can't be asked for its outcome is about to be done: until it is remembered its receipt is empty.
    Begin { key: String, at: i64, operator: String, request: String },
    /// What was begun was not done.
    Withdraw { key: String },
    /// The first receipt of a key stays.
    Remember { key: String, at: i64, operator: String, request: String, receipt: String },
    /// Forgets receipts older than this.
    Forget { before: i64 },
}

/// An audit record to be; `seq`, `prev` and `hash` are set inside the commit.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditDraft {
    pub at: i64,
    pub actor: String,
    pub origin: String,
    pub act: String,
    pub subject: String,
    pub detail: serde_json::Value,
}

impl Op {
    /// How many rows it carries.
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Run(RunOp::AddItems { rows, .. }) => rows.len(),
            Self::Run(RunOp::Items { rows, .. }) => rows.len(),
            Self::Catalog(CatalogOp::PutLinks { rows }) => rows.len(),
            Self::Catalog(CatalogOp::DropLinks { keys }) | Self::Mapping(MappingOp::Drop { keys }) => {
                keys.len()
            }
            Self::Catalog(CatalogOp::PutTokens { rows, .. }) | Self::Probe(ProbeOp::Put { rows, .. }) => {
                rows.len()
            }
            Self::Mapping(MappingOp::Expect { rows }) => rows.len(),
            Self::Mapping(MappingOp::Put { rows, .. }) => rows.len(),
            Self::Index(IndexOp::Installations { rows, .. }) => rows.len(),
            Self::Mirror(MirrorOp::Paid { debts, .. }) => debts.len(),
            Self::Inbox(InboxOp::Replay { seqs }) => seqs.len(),
            Self::Rescore(RescoreOp::Paid { ids }) => ids.len(),
            Self::Probe(ProbeOp::Forget { keys, .. }) => keys.len(),
            Self::RolloutMetric(RolloutMetricOp::Windows { rows } | RolloutMetricOp::Merge { rows, .. }) => {
                rows.len()
            }
            Self::RolloutMetric(RolloutMetricOp::Tenants { rows }) => rows.len(),
            Self::Downstream(DownstreamOp::Put { rows, .. }) => rows.len(),
            Self::Fleet(op) => op.rows(),
            Self::Sandbox(op) => op.rows(),
            Self::Ring(RingOp::Add { tenants, .. } | RingOp::Remove { tenants, .. }) => tenants.len(),
            Self::Second(SecondOp::Again { seqs, .. }) => seqs.len(),
            Self::Second(SecondOp::Owe { rows, .. }) => rows.len(),
            Self::Outbox(OutboxOp::Replay { seqs }) => seqs.len(),
            Self::Outbox(OutboxOp::Put(new)) => match &new.to {
                DispatchTo::Workflows(workflows) => workflows.len(),
                DispatchTo::Scheduler { .. } => 1,
            },
            Self::Index(IndexOp::Learned { fact, .. }) => fact.rows(),
            Self::Index(IndexOp::Requests { rows, .. }) => rows.len(),
            Self::Index(IndexOp::Repositories { rows, .. }) => rows.len(),
            _ => 1,
        }
    }

    /// What a client that looks at it should ask for again.
    pub(super) fn topic(&self) -> Option<Topic> {
        match self {
            Self::Run(
                RunOp::AddItems { .. } | RunOp::Expect { .. } | RunOp::DropOrphans | RunOp::Lease { .. },
            )
            | Self::Act(_)
            | Self::Probe(_)
            | Self::Downstream(_)
            | Self::Lock(_)
            | Self::Integration(IntegrationOp::UseState { .. })
            | Self::Mirror(_)
            | Self::Rescore(RescoreOp::Paid { .. })
            | Self::Sandbox(SandboxOp::Expect { .. })
            | Self::Mapping(MappingOp::Expect { .. }) => None,
            Self::Run(_) => Some(Topic::Runs),
            Self::Catalog(
                CatalogOp::Open { .. }
                | CatalogOp::Part { .. }
                | CatalogOp::Taking { .. }
                | CatalogOp::Close { .. }
                | CatalogOp::PutTokens { .. },
            ) => None,
            Self::Catalog(_) => Some(Topic::Catalog),
            Self::Mapping(_) => Some(Topic::Mapping),
            // Who has an installation is told where installations are.
            Self::Index(_) | Self::Integration(_) | Self::Rescore(RescoreOp::Owe { .. }) => {
                Some(Topic::Index)
            }
            Self::Fleet(FleetOp::Schemas { .. } | FleetOp::Texts { .. } | FleetOp::Pin { .. }) => None,
            Self::Fleet(_) => Some(Topic::Fleet),
            Self::Inbox(_) => Some(Topic::Inbox),
            Self::Setting(SettingOp::Set { name, .. }) if name.starts_with("inbox.") => Some(Topic::Inbox),
            Self::Outbox(_) => Some(Topic::Outbox),
            Self::Setting(_) => Some(Topic::Mode),
            Self::Rollout(RolloutOp::Record { kind: RecordKind::Reconcile, .. }) => Some(Topic::Rollouts),
            Self::Rollout(RolloutOp::List { .. } | RolloutOp::Record { .. } | RolloutOp::Worth { .. }) => {
                None
            }
            // An intent and its withdrawal change nothing that is shown.
            Self::Second(SecondOp::Intend(_) | SecondOp::Withdraw { .. }) => None,
            Self::Rollout(_) | Self::Ring(_) | Self::Mismatch(_) | Self::Sandbox(_) | Self::Second(_) => {
                Some(Topic::Rollouts)
            }
            // Each second would be too often for whoever looks: a window that ended is told.
            Self::RolloutMetric(RolloutMetricOp::Windows { rows })
                if rows.iter().any(|row| row.complete != Wholeness::Open) =>
            {
                Some(Topic::Rollouts)
            }
            Self::RolloutMetric(_) => None,
            Self::Audit(_) => Some(Topic::Audit),
        }
    }
}
