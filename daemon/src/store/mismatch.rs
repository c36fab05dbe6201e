//! Answers of a rollout's two arms that differed.

use async_trait::async_trait;
use cutover_shared::rollout::{Operation, RolloutName};

use super::ReadError;

/// Rows that are kept of one rollout; older ones give way.
pub const MISMATCHES_KEPT: u32 = 10_000;

/// A difference to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMismatch {
    pub operation: Operation,
    pub tenant: String,
    pub at: i64,
    /// The rollout's version that had both arms asked.
    pub version: u64,
    /// JSON array, without secrets.
    pub difference: String,
}

/// A difference as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MismatchRow {
    pub seq: i64,
    pub new: NewMismatch,
}

/// Operations on differences.
#[derive(Clone, Debug)]
pub enum MismatchOp {
    /// Adds one, and drops what is over [`MISMATCHES_KEPT`].
    Add(NewMismatch),
}

/// What is read of differences.
#[async_trait]
pub trait MismatchRead {
    /// Newest first, before this number.
    async fn mismatches(
        &self,
        name: RolloutName,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<MismatchRow>, ReadError>;
    /// How many tenants had one since `since`, among those that are kept.
    async fn mismatched_tenants(&self, name: RolloutName, since: i64) -> Result<u64, ReadError>;
}
