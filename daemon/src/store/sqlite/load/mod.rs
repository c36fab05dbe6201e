//! Reading, one file an area.

pub(super) mod audit;
pub(super) mod catalog;
mod downstream;
#[cfg(test)]
mod filled;
pub(super) mod fleet;
pub(super) mod inbox;
mod index;
mod installed;
mod integration;
pub(super) mod lock;
mod mapping;
mod mirror;
mod mismatch;
pub(super) mod outbox;
mod rescore;
mod rollout;
mod rollout_metrics;
mod rollout_time;
pub(super) mod run;
mod sandbox_record;
mod second;
mod setting;

use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, SqlStr, Sqlite};

use crate::store::ReadError;

pub(super) type Read<T> = Result<T, ReadError>;

/// Names what was stored and can't be read.
pub(super) fn corrupt(what: &'static str, cause: impl std::fmt::Display) -> ReadError {
    ReadError::Corrupt { what, cause: cause.to_string() }
}

/// A count as the database gives it; a negative one can only be corruption, shown as 0.
pub(super) fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// A list as the JSON array that `json_each` takes apart.
pub(super) fn array<T: serde::Serialize>(rows: &[T]) -> Read<String> {
    serde_json::to_string(rows).map_err(|error| corrupt("list", error))
}

/// A small count as the database gives it, held within its bounds.
fn small(row: &SqliteRow, column: &str) -> Result<u32, sqlx::Error> {
    row.try_get::<i64, _>(column).map(|n| u32::try_from(n.max(0)).unwrap_or(u32::MAX))
}

/// Heads of up to `$2` queues after `$1`, by queue: from each queue's head straight to the next queue's, however many wait in
/// between.
fn heads(table: &'static str) -> SqlStr {
    QueryBuilder::<Sqlite>::new(format!(
        "WITH RECURSIVE head (queue, seq, due_at) AS (
           SELECT queue, seq, due_at FROM {table}
            WHERE seq = (SELECT seq FROM {table} INDEXED BY {table}_waiting
                          WHERE state = 'waiting' AND queue > $1 ORDER BY queue, seq LIMIT 1)
           UNION ALL
           SELECT next.queue, next.seq, next.due_at FROM head CROSS JOIN {table} AS next
            WHERE next.seq = (SELECT seq FROM {table} INDEXED BY {table}_waiting
                               WHERE state = 'waiting' AND queue > head.queue ORDER BY queue, seq LIMIT 1)
           LIMIT $2)
         SELECT queue, seq, due_at FROM head ORDER BY queue"
    ))
    .into_sql()
}
