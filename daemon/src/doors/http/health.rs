//! Health. Liveness (`/health`, `/health/live`): only our own store can make it bad; a restart mends neither GitHub nor Redis.
//! Readiness (`/health/ready`): whether work can be done here now.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use super::answer::json;
use super::{Door, HealthCheck};
use crate::github::{Budget, Contact, GitHub};

/// How long a finding is answered again: whoever asks often must not keep the store busy.
const FRESH: Duration = Duration::from_secs(1);

/// A store that takes longer for one row does not serve.
const PATIENCE: Duration = Duration::from_secs(2);

/// GitHub may be out for this long before this daemon is called not ready: it has bad minutes, and whoever takes us out of
/// service for one only adds to it.
const GITHUB_PATIENCE: Duration = Duration::from_secs(5 * 60);

/// The last finding, and when it was made.
pub type Finding = Mutex<Option<(Duration, bool)>>;

/// What is known of GitHub without asking it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GithubApi {
    NotAsked,
    Answers,
    /// No credential has calls left in this hour.
    Exhausted,
    /// It was asked, and nothing has come back yet.
    Silent,
    /// Every call failed over this length of time, the last one included.
    Unreachable {
        over: Duration,
    },
    /// It refuses what the App signs, over this length of time.
    KeysRefused {
        over: Duration,
    },
}

impl GithubApi {
    /// As the last calls showed it: a look at memory.
    pub fn of(github: &GitHub) -> Self {
        Self::judge(&github.contact(), &github.budgets(), github.calls().requests > 0)
    }

    fn judge(contact: &Contact, budgets: &[Budget], asked: bool) -> Self {
        let over = |since: Option<Duration>, last: Option<Duration>| Some(last?.saturating_sub(since?));
        if let Some(over) = over(contact.failing_since, contact.last_failure) {
            return Self::Unreachable { over };
        }
        if let Some(over) = over(contact.refused_since, contact.last_refusal) {
            return Self::KeysRefused { over };
        }
        match (asked, contact.last_success) {
            (false, _) => Self::NotAsked,
            (true, None) => Self::Silent,
            (true, Some(_)) if !budgets.is_empty() && budgets.iter().all(|budget| budget.remaining == 0) => {
                Self::Exhausted
            }
            (true, Some(_)) => Self::Answers,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::NotAsked => "not asked yet",
            Self::Answers => "healthy",
            Self::Exhausted => "rate limited",
            Self::Silent => "no answer yet",
            Self::Unreachable { .. } => "unreachable",
            Self::KeysRefused { .. } => "the App's keys are refused",
        }
    }

    fn is_bad(self) -> bool {
        !matches!(self, Self::NotAsked | Self::Answers)
    }

    /// For so long that it is no bad minute any more.
    fn is_out(self) -> bool {
        match self {
            Self::Unreachable { over } | Self::KeysRefused { over } => over >= GITHUB_PATIENCE,
            Self::NotAsked | Self::Answers | Self::Exhausted | Self::Silent => false,
        }
    }
}

/// What is known of the Redis server of the locks, without asking it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedisCheck {
    NotConfigured,
    NotAsked,
    Answers,
    Unreachable,
}

impl RedisCheck {
    fn word(self) -> &'static str {
        match self {
            Self::NotConfigured => "not configured",
            Self::NotAsked => "not asked yet",
            Self::Answers => "healthy",
            Self::Unreachable => "unreachable",
        }
    }
}

/// How this daemon is.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `healthy`, `degraded` (it serves; something outside does not), `unhealthy`, or `stopping`.
    #[schema(example = "healthy")]
    status: &'static str,
    checks: Checks,
}

/// Each thing that is needed.
#[derive(Serialize, ToSchema)]
pub(super) struct Checks {
    /// `healthy` or `unhealthy`.
    #[schema(example = "healthy")]
    database: &'static str,
    /// `healthy`, `not asked yet`, `no answer yet`, `rate limited`, `unreachable` or `the App's keys are refused`.
    #[schema(example = "healthy")]
    github_api: &'static str,
    /// `not configured`, `not asked yet`, `healthy` or `unreachable`. Without it the daemon serves; `cutover doctor` says what becomes
    /// of its locks.
    #[schema(example = "not configured")]
    redis: &'static str,
}

/// How this daemon is, as liveness: 503 only when its own store does not serve.
#[utoipa::path(
    get,
    path = "/health",
    tag = "operation",
    responses(
        (status = 200, description = "It serves, if need be without GitHub", body = Health),
        (status = 503, description = "Its store does not serve", body = Health),
    ),
)]
pub(super) async fn answer(State(door): State<Arc<Door>>) -> Response {
    liveness(&door).await
}

/// The same as `/health`, under the name that orchestrators look for.
#[utoipa::path(
    get,
    path = "/health/live",
    tag = "operation",
    responses(
        (status = 200, description = "It serves, if need be without GitHub", body = Health),
        (status = 503, description = "Its store does not serve", body = Health),
    ),
)]
pub(super) async fn live(State(door): State<Arc<Door>>) -> Response {
    liveness(&door).await
}

/// Whether work can be done here now: 503 also while it stops, and when GitHub was out for five minutes.
#[utoipa::path(
    get,
    path = "/health/ready",
    tag = "operation",
    responses(
        (status = 200, description = "Ready", body = Health),
        (status = 503, description = "Not ready; `status` and `checks` say why", body = Health),
    ),
)]
pub(super) async fn ready(State(door): State<Arc<Door>>) -> Response {
    let (database, github) = (database(&door.health, &door.clock).await, (door.health.github_api)());
    let redis = (door.health.redis)();
    let stopping = door.stopping.load(Ordering::Relaxed);
    let (code, status) = match (database, stopping, github.is_out()) {
        (false, ..) => (StatusCode::SERVICE_UNAVAILABLE, "unhealthy"),
        (true, true, _) => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        (true, false, true) => (StatusCode::SERVICE_UNAVAILABLE, "unhealthy"),
        (true, false, false) if github.is_bad() || redis == RedisCheck::Unreachable => {
            (StatusCode::OK, "degraded")
        }
        (true, false, false) => (StatusCode::OK, "healthy"),
    };
    said(code, status, database, github, redis)
}

async fn liveness(door: &Door) -> Response {
    let (database, github) = (database(&door.health, &door.clock).await, (door.health.github_api)());
    let redis = (door.health.redis)();
    let (code, status) = match (database, github.is_bad() || redis == RedisCheck::Unreachable) {
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "unhealthy"),
        (true, true) => (StatusCode::OK, "degraded"),
        (true, false) => (StatusCode::OK, "healthy"),
    };
    said(code, status, database, github, redis)
}

fn said(
    code: StatusCode,
    status: &'static str,
    database: bool,
    github: GithubApi,
    redis: RedisCheck,
) -> Response {
    let database = if database { "healthy" } else { "unhealthy" };
    let checks = Checks { database, github_api: github.word(), redis: redis.word() };
    json(code, &Health { status, checks })
}

/// Whether the store takes commits, as far as the newest shows, and answers reads. Why not stays in the log: this door is open
/// to everybody.
async fn database(health: &HealthCheck, clock: &crate::clock::Clock) -> bool {
    let mut last = health.finding.lock().await;
    let now = clock.monotonic();
    if let Some((_, healthy)) = last.filter(|(at, _)| now.saturating_sub(*at) < FRESH) {
        return healthy;
    }
    let trouble = match health.db.write_trouble() {
        Some(trouble) => Some(trouble),
        None => match clock.timeout(PATIENCE, health.db.catalog_revision()).await {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("the store does not answer".to_owned()),
        },
    };
    if let Some(trouble) = &trouble {
        tracing::error!(trouble, "the store is unhealthy");
    }
    *last = Some((clock.monotonic(), trouble.is_none()));
    trouble.is_none()
}

#[cfg(test)]
mod tests;
