//! The migrations of the caller's own database (D6): what was done to it, newest first, and how many are still to come.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use cutover_shared::fleet::HistoryEntry;
use cutover_shared::ids::TenantId;
use cutover_shared::page::PageAsk;
use serde::Serialize;
use url::form_urlencoded;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Refusal, json};
use super::auth::Auth;
use super::integrations::{settle, time, unavailable};
use super::{Client, RequestId};
use crate::fleet::Fleet;
use crate::fleet::error::FleetError;

/// Attempts of one answer.
const ROWS: u32 = 100;

/// What this route works with.
pub struct Parts {
    pub auth: Auth,
    pub fleet: Fleet,
}

/// The route, with its state.
pub fn routes(parts: Arc<Parts>) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(own)).with_state(parts)
}

#[derive(Serialize, ToSchema)]
struct MigrationsAnswer {
    success: bool,
    tenant_id: String,
    /// The newest migration that the database has; 0 for none. Null: no database of this tenant is known.
    version: Option<u32>,
    /// Migrations between that and the version that all tenants are to have.
    pending_count: u32,
    /// At most 100, newest first.
    history: Vec<Attempt>,
    /// Give it as `before` to see earlier ones.
    next: Option<String>,
}

/// One attempt at one migration.
#[derive(Serialize, ToSchema)]
struct Attempt {
    /// `0002_add_tags`
    migration_id: String,
    version: u32,
    /// `up` or `down`.
    direction: &'static str,
    /// `running`, `completed`, `failed` or `skipped`.
    status: &'static str,
    error: Option<String>,
    attempt: u32,
    /// RFC 3339, UTC.
    started_at: Option<String>,
    completed_at: Option<String>,
}

impl Attempt {
    fn of(entry: HistoryEntry) -> Self {
        Self {
            migration_id: entry.migration,
            version: entry.version,
            direction: entry.way.word(),
            status: entry.status.word(),
            error: entry.error,
            attempt: entry.attempt,
            started_at: entry.started_at.map(time),
            completed_at: entry.completed_at.map(time),
        }
    }
}

/// The migrations of the caller's own database. Without a tenant in the token the user is the tenant.
#[utoipa::path(get, path = "/api/v1/app/migrations", tag = "migration", security(("user" = [])),
    params(("before" = Option<String>, Query, description = "`next` of the answer before")),
    responses(
        (status = 200, description = "The caller's own tenant", body = MigrationsAnswer),
        (status = 400, description = "`before` is no `next` of an answer"),
        (status = 401, description = "No valid token"),
        (status = 429, description = "Too many calls"),
    ))]
async fn own(
    State(parts): State<Arc<Parts>>,
    Extension(id): Extension<RequestId>,
    Extension(Client(address)): Extension<Client>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    settle(&id, answer(&parts, &headers, address, query.as_deref()).await)
}

async fn answer(
    parts: &Parts,
    headers: &HeaderMap,
    address: std::net::IpAddr,
    query: Option<&str>,
) -> Result<Response, Refusal> {
    let user = parts.auth.user_within_limits(headers, address).await?;
    let tenant = TenantId(user.tenant.clone().unwrap_or_else(|| user.id.clone()));
    let failed = |error: FleetError| match error {
        FleetError::NoSuchPage => {
            let message = "`before` is no `next` of an answer: leave it out, or hand it in as it was";
            Refusal::new(StatusCode::BAD_REQUEST, "bad_request", message)
        }
        error => unavailable(&error.to_string()),
    };
    let before = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find_map(|(name, value)| (name == "before").then(|| value.into_owned()));
    let page = PageAsk { after: before, limit: ROWS };
    let known = parts.fleet.stands(&tenant).await.map_err(failed)?;
    let rows = parts.fleet.history(Some(&tenant), &page).await.map_err(failed)?;
    let answer = MigrationsAnswer {
        success: true,
        tenant_id: tenant.0,
        version: known.map(|(version, _)| version),
        pending_count: known.map_or(0, |(_, pending)| pending),
        history: rows.rows.into_iter().map(Attempt::of).collect(),
        next: rows.next,
    };
    Ok(json(StatusCode::OK, &answer))
}
