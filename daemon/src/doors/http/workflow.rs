//! Workflows, registered by the application's services.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use cutover_shared::filter::WORKFLOWS;
use cutover_shared::window::{Window, WindowAsk};
use cutover_shared::workflow::{NewWorkflow, Rule, WorkflowSource};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Refusal, json};
use super::auth::Auth;
use super::{Client, RequestId};
use crate::audit::Who;
use crate::clock::Clock;
use crate::gateway::triggers::{PutError, RemoveError, Triggers};
use crate::store::{Db, Select, WorkflowRow};

/// The longest body, in bytes.
const LONGEST: usize = 1024 * 1024;

/// Rows of one page, at most and usually.
const MOST_ROWS: u32 = 500;
const ROWS: u32 = 100;

/// What these routes need.
pub struct WorkflowParts {
    pub triggers: Arc<Triggers>,
    pub db: Db,
    pub clock: Clock,
    pub auth: Auth,
}

/// The routes of `/api/v1/workflows`.
pub fn routes(parts: Arc<WorkflowParts>) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show, put, remove)).with_state(parts)
}

/// A workflow as it can be put again, and how it goes.
#[derive(Serialize)]
struct Shown<'a> {
    id: &'a str,
    name: &'a str,
    trigger: &'a Rule,
    attach_context: bool,
    source: WorkflowSource,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<&'a str>,
    updated_at: i64,
    updated_by: &'a str,
    matches: u64,
    waiting: u64,
    dead: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    definition: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Listed<'a> {
    workflows: Vec<Shown<'a>>,
    offset: u64,
    total: u64,
}

/// Which part of the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    #[serde(default)]
    offset: u64,
    limit: Option<u32>,
    #[serde(default)]
    filter: String,
}

impl<'a> Shown<'a> {
    fn of(row: &'a WorkflowRow) -> Self {
        Self {
            id: &row.id,
            name: &row.name,
            trigger: &row.rule,
            attach_context: row.attach_context,
            source: row.source,
            trouble: row.trouble.as_deref(),
            updated_at: row.updated_at,
            updated_by: &row.updated_by,
            matches: row.matches,
            waiting: row.waiting,
            dead: row.dead,
            definition: serde_json::from_str(&row.definition).ok(),
        }
    }
}

/// The registered workflows, by id, without their definitions.
#[utoipa::path(get, path = "/api/v1/workflows", tag = "workflows",
    params(
        ("offset" = Option<u64>, Query, description = "Rows before the page"),
        ("limit" = Option<u32>, Query, description = "Rows of the page, 1 to 500; 100 when not said"),
        ("filter" = Option<String>, Query, description = "Terms as of `cutover workflow list --filter`"),
    ),
    responses((status = 200, description = "{workflows, offset, total}"), (status = 401, description = "No service token")))]
async fn list(
    State(parts): State<Arc<WorkflowParts>>,
    Extension(id): Extension<RequestId>,
    headers: HeaderMap,
    part: Result<Query<Part>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let answer = async {
        parts.auth.service(&headers)?;
        let Query(part) = part.map_err(|error| bad(error.body_text()))?;
        let limit = part.limit.unwrap_or(ROWS).clamp(1, MOST_ROWS);
        let ask = WindowAsk { filter: part.filter, offset: part.offset, limit, ..WindowAsk::default() };
        let select = Select::understand(&WORKFLOWS, &ask, parts.clock.now())
            .map_err(|error| bad(error.to_string()))?;
        let window: Window<WorkflowRow> =
            parts.db.workflows_window(&select).await.map_err(|e| unavailable(&e))?;
        let workflows = window.rows.iter().map(Shown::of).collect();
        Ok(json(StatusCode::OK, &Listed { workflows, offset: window.offset, total: window.total }))
    };
    answer.await.unwrap_or_else(|refusal: Refusal| refusal.answer(&id))
}

/// One workflow with its definition.
#[utoipa::path(get, path = "/api/v1/workflows/{id}", tag = "workflows",
    params(("id" = String, Path, description = "The workflow's id")),
    responses((status = 200, description = "The workflow"), (status = 401, description = "No service token"),
        (status = 404, description = "There is none")))]
async fn show(
    State(parts): State<Arc<WorkflowParts>>,
    Extension(request): Extension<RequestId>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let answer = async {
        parts.auth.service(&headers)?;
        let row = parts.db.workflow(&id).await.map_err(|error| unavailable(&error))?.ok_or_else(nowhere)?;
        Ok(json(StatusCode::OK, &Shown::of(&row)))
    };
    answer.await.unwrap_or_else(|refusal: Refusal| refusal.answer(&request))
}

/// Registers a workflow, or replaces the one of this id.
#[utoipa::path(put, path = "/api/v1/workflows/{id}", tag = "workflows",
    params(("id" = String, Path, description = "1 to 128 letters, digits, `-`, `_`, `.` and `:`")),
    request_body(content = String, content_type = "application/json",
        description = "{name, trigger, definition, attach_context}; see docs/workflows.md"),
    responses((status = 200, description = "Replaced"), (status = 201, description = "Registered"),
        (status = 400, description = "A mistake, with its place"), (status = 401, description = "No service token"),
        (status = 409, description = "It comes from the application's database, or there are too many"),
        (status = 413, description = "Longer than 1 MiB")))]
async fn put(
    State(parts): State<Arc<WorkflowParts>>,
    Extension(request): Extension<RequestId>,
    Extension(Client(address)): Extension<Client>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let answer = async {
        parts.auth.service(&headers)?;
        let body = axum::body::to_bytes(body, LONGEST).await.map_err(|_| {
            let what = format!("the body broke off, or has more than {LONGEST} bytes");
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", what)
        })?;
        let new: NewWorkflow = serde_json::from_slice(&body).map_err(|error| bad(error.to_string()))?;
        let who = Who { operator: "http".into(), origin: format!("http {address}") };
        let (row, is_new) = parts.triggers.put(&id, new, &who).await.map_err(|error| match error {
            PutError::Rule(error) => bad(error.to_string()),
            PutError::TooMany => Refusal::new(StatusCode::CONFLICT, "too_many", error.to_string()),
            PutError::Theirs(_) => theirs(error.to_string()),
            PutError::Read(_) | PutError::Write(_) => unavailable(&error),
        })?;
        Ok(json(if is_new { StatusCode::CREATED } else { StatusCode::OK }, &Shown::of(&row)))
    };
    answer.await.unwrap_or_else(|refusal: Refusal| refusal.answer(&request))
}

/// Forgets a workflow. What waits to be sent for it is given up.
#[utoipa::path(delete, path = "/api/v1/workflows/{id}", tag = "workflows",
    params(("id" = String, Path, description = "The workflow's id")),
    responses((status = 204, description = "Forgotten"), (status = 401, description = "No service token"),
        (status = 404, description = "There is none"), (status = 409, description = "It comes from the application's database")))]
async fn remove(
    State(parts): State<Arc<WorkflowParts>>,
    Extension(request): Extension<RequestId>,
    Extension(Client(address)): Extension<Client>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let answer = async {
        parts.auth.service(&headers)?;
        let who = Who { operator: "http".into(), origin: format!("http {address}") };
        let removed = parts.triggers.remove(&id, &who).await.map_err(|error| match error {
            RemoveError::Theirs(_) => theirs(error.to_string()),
            RemoveError::Read(_) | RemoveError::Write(_) => unavailable(&error),
        });
        match removed? {
            true => Ok(StatusCode::NO_CONTENT.into_response()),
            false => Err(nowhere()),
        }
    };
    answer.await.unwrap_or_else(|refusal: Refusal| refusal.answer(&request))
}

fn bad(what: String) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "bad_workflow", what)
}

fn theirs(what: String) -> Refusal {
    Refusal::new(StatusCode::CONFLICT, "application", what)
}

fn nowhere() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "not_found", "there is no workflow of this id")
}

fn unavailable(error: &dyn std::error::Error) -> Refusal {
    tracing::error!(%error, "the store failed a request about workflows");
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "store", "the store does not answer; nothing was done")
}

#[cfg(test)]
mod tests;
