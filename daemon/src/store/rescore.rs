//! What is owed to mappings: events and sweeps that changed what an installation may see, and what judging again needs.

use std::collections::BTreeSet;

use async_trait::async_trait;
use cutover_shared::ids::LinkKey;
use serde::{Deserialize, Serialize};

use super::learned::Learned;
use super::rows::RepositoryRow;
use super::{IndexOp, Op, ReadError};

/// More numbers than this in one scope are everything: looking each up costs more than looking at all.
const MOST: usize = 10_000;

/// What changed. A mapping is touched when any of it is its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scope {
    /// Everything may have changed.
    pub all: bool,
    pub installations: BTreeSet<i64>,
    /// Account ids of owners.
    pub accounts: BTreeSet<i64>,
    /// Logins of owners in lower case.
    pub logins: BTreeSet<String>,
    /// Repository ids.
    pub repositories: BTreeSet<i64>,
    /// Of those, which became private: what was read of them before with a user's token proves nothing any more.
    pub reread: BTreeSet<i64>,
}

impl Scope {
    /// Everything.
    pub fn all() -> Self {
        Self { all: true, ..Self::default() }
    }

    /// Nothing changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What the facts among these operations change.
    pub fn of_facts<'o>(ops: impl IntoIterator<Item = &'o Op>) -> Self {
        let mut scope = Self::default();
        for op in ops {
            if let Op::Index(IndexOp::Learned { fact, .. }) = op {
                scope.learn(fact);
            }
        }
        let numbers = scope.repositories.len() + scope.installations.len() + scope.accounts.len();
        if numbers > MOST { Self { reread: scope.reread, ..Self::all() } } else { scope }
    }

    fn learn(&mut self, fact: &Learned) {
        match fact {
            Learned::Seen { row, .. } => {
                self.installations.insert(row.id);
                self.owner(row.account_id, &row.account_login);
            }
            Learned::Uninstalled { installation, .. } => {
                self.installations.insert(*installation);
            }
            Learned::Renamed { installation, login, .. } => {
                self.installations.insert(*installation);
                self.login(login);
            }
            Learned::Granted { installation, rows, .. } => {
                self.installations.insert(*installation);
                for row in rows {
                    self.repository(row);
                }
            }
            Learned::Withdrawn { installation, repositories, .. } => {
                self.installations.insert(*installation);
                self.repositories.extend(repositories);
            }
            Learned::Described { row, .. } | Learned::Moved { row, .. } => self.repository(row),
            Learned::Deleted { repository, .. } => {
                self.repositories.insert(*repository);
            }
        }
    }

    fn repository(&mut self, row: &RepositoryRow) {
        self.repositories.insert(row.id);
        self.owner(row.owner_id, &row.owner_login);
    }

    fn owner(&mut self, id: i64, login: &str) {
        self.accounts.insert(id);
        self.login(login);
    }

    fn login(&mut self, login: &str) {
        if !login.is_empty() {
            self.logins.insert(login.to_ascii_lowercase());
        }
    }

    /// Both together.
    pub fn merge(&mut self, other: Self) {
        self.all |= other.all;
        self.installations.extend(other.installations);
        self.accounts.extend(other.accounts);
        self.logins.extend(other.logins);
        self.repositories.extend(other.repositories);
        self.reread.extend(other.reread);
    }
}

/// Operations on what is owed.
#[derive(Clone, Debug)]
pub enum RescoreOp {
    /// Mappings of this scope have to be judged again.
    Owe { host: String, scope: Scope, cause: String, at: i64 },
    /// These were.
    Paid { ids: Vec<i64> },
}

/// One debt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwedRow {
    pub id: i64,
    pub scope: Scope,
    /// `delivery GUID` or `sweep ID`.
    pub cause: String,
    /// When the change was received, milliseconds since the epoch, UTC.
    pub at: i64,
}

type Read<T> = Result<T, ReadError>;

/// What judging again reads.
#[async_trait]
pub trait RescoreRead {
    /// Oldest first.
    async fn rescore_owed(&self, host: &str, limit: u32) -> Read<Vec<OwedRow>>;
    /// Keys of links with a mapping that the scope touches, by key, after `after`.
    async fn links_touched(&self, scope: &Scope, after: Option<&LinkKey>, limit: u32) -> Read<Vec<LinkKey>>;
    /// Rows of the index with one of these ids, or one of these names in lower case.
    async fn repositories_of(&self, host: &str, ids: &[i64], names: &[String]) -> Read<Vec<RepositoryRow>>;
    /// Stored answers with a key in one of these ranges, the end not in it: (key, answer, when it was given).
    async fn probes_between(&self, ranges: &[(String, String)]) -> Read<Vec<(String, String, i64)>>;
}
