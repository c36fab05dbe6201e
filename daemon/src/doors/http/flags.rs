//! The flags API: how each flag is set, and switching one, with the checks, the audit and the immediate effect of the RPC's.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use cutover_shared::rollout::{ChangeView, FlagView, Operation};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Refusal, json};
use super::auth::Auth;
use super::auth::scope::{ApiKeys, Caller, Scope};
use super::{Client, RequestId};
use crate::audit::Who;
use crate::rollout::book::{RolloutError, Rollouts};

/// The longest body, in bytes.
const LONGEST: usize = 16 * 1024;

/// What these routes need.
pub struct FlagParts {
    pub rollouts: Rollouts,
    pub keys: Arc<ApiKeys>,
    /// Counts calls without a good key.
    pub auth: Auth,
}

impl FlagParts {
    /// Only failed credentials count against an address: a good key is never told to wait, least of all on a way back.
    fn caller(&self, headers: &HeaderMap, needs: Scope, client: Client) -> Result<&Caller, Refusal> {
        self.keys.caller(headers, needs).map_err(|denied| {
            let status = denied.status();
            let code = if status == StatusCode::UNAUTHORIZED { "unauthorized" } else { "forbidden" };
            let refusal = Refusal::new(status, code, denied.to_string());
            match status {
                StatusCode::UNAUTHORIZED => self.auth.anybody(client.0).err().unwrap_or(refusal),
                _ => refusal,
            }
        })
    }
}

/// The routes of `/api/v1/flags`.
pub fn routes(parts: Arc<FlagParts>) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(put)).with_state(parts)
}

#[derive(Serialize)]
struct Listed {
    flags: Vec<FlagView>,
}

#[derive(Serialize)]
struct Switched {
    flag: Option<FlagView>,
    /// None: it was so already.
    change: Option<ChangeView>,
}

/// How a flag is to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    on: bool,
    reason: String,
}

/// All flags.
#[utoipa::path(get, path = "/api/v1/flags", tag = "flags", operation_id = "flags_list",
    security(("service" = []), ("api_key" = [])),
    responses((status = 200, description = "{flags: [{key, operation, rollout, on, stage, killed, version}]}"),
        (status = 401, description = "No known key"), (status = 403, description = "The key may only evaluate"),
        (status = 503, description = "The daemon is starting")))]
async fn list(
    State(parts): State<Arc<FlagParts>>,
    Extension(id): Extension<RequestId>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
) -> Response {
    let answer = || {
        parts.caller(&headers, Scope::FlagsRead, client)?;
        let flags = parts.rollouts.flags().map_err(refusal)?;
        Ok(json(StatusCode::OK, &Listed { flags }))
    };
    answer().unwrap_or_else(|refusal: Refusal| refusal.answer(&id))
}

/// Switches a flag. Off forces legacy for the operation; on lets stage and overrides decide.
#[utoipa::path(put, path = "/api/v1/flags/{key}", tag = "flags", operation_id = "flags_put",
    security(("api_key" = [])),
    params(("key" = String, Path, description = "The flag's key")),
    request_body(content = String, content_type = "application/json", description = "{on: true or false, reason}"),
    responses((status = 200, description = "In effect and stored: {flag, change}; change is null where it was so already"),
        (status = 400, description = "A mistake in the body"), (status = 401, description = "No known key"),
        (status = 403, description = "The key may not write"), (status = 404, description = "There is no such flag"),
        (status = 503, description = "The store does not answer; nothing was changed")))]
async fn put(
    State(parts): State<Arc<FlagParts>>,
    Extension(id): Extension<RequestId>,
    Extension(client): Extension<Client>,
    key: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let answer = async {
        let name = parts.caller(&headers, Scope::FlagsWrite, client)?.name.clone();
        let operation = key.ok().and_then(|Path(key)| Operation::of_flag(&key)).ok_or_else(nowhere)?;
        let body = axum::body::to_bytes(body, LONGEST).await.map_err(|_| bad("the body is too long"))?;
        let wanted: Wanted = serde_json::from_slice(&body).map_err(|error| bad(error.to_string()))?;
        if wanted.reason.trim().is_empty() {
            return Err(bad("say why in `reason`: the audit log keeps it"));
        }
        let who = Who { origin: format!("http {} key {name}", client.0), operator: name.as_str().into() };
        // In a task of its own: a caller that leaves must not leave memory behind what the store has.
        let rollouts = parts.rollouts.clone();
        let act = async move { rollouts.flag(operation, wanted.on, &wanted.reason, &who).await };
        let change = tokio::spawn(act).await.map_err(|_| broken())?.map_err(refusal)?;
        let flag =
            parts.rollouts.flags().map_err(refusal)?.into_iter().find(|flag| flag.operation == operation);
        Ok(json(StatusCode::OK, &Switched { flag, change }))
    };
    answer.await.unwrap_or_else(|refusal: Refusal| refusal.answer(&id))
}

fn bad(what: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "bad_flag", what)
}

fn nowhere() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "not_found", "there is no flag of this key")
}

fn broken() -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "this went wrong here")
}

fn refusal(error: RolloutError) -> Refusal {
    let text = error.to_string();
    match error {
        RolloutError::Unread => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "starting", text),
        RolloutError::Read(_) | RolloutError::Write(_) | RolloutError::Owed(_) => {
            tracing::error!(%text, "the store failed a request about flags");
            let what = "the store does not answer; nothing was changed";
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "store", what)
        }
        _ => Refusal::new(StatusCode::CONFLICT, "refused", text),
    }
}
