//! Each typed operation as SQL. Rows travel as one JSON array, so that 256 rows are one statement.

mod audit;
mod catalog;
mod downstream;
mod fleet;
mod inbox;
mod index;
mod index_event;
mod index_sweep;
mod integration;
mod lock;
mod mapping;
mod mirror;
mod mismatch;
mod outbox;
mod rescore;
mod rollout;
mod rollout_metrics;
mod rollout_time;
mod run;
mod sandbox_record;
mod second;
mod setting;

use serde::Serialize;
use sqlx::sqlite::SqliteConnection;

pub(super) use self::audit::Chain;
pub(super) use self::inbox::receive;
use super::body::Packed;
use crate::store::{Op, WriteError};

type Done = Result<(), WriteError>;

/// Runs one operation inside the current savepoint. `packed` is the body of a delivery that it takes.
pub(super) async fn op(
    connection: &mut SqliteConnection,
    chain: &mut Chain,
    op: &Op,
    packed: Option<&Packed>,
) -> Done {
    match op {
        Op::Run(op) => run::op(connection, op).await,
        Op::Catalog(op) => catalog::op(connection, op).await,
        Op::Downstream(op) => downstream::op(connection, op).await,
        Op::Mapping(op) => mapping::op(connection, op).await,
        Op::Mirror(op) => mirror::op(connection, op).await,
        Op::Mismatch(op) => mismatch::op(connection, op).await,
        Op::Fleet(op) => fleet::op(connection, op).await,
        Op::Inbox(op) => inbox::op(connection, op, packed).await,
        Op::Integration(op) => integration::op(connection, op).await,
        Op::Lock(op) => lock::op(connection, op).await,
        Op::Outbox(op) => outbox::op(connection, op).await,
        Op::Index(op) => index::op(connection, op).await,
        Op::Probe(op) => mapping::probe(connection, op).await,
        Op::Rescore(op) => rescore::op(connection, op).await,
        Op::Rollout(op) => rollout::op(connection, op).await,
        Op::Ring(op) => rollout_time::ring(connection, op).await,
        Op::RolloutMetric(op) => rollout_metrics::op(connection, op).await,
        Op::Sandbox(op) => sandbox_record::op(connection, op).await,
        Op::Second(op) => second::op(connection, op).await,
        Op::Setting(op) => setting::op(connection, op).await,
        Op::Act(op) => setting::act(connection, op).await,
        Op::Audit(draft) => chain.append(connection, draft).await,
    }
}

/// Rows as the JSON array that `json_each` takes apart; `jsonb_each` where a row has many columns, because the former makes the row's text
/// anew for each of them.
fn rows<T: Serialize>(rows: &[T]) -> Result<String, WriteError> {
    serde_json::to_string(rows)
        .map_err(|error| WriteError::Unavailable(format!("rows do not serialise: {error}")))
}

/// Turns a database error into the caller's kind of error.
fn failed(what: &'static str) -> impl Fn(sqlx::Error) -> WriteError {
    move |error| match &error {
        sqlx::Error::Database(database) if database.is_unique_violation() => WriteError::Conflict { what },
        _ => WriteError::Unavailable(error.to_string()),
    }
}

/// Demands that as many rows were met as were expected.
fn expect_rows(what: &'static str, expected: usize, met: u64) -> Done {
    if usize::try_from(met).is_ok_and(|met| met == expected) {
        return Ok(());
    }
    Err(WriteError::Precondition { what, found: format!("{met} of {expected} rows as expected") })
}
