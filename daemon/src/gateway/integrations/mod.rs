//! Who has which installation (G5, G8): a person is sent to GitHub with a signed state, comes back with it, and what the
//! address says then is believed only as far as GitHub confirms it.

pub mod event;
mod prove;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use cutover_shared::ids::OperatorName;
use secrecy::SecretString;
use serde_json::json;
use tokio::sync::OnceCell;

use super::outbox::Outbox;
use super::state_token::{self, InstallState, StateError};
use crate::audit::Who;
use crate::client::Client;
use crate::clock::Clock;
use crate::github::{GitHub, GitHubError, Traffic};
use crate::seal::Seal;
use crate::store::{
    Db, IntegrationOp, IntegrationRow, IntegrationState, Lane, Proof, ReadError, Unit, WriteError,
};

/// How long a person may take at GitHub.
pub const STATE_LIFE: Duration = Duration::from_secs(10 * 60);

/// The longest list of one user's integrations.
const MOST: u32 = 1_000;

/// How long GitHub may take to confirm what an address says, all calls together.
const PATIENCE: Duration = Duration::from_secs(20);

/// GitHub's clock and ours may be apart by this, in milliseconds.
const SKEW_MS: i64 = 60_000;

/// The App's own client id and secret.
#[derive(Clone, Debug)]
pub struct AppClient {
    pub client_id: String,
    pub client_secret: SecretString,
}

/// What integrations are made with.
pub struct Setup {
    pub db: Db,
    pub github: GitHub,
    pub client: Client,
    pub seal: Arc<Seal>,
    pub clock: Clock,
    /// None: a person can't prove who they are at GitHub, see [`Proof::App`].
    pub app: Option<AppClient>,
    /// Where each installation that is stored is sent on from, if it is configured to forward.
    pub outbox: Arc<Outbox>,
    /// The App's name in addresses; GitHub is asked once when there is none.
    pub slug: Option<String>,
}

/// Who has which installation.
pub struct Integrations {
    setup: Setup,
    slug: OnceCell<String>,
}

/// Where a user goes to install the App.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstallLink {
    pub url: String,
    pub state: String,
    /// Milliseconds since the epoch, UTC.
    pub expires_at: i64,
}

/// What an address said that GitHub sent a person back with. Anybody may have written it.
#[derive(Clone, Debug, Default)]
pub struct Returned {
    pub installation_id: Option<String>,
    pub setup_action: Option<String>,
    pub state: Option<String>,
    pub code: Option<SecretString>,
    pub error: Option<String>,
    /// Where it came from, for the audit: `http 192.0.2.1`.
    pub origin: String,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The user has the installation.
    Connected(Box<IntegrationRow>),
    /// An owner must approve it.
    Requested(Box<IntegrationRow>),
    /// Somebody changed an installation at GitHub, not on behalf of a user here; webhooks tell what changed.
    Noted,
}

/// Why nothing was connected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    #[error(
        "there is no state: begin the installation in the application, so that it is known for whom it is"
    )]
    NoState,
    #[error(transparent)]
    State(#[from] StateError),
    #[error("this link was used before; begin again in the application")]
    Used,
    #[error("{0} is not as GitHub sends it")]
    BadInput(&'static str),
    #[error("GitHub says that the installation was not completed")]
    Declined,
    #[error("GitHub sent no code; it must request user authorization during installation")]
    NoCode,
    #[error("GitHub does not take the code any more; begin again in the application")]
    BadCode,
    #[error("this installation does not exist, or is not yours")]
    NotYours,
    #[error("GitHub can't confirm it now: {0}")]
    GitHub(String),
    #[error("the store does not answer: {0}")]
    Store(String),
}

/// Why an integration was not let go.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevokeError {
    /// Not there, over already, or another user's: nobody learns which.
    #[error("there is no such integration")]
    NotFound,
    #[error("the store does not answer: {0}")]
    Store(String),
}

impl Integrations {
    /// Nothing is sent.
    pub fn new(setup: Setup) -> Self {
        let slug = setup.slug.clone().map_or_else(OnceCell::new, |slug| OnceCell::new_with(Some(slug)));
        Self { setup, slug }
    }

    /// Whether a person proves who they are with a code.
    pub fn asks_for_code(&self) -> bool {
        self.setup.app.is_some()
    }

    /// The page that installs the App, without a state.
    ///
    /// # Errors
    /// The App's name is not configured, and GitHub does not tell it.
    pub async fn install_page(&self) -> Result<String, GitHubError> {
        let slug = self
            .slug
            .get_or_try_init(|| async {
                let slug = self.setup.github.reader(Traffic::Live).app().await?.slug;
                let plain = slug.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
                if plain && !slug.is_empty() {
                    Ok(slug)
                } else {
                    Err(GitHubError::BadAnswer { what: "the App's name in addresses" })
                }
            })
            .await?;
        // An Enterprise Server keeps its Apps at another path.
        let apps = if self.setup.github.host_id() == "github.com" { "apps" } else { "github-apps" };
        Ok(format!("{}/{apps}/{slug}/installations/new", self.setup.github.web_base()))
    }

    /// As [`Integrations::install_page`], with a fresh state for this user. Nothing is stored: a state is remembered when it is
    /// used.
    ///
    /// # Errors
    /// As [`Integrations::install_page`]; and a user whose name is too long for an address.
    pub async fn install_link(&self, user: &str, tenant: Option<&str>) -> Result<InstallLink, GitHubError> {
        let page = self.install_page().await?;
        let issued_at = self.setup.clock.now();
        let nonce: [u8; 16] = rand::random();
        let state = InstallState {
            user: user.to_owned(),
            tenant: tenant.map(str::to_owned),
            nonce: BASE64.encode(nonce),
            issued_at,
            expires_at: issued_at.saturating_add(i64::try_from(STATE_LIFE.as_millis()).unwrap_or(0)),
        };
        let text = state_token::write(&state, |signed| self.mac(signed))
            .ok_or(GitHubError::BadInput { what: "user's name: it is too long for an address" })?;
        Ok(InstallLink { url: format!("{page}?state={text}"), state: text, expires_at: state.expires_at })
    }

    fn mac(&self, text: &[u8]) -> String {
        self.setup.seal.mac(state_token::PURPOSE, text)
    }

    /// A person came back from GitHub.
    ///
    /// # Errors
    /// Nothing is connected. A state that came with what GitHub denies is used up.
    pub async fn returned(&self, returned: Returned) -> Result<Outcome, CallbackError> {
        if returned.error.is_some() {
            return Err(CallbackError::Declined);
        }
        let Some(text) = &returned.state else {
            // Whoever changes an installation at GitHub is sent here too, and never had a state.
            return if returned.setup_action.as_deref() == Some("update") {
                Ok(Outcome::Noted)
            } else {
                Err(CallbackError::NoState)
            };
        };
        let state = state_token::read(text, self.setup.clock.now(), |signed| self.mac(signed))?;
        if self.setup.db.is_state_used(&state.nonce).await? {
            return Err(CallbackError::Used);
        }
        let work = async {
            match returned.setup_action.as_deref() {
                Some("request") => self.requested(&state, &returned).await,
                Some(action @ ("install" | "update")) => self.installed(&state, &returned, action).await,
                _ => Err(CallbackError::BadInput("setup_action")),
            }
        };
        let outcome = self
            .setup
            .clock
            .timeout(PATIENCE, work)
            .await
            .unwrap_or_else(|_| Err(CallbackError::GitHub("it takes too long".to_owned())));
        if outcome == Err(CallbackError::NotYours) {
            tracing::warn!(
                user = state.user,
                origin = returned.origin,
                "an installation was claimed that is not the user's"
            );
            self.write(self.used(&state).with(self.record(
                &state.user,
                &returned.origin,
                "integration.refused",
                &returned.installation_id.unwrap_or_default().chars().take(20).collect::<String>(),
                json!({ "why": "not the user's installation" }),
            )))
            .await?;
        }
        outcome
    }

    async fn installed(
        &self,
        state: &InstallState,
        returned: &Returned,
        action: &str,
    ) -> Result<Outcome, CallbackError> {
        let id = returned.installation_id.as_deref().and_then(number);
        let id = id.ok_or(CallbackError::BadInput("installation_id"))?;
        if self.setup.app.is_some() && returned.code.is_none() {
            return Err(CallbackError::NoCode);
        }
        let reader = self.setup.github.reader(Traffic::Live).with_patience(PATIENCE);
        let found =
            reader.installation(id).await.map_err(|error| CallbackError::GitHub(error.to_string()))?;
        let found = found.filter(|found| found.id == id).ok_or(CallbackError::NotYours)?;
        let host = self.setup.github.host_id();
        let proof = match (&self.setup.app, &returned.code) {
            (Some(app), Some(code)) => {
                let token = self.token(app, code).await?;
                if !self.sees(&token, id).await? {
                    return Err(CallbackError::NotYours);
                }
                Proof::Code
            }
            _ => {
                let now = self.setup.clock.now();
                let during = state.issued_at.saturating_sub(SKEW_MS)..=now.saturating_add(SKEW_MS);
                let changed = if action == "update" { found.updated_at } else { found.created_at };
                let others = self.setup.db.integrations_on(host, id, 2).await?;
                let mine = others.iter().all(|other| other.user == state.user);
                if !mine || !changed.is_some_and(|at| during.contains(&at)) {
                    return Err(CallbackError::NotYours);
                }
                Proof::App
            }
        };
        let row = IntegrationRow {
            installation: Some(id),
            account_login: Some(found.account.login.clone()),
            proof,
            state: IntegrationState::Active,
            ..self.row(state, action)
        };
        let detail = json!({ "setup_action": action, "proof": proof.word(), "account": found.account.login });
        let record =
            self.record(&state.user, &returned.origin, "integration.connect", &id.to_string(), detail);
        let bind = IntegrationOp::Bind(Box::new(row.clone()));
        let sent_on = self.setup.outbox.callback(id, action, &state.user, row.callback_at);
        self.write(self.used(state).with(bind).with(record).with_all(sent_on.map(Into::into))).await?;
        self.setup.outbox.wake();
        // A row that was there keeps its id.
        let now = self.setup.db.integrations(&state.user, false, MOST).await?;
        let stored = now.into_iter().find(|stored| stored.installation == Some(id) && stored.host == host);
        Ok(Outcome::Connected(Box::new(stored.unwrap_or(row))))
    }

    async fn requested(&self, state: &InstallState, returned: &Returned) -> Result<Outcome, CallbackError> {
        let requester = match (&self.setup.app, &returned.code) {
            (Some(app), Some(code)) => {
                let token = self.token(app, code).await?;
                Some(self.account(&token).await?)
            }
            // The approval can't be recognised then; the user connects by coming back.
            _ => None,
        };
        let row = IntegrationRow { requester, ..self.row(state, "request") };
        let detail = json!({ "requester": requester });
        let record = self.record(&state.user, &returned.origin, "integration.request", &row.id, detail);
        let request = IntegrationOp::Request(Box::new(row.clone()));
        self.write(self.used(state).with(request).with(record)).await?;
        Ok(Outcome::Requested(Box::new(row)))
    }

    /// A requested one; whoever has more says so.
    fn row(&self, state: &InstallState, action: &str) -> IntegrationRow {
        let now = self.setup.clock.now();
        IntegrationRow {
            id: uuid::Uuid::now_v7().to_string(),
            user: state.user.clone(),
            tenant: state.tenant.clone(),
            host: self.setup.github.host_id().to_owned(),
            installation: None,
            account_login: None,
            requester: None,
            setup_action: action.to_owned(),
            proof: Proof::None,
            state: IntegrationState::Requested,
            created_at: now,
            callback_at: now,
            ended_at: None,
        }
    }

    /// The user's integrations, newest first; `ended` brings requests and those that are over, too.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn list(&self, user: &str, ended: bool) -> Result<Vec<IntegrationRow>, ReadError> {
        self.setup.db.integrations(user, ended, MOST).await
    }

    /// The user lets one go. At GitHub the App stays installed.
    ///
    /// # Errors
    /// [`RevokeError`]; nothing is changed.
    pub async fn revoke(&self, user: &str, id: &str, origin: &str) -> Result<(), RevokeError> {
        let at = self.setup.clock.now();
        let op = IntegrationOp::Revoke { id: id.to_owned(), user: user.to_owned(), at };
        let record = self.record(user, origin, "integration.revoke", id, json!({}));
        match self.setup.db.write(Lane::Handler, Unit::new().with(op).with(record)).await {
            Ok(()) => Ok(()),
            Err(WriteError::Precondition { .. }) => Err(RevokeError::NotFound),
            Err(error) => Err(RevokeError::Store(error.to_string())),
        }
    }

    fn used(&self, state: &InstallState) -> Unit {
        let (nonce, expires_at) = (state.nonce.clone(), state.expires_at);
        Unit::new().with(IntegrationOp::UseState { nonce, at: self.setup.clock.now(), expires_at })
    }

    async fn write(&self, unit: Unit) -> Result<(), CallbackError> {
        self.setup.db.write(Lane::Handler, unit).await.map_err(|error| match error {
            WriteError::Conflict { what: "the state" } => CallbackError::Used,
            error => CallbackError::Store(error.to_string()),
        })
    }

    /// Users of the application stand in the audit beside operators, and must not be taken for one.
    fn record(
        &self,
        user: &str,
        origin: &str,
        act: &str,
        subject: &str,
        detail: serde_json::Value,
    ) -> crate::store::AuditDraft {
        let who = Who { operator: OperatorName(format!("user:{user}")), origin: origin.to_owned() };
        who.did(self.setup.clock.now(), act, subject, detail)
    }
}

impl From<ReadError> for CallbackError {
    fn from(error: ReadError) -> Self {
        Self::Store(error.to_string())
    }
}

/// An id as GitHub writes it.
fn number(text: &str) -> Option<i64> {
    let plain = (1..=19).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten().filter(|id| *id > 0)
}
