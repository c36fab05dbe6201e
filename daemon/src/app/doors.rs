//! Opens the doors that the configuration asks for.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::credentials::Credentials;
use super::parts::Built;
use super::{Failure, apis, locks};
use crate::config::{Config, SocketAccess};
use crate::doors::http::{self, Door, GithubApi, Limits, Setup};
use crate::doors::rpc::{Access, ListenError, Listener};
use crate::metrics::Metrics;

pub(super) fn open(config: &Config) -> Result<Listener, ListenError> {
    let access = match &config.rpc.access {
        SocketAccess::Owner => Access::Owner,
        SocketAccess::Group { gid, .. } => Access::Group(*gid),
    };
    Listener::open(&config.rpc.socket, access)
}

/// What a slow request needs beside its fetch: questions to GitHub and to the store.
const SLOW_MARGIN: Duration = Duration::from_secs(60);

/// The HTTP door, serving. Dropped, it is cut at once.
pub(super) struct HttpDoor {
    serving: JoinHandle<()>,
    /// Says where it really listens; gone when it doesn't.
    note: PathBuf,
}

/// Opens the HTTP door, when there is to be one, and writes `http.addr` in the state folder.
pub(super) async fn open_http(
    config: &Config,
    credentials: &Credentials,
    built: &Built,
    stop: CancellationToken,
) -> Result<Option<HttpDoor>, Failure> {
    let note = config.state_dir.join("http.addr");
    let parts = &built.door;
    let Some(address) = config.http.listen else {
        // A daemon that was killed may have left one.
        let _ = std::fs::remove_file(&note);
        return Ok(None);
    };
    let listener = http::Listener::open(address).await?;
    let address = listener.address();
    write_whole(&note, &format!("{address}\n"))?;
    let (github, held) = (parts.github.clone(), built.locks.clone());
    let door = Door::new(Setup {
        inbox: parts.inbox.clone(),
        db: parts.db.clone(),
        clock: parts.clock.clone(),
        secrets: credentials.webhook_secrets.clone(),
        app_id: credentials.app_id,
        trusted: config.http.trusted_proxies.clone(),
        github_api: Box::new(move || GithubApi::of(&github)),
        redis: Box::new(move || locks::redis_check(&held)),
        apis: apis::build(config, credentials, (parts, &built.gits), &stop)?,
        tls: built.tls.clone(),
        allow: built.allow.clone(),
        metrics: Metrics::process(),
        limits: Limits {
            connections: config.http.max_connections,
            failed_signatures_per_minute: config.http.failed_signatures_per_minute,
            drain: config.stop_timeout,
            slow: config.import.timeout.max(config.sandbox.wall).saturating_add(SLOW_MARGIN),
            ..Limits::default()
        },
    });
    let serving = tokio::spawn(listener.serve(door, stop));
    tracing::info!(%address, tls = built.tls.is_some(), "http serves");
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

/// Whoever waits for the file must not read half of it.
fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let new = path.with_extension("addr.new");
    let mut file = std::fs::File::create(&new)?;
    file.write_all(text.as_bytes())?;
    std::fs::rename(&new, path)
}
