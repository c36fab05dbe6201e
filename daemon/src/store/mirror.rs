//! What is owed to the copies in the application's database. Triggers of the store write it with the fact, so that no operation
//! can forget it.

use async_trait::async_trait;

use super::ReadError;
use super::integration::IntegrationRow;

/// What a debt is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MirrorKind {
    /// One installation: its account, its list of repositories.
    Installation,
    /// What one user connected.
    Integration,
    /// Everything: a sweep has ended.
    All,
}

impl MirrorKind {
    /// As it is stored.
    pub fn word(self) -> &'static str {
        match self {
            Self::Installation => "installation",
            Self::Integration => "integration",
            Self::All => "all",
        }
    }
}

/// One debt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorDebt {
    pub kind: MirrorKind,
    /// The id; empty for everything.
    pub subject: String,
    /// Rises with each fact.
    pub version: i64,
}

/// Operations on what is owed to copies.
#[derive(Clone, Debug)]
pub enum MirrorOp {
    /// These were paid; what has another version by now stays owed.
    Paid { host: String, debts: Vec<MirrorDebt> },
}

/// An installation as a copy shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorInstallation {
    pub id: i64,
    /// Account id, login and type; none once it is uninstalled.
    pub account: Option<(i64, String, String)>,
    /// Full names in order; none while the list was never read and no event told of any.
    pub repositories: Option<Vec<String>>,
}

type Read<T> = Result<T, ReadError>;

/// What copying reads.
#[async_trait]
pub trait MirrorRead {
    /// By id.
    async fn mirror_owed(&self, host: &str, kind: MirrorKind, limit: u32) -> Read<Vec<MirrorDebt>>;
    /// How many debts there are.
    async fn mirror_count(&self, host: &str, kind: MirrorKind) -> Read<u64>;
    /// Whether a whole sweep of this host has ended ever.
    async fn is_swept(&self, host: &str) -> Read<bool>;
    /// The installations with these ids, in their order, until they have `most` names together; always at least one.
    async fn mirror_installations(
        &self,
        host: &str,
        ids: &[i64],
        most: usize,
    ) -> Read<Vec<MirrorInstallation>>;
    /// Integrations with an installation, by id, after `after`.
    async fn mirror_integrations(
        &self,
        host: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Read<Vec<IntegrationRow>>;
    /// Those with these ids.
    async fn mirror_integrations_of(&self, host: &str, ids: &[String]) -> Read<Vec<IntegrationRow>>;
}
