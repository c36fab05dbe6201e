//! `GET /health`: liveness. Only our own store can make it unhealthy; a restart mends neither GitHub nor Redis.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use tokio::sync::Mutex;

use super::answer::json;
use super::{Door, HealthCheck};

/// How long a finding is answered again: whoever asks often must not keep the store busy.
const FRESH: Duration = Duration::from_secs(1);

/// A store that takes longer for one row does not serve.
const PATIENCE: Duration = Duration::from_secs(2);

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
}

impl GithubApi {
    fn word(self) -> &'static str {
        match self {
            Self::NotAsked => "not asked yet",
            Self::Answers => "healthy",
            Self::Exhausted => "rate limited",
            Self::Silent => "no answer yet",
        }
    }

    fn is_bad(self) -> bool {
        matches!(self, Self::Exhausted | Self::Silent)
    }
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    checks: Checks,
}

#[derive(Serialize)]
struct Checks {
    database: &'static str,
    github_api: &'static str,
    redis: &'static str,
}

pub(super) async fn answer(State(door): State<Arc<Door>>) -> Response {
    let database = database(&door.health, &door.clock).await;
    let github = (door.health.github_api)();
    let (code, status) = match (database, github.is_bad()) {
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "unhealthy"),
        (true, true) => (StatusCode::OK, "degraded"),
        (true, false) => (StatusCode::OK, "healthy"),
    };
    let database = if database { "healthy" } else { "unhealthy" };
    let checks = Checks { database, github_api: github.word(), redis: "not configured" };
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
