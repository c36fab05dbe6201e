//! A user's integrations (G8) and the way to a new one (G5), in the shapes that the application knows.

use std::sync::Arc;

use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use chrono::{DateTime, SecondsFormat};
use serde::Serialize;
use url::form_urlencoded;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Refusal, json};
use super::auth::Auth;
use super::{Client, RequestId};
use crate::gateway::integrations::{Integrations, RevokeError};
use crate::store::{IntegrationRow, IntegrationState};

/// What these routes work with.
pub struct Parts {
    pub auth: Auth,
    pub integrations: Arc<Integrations>,
}

/// The routes, with their state.
pub fn routes(parts: Arc<Parts>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(all))
        .routes(routes!(github))
        .routes(routes!(install))
        .routes(routes!(revoke))
        .with_state(parts)
}

/// An installation that a user connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct IntegrationView {
    /// What `DELETE` takes.
    pub id: String,
    /// Always `github_app`.
    pub integration_id: &'static str,
    /// Always `github`.
    pub provider: &'static str,
    /// Always `github`.
    pub integration_type: &'static str,
    pub name: &'static str,
    pub is_active: bool,
    /// RFC 3339, UTC.
    pub created_at: String,
    pub credential_data: CredentialData,
}

/// What is known of the installation; never a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CredentialData {
    /// None while an owner has not approved the request.
    pub installation_id: Option<String>,
    /// `install`, `update` or `request`.
    pub setup_action: String,
    /// When the person came back from GitHub last; RFC 3339, UTC.
    pub callback_timestamp: String,
}

impl IntegrationView {
    /// As the application sees it.
    pub fn of(row: &IntegrationRow) -> Self {
        Self {
            id: row.id.clone(),
            integration_id: "github_app",
            provider: "github",
            integration_type: "github",
            name: "GitHub App Integration",
            is_active: row.state == IntegrationState::Active,
            created_at: time(row.created_at),
            credential_data: CredentialData {
                installation_id: row.installation.map(|id| id.to_string()),
                setup_action: row.setup_action.clone(),
                callback_timestamp: time(row.callback_at),
            },
        }
    }
}

/// RFC 3339 in seconds, UTC.
pub(super) fn time(at: i64) -> String {
    DateTime::from_timestamp_millis(at).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[derive(Serialize, ToSchema)]
struct ListAnswer {
    success: bool,
    user_id: String,
    integrations: Vec<IntegrationView>,
    total_count: usize,
}

#[derive(Serialize, ToSchema)]
struct InstallAnswer {
    /// Where to send the person, within 10 minutes.
    install_url: String,
    state: String,
    /// RFC 3339, UTC.
    expires_at: String,
}

#[derive(Serialize, ToSchema)]
struct RevokeAnswer {
    success: bool,
    id: String,
    message: &'static str,
}

/// All of the caller's integrations, newest first.
#[utoipa::path(get, path = "/api/v1/app/integrations", tag = "integrations", security(("user" = [])),
    params(("include_inactive" = Option<bool>, Query, description = "Also those that are requested or over")),
    responses(
        (status = 200, description = "The caller's own", body = ListAnswer),
        (status = 401, description = "No valid token"),
        (status = 429, description = "Too many calls"),
    ))]
async fn all(
    State(parts): State<Arc<Parts>>,
    Extension(id): Extension<RequestId>,
    Extension(Client(address)): Extension<Client>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    settle(&id, list(&parts, &headers, address, query.as_deref()).await)
}

/// The caller's GitHub integrations, newest first.
#[utoipa::path(get, path = "/api/v1/app/integrations/github", tag = "integrations", security(("user" = [])),
    params(("include_inactive" = Option<bool>, Query, description = "Also those that are requested or over")),
    responses(
        (status = 200, description = "The caller's own", body = ListAnswer),
        (status = 401, description = "No valid token"),
        (status = 429, description = "Too many calls"),
    ))]
async fn github(
    State(parts): State<Arc<Parts>>,
    Extension(id): Extension<RequestId>,
    Extension(Client(address)): Extension<Client>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    // GitHub is the only provider here.
    settle(&id, list(&parts, &headers, address, query.as_deref()).await)
}

async fn list(
    parts: &Parts,
    headers: &HeaderMap,
    address: std::net::IpAddr,
    query: Option<&str>,
) -> Result<Response, Refusal> {
    let user = parts.auth.user_within_limits(headers, address).await?;
    let ended = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .any(|(name, value)| name == "include_inactive" && matches!(&*value, "true" | "1"));
    let rows =
        parts.integrations.list(&user.id, ended).await.map_err(|error| unavailable(&error.to_string()))?;
    let integrations: Vec<_> = rows.iter().map(IntegrationView::of).collect();
    let total_count = integrations.len();
    Ok(json(StatusCode::OK, &ListAnswer { success: true, user_id: user.id, integrations, total_count }))
}

/// A page at GitHub where the caller installs the App.
#[utoipa::path(get, path = "/api/v1/app/integrations/github/install", tag = "integrations", security(("user" = [])),
    responses(
        (status = 200, description = "Good once, for 10 minutes", body = InstallAnswer),
        (status = 401, description = "No valid token"),
        (status = 429, description = "Too many calls"),
        (status = 503, description = "The App's name is not configured, and GitHub does not tell it now"),
    ))]
async fn install(
    State(parts): State<Arc<Parts>>,
    Extension(id): Extension<RequestId>,
    Extension(Client(address)): Extension<Client>,
    headers: HeaderMap,
) -> Response {
    let link = async {
        let user = parts.auth.user_within_limits(&headers, address).await?;
        let link = parts.integrations.install_link(&user.id, user.tenant.as_deref()).await;
        let link = link.map_err(|error| {
            tracing::error!(%error, "no install link can be made");
            let what = "the install link can't be made now; try again";
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "github_unavailable", what)
                .retry_after(std::time::Duration::from_secs(5))
        })?;
        let expires_at = time(link.expires_at);
        Ok(json(StatusCode::OK, &InstallAnswer { install_url: link.url, state: link.state, expires_at }))
    };
    settle(&id, link.await)
}

/// Lets one of the caller's integrations go. At GitHub the App stays installed.
#[utoipa::path(delete, path = "/api/v1/app/integrations/{id}", tag = "integrations", security(("user" = [])),
    params(("id" = String, Path, description = "An integration's id")),
    responses(
        (status = 200, description = "It is inactive now", body = RevokeAnswer),
        (status = 401, description = "No valid token"),
        (status = 404, description = "Not there, inactive already, or another user's"),
        (status = 429, description = "Too many calls"),
    ))]
async fn revoke(
    State(parts): State<Arc<Parts>>,
    Extension(id): Extension<RequestId>,
    Extension(Client(address)): Extension<Client>,
    Path(integration): Path<String>,
    headers: HeaderMap,
) -> Response {
    let done = async {
        let user = parts.auth.user_within_limits(&headers, address).await?;
        parts.integrations.revoke(&user.id, &integration, &format!("http {address}")).await.map_err(
            |error| match error {
                RevokeError::NotFound => {
                    Refusal::new(StatusCode::NOT_FOUND, "not_found", "there is no such integration")
                }
                RevokeError::Store(cause) => unavailable(&cause),
            },
        )?;
        let message = "the integration is inactive";
        Ok(json(StatusCode::OK, &RevokeAnswer { success: true, id: integration, message }))
    };
    settle(&id, done.await)
}

/// Answers of one user's own must not be kept by what is in between.
pub(super) fn settle(id: &RequestId, answer: Result<Response, Refusal>) -> Response {
    let mut answer = answer.unwrap_or_else(|refusal| refusal.answer(id));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// The cause stays in the log.
pub(super) fn unavailable(cause: &str) -> Refusal {
    tracing::error!(cause, "the application's API has no store");
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "this can't be answered now; try again")
        .retry_after(std::time::Duration::from_secs(5))
}
