//! Integrations as areas see them: who connected which installation, and what can be written and read of that.

use async_trait::async_trait;

use super::ReadError;

/// Where an integration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegrationState {
    /// An owner has not approved it yet.
    Requested,
    Active,
    /// The user let it go; the installation itself may go on.
    Revoked,
    /// Uninstalled at GitHub; its id never comes back.
    Uninstalled,
}

impl IntegrationState {
    /// As it is stored.
    pub fn word(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Active => "active",
            Self::Revoked => "revoked",
            Self::Uninstalled => "uninstalled",
        }
    }

    /// None for a word that this version does not write.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Requested, Self::Active, Self::Revoked, Self::Uninstalled]
            .into_iter()
            .find(|state| state.word() == word)
    }
}

/// What shows that the user may have the installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Nothing yet: it is only requested.
    None,
    /// The user's own code at GitHub, whose token sees the installation.
    Code,
    /// The installation was made while the user's state was valid; weaker than a code.
    App,
    /// GitHub's signed event named the user as who had asked for it.
    Event,
}

impl Proof {
    /// As it is stored.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Code => "code",
            Self::App => "app",
            Self::Event => "event",
        }
    }

    /// None for a word that this version does not write.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::None, Self::Code, Self::App, Self::Event].into_iter().find(|proof| proof.word() == word)
    }
}

/// An installation that a user connected, or asked for. Times are milliseconds since the epoch, UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntegrationRow {
    pub id: String,
    /// The application's user.
    pub user: String,
    pub tenant: Option<String>,
    pub host: String,
    /// None while it is requested.
    pub installation: Option<i64>,
    pub account_login: Option<String>,
    /// GitHub's id of who asked an owner for it.
    pub requester: Option<i64>,
    /// `install`, `update`, `request`.
    pub setup_action: String,
    pub proof: Proof,
    pub state: IntegrationState,
    pub created_at: i64,
    /// When the person came back from GitHub last.
    pub callback_at: i64,
    pub ended_at: Option<i64>,
}

/// Operations on integrations.
#[derive(Clone, Debug)]
pub enum IntegrationOp {
    /// Uses up the state of this nonce; [`super::WriteError::Conflict`] when it was used before. Forgets up to
    /// [`super::UNIT_ROWS`] of those that expired a day ago.
    UseState { nonce: String, at: i64, expires_at: i64 },
    /// The user has this installation now. Where the user has it already, that row keeps its id and its beginning; what the
    /// user asked for and this answers is done with.
    Bind(Box<IntegrationRow>),
    /// The user asked an owner; an earlier request of the same user and requester is replaced.
    Request(Box<IntegrationRow>),
    /// GitHub says that this requester's request was approved.
    Granted { host: String, requester: i64, installation: i64, account_login: String, at: i64 },
    /// The user lets it go. Demands that it is the user's own and not over yet.
    Revoke { id: String, user: String, at: i64 },
    /// Uninstalled at GitHub: nobody has it any more.
    Uninstalled { host: String, installation: i64, at: i64 },
}

type Read<T> = Result<T, ReadError>;

/// What can be read of integrations.
#[async_trait]
pub trait IntegrationRead {
    /// A user's, newest first, at most `limit`; `ended` brings those that are requested or over, too.
    async fn integrations(&self, user: &str, ended: bool, limit: u32) -> Read<Vec<IntegrationRow>>;
    async fn integration(&self, id: &str) -> Read<Option<IntegrationRow>>;
    /// Who has this installation now, at most `limit`.
    async fn integrations_on(&self, host: &str, installation: i64, limit: u32) -> Read<Vec<IntegrationRow>>;
    async fn is_state_used(&self, nonce: &str) -> Read<bool>;
}
