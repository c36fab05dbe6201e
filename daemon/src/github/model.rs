//! GitHub's answers, as far as they are used. octocrab's own models demand fields that hosts leave out (and lack
//! `suspended_at`), so these are lenient: unknown fields are ignored, missing ones are empty.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::clock::Millis;

/// The App itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AppInfo {
    /// Numeric id.
    pub id: i64,
    /// Part of the install link.
    #[serde(default)]
    pub slug: String,
    /// For people.
    #[serde(default)]
    pub name: String,
    /// Name to level: `contents` -> `read`.
    #[serde(default)]
    pub permissions: BTreeMap<String, String>,
    /// Events that are sent.
    #[serde(default)]
    pub events: Vec<String>,
}

/// What GitHub says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Meta {
    /// Networks that webhooks are sent from, as CIDRs; empty where a server doesn't say.
    #[serde(default)]
    pub hooks: Vec<String>,
}

/// A user or organisation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Account {
    /// Numeric id; it survives renames.
    pub id: i64,
    /// Changes with renames.
    #[serde(default, alias = "slug")]
    pub login: String,
    /// `User`, `Organization` or `Enterprise`.
    #[serde(default, rename = "type")]
    pub kind: String,
}

/// An installation of the App on an account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Installation {
    /// Numeric id; a reinstall has a new one.
    pub id: i64,
    /// Where it is installed.
    pub account: Account,
    /// `all` or `selected`.
    #[serde(default)]
    pub repository_selection: String,
    /// Epoch milliseconds; `None` when not suspended.
    #[serde(default, deserialize_with = "moment")]
    pub suspended_at: Option<Millis>,
    /// Name to level.
    #[serde(default)]
    pub permissions: BTreeMap<String, String>,
    /// Events that are sent.
    #[serde(default)]
    pub events: Vec<String>,
    /// Whose installation it is.
    #[serde(default)]
    pub app_slug: String,
    /// Epoch milliseconds.
    #[serde(default, deserialize_with = "moment")]
    pub created_at: Option<Millis>,
    /// Epoch milliseconds.
    #[serde(default, deserialize_with = "moment")]
    pub updated_at: Option<Millis>,
}

/// Somebody asked an owner to install the App.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct InstallationRequest {
    /// Numeric id.
    pub id: i64,
    /// Where it is to be installed.
    pub account: Account,
    /// Who asked.
    #[serde(default)]
    pub requester: Option<Account>,
    /// Epoch milliseconds.
    #[serde(default, deserialize_with = "moment")]
    pub created_at: Option<Millis>,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Repository {
    /// Numeric id; it survives renames and transfers.
    pub id: i64,
    /// `owner/name`, as of now.
    pub full_name: String,
    /// Without the owner.
    #[serde(default)]
    pub name: String,
    /// Whose it is, as of now.
    pub owner: Account,
    /// Not visible to everybody.
    #[serde(default)]
    pub private: bool,
    /// A fork has its own id and owner.
    #[serde(default)]
    pub fork: bool,
    /// Read-only.
    #[serde(default)]
    pub archived: bool,
    /// Epoch milliseconds.
    #[serde(default, deserialize_with = "moment")]
    pub created_at: Option<Millis>,
    /// Empty when GitHub doesn't say.
    #[serde(default)]
    pub default_branch: String,
}

/// A commit and the tree it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Full sha.
    pub sha: String,
    /// Its tree's sha.
    pub tree_sha: String,
}

/// The listing of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Tree {
    /// Its sha.
    pub sha: String,
    /// Entries in git's order.
    #[serde(default, rename = "tree")]
    pub entries: Vec<TreeEntry>,
    /// GitHub left entries out because there are too many.
    #[serde(default)]
    pub truncated: bool,
}

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TreeEntry {
    /// Relative to the tree asked for.
    pub path: String,
    /// Git's mode, e.g. `100644`.
    #[serde(default)]
    pub mode: String,
    /// `blob`, `tree` or `commit`.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// The object's sha.
    pub sha: String,
    /// Bytes, for blobs.
    #[serde(default)]
    pub size: Option<u64>,
}

/// `/repos/../commits/SHA` nests the tree, `/repos/../git/commits/SHA` doesn't.
#[derive(Deserialize)]
pub(crate) struct CommitAnswer {
    sha: String,
    #[serde(default)]
    commit: Option<CommitBody>,
    #[serde(default)]
    tree: Option<Sha>,
}

#[derive(Deserialize)]
struct CommitBody {
    tree: Sha,
}

#[derive(Deserialize)]
struct Sha {
    sha: String,
}

impl CommitAnswer {
    pub(crate) fn commit(self) -> Option<Commit> {
        Some(Commit { tree_sha: self.commit.map(|commit| commit.tree).or(self.tree)?.sha, sha: self.sha })
    }
}

/// `/installation/repositories` wraps its rows.
#[derive(Deserialize)]
pub(crate) struct RepositoryPage {
    #[serde(default)]
    pub(crate) total_count: Option<u64>,
    pub(crate) repositories: Vec<Repository>,
}

/// A file as JSON, from hosts that don't give raw bytes.
#[derive(Deserialize)]
pub(crate) struct EncodedFile {
    pub(crate) content: String,
    pub(crate) encoding: String,
}

/// RFC 3339 text, or seconds since the epoch as some payloads have it.
pub(crate) fn epoch_ms(value: &serde_json::Value) -> Option<Millis> {
    match value {
        serde_json::Value::String(text) => {
            chrono::DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis())
        }
        serde_json::Value::Number(seconds) => seconds.as_i64()?.checked_mul(1000),
        _ => None,
    }
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Millis>, D::Error> {
    let value = Option::<serde_json::Value>::deserialize(deserializer)?;
    Ok(value.as_ref().and_then(epoch_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_enough_and_more_is_ignored() {
        let text = r#"{"id":1,"account":{"id":2,"slug":"corp","new":[]},"suspended_at":"2024-01-02T03:04:05Z",
            "created_at":1500000000,"updated_at":"soon","permissions":{"contents":"read"}}"#;
        let installation: Installation = serde_json::from_str(text).unwrap();
        assert_eq!(installation.account.login, "corp");
        assert_eq!(installation.suspended_at, Some(1_704_164_645_000));
        assert_eq!(installation.created_at, Some(1_500_000_000_000));
        assert_eq!(installation.updated_at, None);
    }

    #[test]
    fn both_shapes_of_a_commit_are_read() {
        for text in [r#"{"sha":"a","commit":{"tree":{"sha":"b"}}}"#, r#"{"sha":"a","tree":{"sha":"b"}}"#] {
            let answer: CommitAnswer = serde_json::from_str(text).unwrap();
            assert_eq!(answer.commit().unwrap().tree_sha, "b");
        }
    }
}
