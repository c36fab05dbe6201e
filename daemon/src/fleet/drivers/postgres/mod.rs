//! Tenants' databases on PostgreSQL.
//!
//! **The ledger** is `cutover_migrations`, where the search path finds it, else in the search path's first schema:
//! `version bigint PRIMARY KEY, id text, checksum text` (SHA-256 over the ways up), `run_id text, applied_at bigint` (epoch milliseconds of the
//! daemon's clock), and for a step that has no single transaction and is not at its end `part_way text` (`up`, `down`),
//! `part_done bigint` (statements or chunks that are done), `part_cursor text`, `part_begun boolean` (the next statement may have been
//! begun). The first step makes it, in its own transaction. Its texts are bounded (`id` 100, `part_cursor` 240 characters), so that no row can
//! outgrow a page: PostgreSQL then makes no table beside it for long values, which each tenant would pay for.
//!
//! **Round trips.** Opening is one message: the rows of the ledger, and for a change the lock before and the ledger's place after them.
//! A ledger that is not there yet makes the reading statement fail, which says just that; the lock is the session's and outlasts the
//! failure. (The server's log gets one line from it for each first look at a tenant; asking first would cost every other opening a round
//! trip.) A step in a transaction is one message from BEGIN to COMMIT, two with a `verify` query.
//!
//! **Several steps at once** go in one message too, each with its own BEGIN and COMMIT. All commits but the last are told not to wait
//! for the disk, on the way up: the last one's wait covers them, because the log is written in order. Nothing is answered before it.
//! Where a step fails, those before it are made durable by one more commit that waits. A server that crashes on the way loses whole
//! steps with their ledger rows, from the end, and the answer is `is_unclear`, so that the ledger is asked.
//!
//! **One daemon.** A session that migrates holds an advisory lock of the database and its first schema as long as it is connected. Poolers that share a
//! connection between transactions can't keep it: the address must lead to the server itself, or to a pool of sessions.

mod alone;
mod chunk;
mod error;
mod ledger;
mod line;
mod schema;
mod session;
mod together;
mod wire;

use std::str::FromStr as _;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::ExposeSecret as _;
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgDatabaseError};

pub(super) use self::chunk::{not_whole, stands_still};

use self::error::{answer, unreachable};
use self::ledger::{Place, READ, TABLE, row};
use self::session::PostgresSession;
use self::wire::{Wire, text};
use super::super::driver::{Driver, Ledger, Purpose, Session, StepError, Target};
use super::http::Caller;
use crate::clock::Clock;
use crate::sql_name::Sql;
use cutover_shared::fleet::ErrorClass;

/// Whoever migrates holds this lock of the tenant's database: a number that nobody else is likely to use, and one that is made of the
/// schema, so that tenants of one database do not wait for each other.
const LOCK: &str = "1129665871, hashtext(coalesce(current_schema()::text, ''))";

/// The end of a daemon's connection and the end of its lock are a moment apart.
const LOCK_PATIENCE: &str = "250ms";

/// What the server may take to let us read its catalogue and ledger.
pub(super) const LOOK: Duration = Duration::from_secs(30);

/// Opens sessions on PostgreSQL. Cheap to clone.
#[derive(Clone)]
pub struct PostgresDriver {
    clock: Clock,
    caller: Caller,
}

impl PostgresDriver {
    /// `caller`: for steps that call services.
    pub fn new(clock: Clock, caller: Caller) -> Self {
        Self { clock, caller }
    }
}

#[async_trait]
impl Driver for PostgresDriver {
    async fn open(&self, target: &Target, purpose: Purpose) -> Result<Box<dyn Session>, StepError> {
        let options = PgConnectOptions::from_str(target.url.expose_secret())
            // The cause may hold the password.
            .map_err(|_| StepError::new(ErrorClass::Connection, "the address can't be read"))?
            .application_name("cutover")
            .statement_cache_capacity(0)
            .disable_statement_logging();
        let has_own_schemas = options.get_options().is_some_and(|options| options.contains("search_path"));
        let connection = options.connect().await.map_err(|error| unreachable(&error))?;
        let mut wire = Wire::new(connection, self.clock.clone());
        let seen = look(&mut wire, purpose).await?;
        let place = match &seen.schema {
            Some(schema) => Some(Place::new(schema)?),
            None => None,
        };
        Ok(Box::new(PostgresSession {
            wire,
            purpose,
            ledger: seen.ledger,
            begun: seen.begun,
            place,
            has_table: seen.has_table,
            is_marked: false,
            has_own_schemas,
            target: target.clone(),
            caller: self.caller.clone(),
        }))
    }
}

/// What the opening message tells.
#[derive(Default)]
struct Seen {
    schema: Option<String>,
    has_table: bool,
    is_locked: bool,
    ledger: Ledger,
    /// Versions whose next statement may have been begun.
    begun: std::collections::BTreeSet<u32>,
}

/// What comes before the ledger's rows, for a change: the lock, and the schema for what is made. As little as may be: a new connection has
/// to learn each function that is named.
const PLACE: &str = "SELECT pg_try_advisory_lock({}), current_schema();\n";

/// What comes after them: the schema of the ledger that was read, which need not be the first one of the search path.
const ELSEWHERE: &str = "SELECT nspname FROM pg_namespace WHERE oid = \
                         (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('cutover_migrations'));";

async fn look(wire: &mut Wire, purpose: Purpose) -> Result<Seen, StepError> {
    // Statements before the one that reads the ledger.
    let (first, before, last) = match purpose {
        Purpose::Look => (Sql::text(""), 0, ""),
        Purpose::Migrate => (Sql::fill(PLACE, &[&Sql::text(LOCK)]), 1, ELSEWHERE),
    };
    let mut seen = Seen { is_locked: purpose == Purpose::Look, ..Seen::default() };
    let mut unread = false;
    let said = wire.say(first.then(&Sql::text(READ)).then(&Sql::text(last)), LOOK, |done, answer| {
        if done < before {
            seen.is_locked = text(answer, 0).as_deref() == Some("t");
            seen.schema = text(answer, 1);
            return;
        }
        if done > before {
            seen.schema = text(answer, 0);
            return;
        }
        match row(answer) {
            Some((row, begun)) => {
                if begun {
                    seen.begun.insert(row.version);
                }
                seen.ledger.rows.insert(row.version, row);
            }
            None => unread = true,
        }
    });
    match said.await {
        Ok(_) => seen.has_table = true,
        Err(broken) => match broken.error.as_ref().and_then(answer) {
            Some(refused) if broken.done == before && is_missing(refused) => {}
            Some(_) if broken.done == before => return Err(not_ours(&broken.plain().text)),
            _ => return Err(broken.plain()),
        },
    }
    if unread {
        return Err(not_ours("a row of it can't be read"));
    }
    if !seen.is_locked {
        wait_for_lock(wire).await?;
        // What was read may be from before the other one's last step.
        let again = Box::pin(look(wire, Purpose::Migrate)).await?;
        return Ok(again);
    }
    Ok(seen)
}

/// Whether it is the ledger that is not there, and not something that what stands there in its place needs. The server says it in any
/// language, but names the relation.
fn is_missing(refused: &PgDatabaseError) -> bool {
    refused.code() == "42P01" && refused.message().contains(TABLE)
}

fn not_ours(cause: &str) -> StepError {
    StepError::new(
        ErrorClass::SchemaMismatch,
        format!("the ledger `cutover_migrations` is not as we made it: {cause}"),
    )
}

/// Whoever had the lock may have gone just now.
async fn wait_for_lock(wire: &mut Wire) -> Result<(), StepError> {
    let message = Sql::fill(
        "BEGIN; SET LOCAL lock_timeout = '{}'; SELECT pg_advisory_lock({}); COMMIT;",
        &[&Sql::text(LOCK_PATIENCE), &Sql::text(LOCK)],
    );
    let Err(broken) = wire.say(message, LOOK, |_, _| {}).await else { return Ok(()) };
    let is_held = broken.error.as_ref().and_then(answer).is_some_and(|answer| answer.code() == "55P03");
    Err(if is_held { StepError::taken() } else { broken.plain() })
}
