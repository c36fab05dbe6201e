//! The configuration as the rest of the daemon sees it: checked, typed, complete.

mod catalog;
mod locks;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use cutover_shared::ids::{HostId, OperatorName, TenantId};
use cutover_shared::mapping::Mode;
use cutover_shared::rpc::Role;
use ipnet::IpNet;
use secrecy::SecretString;

pub use self::catalog::{
    Catalog, InstallationCopy, IntegrationCopy, MirrorNames, PostgresCatalog, PostgresNames, RepoNames,
    RepoPlace, TokenCopy, UserTokenNames, WorkflowNames,
};
pub use self::locks::{LockBackend, LockPhase, Locks, OnPartition};
use super::alertmanager::Alertmanager;
use super::fleet::Fleet;
use super::ofrep::OfrepKey;
use super::rollout::Rollout;
use super::sandbox::Sandbox;
use super::worth::Worth;

/// Everything that an operator can set. `docs/configuration.md` has a sentence for each key.
#[derive(Clone, Debug)]
pub struct Config {
    /// `staging`, `production`, `demo`: shown wherever people look.
    pub environment: String,
    pub state_dir: PathBuf,
    /// How long a graceful stop waits.
    pub stop_timeout: Duration,
    pub store: Store,
    pub rpc: Rpc,
    pub operators: Vec<Operator>,
    pub http: Http,
    pub api: Api,
    pub github: GitHub,
    pub migration: Migration,
    pub catalog: Catalog,
    pub mapping: Mapping,
    pub inbox: Inbox,
    pub engine: Engine,
    /// None: the application's own tables are not read for workflows.
    pub workflows: Option<AppWorkflows>,
    pub import: Import,
    pub probes: Vec<Probe>,
    pub rollout: Rollout,
    pub sandbox: Sandbox,
    pub fleet: Fleet,
    pub worth: Worth,
    pub ofrep_keys: Vec<OfrepKey>,
    pub alertmanager: Alertmanager,
    pub run: Run,
    pub locks: Locks,
    pub log: Log,
}

/// The daemon's own store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// A file; its folder may not exist yet.
    Sqlite { path: PathBuf },
}

/// The local door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rpc {
    /// Short enough for a Unix socket's address.
    pub socket: PathBuf,
    pub access: SocketAccess,
}

/// Who may open the socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketAccess {
    /// The daemon's own user: mode 0600.
    Owner,
    /// Members of a group that exists on this machine: mode 0660.
    Group { name: String, gid: u32 },
}

/// A person who may speak to the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    pub uid: u32,
    pub name: OperatorName,
    pub role: Role,
}

/// The door for GitHub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// None: there is no such door. With one there is a webhook secret, too.
    pub listen: Option<SocketAddr>,
    pub trusted_proxies: Vec<IpNet>,
    /// 1 to 65,536.
    pub max_connections: usize,
    /// Of one address.
    pub failed_signatures_per_minute: u32,
    /// Of one address.
    pub auth_per_minute: u32,
    /// Of one user, or of the service.
    pub api_per_minute: u32,
    /// None: plain HTTP.
    pub tls: Option<Tls>,
    /// None: webhooks are taken from everywhere. Else the networks that may deliver besides GitHub's own.
    pub only_from: Option<Vec<IpNet>>,
}

/// Files in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// The application's API at the HTTP door.
#[derive(Clone, Debug)]
pub struct Api {
    pub jwt_secret: Option<SecretString>,
    pub jwks_url: Option<String>,
    pub jwt_audience: Option<String>,
    pub jwt_issuer: Option<String>,
    pub jwt_leeway: Duration,
    pub tenant_claim: String,
    pub service_token: Option<SecretString>,
    pub after_install_url: Option<String>,
}

/// GitHub and the App.
#[derive(Clone, Debug)]
pub struct GitHub {
    /// Without a slash at the end.
    pub api_base: String,
    /// Where people click, without a slash at the end.
    pub web_base: String,
    /// None: the App that `cutover app create` made, or is to make.
    pub app_id: Option<i64>,
    /// None: ask GitHub.
    pub app_slug: Option<String>,
    /// PEM, the current one first, then the one that is being rotated in or out; each can sign. None without `app_id`.
    pub keys: Vec<SecretString>,
    /// The current one first, then the one that is being rotated in or out.
    pub webhook_secrets: Vec<SecretString>,
    /// The app that issued the old user tokens.
    pub oauth: Option<OauthApp>,
    /// The App's own client, with which people prove who they are.
    pub client: Option<OauthApp>,
    /// 1 to 100.
    pub max_in_flight: usize,
    /// Thousandths of an installation's hourly budget, 0 to 900.
    pub background_reserve: u16,
    /// Points that one credential may spend in a minute.
    pub points_per_minute: u32,
    pub request_timeout: Duration,
    /// GitHub keeps deliveries for so long.
    pub delivery_horizon: Duration,
}

impl GitHub {
    /// Tells apart numeric ids of different hosts: `github.com`, or the host (and port, if unusual) of the API.
    pub fn host(&self) -> HostId {
        HostId(super::address::host_id(&self.api_base))
    }
}

/// A client id and its secret.
#[derive(Clone, Debug)]
pub struct OauthApp {
    pub client_id: String,
    pub client_secret: SecretString,
}

/// Initial values of what is changed at run time afterwards.
#[derive(Clone, Debug)]
pub struct Migration {
    pub mode: Mode,
    /// Sorted, each once.
    pub canary: Vec<TenantId>,
    /// The application's own handler of the old OAuth callback.
    pub oauth_callback_url: Option<String>,
    /// Milliseconds since the epoch, UTC.
    pub oauth_deprecated: i64,
    /// Milliseconds since the epoch, UTC.
    pub oauth_sunset: Option<i64>,
    /// Milliseconds since the epoch, UTC; none: no end is set.
    pub grace_until: Option<i64>,
    /// What the addresses of the old app's webhooks begin with, each without a slash at its end; sorted, each once.
    pub old_hook_urls: Vec<String>,
    /// With what the old app's webhooks signed.
    pub old_hook_secret: Option<SecretString>,
}

/// How the application's workflows are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppWorkflows {
    pub every: Duration,
    /// Where the application says that something has changed.
    pub channel: Option<String>,
}

/// Matching.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Most probes of one plan.
    pub probe_budget: u32,
    /// 1 to 64.
    pub sweep_parallel: usize,
    pub index_max_age: Duration,
    /// Zero: never.
    pub sweep_every: Duration,
    /// From which confidence on, 90 to 100 percent, events and sweeps map by themselves; none: they never do.
    pub auto_map: Option<u8>,
    /// How long a verified canary run is watched before scope `all` may be approved.
    pub canary_observation: Duration,
}

/// What is done with deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbox {
    /// 1 to 64.
    pub parallel: usize,
    /// 1 to 100.
    pub tries: u32,
    pub keep_payloads: Duration,
    /// How often GitHub's list of deliveries is compared.
    pub recover_every: Duration,
}

/// What is sent on because of events.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Where workflows are started, without a slash at the end; none: nothing can be sent.
    pub url: Option<String>,
    /// For both.
    pub token: Option<SecretString>,
    /// Where every event is forwarded; none: nowhere.
    pub scheduler_url: Option<String>,
    /// 1 to 64.
    pub parallel: usize,
    /// 1 to 100.
    pub tries: u32,
    /// For one call.
    pub timeout: Duration,
}

/// Imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// 1 to 64.
    pub parallel: usize,
    /// For one import, the wait for its turn included.
    pub timeout: Duration,
    /// Over the wire, and of all files together.
    pub max_bytes: u64,
    pub max_files: usize,
    pub keep_artifacts: Duration,
}

/// A call of a service downstream, before and after an import.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Of one probe only.
    pub name: String,
    /// With `{project}`, `{tenant}`, `{repository}` in path or query, never in scheme or host.
    pub url: String,
    /// What is sent by POST; else the call is a GET.
    pub post: Option<Post>,
    pub token: Option<SecretString>,
    /// None: a plain answer over HTTP.
    pub end_event: Option<String>,
    pub contains: Option<String>,
    pub digest: bool,
    /// 0 to 10,000.
    pub length_permille: u32,
    pub timeout: Duration,
}

/// A call by POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// JSON, in its texts `{project}`, `{tenant}`, `{repository}`; none: an empty body.
    pub body: Option<String>,
}

/// Runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub plan_ttl: Duration,
    /// Items in one unit, 1 to 256.
    pub chunk: usize,
    pub lease: Duration,
}

/// Logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Valid `tracing` directives.
    pub level: String,
    pub dir: PathBuf,
    /// 1 to 3650.
    pub keep_days: usize,
    pub stderr: StderrLog,
}

/// What goes to standard error beside the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StderrLog {
    /// Text when it is a terminal, else nothing.
    Auto,
    Text,
    Json,
    Off,
}
