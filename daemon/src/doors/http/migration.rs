//! Where the caller's tenant stands in the migration: enough for the application's banner.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use cutover_shared::ids::TenantId;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Refusal, json};
use super::auth::Auth;
use super::integrations::{settle, time, unavailable};
use super::{Client, RequestId};
use crate::clock::Clock;
use crate::gateway::integrations::Integrations;
use crate::mapping::mode;
use crate::store::Db;

/// A banner waits no longer for GitHub.
const PATIENCE: Duration = Duration::from_secs(2);

/// What this route works with.
pub struct Parts {
    pub auth: Auth,
    pub integrations: Arc<Integrations>,
    pub db: Db,
    pub clock: Clock,
}

/// The route, with its state.
pub fn routes(parts: Arc<Parts>) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(status)).with_state(parts)
}

#[derive(Serialize, ToSchema)]
struct MigrationAnswer {
    success: bool,
    tenant_id: String,
    /// `off`, `canary` or `on`.
    mode: &'static str,
    /// On the canary list.
    is_canary: bool,
    /// Repositories of the tenant's projects.
    repositories: u64,
    mapped: u64,
    pending: u64,
    unmappable: u64,
    /// In the catalog, but no plan was applied to it yet.
    unplanned: u64,
    /// Where a click leads that connects GitHub; good once. None while the App's name is not known.
    install_url: Option<String>,
    /// RFC 3339, UTC.
    install_url_expires_at: Option<String>,
    /// Gives a fresh `install_url`.
    install_endpoint: &'static str,
}

/// How much of the caller's tenant is mapped. Without a tenant in the token the user is the tenant.
#[utoipa::path(get, path = "/api/v1/migration/status", tag = "migration", security(("user" = [])),
    responses(
        (status = 200, description = "The caller's own tenant", body = MigrationAnswer),
        (status = 401, description = "No valid token"),
        (status = 429, description = "Too many calls"),
    ))]
async fn status(
    State(parts): State<Arc<Parts>>,
    Extension(id): Extension<RequestId>,
    Extension(Client(address)): Extension<Client>,
    headers: HeaderMap,
) -> Response {
    settle(&id, answer(&parts, &headers, address).await)
}

async fn answer(parts: &Parts, headers: &HeaderMap, address: std::net::IpAddr) -> Result<Response, Refusal> {
    let user = parts.auth.user_within_limits(headers, address).await?;
    let tenant = TenantId(user.tenant.clone().unwrap_or_else(|| user.id.clone()));
    let failed = |error: crate::store::ReadError| unavailable(&error.to_string());
    let mode = mode::view(&parts.db, None, false).await.map_err(failed)?;
    let row = parts.db.tenant(&tenant).await.map_err(failed)?;
    let (repositories, mapped, pending, unmappable) =
        row.map_or((0, 0, 0, 0), |row| (row.repositories, row.mapped, row.pending, row.unmappable));
    let linking = parts.integrations.install_link(&user.id, user.tenant.as_deref());
    let link = parts.clock.timeout(PATIENCE, linking).await.ok().and_then(Result::ok);
    let answer = MigrationAnswer {
        success: true,
        is_canary: mode.canary.contains(&tenant),
        tenant_id: tenant.0,
        mode: mode.mode.word(),
        repositories,
        mapped,
        pending,
        unmappable,
        unplanned: repositories.saturating_sub(mapped + pending + unmappable),
        install_url_expires_at: link.as_ref().map(|link| time(link.expires_at)),
        install_url: link.map(|link| link.url),
        install_endpoint: "/api/v1/app/integrations/github/install",
    };
    Ok(json(StatusCode::OK, &answer))
}
