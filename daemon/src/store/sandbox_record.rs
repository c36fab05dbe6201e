//! Imported records of sandboxes, and moving them into the books of both arms (C9).

use async_trait::async_trait;
use cutover_shared::ids::{ProjectId, TenantId};
use cutover_shared::rollout::Side;
use serde::Serialize;

use super::ReadError;
use super::rows::LinkFilter;
use super::second::{ArmRecord, RecordKey};

/// A record as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SandboxRow {
    pub tenant: TenantId,
    pub id: String,
    pub project: ProjectId,
    pub repo_full_name: String,
    pub branch: Option<String>,
    pub commit_sha: String,
    pub tree_sha: Option<String>,
    pub state: Option<String>,
    /// Epoch milliseconds, as `updated_at`.
    pub created_at: Option<i64>,
    pub updated_at: i64,
    /// Over all of it.
    pub fingerprint: String,
}

/// One record of one book, from what is there to what is to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookChange {
    pub of: RecordKey,
    /// What must be there, exactly; none: nothing.
    pub held: Option<ArmRecord>,
    /// None takes it away.
    pub to: Option<ArmRecord>,
}

/// Operations on them.
#[derive(Clone, Debug)]
pub enum SandboxOp {
    /// Adds or replaces imported records.
    Put { rows: Vec<SandboxRow> },
    /// Demands that each imported record still has this fingerprint: (tenant, id, fingerprint).
    Expect { rows: Vec<(TenantId, String, String)> },
    /// Changes records of one arm's book. Demands that each is as `held` says.
    Book { side: Side, changes: Vec<BookChange> },
}

impl SandboxOp {
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Put { rows } => rows.len(),
            Self::Expect { rows } => rows.len(),
            Self::Book { changes, .. } => changes.len(),
        }
    }
}

type Read<T> = Result<T, ReadError>;

/// What can be read of them.
#[async_trait]
pub trait SandboxRead {
    /// By tenant and id, after `after`.
    async fn sandbox_records(
        &self,
        filter: &LinkFilter,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Read<Vec<SandboxRow>>;
    /// Those of these tenants and ids, in any order.
    async fn sandbox_records_by_key(&self, keys: &[(TenantId, String)]) -> Read<Vec<SandboxRow>>;
    /// Tenants with records, and records.
    async fn sandbox_counts(&self) -> Read<(u64, u64)>;
    /// What both books hold under these keys of one rollout's operations, in any order.
    async fn book_records(&self, keys: &[RecordKey]) -> Read<Vec<ArmRecord>>;
}
