//! Questions to GitHub that decide what the index alone can't, and their stored answers.
//!
//! An undecided repository of a project gets at most one question a plan. [`ProbePlan`] hands them out in rounds, so
//! that a dead user token costs one question however many repositories it was stored for.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use cutover_shared::catalog::Link;
use cutover_shared::ids::{AccountId, InstallationId, RepoId};
use serde::{Deserialize, Serialize};

mod plan;
#[cfg(test)]
mod tests;

pub use plan::{ProbePlan, ProbeTally, Questioned, schedule};

use super::index::IndexView;
use super::matching::ladder;

/// Whose credential a question is asked with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialRef {
    /// The stored user token with this keyed fingerprint.
    User(String),
    Installation(InstallationId),
}

/// What is asked. Names and shas are in lower case, so that equal questions are equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// `GET /repos/{full_name}`, redirects followed.
    ReadRepo { full_name: String },
    /// `GET /repos/{full_name}/git/commits/{sha}`.
    ResolveCommit { full_name: String, sha: String },
}

/// One question with one credential. Equal asks are asked once, whichever projects want them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProbeAsk {
    pub credential: CredentialRef,
    pub question: Question,
}

impl ProbeAsk {
    /// Reads `full_name` with the user token of this fingerprint.
    pub fn read_repo(fingerprint: &str, full_name: &str) -> Self {
        Self {
            credential: CredentialRef::User(fingerprint.to_owned()),
            question: Question::ReadRepo { full_name: full_name.to_lowercase() },
        }
    }

    /// Resolves the commit `sha` of `full_name` through an installation.
    pub fn resolve_commit(installation: InstallationId, full_name: &str, sha: &str) -> Self {
        Self {
            credential: CredentialRef::Installation(installation),
            question: Question::ResolveCommit {
                full_name: full_name.to_lowercase(),
                sha: sha.to_ascii_lowercase(),
            },
        }
    }

    /// Stable text for the store: credential, question and repository, separated by spaces. Different asks have
    /// different keys, whatever bytes a catalog holds.
    pub fn key(&self) -> String {
        let mut out = String::with_capacity(96);
        match &self.credential {
            CredentialRef::User(fingerprint) => {
                out.push_str("user ");
                escape(&mut out, fingerprint);
            }
            CredentialRef::Installation(id) => {
                let _ = write!(out, "installation {id}");
            }
        }
        match &self.question {
            Question::ReadRepo { full_name } => {
                out.push_str(" read ");
                escape(&mut out, full_name);
            }
            Question::ResolveCommit { full_name, sha } => {
                out.push_str(" commit ");
                escape(&mut out, full_name);
                out.push(' ');
                escape(&mut out, sha);
            }
        }
        out
    }

    /// The ask that has this key; nothing when the text is no such key.
    pub fn from_key(key: &str) -> Option<Self> {
        let words: Vec<&str> = key.split(' ').collect();
        let (credential, question) = words.split_at_checked(2)?;
        let credential = match credential {
            ["user", fingerprint] => CredentialRef::User(unescape(fingerprint)?),
            ["installation", id] => CredentialRef::Installation(InstallationId(id.parse().ok()?)),
            _ => return None,
        };
        let question = match question {
            ["read", name] => Question::ReadRepo { full_name: unescape(name)? },
            ["commit", name, sha] => {
                Question::ResolveCommit { full_name: unescape(name)?, sha: unescape(sha)? }
            }
            _ => return None,
        };
        let ask = Self { credential, question };
        (ask.key() == key).then_some(ask)
    }
}

/// What GitHub answered. Stored, and part of the world that a plan was made in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeAnswer {
    /// The repository exists and the credential reads it. `moved`: the name that was asked for redirects to it.
    Repo {
        repo_id: RepoId,
        full_name: String,
        owner_id: AccountId,
        owner_login: String,
        moved: bool,
        /// Milliseconds since the epoch, UTC.
        created_at: Option<i64>,
    },
    /// 404 to a credential that is alive.
    NotFound,
    /// 401: the credential does not work any more, for no repository.
    CredentialDead,
    Commit {
        tree_sha: String,
    },
    /// 403 to a credential that is alive: single sign-on, an organisation's application policy, a missing permission.
    Forbidden,
    /// No answer, or one that says nothing. Asked again by the next plan. The text holds no secret.
    Unreachable(String),
}

impl ProbeAnswer {
    /// The bytes that are stored and digested: JSON with the fields in the order of their declaration.
    pub fn canonical(&self) -> String {
        // Serialising integers, strings and unit variants to memory has no way to fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What is known of a user token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialState {
    Unknown,
    Alive,
    Dead,
}

/// Stored answers, by what was asked.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    by_ask: HashMap<ProbeAsk, ProbeAnswer>,
    alive: HashSet<CredentialRef>,
    dead: HashSet<CredentialRef>,
}

impl Answers {
    /// Stores an answer; a later one to the same ask replaces it.
    pub fn insert(&mut self, ask: ProbeAsk, answer: ProbeAnswer) {
        match answer {
            ProbeAnswer::CredentialDead => {
                self.dead.insert(ask.credential.clone());
            }
            ProbeAnswer::Unreachable(_) => {}
            ProbeAnswer::Repo { .. }
            | ProbeAnswer::NotFound
            | ProbeAnswer::Commit { .. }
            | ProbeAnswer::Forbidden => {
                self.alive.insert(ask.credential.clone());
            }
        }
        let credential = ask.credential.clone();
        let revived = !matches!(answer, ProbeAnswer::CredentialDead);
        let before = self.by_ask.insert(ask, answer);
        if revived && matches!(before, Some(ProbeAnswer::CredentialDead)) && !self.has_death_of(&credential) {
            self.dead.remove(&credential);
        }
    }

    fn has_death_of(&self, credential: &CredentialRef) -> bool {
        self.by_ask.iter().any(|(ask, answer)| {
            ask.credential == *credential && matches!(answer, ProbeAnswer::CredentialDead)
        })
    }

    /// The answer to this ask, if one is stored.
    pub fn get(&self, ask: &ProbeAsk) -> Option<&ProbeAnswer> {
        self.by_ask.get(ask)
    }

    /// What is known of a credential. One "dead" outweighs answers from when it was alive.
    pub fn credential(&self, credential: &CredentialRef) -> CredentialState {
        if self.dead.contains(credential) {
            CredentialState::Dead
        } else if self.alive.contains(credential) {
            CredentialState::Alive
        } else {
            CredentialState::Unknown
        }
    }

    /// Every repository that was read.
    pub fn repositories(&self) -> impl Iterator<Item = i64> {
        self.by_ask.values().filter_map(|answer| match answer {
            ProbeAnswer::Repo { repo_id, .. } => Some(repo_id.0),
            _ => None,
        })
    }

    /// How many answers there are.
    pub fn len(&self) -> usize {
        self.by_ask.len()
    }

    /// Nothing was answered yet.
    pub fn is_empty(&self) -> bool {
        self.by_ask.is_empty()
    }

    /// Key and canonical answer of each, sorted by key: what a digest of the world covers.
    pub fn canonical(&self) -> Vec<(String, String)> {
        let mut rows: Vec<_> =
            self.by_ask.iter().map(|(ask, answer)| (ask.key(), answer.canonical())).collect();
        rows.sort_unstable();
        rows
    }
}

impl FromIterator<(ProbeAsk, ProbeAnswer)> for Answers {
    fn from_iter<T: IntoIterator<Item = (ProbeAsk, ProbeAnswer)>>(rows: T) -> Self {
        let mut answers = Self::default();
        for (ask, answer) in rows {
            answers.insert(ask, answer);
        }
        answers
    }
}

/// The one question that would tell more about this repository, if there is one: reading it with the stored user
/// token; the imported commit, when there is no token, or it is dead or refused. Nothing for what is decided.
pub fn wanted(link: &Link, index: &IndexView, answers: &Answers) -> Option<ProbeAsk> {
    ladder::climb(link, index, answers).wanted
}

fn escape(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_./:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02x}");
        }
    }
}

fn unescape(word: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'%' {
            let (hex, after) = tail.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?);
            rest = after;
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}
