//! OFREP, OpenFeature's remote evaluation protocol (0.3): flags for any OpenFeature SDK. Answered out of memory alone, whatever
//! becomes of the store, and never limited: a client that is told to wait serves its own default and hears of no kill.

mod evaluation;
mod feed;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use cutover_shared::rollout::Operation;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::evaluation::{Bulk, Context, Evaluation, Failure, FailureBody, LARGEST_BODY, names_tag};
use self::feed::{Feed, Standing};
use super::answer::json;
use super::auth::scope::{ApiKeys, Caller, Denied, Scope};
use crate::clock::Clock;
use crate::rollout::router::Router;

/// When to come again for a stream where all places are taken.
const SOON: Duration = Duration::from_secs(5);

/// What these routes need.
pub struct OfrepParts {
    router: Router,
    keys: Arc<ApiKeys>,
    standing: Arc<Standing>,
    stop: CancellationToken,
    streams: Arc<Semaphore>,
}

impl OfrepParts {
    /// `streams`: most streams at once, each of which holds a connection. They end when `stop` comes.
    pub fn new(
        router: Router,
        keys: Arc<ApiKeys>,
        clock: Clock,
        stop: CancellationToken,
        streams: usize,
    ) -> Self {
        let standing = Arc::new(Standing::new(router.clone(), clock));
        let streams = Arc::new(Semaphore::new(streams.min(Semaphore::MAX_PERMITS)));
        Self { router, keys, standing, stop, streams }
    }

    fn caller(&self, headers: &HeaderMap) -> Result<&Caller, Failure> {
        self.keys.caller(headers, Scope::Evaluate).map_err(denied)
    }

    fn evaluate(&self, operation: Operation, tenant: &str) -> Evaluation {
        Evaluation::of(operation, &self.router.decide(operation, tenant))
    }
}

/// The routes of `/ofrep/v1`.
pub fn routes(parts: Arc<OfrepParts>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(single))
        .routes(routes!(bulk))
        .routes(routes!(events))
        .with_state(parts)
}

/// One flag for one context.
#[utoipa::path(post, path = "/ofrep/v1/evaluate/flags/{key}", tag = "ofrep", operation_id = "ofrep_evaluate_flag",
    security(("service" = []), ("api_key" = [])),
    params(("key" = String, Path, description = "The flag's key")),
    request_body(content = String, content_type = "application/json",
        description = "{context: {targetingKey, ...}}; `targetingKey` names the tenant"),
    responses((status = 200, description = "Evaluated", body = Evaluation),
        (status = 400, description = "A mistake in the question", body = FailureBody<'_>),
        (status = 401, description = "No known key", body = FailureBody<'_>),
        (status = 403, description = "The key is not for this tenant", body = FailureBody<'_>),
        (status = 404, description = "There is no such flag", body = FailureBody<'_>)))]
async fn single(
    State(parts): State<Arc<OfrepParts>>,
    key: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    // What is no text is no flag's key either.
    let key = key.map(|Path(key)| key).unwrap_or_default();
    let answer = async {
        let caller = parts.caller(&headers)?;
        let operation = Operation::of_flag(&key).ok_or_else(Failure::not_found)?;
        let context = read(body).await?;
        caller.may_see(&context.targeting_key).map_err(denied)?;
        Ok(json(StatusCode::OK, &parts.evaluate(operation, &context.targeting_key)))
    };
    answer.await.unwrap_or_else(|failure: Failure| json(failure.status, &failure.body(Some(&key))))
}

/// All flags for one context.
#[utoipa::path(post, path = "/ofrep/v1/evaluate/flags", tag = "ofrep", operation_id = "ofrep_evaluate_flags",
    security(("service" = []), ("api_key" = [])),
    params(
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer"),
        ("flagConfigEtag" = Option<String>, Query, description = "As an event told; an answer is always of the newest state"),
        ("flagConfigLastModified" = Option<String>, Query, description = "As an event told"),
    ),
    request_body(content = String, content_type = "application/json", description = "{context: {targetingKey, ...}}"),
    responses((status = 200, description = "Evaluated; `ETag` covers the answer and the whole context", body = Bulk),
        (status = 304, description = "The same answer for the same context"),
        (status = 400, description = "A mistake in the question", body = FailureBody<'_>),
        (status = 401, description = "No known key", body = FailureBody<'_>),
        (status = 403, description = "The key is not for this tenant", body = FailureBody<'_>)))]
async fn bulk(State(parts): State<Arc<OfrepParts>>, headers: HeaderMap, body: Body) -> Response {
    let answer = async {
        let caller = parts.caller(&headers)?;
        let context = read(body).await?;
        caller.may_see(&context.targeting_key).map_err(denied)?;
        let flags = Operation::ALL.iter().map(|operation| parts.evaluate(*operation, &context.targeting_key));
        let body = serde_json::to_vec(&Bulk::new(flags.collect())).map_err(|_| broken())?;
        let tag = context.tag(&body);
        let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
        let mut answer = if names_tag(known, &tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
        };
        answer.headers_mut().insert(ETAG, HeaderValue::from_str(&tag).map_err(|_| broken())?);
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        Ok(answer)
    };
    answer.await.unwrap_or_else(|failure: Failure| json(failure.status, &failure.body(None)))
}

/// Tells when to evaluate again: server-sent events.
#[utoipa::path(get, path = "/ofrep/v1/events", tag = "ofrep", operation_id = "ofrep_events",
    security(("service" = []), ("api_key" = [])),
    responses((status = 200, description = "Events with the data {type: \"refetchEvaluation\", etag, lastModified}; comments between them",
            body = String, content_type = "text/event-stream"),
        (status = 401, description = "No known key", body = FailureBody<'_>),
        (status = 503, description = "All places for streams are taken", body = FailureBody<'_>)))]
async fn events(State(parts): State<Arc<OfrepParts>>, headers: HeaderMap) -> Response {
    if let Err(failure) = parts.caller(&headers) {
        return json(failure.status, &failure.body(None));
    }
    let Ok(place) = parts.streams.clone().try_acquire_owned() else {
        let what = "all places for streams are taken; ask again and again instead";
        let failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "GENERAL", what);
        let mut answer = json(failure.status, &failure.body(None));
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(SOON.as_secs()));
        return answer;
    };
    let feed = Feed::new(parts.standing.clone(), parts.stop.clone(), place);
    let frames =
        futures::stream::unfold(feed, |mut feed| async { feed.next().await.map(|frame| (frame, feed)) });
    let head = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform")),
    ];
    (head, [("x-accel-buffering", "no")], Body::from_stream(frames)).into_response()
}

async fn read(body: Body) -> Result<Context, Failure> {
    let body = axum::body::to_bytes(body, LARGEST_BODY).await.map_err(|_| Failure::too_large())?;
    Context::read(&body)
}

fn denied(denied: Denied) -> Failure {
    Failure::new(denied.status(), "GENERAL", denied.to_string())
}

/// Our own shapes always can be written.
fn broken() -> Failure {
    Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "GENERAL", "this went wrong here")
}

#[cfg(test)]
mod tests;
