//! The arms of one process: ours, and loops that keep no status.

use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use cutover_daemon::client::Client;
use cutover_daemon::clock::Clock;
use cutover_daemon::faults::Faults;
use cutover_daemon::fleet::driver::{Purpose, StepAsk, StepEnd, Target};
use cutover_daemon::fleet::drivers::Drivers;
use cutover_daemon::fleet::migration::{Migration, Script, Statement, Step, Ways};
use cutover_daemon::fleet::settings::Http;
use cutover_shared::fleet::{DriverKind, Way};
use cutover_shared::ids::{RunId, TenantId};
use futures::{StreamExt as _, TryStreamExt as _};
use secrecy::SecretString;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};
use tokio_util::sync::CancellationToken;

use super::{FleetLoadError, MIGRATIONS, up};
use crate::services::{Database, Postgres};

/// What all databases of one measurement must have in the end.
const TABLES: &str = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname ~ '^t[0-9](_name)?$'";

/// The server, with its own database to speak to.
pub(super) struct Server {
    _cluster: Postgres,
    admin: Database,
}

impl Server {
    pub(super) async fn start() -> Result<Self, FleetLoadError> {
        let cluster = Postgres::start().await?;
        let admin = cluster.database().await?;
        Ok(Self { _cluster: cluster, admin })
    }

    /// Makes so many databases from the template, and answers with their addresses.
    pub(super) async fn tenants(&self, arm: &str, count: usize) -> Result<Vec<String>, FleetLoadError> {
        let mut admin = self.admin.connect().await?;
        let (before, after) = self.admin.url.split_once("/test_0").unwrap_or((&self.admin.url, ""));
        let mut urls = Vec::with_capacity(count);
        for number in 0..count {
            let name = format!("{arm}_{number}");
            // Our own names, without quotes.
            statement(&mut admin, format!("CREATE DATABASE {name} TEMPLATE template0")).await?;
            urls.push(format!("{before}/{name}{after}"));
        }
        statement(&mut admin, "CHECKPOINT".to_owned()).await?;
        Ok(urls)
    }

    /// Sees that each has what it must have, and, where it is ours, its ledger.
    pub(super) async fn check(&self, tenants: &[String], ours: bool) -> Result<(), FleetLoadError> {
        let failed = |error| FleetLoadError::Sql("looking at the end", error);
        for url in tenants {
            let mut connection = PgConnection::connect(url).await.map_err(failed)?;
            let count: i64 = sqlx::query_scalar(TABLES).fetch_one(&mut connection).await.map_err(failed)?;
            let rows: i64 = if ours {
                sqlx::query_scalar("SELECT count(*) FROM cutover_migrations")
                    .fetch_one(&mut connection)
                    .await
                    .map_err(failed)?
            } else {
                i64::from(MIGRATIONS)
            };
            connection.close().await.map_err(failed)?;
            if count != i64::from(MIGRATIONS * 2) || rows != i64::from(MIGRATIONS) {
                return Err(FleetLoadError::Arm(format!(
                    "a tenant ended with {count} of {} things",
                    MIGRATIONS * 2
                )));
            }
        }
        Ok(())
    }

    pub(super) async fn drop(&self, tenants: &[String]) -> Result<(), FleetLoadError> {
        let mut admin = self.admin.connect().await?;
        for url in tenants {
            let name = url.split(['/', '?']).nth(3).unwrap_or_default();
            statement(&mut admin, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
        }
        Ok(())
    }
}

async fn statement(connection: &mut PgConnection, sql: String) -> Result<(), FleetLoadError> {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|error| FleetLoadError::Sql("making or dropping databases", error))
}

/// Tenants a second of what is done to each, so many at once.
async fn rate<'a, F>(
    tenants: &'a [String],
    parallel: usize,
    one: impl Fn(&'a str) -> F,
) -> Result<f64, FleetLoadError>
where
    F: Future<Output = Result<(), FleetLoadError>>,
{
    let clock = Clock::system();
    let began = clock.monotonic();
    futures::stream::iter(tenants)
        .map(|url| one(url))
        .buffer_unordered(parallel)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(tenants.len() as f64 / (clock.monotonic() - began).as_secs_f64())
}

/// A loop that keeps no status: a transaction for each migration.
pub(super) async fn bare(tenants: &[String], parallel: usize) -> Result<f64, FleetLoadError> {
    let failed = |error| FleetLoadError::Sql("the bare loop", error);
    rate(tenants, parallel, async |url| {
        let options = PgConnectOptions::from_str(url).map_err(failed)?.disable_statement_logging();
        let mut connection = options.connect().await.map_err(failed)?;
        for number in 1..=MIGRATIONS {
            let sql = format!("BEGIN;\n{}COMMIT;", up(number));
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.map_err(failed)?;
        }
        connection.close().await.map_err(failed)
    })
    .await
}

/// A loop that opens each file and runs all in one transaction.
pub(super) async fn bare_files(folder: &Path, files: usize, parallel: usize) -> Result<f64, FleetLoadError> {
    let failed = |error| FleetLoadError::Sql("the bare loop over files", error);
    let dir = folder_of(folder)?;
    let paths = made(dir.path(), files).await?;
    let script: String = (1..=MIGRATIONS).map(up).collect();
    let sql = format!("BEGIN IMMEDIATE;\n{script}COMMIT;");
    rate(&paths, parallel, async |path| {
        let options = SqliteConnectOptions::new().filename(path).disable_statement_logging();
        let mut connection = options.connect().await.map_err(failed)?;
        sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&mut connection).await.map_err(failed)?;
        connection.close().await.map_err(failed)
    })
    .await
}

/// Our sessions on files.
pub(super) async fn our_files(folder: &Path, files: usize, parallel: usize) -> Result<f64, FleetLoadError> {
    let dir = folder_of(folder)?;
    let paths = made(dir.path(), files).await?;
    sessions(DriverKind::Sqlite, &paths, parallel).await
}

/// Our sessions on PostgreSQL.
pub(super) async fn ours(tenants: &[String], parallel: usize) -> Result<f64, FleetLoadError> {
    sessions(DriverKind::Postgres, tenants, parallel).await
}

async fn sessions(kind: DriverKind, tenants: &[String], parallel: usize) -> Result<f64, FleetLoadError> {
    let client = Client::new().map_err(|error| FleetLoadError::Arm(error.to_string()))?;
    let drivers = Drivers::new(Http { deploy: None, ping: String::new() }, client, Clock::system());
    let migrations: Vec<Migration> = (1..=MIGRATIONS).map(migration).collect();
    let (run, stop, faults) = (RunId("bench".to_owned()), CancellationToken::new(), Faults::none());
    let tenant = TenantId("tenant".to_owned());
    rate(tenants, parallel, async |url| {
        let target = Target {
            tenant: tenant.clone(),
            external_user: None,
            url: SecretString::from(url.to_owned()),
            key: None,
        };
        let mut session = drivers.open(kind, &target, Purpose::Migrate).await?;
        let asks: Vec<_> = migrations
            .iter()
            .filter(|migration| !session.ledger().has(migration.version))
            .filter_map(|migration| {
                let step = migration.up.sql.as_ref().map(Step::Sql)?;
                Some(StepAsk {
                    tenant: &tenant,
                    external_user: None,
                    run: &run,
                    migration,
                    step,
                    way: Way::Up,
                    timeout: Duration::from_secs(60),
                    lock_timeout: Duration::from_secs(5),
                    stop: &stop,
                    faults: &faults,
                })
            })
            .collect();
        for end in session.steps(&asks).await {
            if end? != StepEnd::Done {
                return Err(FleetLoadError::Arm("a step was not done".to_owned()));
            }
        }
        session.close().await;
        Ok(())
    })
    .await
}

fn migration(version: u32) -> Migration {
    let text = up(version);
    let lines = (1..).zip(text.lines());
    let statements =
        lines.map(|(line, text)| Statement { text: text.trim_end_matches(';').to_owned(), line }).collect();
    let id = format!("{version:04}_m{version}");
    let script = Script {
        file: format!("{id}.up.sql"),
        text,
        checksum: "c".repeat(64),
        statements,
        transaction: true,
        timeout: None,
        lock_timeout: None,
        chunk: None,
        verify: None,
    };
    Migration {
        version,
        name: format!("m{version}"),
        description: String::new(),
        up: Ways { sql: Some(script), http: None },
        down: Ways::default(),
        replaces: None,
        checksum: "c".repeat(64),
        id,
    }
}

fn folder_of(folder: &Path) -> Result<tempfile::TempDir, FleetLoadError> {
    let failed = |error| FleetLoadError::File("making a folder for files", error);
    tempfile::Builder::new().prefix("fleet-").tempdir_in(folder).map_err(failed)
}

/// Files that are databases already, from one that is copied.
async fn made(dir: &Path, files: usize) -> Result<Vec<String>, FleetLoadError> {
    let failed = |error| FleetLoadError::Sql("making files", error);
    let template = dir.join("template.db");
    let options = SqliteConnectOptions::new().filename(&template).create_if_missing(true);
    let mut connection = options.connect().await.map_err(failed)?;
    sqlx::raw_sql("CREATE TABLE own (id INTEGER PRIMARY KEY)")
        .execute(&mut connection)
        .await
        .map_err(failed)?;
    connection.close().await.map_err(failed)?;
    let copy = |number: usize| {
        let path = dir.join(format!("{number}.db"));
        std::fs::copy(&template, &path).map_err(|error| FleetLoadError::File("copying files", error))?;
        Ok(path.display().to_string())
    };
    (0..files).map(copy).collect()
}
