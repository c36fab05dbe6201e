//! Installations of the App and their health (G3).

use serde::{Deserialize, Serialize};

use crate::ids::InstallationId;
use crate::window::{Window, WindowAsk};

/// Where an installation stands at GitHub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstallationState {
    Active,
    /// Its owner suspended it: it exists, and no token can be had for it.
    Suspended,
    /// It was removed. A new installation of the same account has another id.
    Gone,
}
crate::run::words!(InstallationState { Active = "active", Suspended = "suspended", Gone = "gone" });

/// Whether somebody has to do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    Healthy,
    /// It works, and something should be looked at; `reasons` say what.
    Attention,
    /// It does not serve its tenants; `reasons` say why.
    Failing,
}
crate::run::words!(Health { Healthy = "healthy", Attention = "attention", Failing = "failing" });

/// Why an installation is not simply healthy: rule, what was found, what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthReason {
    /// For programs: `suspended`, `permission_missing`, `budget_low`, `token_failing`, `dead_deliveries`, `silent`,
    /// `unmapped`, `unread`.
    pub code: String,
    /// For people: what was found, with figures.
    pub text: String,
    /// What helps, a command where there is one.
    pub mend: Option<String>,
}

/// One installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallationView {
    pub id: InstallationId,
    pub account: String,
    pub account_id: i64,
    /// `User` or `Organization`, as GitHub writes it.
    pub account_type: String,
    pub state: InstallationState,
    pub health: Health,
    pub reasons: Vec<HealthReason>,
    /// `all` or `selected`.
    pub selection: String,
    /// Repositories that it lists.
    pub repositories: u64,
    /// Of the catalog: links of its account that are mapped to it.
    pub mapped: u64,
    /// Of the catalog: links of its account that are not mapped.
    pub unmapped: u64,
    /// Permissions that it was granted: (name, `read`/`write`/`admin`), by name.
    pub permissions: Vec<(String, String)>,
    /// Permissions that we need and it was not granted: (name, what is needed).
    pub missing: Vec<(String, String)>,
    /// What is left of the hour's calls, where GitHub has said it.
    pub budget: Option<(i64, i64)>,
    /// When its token in memory was minted; milliseconds since the epoch, UTC, as all times here.
    pub token_minted_at: Option<i64>,
    /// Why the last mint failed.
    pub token_error: Option<String>,
    pub last_delivery_at: Option<i64>,
    /// Event of the last delivery, `push` or `installation.suspend`.
    pub last_event: Option<String>,
    pub waiting_deliveries: u64,
    pub dead_deliveries: u64,
    /// When its list was last read at GitHub.
    pub read_at: Option<i64>,
    pub suspended_at: Option<i64>,
}

/// Questions about installations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstallationQuery {
    /// Worst health first, filtered and sorted ([`crate::filter::INSTALLATIONS`]).
    Window {
        ask: WindowAsk,
    },
    Show {
        id: InstallationId,
    },
}

/// Answers about installations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstallationAnswer {
    Window(Window<InstallationView>),
    Show(Box<InstallationView>),
}
