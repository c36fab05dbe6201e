//! Opens the doors that the configuration asks for.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reqwest::Url;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;

use super::Failure;
use crate::client::Client;
use crate::clock::Clock;
use crate::config::{Config, SocketAccess};
use crate::doors::http::auth::{Auth, Demands, Users};
use crate::doors::http::{
    self, Door, GithubApi, Limits, Rates, Setup, callback, integrations, migration, oauth,
};
use crate::doors::rpc::{Access, ListenError, Listener, Parts};
use crate::gateway::integrations::{AppClient, Integrations, Setup as IntegrationSetup};
use crate::github::GitHub;

pub(super) fn open(config: &Config) -> Result<Listener, ListenError> {
    let access = match &config.rpc.access {
        SocketAccess::Owner => Access::Owner,
        SocketAccess::Group { gid, .. } => Access::Group(*gid),
    };
    Listener::open(&config.rpc.socket, access)
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
        apis: apis(config, parts)?,
        limits: Limits {
            connections: config.http.max_connections,
            failed_signatures_per_minute: config.http.failed_signatures_per_minute,
            drain: config.stop_timeout,
            ..Limits::default()
        },
    });
    let serving = tokio::spawn(listener.serve(door, stop));
    tracing::info!(%address, "http serves");
    Ok(Some(HttpDoor { serving, note }))
}

/// Who may call the application's API.
fn auth(config: &Config, clock: &Clock, client: &Client) -> Result<Auth, Failure> {
    let api = &config.api;
    let demands = Demands {
        audience: api.jwt_audience.clone(),
        issuer: api.jwt_issuer.clone(),
        leeway: i64::try_from(api.jwt_leeway.as_secs()).unwrap_or(0),
        tenant_claim: api.tenant_claim.clone(),
    };
    let keys = match &api.jwks_url {
        Some(url) => Some((client.clone(), Url::parse(url)?)),
        None => None,
    };
    let users = (api.jwt_secret.is_some() || keys.is_some())
        .then(|| Arc::new(Users::new(clock.clone(), demands, api.jwt_secret.as_ref(), keys)));
    let rates = Rates::new(clock.clone(), config.http.auth_per_minute, config.http.api_per_minute);
    Ok(Auth { service_token: api.service_token.clone(), users, rates: Some(Arc::new(rates)) })
}

/// The application's API: each area's routes.
fn apis(config: &Config, parts: &Parts) -> Result<OpenApiRouter, Failure> {
    let client = Client::new()?;
    let auth = auth(config, &parts.clock, &client)?;
    let integrations = Arc::new(Integrations::new(IntegrationSetup {
        db: parts.db.clone(),
        github: parts.github.clone(),
        client,
        seal: parts.seal.clone(),
        clock: parts.clock.clone(),
        app: config.github.client.as_ref().map(|app| AppClient {
            client_id: app.client_id.clone(),
            client_secret: app.client_secret.clone(),
        }),
        slug: config.github.app_slug.clone(),
    }));
    if auth.users.is_some() && !integrations.asks_for_code() {
        tracing::warn!(
            "without github.client_id whoever comes back from GitHub first has a new installation"
        );
    }
    let address = |text: &Option<String>| text.as_deref().map(Url::parse).transpose();
    Ok(callback::routes(Arc::new(callback::Parts {
        auth: auth.clone(),
        integrations: integrations.clone(),
        after_install: address(&config.api.after_install_url)?,
    }))
    .merge(integrations::routes(Arc::new(integrations::Parts {
        auth: auth.clone(),
        integrations: integrations.clone(),
    })))
    .merge(migration::routes(Arc::new(migration::Parts {
        auth: auth.clone(),
        integrations: integrations.clone(),
        db: parts.db.clone(),
        clock: parts.clock.clone(),
    })))
    .merge(oauth::routes(Arc::new(oauth::Parts {
        auth,
        integrations,
        db: parts.db.clone(),
        clock: parts.clock.clone(),
        target: address(&config.migration.oauth_callback_url)?,
        deprecated: config.migration.oauth_deprecated,
        sunset: config.migration.oauth_sunset,
        callers: std::sync::atomic::AtomicU64::default(),
    }))))
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
