//! Imports: the files of one commit of a repository, fetched with whichever credential serves (B9).

use serde::{Deserialize, Serialize};

use crate::ids::{InstallationId, ProjectId, TenantId};
use crate::run::words;

/// Which credential is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// As mode and mapping say.
    #[default]
    Auto,
    /// The installation, or nothing.
    Installation,
    /// The user's token, or nothing.
    Oauth,
}
words!(Wanted { Auto = "auto", Installation = "installation", Oauth = "oauth" });

/// Which credential served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The one-hour token of an installation of the App.
    Installation,
    /// A user's token, as before the migration.
    Oauth,
}
words!(Method { Installation = "installation", Oauth = "oauth" });

/// Acts about imports. An import changes nothing at GitHub and nothing of the project; it leaves an artifact for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportAct {
    Run {
        project: ProjectId,
        /// `owner/name`; needed when the project has several.
        #[serde(default)]
        repository: Option<String>,
        /// Branch, tag or commit; none: the default branch.
        #[serde(default)]
        reference: Option<String>,
        #[serde(default)]
        method: Wanted,
    },
}

/// What was imported, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportView {
    pub project_id: ProjectId,
    pub tenant_id: TenantId,
    /// `owner/name`, as GitHub has it now.
    pub repository: String,
    pub repository_id: i64,
    /// What was asked for: a branch, a tag, a commit.
    #[serde(rename = "ref")]
    pub reference: String,
    pub commit_sha: String,
    pub tree_sha: String,
    /// Of all files together.
    pub bytes: u64,
    pub files: u64,
    /// SHA-256 over the content, lower-case hex; equal for equal commits, whichever credential served.
    pub digest: String,
    /// Names the archive of the files, while it is kept.
    pub artifact: String,
    /// Milliseconds since the epoch, UTC.
    pub artifact_expires_at: i64,
    pub method: Method,
    /// Of the credential that served.
    pub installation_id: Option<InstallationId>,
    /// Why this credential served.
    pub reason: String,
    /// Why the installation did not serve, though it was its turn.
    pub fallback_reason: Option<String>,
    pub duration_ms: u64,
}

/// One repository in a listing; the same whichever credential served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryView {
    pub id: i64,
    /// `owner/name`.
    pub full_name: String,
    pub name: String,
    pub owner: String,
    pub owner_id: i64,
    pub private: bool,
    pub fork: bool,
    pub archived: bool,
    pub default_branch: String,
}
