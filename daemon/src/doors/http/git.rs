//! Git for tenants: clone, pull and push in sandboxes, for the application and its users.

mod ask;
mod body;

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use axum::extract::{Extension, Path, Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use cutover_shared::git::{PushView, SandboxView};
use cutover_shared::ids::TenantId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncReadExt as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::ask::{CloneBody, PullBody, PushBody};
use self::body::{Held, LARGEST_CALL, Room};
use super::answer::{Refusal, json};
use super::auth::Auth;
use super::body::SOON;
use super::{Client, RequestId};
use crate::clock::Clock;
use crate::flows::gits::{Archive, CloneAsk, Gits, GitsError, PullAsk, PushAsk};

pub use self::body::LARGEST_PUSH;

/// Bytes of an archive that are read at a time.
const PART: usize = 64 * 1024;

/// The commit whose files an archive holds.
const COMMIT: HeaderName = HeaderName::from_static("x-commit-sha");

/// What the door asks of git, see [`Gits`].
#[async_trait]
pub trait TenantGit: Send + Sync {
    async fn clone_repository(&self, ask: &CloneAsk) -> Result<SandboxView, GitsError>;
    async fn pull(&self, ask: &PullAsk) -> Result<SandboxView, GitsError>;
    async fn push(&self, ask: &PushAsk) -> Result<PushView, GitsError>;
    async fn archive(&self, sandbox: &str, within: Option<&TenantId>) -> Result<Archive, GitsError>;
    async fn release(&self, sandbox: &str, within: Option<&TenantId>) -> Result<(), GitsError>;
}

#[async_trait]
impl TenantGit for Gits {
    async fn clone_repository(&self, ask: &CloneAsk) -> Result<SandboxView, GitsError> {
        Self::clone_repository(self, ask).await
    }

    async fn pull(&self, ask: &PullAsk) -> Result<SandboxView, GitsError> {
        Self::pull(self, ask).await
    }

    async fn push(&self, ask: &PushAsk) -> Result<PushView, GitsError> {
        Self::push(self, ask).await
    }

    async fn archive(&self, sandbox: &str, within: Option<&TenantId>) -> Result<Archive, GitsError> {
        Self::archive(self, sandbox, within).await
    }

    async fn release(&self, sandbox: &str, within: Option<&TenantId>) -> Result<(), GitsError> {
        Self::release(self, sandbox, within).await
    }
}

/// What these routes are made of.
pub struct GitParts {
    auth: Auth,
    gits: Arc<dyn TenantGit>,
    room: Room,
}

impl GitParts {
    /// `clock`: for the time that a body may take.
    pub fn new(auth: Auth, gits: Arc<dyn TenantGit>, clock: Clock) -> Self {
        Self { auth, gits, room: Room::new(clock) }
    }

    async fn called<T: DeserializeOwned>(
        &self,
        request: Request,
        Client(address): Client,
        most: usize,
    ) -> Result<Called<T>, Refusal> {
        let within = self.auth.caller_within_limits(request.headers(), address).await?;
        let (head, body) = request.into_parts();
        let (bytes, held) = self.room.read(body, most).await?;
        Ok(Called { within, headers: head.headers, body: ask::read(&bytes)?, held })
    }
}

/// A call that is understood.
struct Called<T> {
    /// The caller's own tenant; none: of every tenant.
    within: Option<TenantId>,
    headers: HeaderMap,
    body: T,
    /// Gives the body's room back when it is dropped.
    held: Held,
}

type Parts = Arc<GitParts>;

/// Who asks, as far as it is the same everywhere.
type Asker = (State<Parts>, Extension<RequestId>, Extension<Client>);

/// Reads a body of at most `most` bytes, and answers what git makes of it.
async fn answered<T: DeserializeOwned, V: Serialize>(
    (State(parts), Extension(id), Extension(client)): Asker,
    request: Request,
    most: usize,
    work: impl AsyncFnOnce(Parts, Called<T>) -> Result<V, Refusal>,
) -> Response {
    let made = match parts.called(request, client, most).await {
        Ok(called) => work(parts, called).await,
        Err(refusal) => Err(refusal),
    };
    match made {
        Ok(view) => json(StatusCode::OK, &view),
        Err(refusal) => refusal.answer(&id),
    }
}

/// The routes below `/api/v1/git`.
pub fn routes(parts: Parts) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(clone_repository))
        .routes(routes!(pull))
        .routes(routes!(push))
        .routes(routes!(archive))
        .routes(routes!(release))
        .with_state(parts)
}

/// Puts the files of one commit of a project's repository into a sandbox, which is the caller's until it is released or its time
/// is over.
#[utoipa::path(post, path = "/api/v1/git/clone", tag = "git", operation_id = "git_clone", request_body = CloneBody,
    responses(
        (status = 200, description = "Cloned: sandbox, commit, tree, files, bytes, when it is gone"),
        (status = 400, description = "`bad_request`, `ambiguous`: the project has several repositories"),
        (status = 401, description = "Neither the service's token nor a user's"),
        (status = 403, description = "`no_access`: the credential does not reach the repository; `no_tenant`"),
        (status = 404, description = "No such project, repository or ref"),
        (status = 409, description = "`no_credential`: no credential may serve; the message says the mend"),
        (status = 422, description = "`quota`: of the operation, or of the tenant's sandboxes"),
        (status = 429, description = "`rate_limited`, with Retry-After"),
        (status = 502, description = "`damaged`: what came from the remote is broken or forbidden"),
        (status = 503, description = "`github_unavailable` or `busy`"),
        (status = 504, description = "`timed_out`")))]
async fn clone_repository(asker: Asker, request: Request) -> Response {
    answered(asker, request, LARGEST_CALL, async |parts, call: Called<CloneBody>| {
        parts.gits.clone_repository(&call.body.ask(call.within)?).await.map_err(refusal)
    })
    .await
}

/// Makes a sandbox be the newest of a branch, or another commit of the same repository.
#[utoipa::path(post, path = "/api/v1/git/pull", tag = "git", operation_id = "git_pull", request_body = PullBody,
    responses(
        (status = 200, description = "As after a clone, and whether it was a step forward"),
        (status = 400, description = "`bad_request`"),
        (status = 401, description = "Neither the service's token nor a user's"),
        (status = 403, description = "`no_access`, `no_tenant`"),
        (status = 404, description = "There is no such sandbox, it is another tenant's, or no such ref"),
        (status = 409, description = "`no_credential`"),
        (status = 410, description = "`expired`: the sandbox's time was over"),
        (status = 422, description = "`quota`"),
        (status = 429, description = "`rate_limited`, with Retry-After"),
        (status = 502, description = "`damaged`"),
        (status = 503, description = "`github_unavailable` or `busy`"),
        (status = 504, description = "`timed_out`")))]
async fn pull(asker: Asker, request: Request) -> Response {
    answered(asker, request, LARGEST_CALL, async |parts, call: Called<PullBody>| {
        parts.gits.pull(&call.body.ask(call.within)?).await.map_err(refusal)
    })
    .await
}

/// Puts one commit on a branch, once: a repeat with the same operation makes the same commit and finds it there.
#[utoipa::path(post, path = "/api/v1/git/push", tag = "git", operation_id = "git_push", request_body = PushBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "The operation, when the body does not name it")),
    responses(
        (status = 200, description = "The commit is at the remote; `pushed` is false when a repeat found it there"),
        (status = 400, description = "`bad_request` names the field; `ambiguous`"),
        (status = 401, description = "Neither the service's token nor a user's"),
        (status = 403, description = "`no_access`: the credential may not write there; `no_tenant`"),
        (status = 404, description = "No such project, repository or branch"),
        (status = 409, description = "`remote_rejected`: the branch is not at `expected`, or a rule is against it; `no_credential`"),
        (status = 413, description = "`too_large`: more than 8 MiB"),
        (status = 422, description = "`quota`"),
        (status = 429, description = "`rate_limited`, with Retry-After"),
        (status = 502, description = "`damaged`"),
        (status = 503, description = "`github_unavailable` or `busy`"),
        (status = 504, description = "`timed_out`")))]
async fn push(asker: Asker, request: Request) -> Response {
    answered(asker, request, LARGEST_PUSH, async |parts, call: Called<PushBody>| {
        let (ask, held) = (call.body.ask(&call.headers, call.within)?, call.held);
        // In a task of its own: a caller that goes away must not leave a push that nobody asked the remote about.
        let pushing = tokio::spawn(async move {
            let _held = held;
            parts.gits.push(&ask).await
        });
        pushing.await.map_err(|_| internal("a push broke off"))?.map_err(refusal)
    })
    .await
}

/// The files of a sandbox as a tar archive. One that fails on its way is cut, not ended.
#[utoipa::path(get, path = "/api/v1/git/sandboxes/{id}/archive", tag = "git", operation_id = "git_archive",
    params(("id" = String, Path, description = "The `sandbox` of a clone")),
    responses(
        (status = 200, description = "The archive; `X-Commit-Sha` says of which commit", content_type = "application/x-tar"),
        (status = 401, description = "Neither the service's token nor a user's"),
        (status = 403, description = "`no_tenant`"),
        (status = 404, description = "There is no such sandbox, or it is another tenant's"),
        (status = 410, description = "`expired`: its time was over"),
        (status = 429, description = "`rate_limited`, with Retry-After"),
        (status = 502, description = "`damaged`: a pull broke off; clone again"),
        (status = 503, description = "`busy`: somebody works with it, or too many archives are read")))]
async fn archive(asker: Asker, headers: HeaderMap, Path(sandbox): Path<String>) -> Response {
    let (State(parts), Extension(id), Extension(Client(address))) = asker;
    let found = async {
        let within = parts.auth.caller_within_limits(&headers, address).await?;
        let archive = parts.gits.archive(&sandbox, within.as_ref()).await.map_err(refusal)?;
        let commit =
            HeaderValue::from_str(&archive.commit_sha).map_err(|_| internal("an archive of no commit"))?;
        Ok::<_, Refusal>((archive, commit))
    };
    match found.await {
        Ok((archive, commit)) => streamed(archive, commit, id),
        Err(refusal) => refusal.answer(&id),
    }
}

fn streamed(archive: Archive, commit: HeaderValue, id: RequestId) -> Response {
    let parts = futures::stream::try_unfold(archive.reader, move |mut reader| {
        let id = id.clone();
        async move {
            let mut part = vec![0; PART];
            let n = reader.read(&mut part).await.inspect_err(|error| {
                tracing::warn!(request = id.as_str(), %error, "an archive broke off");
            })?;
            part.truncate(n);
            Ok::<_, io::Error>((n > 0).then(|| (Bytes::from(part), reader)))
        }
    });
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/x-tar")),
        (CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"sandbox.tar\"")),
        (COMMIT, commit),
    ];
    (StatusCode::OK, headers, Body::from_stream(parts)).into_response()
}

/// Removes a sandbox before its time is over. One that is gone already is no mistake.
#[utoipa::path(delete, path = "/api/v1/git/sandboxes/{id}", tag = "git", operation_id = "git_release",
    params(("id" = String, Path, description = "The `sandbox` of a clone")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "Neither the service's token nor a user's"),
        (status = 403, description = "`no_tenant`"),
        (status = 404, description = "It is another tenant's"),
        (status = 429, description = "`rate_limited`, with Retry-After")))]
async fn release(asker: Asker, headers: HeaderMap, Path(sandbox): Path<String>) -> Response {
    let (State(parts), Extension(id), Extension(Client(address))) = asker;
    let released = async {
        let within = parts.auth.caller_within_limits(&headers, address).await?;
        parts.gits.release(&sandbox, within.as_ref()).await.map_err(refusal)
    };
    match released.await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => refusal.answer(&id),
    }
}

fn internal(what: &str) -> Refusal {
    tracing::error!(what, "git's door failed");
    let text = "this went wrong here; the daemon's log says how";
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", text)
}

fn refusal(error: GitsError) -> Refusal {
    let (code, text) = (error.code(), error.to_string());
    let status = match &error {
        GitsError::BadRequest(_) | GitsError::Ambiguous(_) => StatusCode::BAD_REQUEST,
        GitsError::Unknown(_) | GitsError::NotFound(_) => StatusCode::NOT_FOUND,
        GitsError::NoCredential { .. } | GitsError::Rejected(_) => StatusCode::CONFLICT,
        GitsError::NoAccess(_) => StatusCode::FORBIDDEN,
        GitsError::RateLimited { retry_after } => {
            return Refusal::new(StatusCode::TOO_MANY_REQUESTS, code, text).retry_after(*retry_after);
        }
        GitsError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        GitsError::Busy => {
            return Refusal::new(StatusCode::SERVICE_UNAVAILABLE, code, text).retry_after(SOON);
        }
        GitsError::Quota(_) => StatusCode::UNPROCESSABLE_ENTITY,
        GitsError::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
        GitsError::Expired => StatusCode::GONE,
        GitsError::Damaged(_) => StatusCode::BAD_GATEWAY,
        GitsError::Internal(_) => return internal(&text),
    };
    Refusal::new(status, code, text)
}

#[cfg(test)]
mod tests;
