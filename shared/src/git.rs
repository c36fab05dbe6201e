//! Git for tenants (C9): clone, pull and push in sandboxes, by one contract whichever arm answers.

use serde::{Deserialize, Serialize};

use crate::ids::{ProjectId, TenantId};
use crate::import::Method;
use crate::rollout::Side;

/// A sandbox that holds the files of one commit, after a clone or a pull.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxView {
    /// Names the sandbox until it is released or its time is over.
    pub sandbox: String,
    pub project_id: ProjectId,
    pub tenant_id: TenantId,
    /// `owner/name`, as the catalog has it.
    pub repository: String,
    /// What was asked for: `HEAD`, a branch, a commit.
    #[serde(rename = "ref")]
    pub reference: String,
    pub commit_sha: String,
    pub tree_sha: String,
    pub files: u64,
    /// Of all files together.
    pub bytes: u64,
    /// After a pull: the commit of before is in the history of this one. None after a clone.
    pub fast_forward: Option<bool>,
    /// Milliseconds since the epoch, UTC: then the sandbox is gone.
    pub expires_at: i64,
    /// Which arm answered: `legacy` is a sandbox for the task, `target` one of the pool.
    pub arm: Side,
    /// Which credential git was given.
    pub method: Method,
    pub duration_ms: u64,
}

/// A commit that is at the remote, which was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushView {
    pub project_id: ProjectId,
    pub tenant_id: TenantId,
    /// `owner/name`, as the catalog has it.
    pub repository: String,
    pub branch: String,
    /// The caller's name of the push; a repeat with the same pushes nothing.
    pub operation: String,
    pub commit_sha: String,
    pub tree_sha: String,
    /// Where the branch is: this commit, or one that somebody has put on top of it.
    pub remote_sha: String,
    /// False when a repeat found it there.
    pub pushed: bool,
    pub arm: Side,
    pub method: Method,
    pub duration_ms: u64,
}
