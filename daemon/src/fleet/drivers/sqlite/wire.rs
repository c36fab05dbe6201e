//! Statements to SQLite, and what its errors mean.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cutover_shared::fleet::ErrorClass;
use cutover_shared::redact::redact;
use futures::StreamExt as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Connection as _, Either, Row as _};

use super::super::super::driver::StepError;
use super::super::super::migration::Script;
use super::super::script::line_of;
use crate::clock::Clock;
use crate::sql_name::Sql;

/// Steps of SQLite's machine between two looks at the clock: well below a millisecond.
const STEPS: i32 = 5_000;

/// The longest message that is passed on, in characters.
const MOST: usize = 400;

/// No end is set.
const NEVER: u64 = u64::MAX;

pub(super) struct Wire {
    connection: SqliteConnection,
    clock: Clock,
    /// When it is enough, in milliseconds of the monotonic clock.
    end: Arc<AtomicU64>,
}

/// Why statements did not get to their end.
pub(super) struct Broken {
    /// Statements that were done.
    pub(super) done: usize,
    pub(super) error: sqlx::Error,
}

impl Wire {
    pub(super) async fn new(mut connection: SqliteConnection, clock: Clock) -> Result<Self, StepError> {
        let end = Arc::new(AtomicU64::new(NEVER));
        let (seen, watch) = (end.clone(), clock.clone());
        connection.lock_handle().await.map_err(|error| failed(&error, None))?.set_progress_handler(
            STEPS,
            move || {
                let end = seen.load(Ordering::Relaxed);
                end == NEVER || milliseconds(watch.monotonic()) < end
            },
        );
        Ok(Self { connection, clock, end })
    }

    /// Epoch milliseconds.
    pub(super) fn now(&self) -> i64 {
        self.clock.now()
    }

    /// Runs statements and hands over each row, with how many statements were done before it. How many were done in the end.
    pub(super) async fn say(
        &mut self,
        sql: Sql,
        patience: Duration,
        mut take: impl FnMut(usize, &SqliteRow) + Send,
    ) -> Result<usize, Broken> {
        let statement = sql.statement();
        let mut done = 0;
        let end = milliseconds(self.clock.monotonic().saturating_add(patience));
        self.end.store(end, Ordering::Relaxed);
        let mut answers = sqlx::raw_sql(statement.safe()).fetch_many(&mut self.connection);
        let ended = loop {
            match answers.next().await {
                Some(Ok(Either::Left(_))) => done += 1,
                Some(Ok(Either::Right(row))) => take(done, &row),
                Some(Err(error)) => break Err(Broken { done, error }),
                None => break Ok(done),
            }
        };
        drop(answers);
        self.end.store(NEVER, Ordering::Relaxed);
        ended
    }

    /// Runs what has no answer of interest.
    pub(super) async fn run(&mut self, sql: Sql, patience: Duration) -> Result<(), StepError> {
        self.say(sql, patience, |_, _| {}).await.map(|_| ()).map_err(|broken| failed(&broken.error, None))
    }

    pub(super) async fn close(self) {
        // Nothing is open that could be lost.
        let _ = self.connection.close().await;
    }
}

fn milliseconds(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(NEVER - 1)
}

/// A column as text, or nothing.
pub(super) fn text(row: &SqliteRow, column: usize) -> Option<String> {
    row.try_get_unchecked(column).ok().flatten()
}

/// The place of a statement of a script, from 0.
pub(super) fn place(script: &Script, statement: Option<usize>) -> String {
    match statement.and_then(|statement| line_of(script, statement)) {
        Some(line) => format!("{}:{line}", script.file),
        None => script.file.clone(),
    }
}

/// SQLite's number of an error; the lower byte is its kind.
pub(super) fn number(error: &sqlx::Error) -> Option<u32> {
    match error {
        sqlx::Error::Database(error) => error.code()?.parse().ok(),
        _ => None,
    }
}

/// What an error means. The rule of what is a schema mismatch is PostgreSQL's.
pub(super) fn failed(error: &sqlx::Error, place: Option<&str>) -> StepError {
    let place = place.map(|place| format!("{place}: ")).unwrap_or_default();
    let Some(number) = number(error) else {
        return StepError::new(ErrorClass::Connection, "SQLite can't be used: its thread is gone");
    };
    let message = match error {
        sqlx::Error::Database(error) => redact(error.message()).chars().take(MOST).collect(),
        _ => String::new(),
    };
    let class = match number & 0xff {
        // BUSY, LOCKED, INTERRUPT
        5 | 6 | 9 => ErrorClass::TimeOut,
        // PERM, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, AUTH, NOTADB
        3 | 8 | 10 | 11 | 13 | 14 | 15 | 23 | 26 => ErrorClass::Connection,
        1 if is_mismatch(&message) => ErrorClass::SchemaMismatch,
        _ => ErrorClass::MigrationBug,
    };
    let message = if number & 0xff == 9 { "it took longer than it may".to_owned() } else { message };
    let error = StepError::new(class, format!("{place}{message} ({number})")).coded(number.to_string());
    StepError { is_lock: matches!(number & 0xff, 5 | 6), ..error }
}

fn is_mismatch(message: &str) -> bool {
    let kinds =
        ["no such table", "no such column", "no such index", "duplicate column name", "has no column named"];
    kinds.iter().any(|kind| message.contains(kind)) || message.ends_with("already exists")
}
