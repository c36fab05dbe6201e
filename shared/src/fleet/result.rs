//! How a run of the fleet went, in the words of tenants.

use serde::{Deserialize, Serialize};

use crate::ids::TenantId;

/// Result of a run in the words of reference 002.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetResult {
    /// Tenants.
    pub total: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub skipped: u64,
    /// The first hundred.
    pub errors: Vec<FleetFault>,
    /// Of a run for one tenant.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub one: Option<TenantResult>,
}

/// How a run for one tenant went, in the words of reference 002.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantResult {
    pub success: bool,
    pub message: String,
    /// The migration that failed.
    pub failed_at: Option<String>,
    /// The version that the tenant has now, as it was seen last.
    pub new_version: Option<u32>,
}

/// One tenant that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetFault {
    pub user_id: TenantId,
    pub error: String,
    pub failed_at: Option<String>,
}
