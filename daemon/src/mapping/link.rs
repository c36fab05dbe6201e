//! Repositories of projects between the store, the wire and the rules.

use cutover_shared::catalog::Link;
use cutover_shared::ids::{AccountId, RepoId};
use cutover_shared::mapping::Mapping;
use sha2::{Digest as _, Sha256};

use crate::hex::hex;
use crate::run::canonical;
use crate::store::LinkRow;

/// A short hash over what the application says of a link; `held` is what its own columns hold.
pub(crate) fn link_fingerprint(link: &Link, held: Option<&Held>) -> String {
    let held = held.map(|held| (held.installation, held.status.as_deref()));
    short(&canonical(&(link, held)).unwrap_or_default())
}

/// A short hash over a mapping; empty when there is none.
pub(crate) fn mapping_fingerprint(body: &str) -> String {
    short(body)
}

/// The canonical bytes of a mapping.
pub(crate) fn mapping_body(mapping: &Mapping) -> String {
    // A mapping holds strings and integers only.
    canonical(mapping).unwrap_or_default()
}

fn short(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes())[..12])
}

/// What the application's two columns hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Held {
    pub installation: Option<i64>,
    pub status: Option<String>,
}

/// The row of a link.
pub(crate) fn row_of(link: Link, held: Option<Held>) -> LinkRow {
    let fingerprint = link_fingerprint(&link, held.as_ref());
    let held = held.unwrap_or_default();
    LinkRow {
        repo_lname: link.repo_full_name.to_lowercase(),
        project: link.project,
        key: link.key,
        tenant: link.tenant,
        repo_full_name: link.repo_full_name,
        repo_id: link.repo_id.map(|id| id.0),
        owner_id: link.owner_id.map(|id| id.0),
        owner_login: link.owner_login,
        token: link.token,
        imported_commit_sha: link.imported_commit_sha,
        imported_tree_sha: link.imported_tree_sha,
        imported_at: link.imported_at,
        import_method: link.import_method,
        app_installation: held.installation,
        app_status: held.status,
        fingerprint,
    }
}

/// The link of a row.
pub(crate) fn link_of(row: LinkRow) -> Link {
    Link {
        key: row.key,
        project: row.project,
        tenant: row.tenant,
        repo_full_name: row.repo_full_name,
        repo_id: row.repo_id.map(RepoId),
        owner_id: row.owner_id.map(AccountId),
        owner_login: row.owner_login,
        token: row.token,
        imported_commit_sha: row.imported_commit_sha,
        imported_tree_sha: row.imported_tree_sha,
        imported_at: row.imported_at,
        import_method: row.import_method,
    }
}
