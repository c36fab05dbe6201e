//! The door in front of an inbox that keeps nothing.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use cutover_daemon::clock::Clock;
use cutover_daemon::doors::http::{Door, GithubApi, Limits, Listener, Setup, Take};
use cutover_daemon::faults::Faults;
use cutover_daemon::gateway::inbox::Arrival;
use cutover_daemon::store::{WriteError, open};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::payload::{APP, SECRET};
use crate::load::mapping::LoadError;

struct Nothing;

#[async_trait]
impl Take for Nothing {
    async fn take(&self, _arrival: Arrival) -> Result<(), WriteError> {
        Ok(())
    }
}

/// Serves for ever, and writes its address to `http.addr` in `folder`.
///
/// # Errors
/// Those of the store that health asks, and of the address.
pub async fn serve_door(folder: &Path) -> Result<(), LoadError> {
    let url = format!("sqlite:{}", folder.join("door.db").display());
    let door = Door::new(Setup {
        tls: None,
        allow: None,
        metrics: cutover_daemon::metrics::Metrics::process(),
        inbox: Arc::new(Nothing),
        db: open(&url, Faults::none()).await?,
        clock: Clock::system(),
        secrets: vec![SecretString::from(SECRET.to_owned())],
        app_id: APP,
        trusted: Vec::new(),
        github_api: Box::new(|| GithubApi::NotAsked),
        redis: Box::new(|| cutover_daemon::doors::http::RedisCheck::NotConfigured),
        apis: utoipa_axum::router::OpenApiRouter::new(),
        limits: Limits::default(),
    });
    let wrong = |error: &dyn std::fmt::Display| LoadError::Wrong(error.to_string());
    let any = std::net::SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, 0));
    let listener = Listener::open(any).await.map_err(|error| wrong(&error))?;
    std::fs::write(folder.join("http.addr"), listener.address().to_string())?;
    listener.serve(door, CancellationToken::new()).await;
    Ok(())
}
