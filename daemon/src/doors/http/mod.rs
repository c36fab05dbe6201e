//! HTTP: what GitHub delivers, the application's API, health and metrics. Everything is bounded: connections, heads, bodies, time.

pub mod address;
pub mod alerts;
mod allow;
mod answer;
pub mod auth;
mod body;
pub mod callback;
pub mod context;
pub mod flags;
pub mod git;
pub mod github;
mod health;
mod hooks;
pub mod integrations;
mod limit;
mod listen;
pub mod migration;
pub mod migrations;
pub mod oauth;
pub mod ofrep;
mod openapi;
pub mod outcomes;
mod tls;
mod webhook;
pub mod workflow;

use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::{Extension, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use futures::FutureExt as _;
use ipnet::IpNet;
use secrecy::SecretString;
use utoipa_axum::router::OpenApiRouter;

use crate::clock::Clock;
use crate::gateway::inbox::{Arrival, Inbox};
use crate::metrics::Metrics;
use crate::store::{Db, WriteError};

use answer::Refusal;
use body::Bodies;
use limit::FailedSignatures;
use openapi::Served;

pub use body::LARGEST_BODY;
pub use health::{GithubApi, RedisCheck};
pub use hooks::AllowList;
pub use limit::Rates;
pub use listen::{ListenError, Listener};
pub use tls::{Certificates, TlsError};

/// Where webhooks are taken: SPEC's path, its alias, and the application's own.
const WEBHOOKS: [&str; 3] = ["/webhooks/github", "/api/v1/public/webhooks/github", "/api/webhook/github"];

/// Where a request may take as long as an import, a plan or work in a sandbox does.
const SLOW: [&str; 6] = [
    "/api/v1/github/import",
    "/api/github/import",
    "/api/github/import/bridge",
    "/api/v1/git/clone",
    "/api/v1/git/pull",
    "/api/v1/git/push",
];

/// The longest request id that is taken over, in bytes.
const LONGEST_ID: usize = 64;

/// Makes a delivery durable.
#[async_trait]
pub trait Take: Send + Sync {
    /// # Errors
    /// It is not durable.
    async fn take(&self, arrival: Arrival) -> Result<(), WriteError>;
}

#[async_trait]
impl Take for Inbox {
    async fn take(&self, arrival: Arrival) -> Result<(), WriteError> {
        Self::take(self, arrival).await
    }
}

/// Bounds that an operator sets, and times.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub connections: usize,
    /// Of one address.
    pub failed_signatures_per_minute: u32,
    /// For a TLS handshake, for a request's head, and for the silence between two requests of a connection.
    pub head: Duration,
    /// For a whole request. GitHub waits 10 s, a GitHub Enterprise Server 30 s.
    pub request: Duration,
    /// For a request that fetches or plans.
    pub slow: Duration,
    /// A connection older than this ends after the request under way.
    pub connection: Duration,
    /// How long a stop waits for requests under way.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            failed_signatures_per_minute: 1_000,
            head: Duration::from_secs(10),
            request: Duration::from_secs(30),
            slow: Duration::from_secs(5 * 60),
            connection: Duration::from_secs(10 * 60),
            drain: Duration::from_secs(30),
        }
    }
}

/// What the door is made of.
pub struct Setup {
    pub inbox: Arc<dyn Take>,
    pub db: Db,
    pub clock: Clock,
    /// At most two are live at once.
    pub secrets: Vec<SecretString>,
    /// Ours; deliveries for another App are refused.
    pub app_id: i64,
    /// Proxies that are believed about who calls.
    pub trusted: Vec<IpNet>,
    /// What is known of GitHub without asking it.
    pub github_api: Box<dyn Fn() -> GithubApi + Send + Sync>,
    /// The same of Redis.
    pub redis: Box<dyn Fn() -> RedisCheck + Send + Sync>,
    /// What the application's API answers: each area's routes with their own state, see [`Door`]'s `around` for what every
    /// request has ([`RequestId`] and the caller's address are in its extensions).
    pub apis: OpenApiRouter,
    /// None: plain HTTP.
    pub tls: Option<Arc<Certificates>>,
    /// None: webhooks are taken from everywhere.
    pub allow: Option<Arc<AllowList>>,
    pub metrics: Metrics,
    pub limits: Limits,
}

/// The door's parts.
pub struct Door {
    inbox: Arc<dyn Take>,
    clock: Clock,
    secrets: Vec<SecretString>,
    app_id: i64,
    trusted: Vec<IpNet>,
    limits: Limits,
    failed: FailedSignatures,
    bodies: Bodies,
    health: HealthCheck,
    apis: OpenApiRouter,
    tls: Option<Arc<Certificates>>,
    allow: Option<Arc<AllowList>>,
    metrics: Metrics,
    /// Nothing new is taken.
    stopping: AtomicBool,
    /// There once the routes are.
    served: OnceLock<Served>,
}

struct HealthCheck {
    db: Db,
    github_api: Box<dyn Fn() -> GithubApi + Send + Sync>,
    redis: Box<dyn Fn() -> RedisCheck + Send + Sync>,
    finding: health::Finding,
}

impl Door {
    /// A door that is not open yet.
    pub fn new(setup: Setup) -> Arc<Self> {
        Arc::new(Self {
            inbox: setup.inbox,
            failed: FailedSignatures::new(setup.clock.clone(), setup.limits.failed_signatures_per_minute),
            clock: setup.clock,
            secrets: setup.secrets,
            app_id: setup.app_id,
            trusted: setup.trusted,
            limits: setup.limits,
            bodies: Bodies::new(setup.limits.connections),
            apis: setup.apis,
            tls: setup.tls,
            allow: setup.allow,
            metrics: setup.metrics,
            stopping: AtomicBool::new(false),
            served: OnceLock::new(),
            health: HealthCheck {
                db: setup.db,
                github_api: setup.github_api,
                redis: setup.redis,
                finding: health::Finding::default(),
            },
        })
    }

    fn router(self: Arc<Self>) -> Router {
        let (router, served) = openapi::assemble(&self);
        let _ = self.served.set(served);
        router
            .fallback(nowhere)
            .method_not_allowed_fallback(other_method)
            .layer(from_fn_with_state(self, around))
    }
}

impl Door {
    /// The outcome, or none when this moment has come before it.
    async fn until<T>(&self, deadline: Duration, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            out = work => Some(out),
            () = self.clock.sleep_until(deadline) => None,
        }
    }
}

/// The other end of the connection.
#[derive(Clone, Copy)]
struct Peer(SocketAddr);

/// Who calls, proxies seen through.
#[derive(Clone, Copy)]
struct Client(IpAddr);

/// Names a request in the log and in its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// The caller's `X-Request-Id`, when it can stand in a log, else a new one.
    fn of(headers: &HeaderMap) -> Self {
        let sane = |id: &&str| {
            (1..=LONGEST_ID).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        };
        let given = headers.get("x-request-id").and_then(|id| id.to_str().ok()).filter(sane);
        Self(given.map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned))
    }

    /// 1 to 64 letters, digits, `-`, `_` and `.`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What every request has: an id, a time that it ends in, an answer even when a handler panics, a line in the log.
async fn around(
    State(door): State<Arc<Door>>,
    Extension(Peer(peer)): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = RequestId::of(request.headers());
    let forwarded: Vec<&str> = request
        .headers()
        .get_all("x-forwarded-for")
        .iter()
        .map(|line| line.to_str().unwrap_or_default())
        .collect();
    let client = address::client(peer.ip(), forwarded.into_iter(), &door.trusted);
    let (begun, method) = (door.clock.monotonic(), request.method().clone());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let path: String = request.uri().path().chars().take(100).collect();
    request.extensions_mut().insert(id.clone());
    request.extensions_mut().insert(Client(client));
    // Handlers have their own end, which knows more; this one is for those that forgot.
    let given = if SLOW.contains(&path.as_str()) { door.limits.slow } else { door.limits.request };
    let longest = given.saturating_add(Duration::from_secs(1));
    let handled = door.clock.timeout(longest, AssertUnwindSafe(next.run(request)).catch_unwind()).await;
    let mut answer = match handled {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => {
            tracing::error!(request = id.as_str(), path, "a handler panicked");
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "this went wrong here").answer(&id)
        }
        Err(_) => {
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too_slow", "the time for one request is over")
                .answer(&id)
        }
    };
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        answer.headers_mut().insert("x-request-id", value);
    }
    let status = answer.status().as_u16();
    if let Some(served) = door.served.get() {
        let took = door.clock.monotonic().saturating_sub(begun);
        served.routes.answered(route.as_ref().map(MatchedPath::as_str), status, took);
    }
    match status {
        // Whoever is over the limit must not fill the disk instead.
        200..=299 | 429 => tracing::debug!(request = id.as_str(), %client, %method, path, status, "answered"),
        500.. => tracing::warn!(request = id.as_str(), %client, %method, path, status, "answered"),
        _ => tracing::info!(request = id.as_str(), %client, %method, path, status, "answered"),
    }
    answer
}

async fn nowhere(Extension(id): Extension<RequestId>) -> Response {
    Refusal::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path").answer(&id)
}

async fn other_method(Extension(id): Extension<RequestId>) -> Response {
    let what = "this path does not take that method";
    // The path's own methods are added to it on its way out.
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", what).answer(&id)
}

#[cfg(test)]
mod tests;
