//! Migrations, tenants and sessions for tests of the drivers.

use std::sync::Arc;
use std::time::Duration;

use cutover_daemon::client::Client;
use cutover_daemon::clock::Clock;
use cutover_daemon::faults::Faults;
use cutover_daemon::fleet::driver::{Purpose, Session, StepAsk, StepEnd, StepError, Target};
use cutover_daemon::fleet::drivers::Drivers;
use cutover_daemon::fleet::migration::{
    Call, CallTo, Chunk, FunctionKind, HttpStep, Migration, Script, Statement, Verify, Ways,
};
use cutover_daemon::fleet::settings::{Deploy, Http};
use cutover_shared::fleet::{DriverKind, Way};
use cutover_shared::ids::{RunId, TenantId};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

/// A migration of SQL, cut at semicolons at the ends of lines.
pub fn sql(version: u32, up: &str, down: Option<&str>) -> Migration {
    let id = format!("{version:04}_m{version}");
    Migration {
        version,
        name: format!("m{version}"),
        description: String::new(),
        up: Ways { sql: Some(script(&format!("{id}.up.sql"), up)), http: None },
        down: Ways { sql: down.map(|down| script(&format!("{id}.down.sql"), down)), http: None },
        replaces: None,
        checksum: sum(up),
        id,
    }
}

/// As long as a digest.
fn sum(text: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn script(file: &str, text: &str) -> Script {
    let mut statements = Vec::new();
    let mut at = 0;
    for part in text.split(";\n") {
        let skipped = part.len() - part.trim_start().len();
        let line = text[..at + skipped].matches('\n').count() + 1;
        let body = part.trim().trim_end_matches(';');
        if !body.is_empty() {
            statements.push(Statement { text: body.to_owned(), line: u32::try_from(line).unwrap() });
        }
        at += part.len() + 2;
    }
    Script {
        file: file.to_owned(),
        text: text.to_owned(),
        checksum: sum(text),
        statements,
        transaction: true,
        timeout: None,
        lock_timeout: None,
        chunk: None,
        verify: None,
    }
}

/// Changes the way up.
pub fn with(mut migration: Migration, change: impl FnOnce(&mut Script)) -> Migration {
    change(migration.up.sql.as_mut().unwrap());
    migration
}

pub fn alone(version: u32, up: &str) -> Migration {
    with(sql(version, up, None), |script| script.transaction = false)
}

pub fn chunked(version: u32, up: &str, rows: u32, start: &str) -> Migration {
    with(sql(version, up, None), |script| script.chunk = Some(Chunk { rows, start: start.to_owned() }))
}

/// A migration over HTTP.
pub fn http(version: u32, change: impl FnOnce(&mut HttpStep)) -> Migration {
    let mut step = HttpStep {
        file: format!("{version:04}_m{version}.up.toml"),
        text: String::new(),
        checksum: String::new(),
        deploy: false,
        timeout: None,
        calls: Vec::new(),
        verify: None,
        idempotent: false,
    };
    change(&mut step);
    let mut migration = sql(version, "", None);
    migration.up = Ways { sql: None, http: Some(step) };
    migration
}

pub fn function(kind: FunctionKind, path: &str, paged: bool) -> Call {
    Call { to: CallTo::Function { kind, path: path.to_owned() }, args: serde_json::json!({"size": 2}), paged }
}

pub fn verify(path: &str, expect: serde_json::Value) -> Option<Verify> {
    Some(Verify { call: function(FunctionKind::Query, path, false), expect })
}

pub fn drivers(deploy: Option<Deploy>) -> Drivers {
    let http = Http { deploy, ping: "functions:ping".to_owned() };
    Drivers::new(http, Client::new().unwrap(), Clock::system())
}

pub fn target(url: &str) -> Target {
    Target {
        tenant: TenantId("acme".into()),
        external_user: Some("user_1".into()),
        url: SecretString::from(url.to_owned()),
        key: Some(SecretString::from(cutover_tests::services::DEPLOY_KEY)),
    }
}

pub async fn open(kind: DriverKind, url: &str) -> Box<dyn Session> {
    drivers(None).open(kind, &target(url), Purpose::Migrate).await.unwrap()
}

pub async fn look(kind: DriverKind, url: &str) -> Box<dyn Session> {
    drivers(None).open(kind, &target(url), Purpose::Look).await.unwrap()
}

/// What steps are asked with.
pub struct Asks {
    pub tenant: TenantId,
    pub run: RunId,
    pub stop: CancellationToken,
    pub faults: Faults,
    pub timeout: Duration,
    pub lock_timeout: Duration,
}

impl Default for Asks {
    fn default() -> Self {
        Self {
            tenant: TenantId("acme".into()),
            run: RunId("run-1".into()),
            stop: CancellationToken::new(),
            faults: Faults::none(),
            timeout: Duration::from_secs(20),
            lock_timeout: Duration::from_millis(300),
        }
    }
}

impl Asks {
    /// Stops when this point is passed for the `nth` time.
    pub fn stopping(point: &'static str, nth: usize) -> Self {
        let stop = CancellationToken::new();
        let (passed, told) = (Arc::new(std::sync::atomic::AtomicUsize::new(1)), stop.clone());
        let faults = Faults::with(Arc::new(move |name| {
            if name == point && passed.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == nth {
                told.cancel();
            }
            Box::pin(std::future::ready(()))
        }));
        Self { stop, faults, ..Self::default() }
    }

    pub fn of<'a>(&'a self, migration: &'a Migration, way: Way, kind: DriverKind) -> StepAsk<'a> {
        StepAsk {
            tenant: &self.tenant,
            external_user: Some("user_1"),
            run: &self.run,
            migration,
            step: migration.step(way, kind).unwrap(),
            way,
            timeout: self.timeout,
            lock_timeout: self.lock_timeout,
            stop: &self.stop,
            faults: &self.faults,
        }
    }

    pub async fn up(
        &self,
        session: &mut Box<dyn Session>,
        kind: DriverKind,
        migration: &Migration,
    ) -> Result<StepEnd, StepError> {
        session.step(&self.of(migration, Way::Up, kind)).await
    }

    pub async fn all(
        &self,
        session: &mut Box<dyn Session>,
        kind: DriverKind,
        way: Way,
        migrations: &[Migration],
    ) -> Vec<Result<StepEnd, StepError>> {
        let asks: Vec<_> = migrations.iter().map(|migration| self.of(migration, way, kind)).collect();
        session.steps(&asks).await
    }
}

/// Versions that are there whole.
pub fn versions(session: &dyn Session) -> Vec<u32> {
    session.ledger().rows.values().filter(|row| row.part.is_none()).map(|row| row.version).collect()
}

/// Five that make a table each, with a way back.
pub fn five() -> Vec<Migration> {
    (1..=5)
        .map(|n| {
            let up = format!("CREATE TABLE t{n} (id bigint PRIMARY KEY, name text NOT NULL);\nCREATE INDEX t{n}_name ON t{n} (name);\n");
            sql(n, &up, Some(&format!("DROP TABLE t{n};\n")))
        })
        .collect()
}
