//! What a workflow's nodes may ask of GitHub (G10), with the service token: only as the installation that the workflow's
//! trigger names.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Refusal, json};
use super::auth::Auth;
use super::{Client, RequestId};
use crate::gateway::context::{ContextError, LONGEST_COMMENT, RepositoryContext};
use crate::github::{GitHubError, MintError};
use crate::store::Db;

/// The longest body of a comment, in bytes: a character may be six bytes of JSON.
const LONGEST: usize = 6 * LONGEST_COMMENT + 1_024;

/// What these routes need.
pub struct ContextParts {
    pub auth: Auth,
    pub db: Db,
    pub context: RepositoryContext,
}

/// The routes below `/api/v1/workflows/{id}/github`.
pub fn routes(parts: Arc<ContextParts>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(repositories))
        .routes(routes!(pull_request))
        .routes(routes!(commit))
        .routes(routes!(file))
        .routes(routes!(branches))
        .routes(routes!(compare))
        .routes(routes!(issue))
        .routes(routes!(comment))
        .with_state(parts)
}

type Answer = Result<Value, Refusal>;
type Asked<Q> = Result<Query<Q>, QueryRejection>;
type Named = Path<(String, String, String)>;
type Numbered = Path<(String, String, String, i64)>;

/// Who asks, as far as it is the same everywhere.
type Asker = (State<Arc<ContextParts>>, Extension<RequestId>, Extension<Client>, HeaderMap);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    path: String,
    #[serde(rename = "ref")]
    reference: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Between {
    base: String,
    head: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Comment {
    body: String,
}

impl ContextParts {
    /// The installation that the workflow may ask as.
    async fn installation(
        &self,
        headers: &HeaderMap,
        client: Client,
        workflow: &str,
    ) -> Result<i64, Refusal> {
        self.auth.service_within_limits(headers, client.0)?;
        let found = self.db.workflow(workflow).await.map_err(|error| {
            tracing::error!(%error, "a workflow can't be read");
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the store does not answer now")
        })?;
        let row = found.ok_or_else(|| {
            Refusal::new(StatusCode::NOT_FOUND, "not_found", "there is no workflow of this id")
        })?;
        row.rule.github_app_installation_id.ok_or_else(|| {
            let what = "the workflow's trigger names no installation (github_app_installation_id), so it may ask as none";
            Refusal::new(StatusCode::FORBIDDEN, "no_installation", what)
        })
    }
}

/// Asks GitHub as the installation that the workflow may ask as.
async fn ask(
    (State(parts), Extension(request), Extension(client), headers): Asker,
    workflow: &str,
    good: StatusCode,
    question: impl AsyncFnOnce(RepositoryContext, i64) -> Answer,
) -> Response {
    let answer = match parts.installation(&headers, client, workflow).await {
        Ok(installation) => question(parts.context.clone(), installation).await,
        Err(refusal) => Err(refusal),
    };
    match answer {
        Ok(value) => json(good, &value),
        Err(refusal) => refusal.answer(&request),
    }
}

fn bad(why: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "bad_request", why)
}

fn asked<Q>(query: Asked<Q>) -> Result<Q, Refusal> {
    query.map(|Query(query)| query).map_err(|error| bad(error.body_text()))
}

fn refused(error: ContextError) -> Refusal {
    let text = error.to_string();
    let (status, code) = match error {
        ContextError::NotFound { .. } => (StatusCode::NOT_FOUND, "not_found"),
        ContextError::GitHub(GitHubError::BadInput { .. } | GitHubError::ForeignHost) => {
            (StatusCode::BAD_REQUEST, "bad_request")
        }
        ContextError::GitHub(
            GitHubError::Refused { status: 403, .. }
            | GitHubError::Mint(MintError::Suspended | MintError::Gone),
        ) => (StatusCode::FORBIDDEN, "no_access"),
        ContextError::GitHub(GitHubError::Refused { status: 422, .. }) => {
            (StatusCode::UNPROCESSABLE_ENTITY, "refused")
        }
        ContextError::GitHub(GitHubError::RateLimited { .. }) => {
            (StatusCode::TOO_MANY_REQUESTS, "rate_limited")
        }
        ContextError::GitHub(GitHubError::TooLarge { .. }) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
        ContextError::GitHub(_) => (StatusCode::BAD_GATEWAY, "github_unavailable"),
    };
    Refusal::new(status, code, text)
}

/// A page of the repositories that the installation may see.
#[utoipa::path(get, path = "/api/v1/workflows/{id}/github/repositories", tag = "context",
    params(("id" = String, Path, description = "The workflow"), ("cursor" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, description = "{repositories, next, total}"), (status = 401, description = "No service token")))]
async fn repositories(asker: Asker, Path(id): Path<String>, query: Asked<Page>) -> Response {
    ask(asker, &id, StatusCode::OK, async move |context, installation| {
        context.repositories(installation, asked(query)?.cursor.as_deref()).await.map_err(refused)
    })
    .await
}

/// A pull request with its diff, files, comments and repository.
#[utoipa::path(get, path = "/api/v1/workflows/{id}/github/repos/{owner}/{repo}/pulls/{number}", tag = "context",
    params(("id" = String, Path, description = "The workflow"), ("owner" = String, Path, description = "Login of the owner"), ("repo" = String, Path, description = "Name of the repository"), ("number" = i64, Path, description = "Number of the pull request")),
    responses((status = 200, description = "pr_context {pr, diff, files, comments, repository, complete}"), (status = 404, description = "Not there, or not to be seen")))]
async fn pull_request(asker: Asker, Path((id, owner, repo, number)): Numbered) -> Response {
    ask(asker, &id, StatusCode::OK, async move |context, installation| {
        let name = format!("{owner}/{repo}");
        context.pull_request(installation, &name, number).await.map_err(refused)
    })
    .await
}

/// A commit with its files and repository.
#[utoipa::path(get, path = "/api/v1/workflows/{id}/github/repos/{owner}/{repo}/commits/{sha}", tag = "context",
    params(("id" = String, Path, description = "The workflow"), ("owner" = String, Path, description = "Login of the owner"), ("repo" = String, Path, description = "Name of the repository"), ("sha" = String, Path, description = "Of the commit")),
    responses((status = 200, description = "commit_context {commit, diff, repository}"), (status = 404, description = "Not there, or not to be seen")))]
async fn commit(
    asker: Asker,
    Path((id, owner, repo, sha)): Path<(String, String, String, String)>,
) -> Response {
    ask(asker, &id, StatusCode::OK, async move |context, installation| {
        context.commit(installation, &format!("{owner}/{repo}"), &sha).await.map_err(refused)
    })
    .await
}

/// A file, in base64.
#[utoipa::path(get, path = "/api/v1/workflows/{id}/github/repos/{owner}/{repo}/file", tag = "context",
    params(("id" = String, Path, description = "The workflow"), ("owner" = String, Path, description = "Login of the owner"), ("repo" = String, Path, description = "Name of the repository"), ("path" = String, Query, description = "In the repository"), ("ref" = Option<String>, Query, description = "Branch, tag or commit; else the default branch")),
    responses((status = 200, description = "{path, ref, size, encoding, content}"), (status = 404, description = "Not there, or not to be seen"), (status = 413, description = "Too large")))]
async fn file(asker: Asker, Path((id, owner, repo)): Named, query: Asked<File>) -> Response {
    ask(asker, &id, StatusCode::OK, async move |context, installation| {
        let (file, name) = (asked(query)?, format!("{owner}/{repo}"));
        context.file(installation, &name, &file.path, file.reference.as_deref()).await.map_err(refused)
    })
    .await
}

/// A page of branches.
#[utoipa::path(get, path = "/api/v1/workflows/{id}/github/repos/{owner}/{repo}/branches", tag = "context",
    params(("id" = String, Path, description = "The workflow"), ("owner" = String, Path, description = "Login of the owner"), ("repo" = String, Path, description = "Name of the repository"), ("cursor" = Option<String>, Query, description = "`next` of the page before")),
    responses((status = 200, description = "{branches, next}"), (status = 404, description = "Not there, or not to be seen")))]
async fn branches(asker: Asker, Path((id, owner, repo)): Named, query: Asked<Page>) -> Response {
    ask(asker, &id, StatusCode::OK, async move |context, installation| {
        let (page, name) = (asked(query)?, format!("{owner}/{repo}"));
        context.branches(installation, &name, page.cursor.as_deref()).await.map_err(refused)
    })
    .await
}

/// What leads from one commit or branch to another.
#[utoipa::path(get, path = "/api/v1/workflows/{id}/github/repos/{owner}/{repo}/compare", tag = "context",
    params(("id" = String, Path, description = "The workflow"), ("owner" = String, Path, description = "Login of the owner"), ("repo" = String, Path, description = "Name of the repository"), ("base" = String, Query, description = "Branch or commit"), ("head" = String, Query, description = "Branch or commit")),
    responses((status = 200, description = "As GitHub's compare"), (status = 404, description = "Not there, or not to be seen")))]
async fn compare(asker: Asker, Path((id, owner, repo)): Named, query: Asked<Between>) -> Response {
    ask(asker, &id, StatusCode::OK, async move |context, installation| {
        let (between, name) = (asked(query)?, format!("{owner}/{repo}"));
        context.compare(installation, &name, &between.base, &between.head).await.map_err(refused)
    })
    .await
}

/// An issue with its comments.
#[utoipa::path(get, path = "/api/v1/workflows/{id}/github/repos/{owner}/{repo}/issues/{number}", tag = "context",
    params(("id" = String, Path, description = "The workflow"), ("owner" = String, Path, description = "Login of the owner"), ("repo" = String, Path, description = "Name of the repository"), ("number" = i64, Path, description = "Number of the issue")),
    responses((status = 200, description = "{issue, comments, complete}"), (status = 404, description = "Not there, or not to be seen")))]
async fn issue(asker: Asker, Path((id, owner, repo, number)): Numbered) -> Response {
    ask(asker, &id, StatusCode::OK, async move |context, installation| {
        context.issue(installation, &format!("{owner}/{repo}"), number).await.map_err(refused)
    })
    .await
}

/// Comments on an issue, or on a pull request's conversation. Not repeated by itself: after 502 nobody knows whether it was posted.
#[utoipa::path(post, path = "/api/v1/workflows/{id}/github/repos/{owner}/{repo}/issues/{number}/comments", tag = "context",
    params(("id" = String, Path, description = "The workflow"), ("owner" = String, Path, description = "Login of the owner"), ("repo" = String, Path, description = "Name of the repository"), ("number" = i64, Path, description = "Number of the issue or pull request")),
    request_body(content = String, content_type = "application/json", description = "{\"body\": \"...\"}"),
    responses((status = 201, description = "The comment as GitHub shows it"), (status = 403, description = "The App may not comment there"), (status = 404, description = "Not there, or not to be seen")))]
async fn comment(asker: Asker, Path((id, owner, repo, number)): Numbered, body: Body) -> Response {
    ask(asker, &id, StatusCode::CREATED, async move |context, installation| {
        let body = axum::body::to_bytes(body, LONGEST).await.map_err(|_| {
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the comment broke off, or is too long")
        })?;
        let comment: Comment = serde_json::from_slice(&body).map_err(|error| bad(error.to_string()))?;
        if comment.body.trim().is_empty() || comment.body.chars().count() > LONGEST_COMMENT {
            return Err(bad(format!("body: a comment has 1 to {LONGEST_COMMENT} characters")));
        }
        let name = format!("{owner}/{repo}");
        context.post_comment(installation, &name, number, &comment.body).await.map_err(refused)
    })
    .await
}
