//! What the door answers: one shape for every refusal.

use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::RequestId;

/// A refusal: `{"error":{"code","message","request_id"}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    /// For programs.
    pub code: &'static str,
    /// For people: what and why.
    pub message: String,
    /// When to come again, in whole seconds, rounded up.
    pub retry_after: Option<Duration>,
}

/// What every refusal is answered with.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub struct ErrorBody<'a> {
    error: ErrorDetail<'a>,
}

/// What was refused and why.
#[derive(Serialize, ToSchema)]
pub struct ErrorDetail<'a> {
    /// For programs.
    #[schema(example = "not_found")]
    code: &'a str,
    /// For people: what and why.
    message: &'a str,
    /// Names the request in the daemon's log; also in `X-Request-Id`.
    request_id: &'a str,
}

impl Refusal {
    /// Without a time to come again.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after: None }
    }

    /// Says when to come again.
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// The answer to the request of this id.
    pub fn answer(&self, id: &RequestId) -> Response {
        let error = ErrorDetail { code: self.code, message: &self.message, request_id: id.as_str() };
        let mut answer = json(self.status, &ErrorBody { error });
        if let Some(after) = self.retry_after {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        answer
    }
}

/// An answer with a JSON body.
pub fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => {
            (status, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))], bytes).into_response()
        }
        // Our own shapes always can be written.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
