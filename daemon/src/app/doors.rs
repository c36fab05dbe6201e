//! Opens the doors that the configuration asks for.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;

use super::Failure;
use crate::config::{Config, SocketAccess};
use crate::doors::http::auth::Auth;
use crate::doors::http::github::GithubParts;
use crate::doors::http::{self, Door, GithubApi, Limits, Setup};
use crate::doors::rpc::{Access, ListenError, Listener, Parts};
use crate::github::GitHub;

pub(super) fn open(config: &Config) -> Result<Listener, ListenError> {
    let access = match &config.rpc.access {
        SocketAccess::Owner => Access::Owner,
        SocketAccess::Group { gid, .. } => Access::Group(*gid),
    };
    Listener::open(&config.rpc.socket, access)
}

/// What a slow request needs beside its fetch: questions to GitHub and to the store.
const SLOW_MARGIN: Duration = Duration::from_secs(60);

/// The application's API.
fn apis(parts: &Parts) -> OpenApiRouter {
    let github =
        GithubParts { auth: Auth::default(), imports: parts.imports.clone(), planner: parts.planner.clone() };
    OpenApiRouter::new().merge(http::github::routes(Arc::new(github)))
}

/// The HTTP door, serving. Dropped, it is cut at once.
pub(super) struct HttpDoor {
    serving: JoinHandle<()>,
    /// Says where it really listens; gone when it doesn't.
    note: PathBuf,
}

/// Opens the HTTP door, when there is to be one, and writes `http.addr` in the state folder.
pub(super) async fn open_http(
    config: &Config,
    parts: &Parts,
    stop: CancellationToken,
) -> Result<Option<HttpDoor>, Failure> {
    let note = config.state_dir.join("http.addr");
    let Some(address) = config.http.listen else {
        // A daemon that was killed may have left one.
        let _ = std::fs::remove_file(&note);
        return Ok(None);
    };
    let listener = http::Listener::open(address).await?;
    let address = listener.address();
    write_whole(&note, &format!("{address}\n"))?;
    let github = parts.github.clone();
    let door = Door::new(Setup {
        inbox: parts.inbox.clone(),
        db: parts.db.clone(),
        clock: parts.clock.clone(),
        secrets: config.github.webhook_secrets.clone(),
        app_id: config.github.app_id,
        trusted: config.http.trusted_proxies.clone(),
        github_api: Box::new(move || github_api(&github)),
        apis: apis(parts),
        limits: Limits {
            connections: config.http.max_connections,
            failed_signatures_per_minute: config.http.failed_signatures_per_minute,
            drain: config.stop_timeout,
            slow: config.import.timeout.saturating_add(SLOW_MARGIN),
            ..Limits::default()
        },
    });
    let serving = tokio::spawn(listener.serve(door, stop));
    tracing::info!(%address, "http serves");
    Ok(Some(HttpDoor { serving, note }))
}

impl HttpDoor {
    /// Waits until a stop has drained it.
    pub(super) async fn drained(&mut self) {
        let _ = (&mut self.serving).await;
    }
}

impl Drop for HttpDoor {
    fn drop(&mut self) {
        self.serving.abort();
        let _ = std::fs::remove_file(&self.note);
    }
}

/// What the answers so far show: a look at memory.
fn github_api(github: &GitHub) -> GithubApi {
    let budgets = github.budgets();
    if github.calls().requests == 0 {
        GithubApi::NotAsked
    } else if budgets.is_empty() {
        GithubApi::Silent
    } else if budgets.iter().all(|budget| budget.remaining == 0) {
        GithubApi::Exhausted
    } else {
        GithubApi::Answers
    }
}

/// Whoever waits for the file must not read half of it.
fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let new = path.with_extension("addr.new");
    let mut file = std::fs::File::create(&new)?;
    file.write_all(text.as_bytes())?;
    std::fs::rename(&new, path)
}
