//! What becomes of an imported record of a sandbox, from what both books hold. Values in, values out.

use cutover_shared::sandbox_record::{RecordVerdict, SandboxRecord};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::hex::hex;
use crate::run::canonical;

/// The version of this rule; a plan's digest covers it.
pub const RECORDS_VERSION: u32 = 1;

/// What a book holds, as far as the rule looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held<'a> {
    pub digest: &'a str,
    /// Epoch milliseconds.
    pub at: i64,
}

/// The verdict on a record, and what both books hold once it is moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    pub verdict: RecordVerdict,
    pub digest: String,
}

/// The key that a clone has in both books: project, repository, what was asked for and what that was.
pub fn clone_key(project: &str, repo_full_name: &str, reference: &str, commit: &str) -> String {
    format!("{project}:{}@{reference}#{commit}", repo_full_name.to_lowercase())
}

/// What a sandbox was cloned by: its branch, else `HEAD`.
pub fn reference(record: &SandboxRecord) -> &str {
    let branch = record.branch.as_deref().unwrap_or("HEAD");
    branch.strip_prefix("refs/heads/").unwrap_or(branch)
}

/// What must be the same in both books of a clone: commit and tree. SHA-256, lower-case hex.
pub fn clone_digest(commit: &str, tree: Option<&str>) -> String {
    hex(&Sha256::digest(json!([commit, tree]).to_string().as_bytes()))
}

/// `known`: the catalog has its repository; `newest`: no other record of the same clone is newer.
pub fn judge(
    record: &SandboxRecord,
    known: bool,
    newest: bool,
    legacy: Option<Held<'_>>,
    target: Option<Held<'_>>,
) -> Judged {
    let commit = record.commit_sha.as_str();
    let treeless = clone_digest(commit, None);
    // A commit has one tree: a book that was written by a clone knows what the application did not keep.
    let digest = match (&record.tree_sha, legacy) {
        (None, Some(legacy)) => legacy.digest.to_owned(),
        (tree, _) => clone_digest(commit, tree.as_deref()),
    };
    let differs = |held: Held<'_>| held.digest != digest && held.digest != treeless;
    let verdict = if !known {
        RecordVerdict::UnknownProject
    } else if !newest {
        RecordVerdict::SameCommit
    } else if legacy.is_some_and(differs) {
        RecordVerdict::OtherTree
    } else {
        match target {
            Some(target) if target.digest == digest => RecordVerdict::AlreadyThere,
            // What is there knows the tree, and the record does not.
            Some(target) if digest == treeless && target.digest != treeless => RecordVerdict::AlreadyThere,
            Some(target) if differs(target) && target.at >= record.updated_at => RecordVerdict::TargetNewer,
            _ => RecordVerdict::Move,
        }
    };
    Judged { verdict, digest }
}

/// Why a record is left out, for people; none when it is moved.
pub fn left_out(verdict: RecordVerdict) -> Option<&'static str> {
    Some(match verdict {
        RecordVerdict::Move => return None,
        RecordVerdict::AlreadyThere => "the target's book has it already",
        RecordVerdict::SameCommit => "a newer record of the same branch and commit stands for both",
        RecordVerdict::TargetNewer => "the target's book has a newer record of it",
        RecordVerdict::OtherTree => "legacy's own book has another tree for this commit",
        RecordVerdict::UnknownProject => "the catalog has no such repository of this project and tenant",
    })
}

/// A short hash over an imported record.
pub fn source_print(record: &SandboxRecord) -> String {
    // It holds strings and integers only.
    short(&canonical(record).unwrap_or_default())
}

/// A short hash over what a book's record says, its time left out; empty for none.
pub fn book_print(record: Option<(&str, bool, &str)>) -> String {
    record.map_or_else(String::new, |(digest, answered, body)| short(&format!("{digest} {answered} {body}")))
}

fn short(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes())[..12])
}

#[cfg(test)]
mod tests;
