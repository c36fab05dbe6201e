//! Rollouts in time: rings, and what their timeline is made of.

use async_trait::async_trait;
use cutover_shared::ids::TenantId;
use cutover_shared::rollout::{Ring, RolloutName, Side};

use super::ReadError;
use super::rollout::ChangeRow;
use super::second::SecondCounts;

/// A tenant on a ring's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingRow {
    pub tenant: TenantId,
    pub ring: Ring,
    /// Epoch milliseconds.
    pub at: i64,
    pub by: String,
}

/// Operations on rings.
#[derive(Clone, Debug)]
pub enum RingOp {
    /// Puts tenants on a list; one that is on the other moves.
    Add { ring: Ring, tenants: Vec<TenantId>, at: i64, by: String },
    /// Takes tenants off a list.
    Remove { ring: Ring, tenants: Vec<TenantId> },
}

/// An incident, open or closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastIncidentRow {
    pub id: String,
    pub opened_at: i64,
    pub opened_by: String,
    pub text: String,
    /// When and by whom it was closed.
    pub closed: Option<(i64, String)>,
}

type Read<T> = Result<T, ReadError>;

/// What can be read of them.
#[async_trait]
pub trait RolloutTimeRead {
    /// Up to `limit` tenants of a ring by id, greater than `after`.
    async fn ring(&self, ring: Ring, after: Option<&str>, limit: u32) -> Read<Vec<RingRow>>;
    /// Tenants of the two lists, in the order of [`Ring::LISTED`].
    async fn ring_counts(&self) -> Read<[u64; 2]>;
    /// Changes that began a stay in a stage or ring, newest first, older than version `before`.
    async fn rollout_stays(&self, name: RolloutName, before: Option<u64>, limit: u32)
    -> Read<Vec<ChangeRow>>;
    /// Kills, freezes and their ends, oldest first, of versions greater than `after` and below `before`.
    async fn rollout_stops(
        &self,
        name: RolloutName,
        after: u64,
        before: Option<u64>,
        limit: u32,
    ) -> Read<Vec<ChangeRow>>;
    /// For each span from a time until before another: incidents that concern the rollout and were opened or closed in it, the
    /// oldest first, up to `limit` in each.
    async fn incidents_of(
        &self,
        name: RolloutName,
        spans: &[(i64, i64)],
        limit: u32,
    ) -> Read<Vec<Vec<PastIncidentRow>>>;
    /// Id and text of the oldest open incident that concerns the rollout.
    async fn open_incident(&self, name: RolloutName) -> Read<Option<(String, String)>>;
    /// Which of these incidents are open.
    async fn incidents_open_among(&self, ids: &[String]) -> Read<Vec<String>>;
    /// What one arm owes.
    async fn second_owed(&self, name: RolloutName, side: Side) -> Read<SecondCounts>;
}
