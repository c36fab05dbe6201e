//! Rows as the store keeps them.

use cutover_shared::ids::{InstallationId, LinkKey, ProjectId, RepoId, RunId, TenantId};
use cutover_shared::run::{Counts, ItemState, RunState};
use serde::Serialize;

/// A run to be, without its state.
#[derive(Clone, Debug)]
pub struct NewRun {
    pub id: RunId,
    pub kind: String,
    pub scope: String,
    pub digest: String,
    /// Canonical JSON of what the digest covers besides the items: scope, rule versions, configuration, page hashes.
    pub basis: String,
    pub effect: String,
    /// JSON.
    pub reversibility: String,
    pub author: String,
    pub planned_at: i64,
    pub expires_at: i64,
    /// JSON.
    pub summary: String,
}

/// A run as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    pub id: RunId,
    pub kind: String,
    pub scope: String,
    pub state: RunState,
    /// The pass that `paused` interrupts: `apply` or `undo`.
    pub direction: String,
    pub digest: String,
    pub basis: String,
    pub effect: String,
    pub reversibility: String,
    pub author: String,
    pub planned_at: i64,
    pub expires_at: i64,
    pub approved_by: Option<String>,
    pub approved_at: Option<i64>,
    pub started_at: Option<i64>,
    pub ended_at: Option<i64>,
    /// When the pass began that took it back.
    pub undo_started_at: Option<i64>,
    /// When a person last let it go on.
    pub resumed_at: Option<i64>,
    pub rate: Option<u32>,
    pub reason: Option<String>,
    pub summary: String,
    pub lease_holder: Option<String>,
    pub lease_until: Option<i64>,
    pub counts: Counts,
}

/// Effects that stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Newest first; perhaps not all.
    pub runs: Vec<StandingRun>,
    /// Effects of all runs, also of those that are not listed.
    pub items: u64,
}

/// A run whose effects stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingRun {
    pub id: RunId,
    pub state: RunState,
    /// JSON.
    pub reversibility: String,
}

/// An item to be.
#[derive(Clone, Debug, Serialize)]
pub struct NewItem {
    pub ord: i64,
    pub key: String,
    /// Canonical JSON.
    pub body: String,
}

/// An item as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredItem {
    pub ord: i64,
    pub key: String,
    pub state: ItemState,
    pub body: String,
    /// The sealed before-image, once it was taken.
    pub before: Option<String>,
    pub reason: Option<String>,
    pub attempts: u32,
    pub updated_at: i64,
}

/// A repository of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinkRow {
    pub project: ProjectId,
    pub repo_lname: String,
    pub key: LinkKey,
    pub tenant: TenantId,
    pub repo_full_name: String,
    pub repo_id: Option<i64>,
    pub owner_id: Option<i64>,
    pub owner_login: Option<String>,
    /// Fingerprint of the user token.
    pub token: Option<String>,
    pub imported_commit_sha: Option<String>,
    pub imported_tree_sha: Option<String>,
    pub imported_at: Option<i64>,
    pub import_method: Option<String>,
    /// What the application's columns held when its database was read; nothing for an embedded catalog.
    pub app_installation: Option<i64>,
    pub app_status: Option<String>,
    /// Over all fields above.
    pub fingerprint: String,
}

/// Which links are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkFilter {
    All,
    Tenants(Vec<TenantId>),
}

/// A tenant with its counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantRow {
    pub id: TenantId,
    pub projects: u64,
    pub repositories: u64,
    pub mapped: u64,
    pub pending: u64,
    pub unmappable: u64,
}

/// How a repository of a project is mapped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MappingRow {
    pub key: LinkKey,
    pub tenant: TenantId,
    pub status: String,
    pub installation: Option<InstallationId>,
    pub repo_id: Option<RepoId>,
    pub confidence: i64,
    /// Canonical JSON of `shared::mapping::Mapping`.
    pub body: String,
    /// Over the body.
    pub fingerprint: String,
    pub run: RunId,
}

/// A sweep of GitHub's lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepRow {
    pub id: String,
    pub host: String,
    /// `listing`, `reading`, `done`.
    pub state: String,
    pub started_at: i64,
    pub ended_at: Option<i64>,
    /// Where the list of installations goes on.
    pub cursor: Option<String>,
    pub changes: i64,
}

/// An installation of the App.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstallationRow {
    pub id: i64,
    pub account_id: i64,
    pub account_login: String,
    pub account_type: String,
    /// `all` or `selected`.
    pub selection: String,
    pub suspended_at: Option<i64>,
    /// JSON.
    pub permissions: String,
}

/// A repository in an installation's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RepositoryRow {
    pub installation: i64,
    pub id: i64,
    pub full_name: String,
    pub owner_id: i64,
    pub owner_login: String,
    pub created_at: Option<i64>,
    pub private: bool,
    pub fork: bool,
}

/// An installation that was asked for and not yet approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RequestRow {
    pub account_id: i64,
    pub account_login: String,
}

/// An upload in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadRow {
    pub id: String,
    pub at: i64,
    pub operator: String,
    pub format: String,
    /// `open` or `taking`.
    pub state: String,
    pub skip_bad: bool,
    pub parts: i64,
    pub bytes: i64,
}

/// One audit record as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    pub seq: i64,
    pub bytes: String,
    pub prev: String,
    pub hash: String,
}

/// The stored answer to an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActReceiptRow {
    pub operator: String,
    /// Digest of the request, so that a key can't be used for another act.
    pub request: String,
    /// JSON.
    pub receipt: String,
}
