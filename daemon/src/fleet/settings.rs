//! What the configuration says about the fleet.

use std::path::PathBuf;
use std::time::Duration;

use cutover_shared::ids::TenantId;
use secrecy::SecretString;

/// All of it. Without a folder there is no fleet.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the migrations are.
    pub folder: Option<PathBuf>,
    /// The first wave.
    pub canary: Vec<TenantId>,
    /// The waves after it, each up to so many permille of all tenants; the last is 1,000.
    pub waves: Vec<u32>,
    /// Tenants at once: in all, of one host, of one database server.
    pub parallel: usize,
    pub per_host: usize,
    pub per_server: usize,
    /// A wave halts above so many failed tenants, or above so many permille of its own.
    pub halt_failures: u32,
    pub halt_permille: u32,
    /// A run halts when more than so many permille of a wave can't be reached.
    pub halt_unreachable_permille: u32,
    /// What one statement may take, and how long it may wait for a lock, where the migration says nothing.
    pub timeout: Duration,
    pub lock_timeout: Duration,
    /// Tries of a step that does not get its lock.
    pub lock_tries: u32,
    pub connect_timeout: Duration,
    /// A plan takes what was seen of an instance so long ago, and asks the others.
    pub fresh: Duration,
    /// Instances in `error` are asked again so often.
    pub retest_every: Duration,
    /// No further tenant of a server while this query answers more than `most` there.
    pub load: Option<Load>,
    pub http: Http,
    /// Told once when a tenant's database can't be reached.
    pub notify: Option<Notify>,
    /// Where the application keeps its tenants' databases.
    pub application: Option<Application>,
}

/// What a server's load is.
#[derive(Clone, Debug)]
pub struct Load {
    pub query: String,
    pub most: f64,
    pub every: Duration,
}

/// HTTP deployments.
#[derive(Clone, Debug)]
pub struct Http {
    /// How the schema is deployed.
    pub deploy: Option<Deploy>,
    /// The function that answers `{version}`.
    pub ping: String,
}

/// How the schema is deployed: a command with the key in its environment only, or a call.
#[derive(Clone, Debug)]
pub enum Deploy {
    Command { argv: Vec<String> },
    Call { url: String, token: Option<SecretString> },
}

/// Where owners are told.
#[derive(Clone, Debug)]
pub struct Notify {
    pub url: String,
    pub token: Option<SecretString>,
}

/// The application's `userDatabaseConfig`.
#[derive(Clone, Debug)]
pub struct Application {
    /// Of the application's PostgreSQL.
    pub database: SecretString,
    pub table: String,
    pub columns: ApplicationColumns,
    /// The key that the application seals with: AES-256-GCM.
    pub key: SecretString,
}

/// Names of its columns.
#[derive(Clone, Debug)]
pub struct ApplicationColumns {
    pub tenant: String,
    pub external_user: Option<String>,
    pub url: String,
    pub deploy_key: Option<String>,
    /// `iv-of-url:iv-of-key`, and the tags likewise.
    pub iv: String,
    pub tags: String,
    pub status: String,
    pub schema_version: String,
    pub updated_at: Option<String>,
}

/// The defaults of the configuration, without a folder.
impl Default for Settings {
    fn default() -> Self {
        Self {
            folder: None,
            canary: Vec::new(),
            waves: vec![10, 100, 1_000],
            parallel: 16,
            per_host: 16,
            per_server: 8,
            halt_failures: 5,
            halt_permille: 50,
            halt_unreachable_permille: 500,
            timeout: Duration::from_secs(60),
            lock_timeout: Duration::from_secs(2),
            lock_tries: 5,
            connect_timeout: Duration::from_secs(5),
            fresh: Duration::from_secs(300),
            retest_every: Duration::from_secs(60),
            load: None,
            http: Http { deploy: None, ping: "functions:ping".to_owned() },
            notify: None,
            application: None,
        }
    }
}

/// Settings for tests.
#[cfg(test)]
pub(crate) fn sample() -> Settings {
    Settings::default()
}
