//! Imports and listings of repositories, for the application and its users.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Path, Query, Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use cutover_shared::ids::{InstallationId, ProjectId, TenantId};
use cutover_shared::import::{ImportView, Method, RepositoryView, Wanted};
use cutover_shared::mapping::MapScope;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Refusal, json};
use super::auth::Auth;
use super::{Client, RequestId};
use crate::audit::Who;
use crate::flows::import::{ImportAsk, ImportError, Imports, ListAsk, Listed};
use crate::git::ArtifactId;
use crate::mapping::planner::{PlanError, Planner};

/// The largest body that is taken, in bytes.
const LARGEST_BODY: usize = 64 * 1024;

/// Bytes of an artifact that are read at a time.
const PART: usize = 64 * 1024;

/// What these routes are made of.
pub struct GithubParts {
    pub auth: Auth,
    pub imports: Imports,
    /// For the bridge: it plans, and applies nothing.
    pub planner: Planner,
}

type Parts = Arc<GithubParts>;

/// SPEC's paths and the application's own.
pub fn routes(parts: Parts) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(import))
        .routes(routes!(repos))
        .routes(routes!(artifact))
        .routes(routes!(bridge))
        .route("/api/github/import", post(import))
        .route("/api/github/repos", get(repos))
        .with_state(parts)
}

/// What is to be imported. Both spellings of each field are taken.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportBody {
    #[serde(default, alias = "projectId")]
    project_id: Option<ProjectId>,
    #[serde(default, alias = "tenantId")]
    tenant_id: Option<TenantId>,
    #[serde(default, alias = "repoFullName")]
    repository: Option<String>,
    #[serde(default, rename = "ref")]
    reference: Option<String>,
}

/// Fetches the files of one commit of a project's repository, with the credential that rollout and mapping choose.
///
/// Also at `/api/github/import`. The answer is the same whichever credential served; `method` says which.
#[utoipa::path(
    post,
    path = "/api/v1/github/import",
    tag = "github",
    responses(
        (status = 200, description = "Fetched: commit, tree, bytes, digest, artifact, method"),
        (status = 400, description = "The request makes no sense, or the project has several repositories"),
        (status = 401, description = "Neither the service's token nor a user's"),
        (status = 403, description = "`no_access`: the credential does not reach the repository"),
        (status = 404, description = "`not_found`: no such project, repository or ref"),
        (status = 409, description = "`no_credential`: no credential may serve; the message says the mend"),
        (status = 422, description = "`too_large`"),
        (status = 429, description = "`rate_limited`, with Retry-After"),
        (status = 503, description = "`github_unavailable` or `busy`"),
        (status = 504, description = "`timed_out`"),
    )
)]
async fn import(
    State(parts): State<Parts>,
    Extension(id): Extension<RequestId>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Response {
    match imported(&parts, client, request).await {
        Ok(view) => json(StatusCode::OK, &view),
        Err(refusal) => refusal.answer(&id),
    }
}

async fn imported(
    parts: &GithubParts,
    Client(address): Client,
    request: Request,
) -> Result<ImportView, Refusal> {
    let within = parts.auth.caller_within_limits(request.headers(), address).await?;
    let body: ImportBody = body(request).await?;
    let ask = ImportAsk {
        project: body.project_id,
        tenant: body.tenant_id,
        repository: body.repository,
        reference: body.reference,
        method: Wanted::Auto,
        within,
    };
    parts.imports.run(&ask).await.map_err(refusal)
}

/// Whose repositories.
#[derive(Debug, Default, Deserialize)]
struct ReposQuery {
    #[serde(default, rename = "projectId", alias = "project_id")]
    project_id: Option<ProjectId>,
    #[serde(default, rename = "tenantId", alias = "tenant_id")]
    tenant_id: Option<TenantId>,
    #[serde(default, rename = "installationId", alias = "installation_id")]
    installation_id: Option<InstallationId>,
    #[serde(default)]
    cursor: Option<String>,
}

#[derive(Serialize)]
struct ReposAnswer {
    repositories: Vec<RepositoryView>,
    /// For the next page; none at the end.
    cursor: Option<String>,
    method: Method,
    /// Why this credential served.
    reason: String,
    fallback_reason: Option<String>,
}

/// Repositories that the credential of a project, a tenant or an installation sees, a page at a time.
///
/// Also at `/api/github/repos`. The rows are the same whichever credential served.
#[utoipa::path(
    get,
    path = "/api/v1/github/repos",
    tag = "github",
    params(
        ("projectId" = Option<String>, Query, description = "As a project's credential sees them"),
        ("tenantId" = Option<String>, Query, description = "As a tenant's first credential sees them"),
        ("installationId" = Option<i64>, Query, description = "As this installation sees them"),
        ("cursor" = Option<String>, Query, description = "The `cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page"),
        (status = 400, description = "None of the three, or a cursor of another list"),
        (status = 401, description = "Neither the service's token nor a user's"),
        (status = 404, description = "No such project, tenant or installation"),
        (status = 409, description = "`no_credential`"),
        (status = 429, description = "`rate_limited`, with Retry-After"),
        (status = 503, description = "`github_unavailable`"),
    )
)]
async fn repos(
    State(parts): State<Parts>,
    Extension(id): Extension<RequestId>,
    Extension(Client(address)): Extension<Client>,
    headers: HeaderMap,
    query: Result<Query<ReposQuery>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let listed = async {
        let within = parts.auth.caller_within_limits(&headers, address).await?;
        let Query(query) = query.map_err(|_| bad("the query can't be read"))?;
        let ask = ListAsk {
            project: query.project_id,
            tenant: query.tenant_id,
            installation: query.installation_id,
            cursor: query.cursor,
            within,
        };
        parts.imports.list(&ask).await.map_err(refusal)
    };
    match listed.await {
        Ok(Listed { rows, next, method, reason, fallback_reason }) => {
            let answer = ReposAnswer { repositories: rows, cursor: next, method, reason, fallback_reason };
            json(StatusCode::OK, &answer)
        }
        Err(refusal) => refusal.answer(&id),
    }
}

/// The files of an import as a tar archive, compressed by zstd. For services only.
#[utoipa::path(
    get,
    path = "/api/v1/github/artifacts/{id}",
    tag = "github",
    params(("id" = String, Path, description = "The `artifact` of an import")),
    responses(
        (status = 200, description = "The archive", content_type = "application/zstd"),
        (status = 401, description = "Not the service's token"),
        (status = 404, description = "There is none, or it is not kept any more"),
        (status = 429, description = "`rate_limited`, with Retry-After"),
    )
)]
async fn artifact(
    State(parts): State<Parts>,
    Extension(id): Extension<RequestId>,
    Extension(Client(address)): Extension<Client>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Response {
    let found = async {
        parts.auth.service_within_limits(&headers, address)?;
        let nothing = || {
            Refusal::new(StatusCode::NOT_FOUND, "not_found", "there is no such artifact, or its time is over")
        };
        let path = ArtifactId::parse(&name).and_then(|id| parts.imports.artifact(&id)).ok_or_else(nothing)?;
        let file = tokio::fs::File::open(path).await.map_err(|_| nothing())?;
        let length = file.metadata().await.map_err(|_| nothing())?.len();
        Ok::<_, Refusal>((file, length))
    };
    match found.await {
        Ok((file, length)) => archive(file, length),
        Err(refusal) => refusal.answer(&id),
    }
}

fn archive(file: tokio::fs::File, length: u64) -> Response {
    let parts = futures::stream::try_unfold(file, |mut file| async move {
        let mut part = vec![0; PART];
        let n = file.read(&mut part).await?;
        part.truncate(n);
        Ok::<_, std::io::Error>((n > 0).then(|| (Bytes::from(part), file)))
    });
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/zstd")),
        (CONTENT_LENGTH, HeaderValue::from(length)),
        (CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"import.tar.zst\"")),
    ];
    (StatusCode::OK, headers, Body::from_stream(parts)).into_response()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BridgeBody {
    /// Applying is an operator's business, with an approval.
    #[serde(default = "yes", alias = "dryRun")]
    dry_run: bool,
    #[serde(default, alias = "tenantId")]
    tenant_id: Option<TenantId>,
    /// `all`, `canary`; of a service only.
    #[serde(default)]
    scope: Option<String>,
}

fn yes() -> bool {
    true
}

#[derive(Serialize)]
struct BridgeAnswer {
    run_id: String,
    scope: String,
    dry_run: bool,
    digest: String,
    summary: serde_json::Value,
}

/// Plans the mapping of a tenant's repositories, and answers the plan's run. It applies nothing.
#[utoipa::path(
    post,
    path = "/api/github/import/bridge",
    tag = "github",
    responses(
        (status = 200, description = "Planned: `run_id`, for `cutover run show`"),
        (status = 400, description = "No scope, or another tenant's"),
        (status = 401, description = "Neither the service's token nor a user's"),
        (status = 403, description = "`dry_run_only`: an operator applies"),
        (status = 404, description = "The catalog has nothing of it"),
        (status = 429, description = "`rate_limited`, with Retry-After"),
        (status = 503, description = "GitHub or the store does not answer"),
    )
)]
async fn bridge(
    State(parts): State<Parts>,
    Extension(id): Extension<RequestId>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Response {
    match planned(&parts, client, request).await {
        Ok(answer) => json(StatusCode::OK, &answer),
        Err(refusal) => refusal.answer(&id),
    }
}

async fn planned(
    parts: &GithubParts,
    Client(address): Client,
    request: Request,
) -> Result<BridgeAnswer, Refusal> {
    let within = parts.auth.caller_within_limits(request.headers(), address).await?;
    let body: BridgeBody = body(request).await?;
    if !body.dry_run {
        let what = "only plans are made here: an operator approves and applies with `cutover map apply`";
        return Err(Refusal::new(StatusCode::FORBIDDEN, "dry_run_only", what));
    }
    let scope = match (within, body.tenant_id, body.scope.as_deref()) {
        (Some(own), asked, None) if asked.as_ref().is_none_or(|asked| *asked == own) => MapScope::Tenant(own),
        (Some(_), ..) => {
            return Err(Refusal::new(StatusCode::NOT_FOUND, "not_found", "there is no such tenant"));
        }
        (None, Some(tenant), None) => MapScope::Tenant(tenant),
        (None, None, Some("all")) => MapScope::All,
        (None, None, Some("canary")) => MapScope::Canary,
        (None, ..) => return Err(bad("tenant_id, or the scope `all` or `canary`, is needed")),
    };
    let who = Who { operator: "application".into(), origin: "http".to_owned() };
    // In a task of its own: a plan that is half written when its caller goes away would be a run that nobody made.
    let (planner, asked) = (parts.planner.clone(), scope.clone());
    let planning = tokio::spawn(async move { planner.plan(&asked, false, &who).await });
    let run = planning.await.map_err(|_| internal("planning broke off"))?.map_err(|error| match &error {
        PlanError::Empty(why) => Refusal::new(StatusCode::NOT_FOUND, "not_found", why.clone()),
        PlanError::App(_) | PlanError::Sweep(_) | PlanError::Catalog(_) => {
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", error.to_string())
        }
        PlanError::Read(_) | PlanError::Write(_) | PlanError::Run(_) => internal(&error.to_string()),
    })?;
    Ok(BridgeAnswer {
        run_id: run.id.0,
        scope: scope.to_string(),
        dry_run: true,
        digest: run.digest.0,
        summary: run.summary,
    })
}

async fn body<T: serde::de::DeserializeOwned>(request: Request) -> Result<T, Refusal> {
    let bytes = axum::body::to_bytes(request.into_body(), LARGEST_BODY).await.map_err(|_| {
        let what = format!("the body broke off, or has more than {LARGEST_BODY} bytes");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", what)
    })?;
    serde_json::from_slice(&bytes).map_err(|error| bad(format!("the body is no such JSON: {error}")))
}

fn bad(what: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "bad_request", what)
}

fn internal(what: &str) -> Refusal {
    tracing::error!(what, "an import's door failed");
    Refusal::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "this went wrong here; the daemon's log says how",
    )
}

fn refusal(error: ImportError) -> Refusal {
    let (code, text) = (error.code(), error.to_string());
    let status = match &error {
        ImportError::BadRequest(_) | ImportError::Ambiguous(_) => StatusCode::BAD_REQUEST,
        ImportError::Unknown(_) | ImportError::NotFound(_) => StatusCode::NOT_FOUND,
        ImportError::NoCredential { .. } => StatusCode::CONFLICT,
        ImportError::NoAccess(_) => StatusCode::FORBIDDEN,
        ImportError::RateLimited { retry_after } => {
            return Refusal::new(StatusCode::TOO_MANY_REQUESTS, code, text).retry_after(*retry_after);
        }
        ImportError::Unavailable(_) | ImportError::Busy => StatusCode::SERVICE_UNAVAILABLE,
        ImportError::TooLarge(_) => StatusCode::UNPROCESSABLE_ENTITY,
        ImportError::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
        ImportError::Internal(_) => return internal(&text),
    };
    Refusal::new(status, code, text)
}
