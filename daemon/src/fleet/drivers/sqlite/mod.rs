//! Tenants' databases that are SQLite files.
//!
//! **The ledger** is the table `cutover_migrations`, as on PostgreSQL.
//!
//! **Several steps at once** share one transaction with their ledger rows: a file pays for one commit, not for one for each step. The
//! rules of a crash hold: what is committed has its rows, what is not is gone with them, and nothing is answered before the commit.
//! Where a step fails, all of it is taken back, and the steps are run again one by one up to the one that fails.
//!
//! **One daemon.** SQLite has no lock that outlasts a transaction, so a session that migrates locks its byte of a file beside the
//! databases, `.cutover-locks`. Never the database itself: closing it would drop the locks that SQLite holds on it for this process.
//!
//! The journal mode stays as it is, foreign keys are not enforced (SQLite's default: table changes by copying would else delete rows), and
//! a file that is not there is not made. What a script may take is `timeout` for each of its statements; SQLite is asked every few
//! thousand steps of its machine.

mod alone;
mod ledger;
mod lock;
mod schema;
mod session;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use cutover_shared::fleet::ErrorClass;
use secrecy::ExposeSecret as _;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use self::lock::Lock;
use self::session::SqliteSession;
use self::wire::Wire;
use super::super::driver::{Driver, Purpose, Session, StepError, Target};
use super::http::Caller;
use crate::clock::Clock;

/// What a new connection waits for a lock: what a step has where nobody says anything, so that most need not set it.
const WAIT: Duration = Duration::from_secs(2);

/// Opens sessions on SQLite files. Cheap to clone.
#[derive(Clone)]
pub struct SqliteDriver {
    clock: Clock,
    caller: Caller,
}

impl SqliteDriver {
    /// `caller`: for steps that call services.
    pub fn new(clock: Clock, caller: Caller) -> Self {
        Self { clock, caller }
    }
}

#[async_trait]
impl Driver for SqliteDriver {
    async fn open(&self, target: &Target, purpose: Purpose) -> Result<Box<dyn Session>, StepError> {
        let path = target.url.expose_secret();
        let file = path.strip_prefix("sqlite://").or(path.strip_prefix("sqlite:")).unwrap_or(path);
        let lock = match purpose {
            Purpose::Look => None,
            Purpose::Migrate => Some(Lock::take(file.into()).await?),
        };
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(false)
            .foreign_keys(false)
            .busy_timeout(WAIT)
            .statement_cache_capacity(1)
            .disable_statement_logging();
        let connection = options.connect().await.map_err(|error| {
            let error = wire::failed(&error, None);
            StepError { class: ErrorClass::Connection, ..error }
        })?;
        let mut wire = Wire::new(connection, self.clock.clone()).await?;
        let (ledger, has_table) = ledger::read(&mut wire).await?;
        Ok(Box::new(SqliteSession {
            wire,
            lock,
            ledger,
            has_table,
            busy_timeout: i64::try_from(WAIT.as_millis()).ok(),
            target: target.clone(),
            caller: self.caller.clone(),
        }))
    }
}
