//! One message and its answer. All goes by the simple protocol: any number of statements in one round trip, none of them kept.

use std::time::Duration;

use futures::StreamExt as _;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection as _, Either, Row as _, ValueRef as _};

use super::super::super::driver::StepError;
use super::error::{failed, is_over};
use crate::clock::Clock;
use crate::sql_name::Sql;
use cutover_shared::fleet::ErrorClass;

/// Beyond what the server's own time-outs allow: after that it has left us.
const SILENCE: Duration = Duration::from_secs(30);

/// A connection, until it breaks.
pub(super) struct Wire {
    connection: Option<PgConnection>,
    clock: Clock,
}

/// Why a message did not get through to its end.
pub(super) struct Broken {
    /// Statements of it that were done.
    pub(super) done: usize,
    /// None: nothing was heard any more.
    pub(super) error: Option<sqlx::Error>,
}

impl Broken {
    /// Whether the connection is gone, and with it the knowledge of how the message ended.
    pub(super) fn is_lost(&self) -> bool {
        self.error.as_ref().is_none_or(is_over)
    }

    /// What it means where no migration's text is concerned.
    pub(super) fn plain(&self) -> StepError {
        match &self.error {
            Some(error) => failed(error, None),
            None => silent(),
        }
    }
}

/// Nothing was heard.
pub(super) fn silent() -> StepError {
    StepError::new(ErrorClass::Connection, "the connection broke: the server does not answer any more")
}

impl Wire {
    pub(super) fn new(connection: PgConnection, clock: Clock) -> Self {
        Self { connection: Some(connection), clock }
    }

    /// For the rows of the ledger, epoch milliseconds.
    pub(super) fn now(&self) -> i64 {
        self.clock.now()
    }

    /// Sends statements and hands over each row, with how many statements were done before it. How many were done in the end.
    /// `patience`: what the server may take by its own time-outs.
    pub(super) async fn say(
        &mut self,
        sql: Sql,
        patience: Duration,
        mut take: impl FnMut(usize, &PgRow) + Send,
    ) -> Result<usize, Broken> {
        let mut done = 0;
        let Some(mut connection) = self.connection.take() else { return Err(Broken { done, error: None }) };
        let statement = sql.statement();
        let talk = async {
            let mut answers = sqlx::raw_sql(statement.safe()).fetch_many(&mut connection);
            while let Some(answer) = answers.next().await {
                match answer? {
                    Either::Left(_) => done += 1,
                    Either::Right(row) => take(done, &row),
                }
            }
            Ok(())
        };
        let ended = self.clock.timeout(patience.saturating_add(SILENCE), talk).await;
        let error = match ended {
            Ok(Ok(())) => {
                self.connection = Some(connection);
                return Ok(done);
            }
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        let broken = Broken { done, error };
        if !broken.is_lost() {
            self.connection = Some(connection);
        }
        Err(broken)
    }

    /// Takes leave of the server.
    pub(super) async fn close(self) {
        if let Some(connection) = self.connection {
            // It is going either way; a server that is gone needs no farewell.
            let _ = self.clock.timeout(SILENCE, connection.close()).await;
        }
    }
}

/// A column as the simple protocol gives it: text, or nothing.
pub(super) fn text(row: &PgRow, column: usize) -> Option<String> {
    let value = row.try_get_raw(column).ok()?;
    if value.is_null() {
        return None;
    }
    value.as_str().ok().map(str::to_owned)
}
