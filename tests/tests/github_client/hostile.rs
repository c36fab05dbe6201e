//! A server that speaks like GitHub and means harm: what the stand-in, which behaves, can't do.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use cutover_daemon::clock::Clock;
use cutover_daemon::github::{GitHub, GitHubSettings};
use cutover_tests::github_sim::TestKey;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::stage::START;

/// Runs until it is dropped.
pub(crate) struct Hostile {
    base: String,
    seen: Arc<Seen>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    calls: AtomicUsize,
    date: AtomicI64,
    /// Address of the place where credentials must never arrive.
    trap: std::sync::OnceLock<String>,
}

impl Hostile {
    /// An installation whose mints are refused by a server whose clock runs away.
    pub(crate) const RUNAWAY_CLOCK: i64 = 666;

    pub(crate) async fn start() -> Self {
        let seen = Arc::new(Seen::default());
        let router = Router::new()
            .route("/app/installations/{id}/access_tokens", post(mint))
            .route("/installation/repositories", get(repositories))
            .route("/repos/{owner}/{name}", get(repo))
            .with_state(Arc::clone(&seen));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base, seen, server }
    }

    pub(crate) fn client(&self, clock: &Clock) -> GitHub {
        let mut settings = GitHubSettings::new(&self.base, 1, vec![TestKey::First.private_pem().into()]);
        settings.max_body = 100_000;
        settings.request_timeout = Duration::from_secs(3_600);
        GitHub::new(&settings, clock.clone()).unwrap()
    }

    /// Links and redirects lead here from now on.
    pub(crate) fn lead_to(&self, trap: &str) {
        self.seen.trap.set(trap.to_owned()).unwrap();
    }

    pub(crate) fn calls(&self) -> usize {
        self.seen.calls.load(Ordering::SeqCst)
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn mint(State(seen): State<Arc<Seen>>, Path(id): Path<i64>) -> Response {
    if id == Hostile::RUNAWAY_CLOCK {
        let hours = seen.date.fetch_add(1, Ordering::SeqCst) + 1;
        let date = chrono::DateTime::from_timestamp_millis(START + hours * 3_600_000).unwrap();
        let date = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        return (StatusCode::UNAUTHORIZED, [(header::DATE, date)], "{}").into_response();
    }
    let expires = chrono::DateTime::from_timestamp_millis(START + 3_600_000).unwrap().to_rfc3339();
    let body = serde_json::json!({ "token": "ghs_hostile", "expires_at": expires });
    (StatusCode::CREATED, axum::Json(body)).into_response()
}

/// A page whose next one is elsewhere; without an elsewhere, a page without an end.
async fn repositories(State(seen): State<Arc<Seen>>) -> Response {
    seen.calls.fetch_add(1, Ordering::SeqCst);
    let Some(trap) = seen.trap.get() else {
        let spaces = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 4_096]));
        return Body::from_stream(spaces).into_response();
    };
    let mut page = axum::Json(serde_json::json!({ "total_count": 0, "repositories": [] })).into_response();
    let link = format!("<{trap}/installation/repositories?page=2>; rel=\"next\"");
    page.headers_mut().insert(header::LINK, HeaderValue::from_str(&link).unwrap());
    page
}

/// A redirect to elsewhere; without an elsewhere, an answer that announces more than anybody wants.
async fn repo(State(seen): State<Arc<Seen>>, Path((owner, name)): Path<(String, String)>) -> Response {
    seen.calls.fetch_add(1, Ordering::SeqCst);
    match seen.trap.get() {
        Some(trap) => {
            let to = format!("{trap}/repos/{owner}/{name}");
            (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, to)], "{}").into_response()
        }
        None => vec![b'['; 200_000].into_response(),
    }
}
