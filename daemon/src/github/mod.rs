//! GitHub, as the daemon speaks to it: one host, one App.
//!
//! ```text
//! Reader -> engine (401, redirects, conditions) -> tokens -> exchange (retry, log, counts) -> limiter -> transport
//! ```
//!
//! The transport is octocrab over its own hyper client; everything above it is ours, because a control plane must
//! keep promises that octocrab's own stack doesn't make (`docs/adr/0003-token-service.md`).

mod cache;
mod change;
mod counts;
mod delivery;
mod engine;
mod error;
mod exchange;
mod hook;
mod identity;
mod jwt;
mod limiter;
mod model;
mod page;
mod reader;
mod repo;
mod retry;
mod route;
#[cfg(test)]
pub(crate) mod scripted;
mod server_time;
mod settings;
mod tokens;
mod transport;
mod wire;
mod writer;

use std::sync::Arc;
use std::time::Duration;

pub use counts::{CallCounts, Contact};
pub use delivery::{HookAttempt, HookPayload};
pub use error::{GitHubError, MintError, Outage};
pub use hook::{Created, Deleted, HookRead, Hooks, NewHook, RepoHook};
pub use identity::Credential;
pub use limiter::{Budget, Traffic};
pub use model::{
    Account, AppInfo, Commit, Installation, InstallationRequest, Meta, Repository, Tree, TreeEntry,
};
pub use page::PageOf;
pub use reader::{CommitProbe, Reader, RepoProbe, UserToken};
pub use repo::{Diff, PullRequestFiles, Rows};
pub use settings::{GitHubSettings, OAuthApp, SetupError};
pub use tokens::{Leased, Scope, ScopeTooWide, TokenState, TokenStatus, Tokens};
pub use writer::Writer;

use self::cache::ConditionalCache;
use self::counts::Counters;
use self::engine::{Engine, Terms};
use self::exchange::Exchange;
use self::identity::Fingerprints;
use self::jwt::AppJwt;
use self::limiter::{Limiter, Rules};
use self::server_time::ServerTime;
use self::tokens::mint::Minter;
use self::transport::Transport;
use self::wire::OctocrabTransport;
use crate::clock::{Clock, Millis};
use crate::metrics::Metrics;

/// How long a live call may take unless its caller says otherwise.
const LIVE_PATIENCE: Duration = Duration::from_secs(30);
/// How long a background call may take: a minute's pace or a short penalty is waited out, an hour's budget isn't.
const BACKGROUND_PATIENCE: Duration = Duration::from_secs(15 * 60);

/// One App at one GitHub host. Cheap to clone; clones share tokens, budgets and cache.
#[derive(Clone)]
pub struct GitHub(Arc<Inner>);

struct Inner {
    engine: Arc<Engine>,
    app_id: i64,
    api_base: String,
    web_base: String,
    host_id: String,
}

impl GitHub {
    /// Must be called inside a tokio runtime. Nothing is sent.
    ///
    /// # Errors
    /// [`SetupError`] names the setting.
    pub fn new(settings: &GitHubSettings, clock: Clock) -> Result<Self, SetupError> {
        let (api, _) = settings.checked()?;
        let transport = OctocrabTransport::new(settings, &api)?;
        Self::over(settings, clock, Arc::new(transport))
    }

    fn over(
        settings: &GitHubSettings,
        clock: Clock,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, SetupError> {
        let (api, web_base) = settings.checked()?;
        let time = Arc::new(ServerTime::new(clock));
        let jwt = Arc::new(AppJwt::new(settings.app_id, &settings.keys, Arc::clone(&time))?);
        let rules = Rules {
            reserve_permille: settings.background_reserve,
            points_per_minute: settings.points_per_minute,
        };
        let exchange = Arc::new(Exchange {
            limiter: Limiter::new(Arc::clone(&time), rules, settings.max_in_flight),
            time,
            counters: Counters::default(),
            metrics: Metrics::process(),
            transport,
            request_timeout: settings.request_timeout,
        });
        let minter = Arc::new(Minter {
            exchange: Arc::clone(&exchange),
            jwt,
            api: api.clone(),
            max_body: settings.max_body,
        });
        let host_id = api.host_id();
        let engine = Engine {
            tokens: Tokens::new(Arc::clone(&minter), settings.token_margin),
            exchange,
            minter,
            cache: ConditionalCache::new(settings.cache_entries, settings.cache_bytes),
            prints: Fingerprints::new(),
            api,
            oauth: settings.oauth.clone(),
            max_body: settings.max_body,
            max_blob: settings.max_blob,
        };
        Ok(Self(Arc::new(Inner {
            engine: Arc::new(engine),
            app_id: settings.app_id,
            api_base: settings.api_base.trim().trim_end_matches('/').to_owned(),
            web_base,
            host_id,
        })))
    }

    /// A client that can only read. Patience: 30 s for live traffic, 15 min for background work.
    pub fn reader(&self, traffic: Traffic) -> Reader {
        Reader { engine: Arc::clone(&self.0.engine), terms: terms(traffic) }
    }

    /// A client that can make changes. Patience as of [`GitHub::reader`].
    pub fn writer(&self, traffic: Traffic) -> Writer {
        Writer { engine: Arc::clone(&self.0.engine), terms: terms(traffic) }
    }

    /// The token service.
    pub fn tokens(&self) -> &Tokens {
        &self.0.engine.tokens
    }

    /// Hourly budgets of all credentials that GitHub has told one for.
    pub fn budgets(&self) -> Vec<Budget> {
        self.0.engine.exchange.limiter.budgets()
    }

    /// Requests sent since the client was built.
    pub fn calls(&self) -> CallCounts {
        self.0.engine.exchange.counters.snapshot()
    }

    /// How it goes between us and GitHub.
    pub fn contact(&self) -> Contact {
        self.0.engine.exchange.counters.contact()
    }

    /// How far GitHub's clock is ahead of ours (milliseconds), when JWTs had to be corrected for it.
    pub fn clock_skew(&self) -> Option<Millis> {
        self.0.engine.exchange.time.skew()
    }

    /// Tells apart ids of different hosts.
    pub fn host_id(&self) -> &str {
        &self.0.host_id
    }

    /// The App's numeric id.
    pub fn app_id(&self) -> i64 {
        self.0.app_id
    }

    /// Without trailing slash.
    pub fn api_base(&self) -> &str {
        &self.0.api_base
    }

    /// Where people click, without trailing slash.
    pub fn web_base(&self) -> &str {
        &self.0.web_base
    }
}

fn terms(traffic: Traffic) -> Terms {
    let patience = match traffic {
        Traffic::Live => LIVE_PATIENCE,
        Traffic::Background => BACKGROUND_PATIENCE,
    };
    Terms { traffic, patience }
}

impl std::fmt::Debug for GitHub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GitHub(app {} at {})", self.0.app_id, self.0.host_id)
    }
}

#[cfg(test)]
mod tests;
