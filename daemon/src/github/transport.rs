//! One HTTP exchange, without any rule. Everything that decides sits above this trait and is tested without a network.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use secrecy::SecretString;

/// What is put on the wire.
#[derive(Clone)]
pub(crate) struct WireRequest {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    /// The whole header value: `Bearer ...` or `Basic ...`.
    pub(crate) authorization: SecretString,
    pub(crate) accept: &'static str,
    pub(crate) if_none_match: Option<HeaderValue>,
    pub(crate) body: Option<Bytes>,
    /// Bytes of answer that are read at most.
    pub(crate) max_body: usize,
}

/// What came back, read to its end.
#[derive(Clone)]
pub(crate) struct WireAnswer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// No answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WireFailure {
    /// Could not connect, or the connection broke.
    Broken(String),
    /// The answer is longer than `max_body`.
    TooLarge,
    /// The request can't be put into HTTP, e.g. a token with a line end in it.
    Unsendable,
}

#[async_trait]
pub(crate) trait Transport: Send + Sync {
    async fn exchange(&self, request: WireRequest) -> Result<WireAnswer, WireFailure>;
}

impl WireRequest {
    /// A read with a bearer token.
    pub(crate) fn get(uri: Uri, authorization: SecretString, accept: &'static str, max_body: usize) -> Self {
        Self { method: Method::GET, uri, authorization, accept, if_none_match: None, body: None, max_body }
    }
}

impl WireAnswer {
    /// A header as text, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// GitHub's clock when it answered, in epoch milliseconds.
    pub(crate) fn date(&self) -> Option<i64> {
        super::server_time::http_date(self.header("date")?)
    }
}

/// Neither credential nor body is shown, because both may hold secrets.
impl fmt::Debug for WireRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.uri)
    }
}

/// The body may hold a token.
impl fmt::Debug for WireAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.status, self.body.len())
    }
}
