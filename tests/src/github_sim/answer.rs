//! Answers, GitHub's errors among them, and pages.

use std::borrow::Cow;

use http::StatusCode;
use serde_json::{Value, json};

/// What a handler says; the server adds the headers that every answer has.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Body,
    pub(super) link: Option<String>,
    pub(super) location: Option<String>,
    pub(super) retry_after: Option<u64>,
    /// Show the primary budget as used up.
    pub(super) exhausted: bool,
}

#[derive(Debug)]
pub(super) enum Body {
    Json(Value),
    Bytes(&'static str, Vec<u8>),
}

const DOCS: &str = "https://docs.github.com/rest";
const DOCS_LIMITS: &str = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api";

impl Answer {
    pub(super) fn json(status: StatusCode, body: Value) -> Self {
        Self {
            status,
            body: Body::Json(body),
            link: None,
            location: None,
            retry_after: None,
            exhausted: false,
        }
    }

    pub(super) fn ok(body: Value) -> Self {
        Self::json(StatusCode::OK, body)
    }

    pub(super) fn bytes(media: &'static str, body: Vec<u8>) -> Self {
        Self { body: Body::Bytes(media, body), ..Self::ok(Value::Null) }
    }

    pub(super) fn error(status: StatusCode, message: &str) -> Self {
        Self::error_with(status, message, DOCS)
    }

    fn error_with(status: StatusCode, message: &str, docs: &str) -> Self {
        Self::json(
            status,
            json!({
                "message": message,
                "documentation_url": docs,
                "status": status.as_str(),
            }),
        )
    }

    pub(super) fn not_found() -> Self {
        Self::error(StatusCode::NOT_FOUND, "Not Found")
    }

    pub(super) fn unauthorized(message: &str) -> Self {
        Self::error(StatusCode::UNAUTHORIZED, message)
    }

    pub(super) fn forbidden(message: &str) -> Self {
        Self::error(StatusCode::FORBIDDEN, message)
    }

    pub(super) fn unprocessable(message: &str) -> Self {
        Self::error(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    pub(super) fn moved(to: String) -> Self {
        let body = json!({"message": "Moved Permanently", "url": to, "documentation_url": DOCS});
        Self { location: Some(to), ..Self::json(StatusCode::MOVED_PERMANENTLY, body) }
    }

    pub(super) fn primary_limit(who: &str) -> Self {
        let message = format!("API rate limit exceeded for {who}.");
        Self { exhausted: true, ..Self::error_with(StatusCode::FORBIDDEN, &message, DOCS_LIMITS) }
    }

    pub(super) fn secondary_limit(status: u16, retry_after: Option<u64>) -> Self {
        const MESSAGE: &str = "You have exceeded a secondary rate limit. Please wait a few minutes \
             before you try again. If you reach out to GitHub Support for help, please include the \
             request ID.";
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN);
        let docs = format!("{DOCS_LIMITS}#about-secondary-rate-limits");
        Self { retry_after, ..Self::error_with(status, MESSAGE, &docs) }
    }

    /// What GitHub says with a status that it sends for no reason of ours.
    pub(super) fn fault(status: u16, retry_after: Option<u64>) -> Self {
        let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let answer = match status {
            401 => Self::unauthorized(super::auth::BAD_CREDENTIALS),
            403 => Self::forbidden("Resource not accessible by integration"),
            404 => Self::not_found(),
            429 => Self::error(code, "Too Many Requests"),
            // Its front door answers these two in HTML.
            502 | 503 => {
                Self { status: code, ..Self::bytes("text/html; charset=utf-8", UNICORN.as_bytes().to_vec()) }
            }
            500..=599 => Self::error(code, "Server Error"),
            _ => Self::error(code, code.canonical_reason().unwrap_or("Error")),
        };
        Self { retry_after, ..answer }
    }
}

const UNICORN: &str = "<!DOCTYPE html>\n<html><head><title>Unicorn! &middot; GitHub</title></head>\
     <body><p><strong>No server is currently available to service your request.</strong></p></body></html>\n";

/// The query of a request.
#[derive(Debug, Clone)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(raw: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(raw.unwrap_or("").as_bytes());
        Self(pairs.map(|(k, v)| (k.into_owned(), v.into_owned())).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str, default: usize) -> usize {
        let found = self.get(name).and_then(|text| text.parse().ok());
        found.filter(|n| *n > 0).unwrap_or(default)
    }

    fn with_page(&self, page: usize) -> String {
        let mut out = form_urlencoded::Serializer::new(String::new());
        for (key, value) in self.0.iter().filter(|(key, _)| key != "page") {
            out.append_pair(key, value);
        }
        out.append_pair("page", &page.to_string());
        out.finish()
    }
}

/// One page of a list, and the `Link` header to the others.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) total: usize,
    pub(super) link: Option<String>,
}

impl<T> Page<T> {
    /// `url` is the list's own absolute address without query.
    pub(super) fn of(items: impl IntoIterator<Item = T>, query: &Query, url: &str) -> Self {
        const DEFAULT: usize = 30;
        const MOST: usize = 100;
        let per_page = query.number("per_page", DEFAULT).min(MOST);
        let page = query.number("page", 1);
        let skip = (page - 1).saturating_mul(per_page);
        let mut total = 0;
        let mut picked = Vec::new();
        for (at, item) in items.into_iter().enumerate() {
            total = at + 1;
            if at >= skip && picked.len() < per_page {
                picked.push(item);
            }
        }
        let last = total.div_ceil(per_page).max(1);
        let mut rels: Vec<(Cow<'_, str>, usize)> = Vec::new();
        if page > 1 {
            rels.push(("prev".into(), (page - 1).min(last)));
        }
        if page < last {
            rels.push(("next".into(), page + 1));
            rels.push(("last".into(), last));
        }
        if page > 1 {
            rels.push(("first".into(), 1));
        }
        let links: Vec<String> =
            rels.iter().map(|(rel, to)| format!("<{url}?{}>; rel=\"{rel}\"", query.with_page(*to))).collect();
        Self { items: picked, total, link: (!links.is_empty()).then(|| links.join(", ")) }
    }
}
