//! The page whose button asks GitHub for an App, and what comes back from there.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State as From};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use cutover_shared::app::{Code, Manifest};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, oneshot};

use crate::failure::Failure;

/// Ties what comes back to the page that was sent: nobody else can slip in a code of their own App.
#[derive(Clone)]
pub(super) struct State(String);

impl State {
    pub(super) fn fresh() -> Self {
        let bytes: [u8; 16] = rand::random();
        Self(bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        }))
    }
}

/// What an address that GitHub sent the browser to says.
pub(super) enum Returned {
    Code(Code),
    /// It belongs to another page.
    OtherState,
    Nothing,
}

/// Reads the address, or the bare code. A bare code has no state; whoever pastes it has seen where it came from.
pub(super) fn returned(pasted: &str, state: &State) -> Returned {
    let Some((_, query)) = pasted.split_once('?') else {
        let is_code = pasted.len() >= 8 && pasted.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        return if is_code { Returned::Code(Code(pasted.to_owned())) } else { Returned::Nothing };
    };
    of_query(query, state)
}

fn of_query(query: &str, state: &State) -> Returned {
    let query = query.split('#').next().unwrap_or_default();
    let value = |name: &str| {
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    };
    match (value("code"), value("state")) {
        (Some(code), Some(given)) if given == state.0 && !code.is_empty() => {
            Returned::Code(Code(code.to_owned()))
        }
        (Some(_), _) => Returned::OtherState,
        (None, _) => Returned::Nothing,
    }
}

/// The page: what the App will be, and the button.
pub(super) fn form(manifest: &Manifest, state: &State) -> String {
    let mut rows = String::new();
    for (name, level) in &manifest.permissions {
        let _ = write!(rows, "<tr><td>{}</td><td>{}</td></tr>", escaped(name), escaped(level));
    }
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Make the GitHub App</title>{STYLE}\
         <h1>Make the GitHub App</h1>\
         <p>GitHub shows what it is asked for once more before anything is made.</p>\
         <table><tr><th>permission</th><th>level</th></tr>{rows}</table>\
         <p>Events: {}</p>\
         <form method=\"post\" action=\"{}?state={}\"><input type=\"hidden\" name=\"manifest\" value=\"{}\">\
         <button>Go to {}</button></form></html>\n",
        escaped(&manifest.events.join(", ")),
        escaped(&manifest.action),
        state.0,
        escaped(&manifest.manifest),
        escaped(host(&manifest.action)),
    )
}

const STYLE: &str = "<style>body{font:16px sans-serif;max-width:40em;margin:3em auto;padding:0 1em}\
                     td,th{text-align:left;padding:.1em 1em .1em 0}button{font:inherit;padding:.5em 1em}</style>";

fn host(address: &str) -> &str {
    address.split_once("://").map_or(address, |(_, rest)| rest).split('/').next().unwrap_or(address)
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
        out
    })
}

struct Page {
    form: String,
    state: State,
    /// The page's own address: a browser that was tricked into another name for this machine is turned away.
    host: String,
    found: Mutex<Option<oneshot::Sender<Code>>>,
}

/// Serves the page on this machine until GitHub sends the browser back.
pub(super) async fn serve(
    listener: TcpListener,
    manifest: &Manifest,
    state: &State,
) -> Result<Code, Failure> {
    let failed = |error: std::io::Error| {
        Failure::outside(format!("the page can't be served: {error}"), "use --paste FILE")
    };
    let host = listener.local_addr().map_err(failed)?.to_string();
    let (found, code) = oneshot::channel();
    let page = Arc::new(Page {
        form: form(manifest, state),
        state: state.clone(),
        host,
        found: Mutex::new(Some(found)),
    });
    let router = Router::new().route("/", get(first)).route("/created", get(created)).with_state(page);
    let (stop, stopped) = oneshot::channel::<()>();
    let served = axum::serve(listener, router).with_graceful_shutdown(async move {
        let _ = stopped.await;
    });
    let serving = tokio::spawn(served.into_future());
    let code = code.await;
    // The browser is to see that it is done before the page goes.
    let _ = stop.send(());
    let _ = crate::clock::within(std::time::Duration::from_secs(2), serving).await;
    code.map_err(|_| Failure::unexpected("the page"))
}

async fn first(From(page): From<Arc<Page>>, headers: HeaderMap) -> Response {
    if !is_here(&page, &headers) {
        return elsewhere();
    }
    secured(Html(page.form.clone()).into_response())
}

async fn created(From(page): From<Arc<Page>>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    if !is_here(&page, &headers) {
        return elsewhere();
    }
    let said = |status, text: &str| secured((status, Html(format!("{STYLE}<p>{text}</p>"))).into_response());
    match of_query(&query.unwrap_or_default(), &page.state) {
        Returned::Code(code) => {
            let Some(found) = page.found.lock().await.take() else {
                return said(StatusCode::GONE, "This was answered already: look at the terminal.");
            };
            let _ = found.send(code);
            said(StatusCode::OK, "GitHub made the App. Go back to the terminal.")
        }
        Returned::OtherState => {
            said(StatusCode::FORBIDDEN, "This belongs to another page. Go back, and start from this one.")
        }
        Returned::Nothing => said(StatusCode::BAD_REQUEST, "GitHub sent no code. Go back, and try again."),
    }
}

fn is_here(page: &Page, headers: &HeaderMap) -> bool {
    headers.get(header::HOST).is_some_and(|host| host.as_bytes() == page.host.as_bytes())
}

fn elsewhere() -> Response {
    (StatusCode::MISDIRECTED_REQUEST, "this page has another address").into_response()
}

fn secured(mut answer: Response) -> Response {
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        answer.headers_mut().insert(name, header::HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(returned: &Returned) -> Option<&str> {
        match returned {
            Returned::Code(code) => Some(&code.0),
            _ => None,
        }
    }

    #[test]
    fn only_this_page_s_answer_counts() {
        let state = State("s1".into());
        let of = |text: &str| returned(text, &state);
        assert_eq!(code(&of("http://127.0.0.1:9/created?code=abc123&state=s1")), Some("abc123"));
        assert_eq!(code(&of("http://127.0.0.1:9/created?state=s1&code=abc123#x")), Some("abc123"));
        assert_eq!(
            code(&of("a180b1a3d263c81bc6441d7b990bae27d4c10679")),
            Some("a180b1a3d263c81bc6441d7b990bae27d4c10679")
        );
        assert!(matches!(of("http://127.0.0.1:9/created?code=abc123&state=s2"), Returned::OtherState));
        assert!(matches!(of("http://127.0.0.1:9/created?code=abc123"), Returned::OtherState));
        for nothing in ["", "yes", "http://127.0.0.1:9/created", "http://x/?error=1"] {
            assert!(matches!(of(nothing), Returned::Nothing), "{nothing}");
        }
    }

    #[test]
    fn nothing_of_a_manifest_leaves_its_place() {
        let manifest = Manifest {
            action: "https://github.com/settings/apps/new".into(),
            manifest: r#"{"name":"\"><script>alert(1)</script>'"}"#.into(),
            permissions: vec![("contents".into(), "read".into())],
            events: vec!["push".into()],
        };
        let page = form(&manifest, &State("s1".into()));
        assert!(!page.contains("<script>"), "{page}");
        assert!(page.contains("action=\"https://github.com/settings/apps/new?state=s1\""), "{page}");
        assert!(page.contains("Go to github.com"), "{page}");
    }
}
