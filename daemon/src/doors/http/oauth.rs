//! The application's old OAuth callback (B10): deprecated, kept for those who are not mapped yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{Extension, RawQuery, State};
use axum::http::header::{CACHE_CONTROL, LINK, LOCATION, REFERRER_POLICY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use chrono::DateTime;
use reqwest::Url;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Refusal, json};
use super::auth::Auth;
use super::integrations::time;
use super::{Client, RequestId};
use crate::clock::Clock;
use crate::gateway::integrations::Integrations;
use crate::store::Db;

/// A person who signs in waits no longer for a link.
const PATIENCE: Duration = Duration::from_secs(2);

/// What this route works with.
pub struct Parts {
    pub auth: Auth,
    pub integrations: Arc<Integrations>,
    pub db: Db,
    pub clock: Clock,
    /// The application's own handler; never taken from a request.
    pub target: Option<Url>,
    /// Since when it is deprecated, milliseconds since the epoch, UTC.
    pub deprecated: i64,
    /// When it ends, milliseconds since the epoch, UTC; none: never.
    pub sunset: Option<i64>,
    /// Calls since the start.
    pub callers: AtomicU64,
}

impl Parts {
    /// Calls of the deprecated path since the start, those over the limit not counted.
    pub fn callers(&self) -> u64 {
        self.callers.load(Ordering::Relaxed)
    }

    /// Over only when its day has come and nobody needs it any more; in doubt it goes on.
    async fn is_over(&self) -> bool {
        if self.sunset.is_none_or(|sunset| self.clock.now() < sunset) {
            return false;
        }
        match self.db.mapping_counts().await {
            Ok(counts) => counts.pending + counts.unmappable + counts.unplanned == 0,
            Err(error) => {
                tracing::error!(%error, "whether anybody still needs the OAuth callback is not known");
                false
            }
        }
    }
}

/// The route, with its state.
pub fn routes(parts: Arc<Parts>) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(answer)).with_state(parts)
}

#[derive(Serialize, ToSchema)]
struct DeprecatedAnswer {
    deprecated: bool,
    message: &'static str,
    /// Where the GitHub App is installed instead.
    migration_url: Option<String>,
    /// RFC 3339, UTC.
    sunset: Option<String>,
}

/// Sends a person who signed in by the old OAuth app on to the application's own handler.
#[utoipa::path(get, path = "/api/github/callback", tag = "migration",
    responses(
        (status = 307, description = "To the configured handler, with the query as it came", body = DeprecatedAnswer),
        (status = 410, description = "The sunset is over, and every repository is mapped"),
        (status = 429, description = "Too many calls from this address"),
        (status = 501, description = "No handler is configured"),
    ))]
async fn answer(
    State(parts): State<Arc<Parts>>,
    Extension(id): Extension<RequestId>,
    Extension(Client(address)): Extension<Client>,
    RawQuery(query): RawQuery,
) -> Response {
    if let Err(refusal) = parts.auth.anybody(address) {
        return refusal.answer(&id);
    }
    let callers = parts.callers.fetch_add(1, Ordering::Relaxed) + 1;
    tracing::info!(request = id.as_str(), client = %address, callers, "the deprecated OAuth callback was called");
    let page = parts.clock.timeout(PATIENCE, parts.integrations.install_page()).await;
    let page = page.ok().and_then(Result::ok);
    let instead = page.as_deref().map_or_else(String::new, |page| format!(": {page}"));
    let mut answer = if parts.is_over().await {
        let what = format!("signing in by OAuth has ended; install the GitHub App instead{instead}");
        Refusal::new(StatusCode::GONE, "gone", what).answer(&id)
    } else if let Some(location) = parts.target.as_ref().and_then(|target| forward(target, query.as_deref()))
    {
        let body = DeprecatedAnswer {
            deprecated: true,
            message: "this callback is deprecated; install the GitHub App instead",
            migration_url: page.clone(),
            sunset: parts.sunset.map(time),
        };
        let mut answer = json(StatusCode::TEMPORARY_REDIRECT, &body);
        answer.headers_mut().insert(LOCATION, location);
        answer
    } else {
        let what =
            format!("the OAuth fallback is not configured here (migration.oauth_callback_url){instead}");
        Refusal::new(StatusCode::NOT_IMPLEMENTED, "oauth_fallback_not_configured", what).answer(&id)
    };
    deprecate(answer.headers_mut(), parts.deprecated, parts.sunset, page.as_deref());
    answer
}

/// The configured address with the query as it came; the code in it is the application's business.
fn forward(target: &Url, query: Option<&str>) -> Option<HeaderValue> {
    let mut target = target.clone();
    target.set_query(query);
    HeaderValue::from_str(target.as_str()).ok()
}

/// RFC 9745 and RFC 8594.
fn deprecate(headers: &mut HeaderMap, since: i64, sunset: Option<i64>, page: Option<&str>) {
    let mut put = |name: HeaderName, text: String| {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    };
    put(HeaderName::from_static("deprecation"), format!("@{}", since.div_euclid(1000)));
    if let Some(at) = sunset {
        let at = DateTime::from_timestamp_millis(at).unwrap_or_default();
        put(HeaderName::from_static("sunset"), at.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
    }
    if let Some(page) = page {
        put(
            LINK,
            format!("<{page}>; rel=\"deprecation\"; type=\"text/html\", <{page}>; rel=\"successor-version\""),
        );
    }
    put(CACHE_CONTROL, "no-store".to_owned());
    put(REFERRER_POLICY, "no-referrer".to_owned());
}
