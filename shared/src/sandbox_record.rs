//! Records of sandboxes that the application kept before git ran here (C9): imported, then moved into the target's book by a run.

use serde::{Deserialize, Serialize};

use crate::catalog::BadRow;
use crate::ids::{ProjectId, TenantId};
use crate::run::words;

/// The word of the kind of run that moves them.
pub const SANDBOX_RECORDS: &str = "sandbox-records";

/// One sandbox, as the application knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxRecord {
    pub tenant: TenantId,
    /// The application's own id; no other of the tenant has it.
    pub id: String,
    pub project: ProjectId,
    /// `owner/name` in the letters of the source.
    pub repo_full_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// 40 or 64 hexadecimal digits in lower case, as `tree_sha`.
    pub commit_sha: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree_sha: Option<String>,
    /// The application's own word for how it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Milliseconds since the epoch, UTC, as `updated_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<i64>,
    pub updated_at: i64,
}

/// What a run does with a record, and why it leaves one out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordVerdict {
    Move,
    /// The target's book has the same.
    AlreadyThere,
    /// A newer record of the same branch and commit stands for both.
    SameCommit,
    /// The target's book has another one, which is newer.
    TargetNewer,
    /// Legacy's own book has another tree for this commit.
    OtherTree,
    /// The catalog has no such repository of this project and tenant.
    UnknownProject,
}
words!(RecordVerdict {
    Move = "move", AlreadyThere = "already_there", SameCommit = "same_commit", TargetNewer = "target_newer",
    OtherTree = "other_tree", UnknownProject = "unknown_project",
});

/// What a plan stands on: short fingerprints, empty where there is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordBefore {
    /// Of the imported record.
    pub source: String,
    /// Of the record in legacy's book.
    pub legacy: String,
    /// Of the record in the target's book.
    pub target: String,
}

/// One item of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordItem {
    pub record: SandboxRecord,
    /// Of the clone that both books have it as.
    pub key: String,
    pub before: RecordBefore,
    /// What both books hold afterwards: SHA-256 over commit and tree, lower-case hex.
    pub after: String,
    pub verdict: RecordVerdict,
}

/// What a plan found; the `summary` of its run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordsSummary {
    pub records: u64,
    /// Those that are moved.
    pub changes: u64,
    /// Those that are left out, by reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<(RecordVerdict, u64)>,
}

/// A record, and which books have its commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordView {
    pub record: SandboxRecord,
    /// Legacy's book has it.
    pub legacy: bool,
    /// The target's book has it.
    pub target: bool,
}

/// What an import of records did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordsReceipt {
    pub added: u64,
    pub changed: u64,
    pub unchanged: u64,
    /// Left out because of `--skip-bad`; at most 1,000 of them are listed.
    pub skipped: Vec<BadRow>,
    /// How many rows were left out.
    pub skipped_count: u64,
    /// Tenants with records, and records, afterwards.
    pub tenants: u64,
    pub records: u64,
}
