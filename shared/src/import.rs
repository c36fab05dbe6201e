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

/// What is done about the probes of what stands downstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeStep {
    /// Before the move: what they answer is kept.
    Record,
    /// After an import: what they answer is held against what was kept.
    Compare,
}
words!(ProbeStep { Record = "record", Compare = "compare" });

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
        /// Afterwards the probes are called, and compared with what was recorded.
        #[serde(default)]
        probe: bool,
    },
    /// Imports nothing: calls the probes and keeps what they answer.
    Record {
        project: ProjectId,
        /// As for [`ImportAct::Run`].
        #[serde(default)]
        repository: Option<String>,
    },
}

/// One thing that a probe's answer was looked at for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeCheck {
    /// `status`, `end event`, `contains`, `events`, `length` or `digest`.
    pub what: String,
    pub passed: bool,
    pub wanted: String,
    pub found: String,
}

/// What became of one probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeView {
    pub name: String,
    /// None: there is nothing to compare with, which is never a pass.
    pub passed: Option<bool>,
    pub checks: Vec<ProbeCheck>,
    /// How long the answer took, in milliseconds.
    pub ms: u64,
    /// Why there was no whole answer, or nothing to compare with.
    pub error: Option<String>,
}

/// What was recorded for a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordView {
    pub project_id: ProjectId,
    pub tenant_id: TenantId,
    /// `owner/name`, as the catalog has it.
    pub repository: String,
    /// `passed`: the answer was fit to be recorded, and is.
    pub probes: Vec<ProbeView>,
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
    /// Of the probes, where they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<ProbeView>,
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
