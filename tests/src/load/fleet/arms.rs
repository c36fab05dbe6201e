//! The arms of one process that keep no status: bare loops, and our drivers' sessions by themselves; and the databases of all arms.

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

/// Databases that are made or dropped at once.
const HANDS: usize = 6;

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

    /// Makes so many databases from the template, runs `sql` in each, and answers with their addresses.
    pub(super) async fn tenants(
        &self,
        arm: &str,
        count: usize,
        sql: &'static str,
    ) -> Result<Vec<String>, FleetLoadError> {
        let (before, after) = self.admin.url.split_once("/test_0").unwrap_or((&self.admin.url, ""));
        let template = format!("{arm}_template");
        let mut admin = self.admin.connect().await?;
        statement(&mut admin, format!("CREATE DATABASE {template} TEMPLATE template0")).await?;
        let mut connection =
            PgConnection::connect(&format!("{before}/{template}{after}")).await.map_err(preparing)?;
        sqlx::raw_sql(sql).execute(&mut connection).await.map_err(preparing)?;
        connection.close().await.map_err(preparing)?;
        // Our own names, without quotes.
        let names: Vec<String> = (0..count).map(|number| format!("{arm}_{number}")).collect();
        self.each(&names, |name| format!("CREATE DATABASE {name} TEMPLATE {template}")).await?;
        statement(&mut admin, format!("DROP DATABASE {template}")).await?;
        statement(&mut admin, "CHECKPOINT".to_owned()).await?;
        Ok(names.iter().map(|name| format!("{before}/{name}{after}")).collect())
    }

    /// Says something of each database, some at once.
    async fn each(&self, names: &[String], sql: impl Fn(&str) -> String) -> Result<(), FleetLoadError> {
        let part = names.len().div_ceil(HANDS).max(1);
        let parts = names.chunks(part).map(async |names| {
            let mut admin = self.admin.connect().await?;
            for name in names {
                statement(&mut admin, sql(name)).await?;
            }
            admin.close().await.map_err(preparing)
        });
        futures::future::try_join_all(parts).await.map(drop)
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
        let names: Vec<String> =
            tenants.iter().filter_map(|url| url.split(['/', '?']).nth(3)).map(str::to_owned).collect();
        self.each(&names, |name| format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await
    }
}

fn preparing(error: sqlx::Error) -> FleetLoadError {
    FleetLoadError::Sql("making or dropping databases", error)
}

async fn statement(connection: &mut PgConnection, sql: String) -> Result<(), FleetLoadError> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(|_| ()).map_err(preparing)
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

/// Connects and sends one message.
async fn sent(tenants: &[String], parallel: usize, sql: &str) -> Result<f64, FleetLoadError> {
    let failed = |error| FleetLoadError::Sql("one message to each", error);
    rate(tenants, parallel, async |url| {
        let options = PgConnectOptions::from_str(url).map_err(failed)?.disable_statement_logging();
        let mut connection = options.connect().await.map_err(failed)?;
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.map_err(failed)?;
        connection.close().await.map_err(failed)
    })
    .await
}

/// All migrations in one transaction: a tenant's ledger, or one transaction each, can only add to it.
pub(super) async fn least(tenants: &[String], parallel: usize) -> Result<f64, FleetLoadError> {
    let script: String = (1..=MIGRATIONS).map(up).collect();
    sent(tenants, parallel, &format!("BEGIN;\n{script}COMMIT;")).await
}

/// Reads each ledger, and nothing else.
pub(super) async fn looks(tenants: &[String], parallel: usize) -> Result<f64, FleetLoadError> {
    sent(tenants, parallel, "SELECT version, checksum FROM cutover_migrations").await
}

/// A loop that opens each file and runs all in one transaction.
pub(super) async fn bare_files(paths: &[String], parallel: usize) -> Result<f64, FleetLoadError> {
    let failed = |error| FleetLoadError::Sql("the bare loop over files", error);
    let script: String = (1..=MIGRATIONS).map(up).collect();
    let sql = format!("BEGIN IMMEDIATE;\n{script}COMMIT;");
    rate(paths, parallel, async |path| {
        let options = SqliteConnectOptions::new().filename(path).disable_statement_logging();
        let mut connection = options.connect().await.map_err(failed)?;
        sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&mut connection).await.map_err(failed)?;
        connection.close().await.map_err(failed)
    })
    .await
}

/// Our sessions alone: no plan, no run, no status.
pub(super) async fn sessions(
    kind: DriverKind,
    tenants: &[String],
    parallel: usize,
) -> Result<f64, FleetLoadError> {
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
                    lock_timeout: Duration::from_secs(2),
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

/// Files that are databases already, from one that is copied.
pub(super) async fn made(dir: &Path, files: usize, sql: &'static str) -> Result<Vec<String>, FleetLoadError> {
    let failed = |error| FleetLoadError::Sql("making files", error);
    let template = dir.join("template.db");
    let options = SqliteConnectOptions::new().filename(&template).create_if_missing(true);
    let mut connection = options.connect().await.map_err(failed)?;
    sqlx::raw_sql(sql).execute(&mut connection).await.map_err(failed)?;
    connection.close().await.map_err(failed)?;
    let copy = |number: usize| {
        let path = dir.join(format!("{number}.db"));
        std::fs::copy(&template, &path).map_err(|error| FleetLoadError::File("copying files", error))?;
        Ok(path.display().to_string())
    };
    (0..files).map(copy).collect()
}
