//! From an answer to HTTP: the headers that every answer has, ETags, and bodies that faults cut or slow.

use std::sync::Arc;

use axum::body::Body as HttpBody;
use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use sha1::{Digest, Sha1};

use super::answer::{Answer, Body};
use super::auth::Credential;
use super::calls::{Conditional, Flight};
use super::faults::Effect;
use super::limits::Principal;
use super::server::Shared;

const JSON: &str = "application/json; charset=utf-8";

pub(super) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    let found = headers.get(name).and_then(|value| value.to_str().ok());
    found.unwrap_or_default()
}

/// Makes the HTTP answer and ends the call's entry in the log.
pub(super) struct Finish<'a> {
    shared: &'a Arc<Shared>,
    parts: &'a Parts,
    principal: Principal,
    is_user: bool,
    flight: Flight,
    /// `None` for answers without ETag.
    pub(super) etag_owner: Option<&'a str>,
}

impl<'a> Finish<'a> {
    pub(super) fn new(
        shared: &'a Arc<Shared>,
        parts: &'a Parts,
        credential: &Credential,
        flight: Flight,
    ) -> Self {
        Self {
            shared,
            parts,
            principal: credential.principal(),
            is_user: matches!(credential, Credential::User(_)),
            flight,
            etag_owner: None,
        }
    }

    pub(super) fn respond(self, answer: Answer, effect: Option<Effect>) -> Response {
        let (media, mut bytes) = match answer.body {
            Body::Json(value) => (JSON, value.to_string().into_bytes()),
            Body::Bytes(media, bytes) => (media, bytes),
        };
        let mut status = answer.status;
        let mut headers = HeaderMap::new();
        let mut conditional = Conditional::No;
        let is_read = self.parts.method != Method::POST;
        if let Some(owner) = self.etag_owner.filter(|_| is_read && status == StatusCode::OK) {
            let etag = etag(owner, self.parts, &bytes);
            conditional = compare(text(&self.parts.headers, &header::IF_NONE_MATCH), &etag);
            put(&mut headers, header::ETAG, &etag);
            put(&mut headers, header::CACHE_CONTROL, "private, max-age=60, s-maxage=60");
            put(&mut headers, header::VARY, "Accept, Authorization, Cookie, X-GitHub-OTP");
            if conditional == Conditional::Matched {
                status = StatusCode::NOT_MODIFIED;
                bytes.clear();
                self.shared.limits().refund(self.principal, &self.shared.clock);
            }
        }
        if status != StatusCode::NOT_MODIFIED {
            put(&mut headers, header::CONTENT_TYPE, media);
        }
        if let Some(link) = &answer.link {
            put(&mut headers, header::LINK, link);
        }
        if let Some(to) = &answer.location {
            put(&mut headers, header::LOCATION, to);
        }
        if let Some(seconds) = answer.retry_after {
            put(&mut headers, header::RETRY_AFTER, &seconds.to_string());
        }
        self.put_standing(&mut headers, answer.exhausted);
        self.flight.answered(status.as_u16(), conditional);

        let length = bytes.len();
        let body = if self.parts.method == Method::HEAD {
            HttpBody::empty()
        } else {
            body(Arc::clone(self.shared), self.flight, bytes, effect)
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        if status != StatusCode::NOT_MODIFIED {
            // Named, so that a body that is cut is not taken for a whole one.
            put(&mut headers, header::CONTENT_LENGTH, &length.to_string());
        }
        *response.headers_mut() = headers;
        response
    }

    /// The headers that every answer has.
    fn put_standing(&self, headers: &mut HeaderMap, exhausted: bool) {
        let clock = &self.shared.clock;
        let date = chrono::DateTime::from_timestamp_millis(clock.now()).unwrap_or_default();
        let date = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        put(headers, header::DATE, &date);
        let budget = self.shared.limits().budget(self.principal, clock);
        let remaining = if exhausted { 0 } else { budget.remaining() };
        let mut put_named = |name: &'static str, value: &str| {
            put(headers, HeaderName::from_static(name), value);
        };
        put_named("x-ratelimit-limit", &budget.limit.to_string());
        put_named("x-ratelimit-remaining", &remaining.to_string());
        put_named("x-ratelimit-used", &(budget.limit - remaining).to_string());
        put_named("x-ratelimit-reset", &budget.reset.to_string());
        put_named("x-ratelimit-resource", "core");
        put_named("x-github-media-type", "github.v3; format=json");
        put_named("x-github-api-version-selected", "2022-11-28");
        put_named("x-github-request-id", &format!("SIM:{:x}", self.flight.number()));
        if self.is_user {
            put_named("x-oauth-scopes", "repo");
        }
    }
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// A weak ETag in two halves: whose it is, and of what.
fn etag(owner: &str, parts: &Parts, body: &[u8]) -> String {
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    let mine = Sha1::digest(owner.as_bytes());
    let mut content = Sha1::new();
    content.update(parts.uri.to_string().as_bytes());
    content.update(text(&parts.headers, &header::ACCEPT).as_bytes());
    content.update(body);
    format!("W/\"{}{}\"", hex(&mine[..8]), hex(&content.finalize()))
}

fn compare(sent: &str, ours: &str) -> Conditional {
    const OWNER: usize = 16;
    let bare = |tag: &str| -> String {
        let tag = tag.trim();
        tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"').to_owned()
    };
    let ours = bare(ours);
    let mut out = Conditional::No;
    for tag in sent.split(',').map(bare).filter(|tag| !tag.is_empty()) {
        if tag == ours {
            return Conditional::Matched;
        }
        out = if tag.get(..OWNER) == ours.get(..OWNER) { Conditional::Stale } else { Conditional::Foreign };
    }
    out
}

/// The body, cut or dripping if a fault says so; one that drips is in flight to its last byte.
fn body(shared: Arc<Shared>, flight: Flight, bytes: Vec<u8>, effect: Option<Effect>) -> HttpBody {
    match effect {
        Some(Effect::Cut { after }) => {
            let mut sent = bytes;
            sent.truncate(after);
            let parts =
                [Ok(Bytes::from(sent)), Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))];
            HttpBody::from_stream(futures::stream::iter(parts))
        }
        Some(Effect::SlowBody { drop, pause }) => {
            let state = (shared, flight, Bytes::from(bytes));
            HttpBody::from_stream(futures::stream::unfold(
                state,
                move |(shared, flight, mut rest)| async move {
                    if rest.is_empty() {
                        return None;
                    }
                    shared.wait(shared.clock.monotonic() + pause).await;
                    let now = rest.split_to(drop.clamp(1, rest.len()));
                    Some((Ok::<_, std::convert::Infallible>(now), (shared, flight, rest)))
                },
            ))
        }
        _ => HttpBody::from(bytes),
    }
}
