//! A behavioural stand-in for GitHub's REST API, as far as a GitHub App that reads uses it.
//!
//! It serves a [`World`] on a real socket, on a clock that a test may own: RS256 JWTs are verified, tokens are bound to their installation and
//! scope and expire, lists come in pages, names redirect after renames and transfers, limits and ETags work as GitHub's, and faults come on demand.

mod answer;
mod app;
mod auth;
mod browser;
mod calls;
mod control;
mod faults;
mod finish;
mod git;
mod hooks;
mod json;
mod keys;
mod limits;
pub mod manifest;
mod oauth;
mod pulls;
mod repo_hooks;
mod repos;
mod route;
mod server;
mod tokens;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use cutover_daemon::clock::Clock;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::world::World;
pub use auth::CredentialKind;
pub use browser::Person;
pub use calls::{Call, Calls, Conditional, Counts};
pub use control::{NewPull, RepoHook, WorldHandle};
pub use faults::{Effect, Fault, Faults};
pub use hooks::{Disorder, Fate, Hooks};
pub use keys::TestKey;
pub use limits::{PrimaryLimits, Principal, SecondaryLimits};
pub use route::RouteKind;
use server::Shared;

/// What an ETag is bound to besides address and content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EtagScope {
    /// The token's text: a new token of the same installation gets no 304. GitHub's own behaviour.
    Token,
    /// The installation or user: an ETag outlives its token.
    Principal,
}

/// How the stand-in behaves from the start.
#[derive(Debug, Clone)]
pub struct SimSettings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Path before every route, such as `/api/v3`; empty or with a slash before and none behind.
    pub prefix: String,
    /// The App's id.
    pub app_id: i64,
    /// The App's name in addresses.
    pub slug: String,
    /// The App's client id.
    pub client_id: String,
    /// The App's client secret; made up.
    pub client_secret: String,
    /// Primary rate limits.
    pub primary: PrimaryLimits,
    /// Secondary rate limits; off by default.
    pub secondary: Option<SecondaryLimits>,
    /// What an ETag is bound to.
    pub etag_scope: EtagScope,
    /// Time of the clock before every answer.
    pub latency: Duration,
    /// Calls that the log keeps.
    pub log_capacity: usize,
}

impl Default for SimSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            prefix: String::new(),
            app_id: 424_242,
            slug: "cutover-sim".to_owned(),
            client_id: "Iv23liCutoverSim0001".to_owned(),
            client_secret: "sim-client-secret-0123456789abcdef012345".to_owned(),
            primary: PrimaryLimits::default(),
            secondary: None,
            etag_scope: EtagScope::Token,
            latency: Duration::ZERO,
            log_capacity: 10_000,
        }
    }
}

/// The stand-in can't start.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The address can't be listened on.
    #[error("can't listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A key in `tests/data/` can't be read.
    #[error("a test key is damaged")]
    Key(#[from] jsonwebtoken::errors::Error),
}

/// A running stand-in. Dropping it stops it at once; [`Sim::stop`] lets calls end.
pub struct Sim {
    shared: Arc<Shared>,
    server: JoinHandle<()>,
    host: String,
}

/// Real time that [`Sim::stop`] gives to calls in flight.
const STOP_GRACE: Duration = Duration::from_secs(2);

impl Sim {
    /// Starts serving `world` on `clock`.
    pub async fn start(world: World, clock: Clock, settings: SimSettings) -> Result<Self, SimError> {
        let refused = |source| SimError::Listen { address: settings.listen, source };
        let listener = TcpListener::bind(settings.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let mut settings = settings;
        let prefix = settings.prefix.trim_matches('/');
        settings.prefix = match prefix {
            "" => String::new(),
            inner => format!("/{inner}"),
        };
        let host = format!("http://{address}");
        let base = format!("{host}{}", settings.prefix);
        let keys = vec![(TestKey::First, TestKey::First.public()?)];
        let shared = Arc::new(Shared::new(world, clock, settings, base, keys));
        let router = Router::new().fallback(server::serve).with_state(Arc::clone(&shared));
        let stop = shared.stop.clone();
        let server = tokio::spawn(async move {
            let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
            if let Err(error) = served.await {
                tracing::error!(%error, "the GitHub stand-in stopped");
            }
        });
        Ok(Self { shared, server, host })
    }

    /// `http://127.0.0.1:PORT` with the prefix, without a slash at its end.
    pub fn api_base(&self) -> String {
        self.shared.base.clone()
    }

    /// `http://127.0.0.1:PORT`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The App's id.
    pub fn app_id(&self) -> i64 {
        self.shared.settings.app_id
    }

    /// The App's client id; good as a JWT's `iss` too.
    pub fn client_id(&self) -> &str {
        &self.shared.settings.client_id
    }

    /// The App's client secret.
    pub fn client_secret(&self) -> &str {
        &self.shared.settings.client_secret
    }

    /// [`TestKey::First`], which is live from the start.
    pub fn private_key_pem(&self) -> &'static str {
        TestKey::First.private_pem()
    }

    /// Makes exactly these keys live: both in a rotation, one before and after it.
    pub fn set_live_keys(&self, keys: &[TestKey]) -> Result<(), SimError> {
        let keys = keys.iter().map(|key| Ok((*key, key.public()?)));
        let keys = keys.collect::<Result<Vec<_>, SimError>>()?;
        *self.shared.keys_mut() = keys;
        Ok(())
    }

    /// Changes the world.
    pub fn world(&self) -> WorldHandle {
        WorldHandle(Arc::clone(&self.shared))
    }

    /// Makes events and sees to their delivery.
    pub fn hooks(&self) -> Hooks {
        Hooks(Arc::clone(&self.shared))
    }

    /// The script of faults.
    pub fn faults(&self) -> Faults {
        self.shared.faults.clone()
    }

    /// Counters and log of calls.
    pub fn calls(&self) -> Calls {
        self.shared.calls.clone()
    }

    /// Gives a credential another hourly limit.
    pub fn set_limit(&self, who: Principal, limit: u32) {
        let clock = &self.shared.clock;
        self.shared.limits().set_limit(who, limit, clock);
    }

    /// Leaves a credential so many calls in this hour.
    pub fn set_remaining(&self, who: Principal, remaining: u32) {
        let clock = &self.shared.clock;
        self.shared.limits().set_remaining(who, remaining, clock);
    }

    /// Switches secondary limits on or off.
    pub fn set_secondary(&self, limits: Option<SecondaryLimits>) {
        self.shared.limits().secondary = limits;
    }

    /// Takes no more connections, lets calls in flight end (those that wait for the clock at once), and returns.
    pub async fn stop(mut self) {
        self.shared.stop.cancel();
        let clock = Clock::system();
        if clock.timeout(STOP_GRACE, &mut self.server).await.is_err() {
            self.server.abort();
        }
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.shared.stop.cancel();
        self.server.abort();
    }
}
