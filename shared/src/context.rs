//! What GitHub says about a repository (G10), asked for by operators: an installation that sees it asks. Answers are the same JSON
//! documents as over HTTP (`docs/api.md`), as text in parts, because a file or a pull request can be larger than a frame.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::InstallationId;

/// The longest comment that GitHub takes, in characters.
pub const LONGEST_COMMENT: usize = 65_536;

/// The most bytes of a document in one part; JSON that is written as a string takes at most twice as many.
pub const MAX_PART: usize = crate::page::MAX_BYTES;

/// The longest document, in bytes: a file of 100 MiB, which is all that a blob may have, in base64.
pub const MAX_DOCUMENT: usize = 144 * 1024 * 1024;

/// Which repository, and who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// `owner/name`, in any case.
    pub repository: String,
    /// None: the installation that sees the repository, as far as the index knows.
    #[serde(default)]
    pub installation: Option<InstallationId>,
}

/// What is asked of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextAsk {
    /// `{pr, diff, files, comments, repository, complete}`.
    PullRequest { number: i64 },
    /// `{commit, diff, repository}`.
    Commit { sha: String },
    /// `{path, ref, size, encoding: "base64", content}`.
    File { path: String, reference: Option<String> },
    /// GitHub's compare.
    Compare { base: String, head: String },
    /// `{branches, next}`; `cursor` is the `next` of the page before.
    Branches { cursor: Option<String> },
    /// `{issue, comments, complete}`.
    Issue { number: i64 },
}

/// Questions about repositories. They show tenants' code, so a viewer is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextQuery {
    Ask {
        place: Place,
        ask: ContextAsk,
    },
    /// More of a document: its name and the byte that the part before ended with.
    Part {
        document: String,
        from: u64,
    },
}

impl ContextQuery {
    /// The question's name in refusals.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Part { .. } => "context.part",
            Self::Ask { ask, .. } => match ask {
                ContextAsk::PullRequest { .. } => "context.pr",
                ContextAsk::Commit { .. } => "context.commit",
                ContextAsk::File { .. } => "context.file",
                ContextAsk::Compare { .. } => "context.compare",
                ContextAsk::Branches { .. } => "context.branches",
                ContextAsk::Issue { .. } => "context.issue",
            },
        }
    }
}

/// Answers about repositories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextAnswer {
    Part(ContextPart),
}

/// Part of a JSON document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextPart {
    /// Who asked GitHub.
    pub installation: InstallationId,
    /// Bytes of the whole document.
    pub size: u64,
    /// Where this part begins.
    pub from: u64,
    /// At most [`MAX_PART`] bytes.
    pub text: String,
    /// The name to ask for more with, for a few minutes; none after the last part.
    pub more: Option<String>,
}

/// Acts at GitHub about a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextAct {
    /// Comments on an issue, or on a pull request's conversation. Never repeated under one key, also when nobody knows whether it
    /// was posted.
    Comment { place: Place, number: i64, text: String },
}

/// What an act about a repository did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextReceipt {
    /// The comment as GitHub shows it.
    Commented { installation: InstallationId, comment: Value },
}
