//! Operations on what rollouts measured.

use cutover_shared::rollout::{Operation, RolloutName, Side};
use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use super::{Done, failed};
use crate::store::{MetricRow, RolloutMetricOp, TenantDay, Wholeness, WriteError};

const WHAT: &str = "the rollout's figures";

pub(super) async fn op(connection: &mut SqliteConnection, op: &RolloutMetricOp) -> Done {
    match op {
        RolloutMetricOp::Begin { writer, at, window_ms } => begin(connection, *writer, *at, *window_ms).await,
        RolloutMetricOp::Alive { writer, at, stopped } => {
            query(
                "INSERT INTO rollout_flushes (writer, seen_at, stopped) VALUES ($1, $2, $3)
                 ON CONFLICT (writer) DO UPDATE SET seen_at = excluded.seen_at, stopped = excluded.stopped",
            )
            .bind(writer)
            .bind(at)
            .bind(i64::from(*stopped))
            .execute(connection)
            .await
            .map_err(failed(WHAT))?;
            Ok(())
        }
        RolloutMetricOp::Windows { rows } => {
            for row in rows {
                put(connection, row).await?;
            }
            Ok(())
        }
        RolloutMetricOp::Tenants { rows } => tenants(connection, rows).await,
        RolloutMetricOp::Compared { operation, at, window_ms, compared, mismatched } => {
            query(
                "INSERT INTO rollout_windows (rollout, start_at, operation, side, source, writer, length_ms, calls, errors, gross,
                                              answered, histogram, compared, mismatched, shed, complete)
                 VALUES ($1, $2, $3, 'target', 'own', 0, $4, 0, 0, 0, 0, X'01', $5, $6, 0, 1)
                 ON CONFLICT (rollout, start_at, operation, side, source, writer)
                 DO UPDATE SET compared = compared + excluded.compared, mismatched = mismatched + excluded.mismatched",
            )
            .bind(operation.rollout().word())
            .bind(window_of(*at, *window_ms))
            .bind(operation.word())
            .bind(window_ms)
            .bind(number(*compared)?)
            .bind(number(*mismatched)?)
            .execute(connection)
            .await
            .map_err(failed(WHAT))?;
            Ok(())
        }
        RolloutMetricOp::Merge { name, from, to, rows } => {
            query("DELETE FROM rollout_windows WHERE rollout = $1 AND start_at >= $2 AND start_at < $3")
                .bind(name.word())
                .bind(from)
                .bind(to)
                .execute(&mut *connection)
                .await
                .map_err(failed(WHAT))?;
            for row in rows {
                put(connection, row).await?;
            }
            Ok(())
        }
        RolloutMetricOp::Issued { start_at, writer, histogram, before } => {
            query(
                "INSERT INTO token_issuance (start_at, writer, histogram) VALUES ($1, $2, $3)
                 ON CONFLICT (start_at, writer) DO UPDATE SET histogram = excluded.histogram",
            )
            .bind(start_at)
            .bind(writer)
            .bind(histogram)
            .execute(&mut *connection)
            .await
            .map_err(failed("what tokens took"))?;
            query("DELETE FROM token_issuance WHERE start_at < $1")
                .bind(before)
                .execute(connection)
                .await
                .map_err(failed("what tokens took"))?;
            Ok(())
        }
        RolloutMetricOp::Forget { before, day } => {
            for name in RolloutName::ALL {
                query("DELETE FROM rollout_windows WHERE rollout = $1 AND start_at < $2")
                    .bind(name.word())
                    .bind(before)
                    .execute(&mut *connection)
                    .await
                    .map_err(failed(WHAT))?;
                query("DELETE FROM rollout_tenants WHERE rollout = $1 AND day < $2")
                    .bind(name.word())
                    .bind(day)
                    .execute(&mut *connection)
                    .await
                    .map_err(failed(WHAT))?;
            }
            Ok(())
        }
    }
}

fn number(n: u64) -> Result<i64, WriteError> {
    i64::try_from(n).map_err(|_| WriteError::Unavailable("a count too great to be stored".into()))
}

fn window_of(at: i64, window_ms: i64) -> i64 {
    at - at.rem_euclid(window_ms.max(1))
}

async fn begin(connection: &mut SqliteConnection, writer: i64, at: i64, window_ms: i64) -> Done {
    let gone: Vec<(i64,)> =
        sqlx::query_as("SELECT seen_at FROM rollout_flushes WHERE stopped = 0 AND writer <> $1")
            .bind(writer)
            .fetch_all(&mut *connection)
            .await
            .map_err(failed(WHAT))?;
    for (seen_at,) in gone {
        let from = window_of(seen_at, window_ms);
        let length = at.saturating_sub(from).max(window_ms);
        for operation in Operation::ALL {
            let mut row = MetricRow::empty(*operation, Side::Legacy, from, length);
            // No row of any process: one that exists must not be replaced.
            (row.writer, row.complete) = (writer.saturating_neg(), Wholeness::Incomplete);
            put(connection, &row).await?;
        }
    }
    for statement in [
        "UPDATE rollout_windows SET complete = 2 WHERE complete = 0 AND writer <> $1",
        "DELETE FROM rollout_flushes WHERE writer <> $1",
    ] {
        query(statement).bind(writer).execute(&mut *connection).await.map_err(failed(WHAT))?;
    }
    query(
        "INSERT INTO rollout_flushes (writer, seen_at, stopped) VALUES ($1, $2, 0) ON CONFLICT (writer) DO NOTHING",
    )
    .bind(writer)
    .bind(at)
    .execute(connection)
    .await
    .map_err(failed(WHAT))?;
    Ok(())
}

async fn put(connection: &mut SqliteConnection, row: &MetricRow) -> Done {
    let p95 = row.p95_us.map(number).transpose()?;
    query(
        "INSERT INTO rollout_windows (rollout, start_at, operation, side, source, writer, length_ms, calls, errors, gross,
                                      answered, histogram, p95_us, compared, mismatched, shed, over_budget, complete)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
         ON CONFLICT (rollout, start_at, operation, side, source, writer)
         DO UPDATE SET length_ms = excluded.length_ms, calls = excluded.calls, errors = excluded.errors,
                       gross = excluded.gross, answered = excluded.answered, histogram = excluded.histogram,
                       p95_us = excluded.p95_us, compared = excluded.compared, mismatched = excluded.mismatched,
                       shed = excluded.shed, over_budget = excluded.over_budget, complete = excluded.complete",
    )
    .bind(row.operation.rollout().word())
    .bind(row.start_at)
    .bind(row.operation.word())
    .bind(row.side.word())
    .bind(row.source.word())
    .bind(row.writer)
    .bind(row.length_ms)
    .bind(number(row.calls)?)
    .bind(number(row.errors)?)
    .bind(number(row.gross)?)
    .bind(number(row.answered)?)
    .bind(&row.histogram)
    .bind(p95)
    .bind(number(row.compared)?)
    .bind(number(row.mismatched)?)
    .bind(number(row.shed)?)
    .bind(number(row.over_budget)?)
    .bind(row.complete.number())
    .execute(connection)
    .await
    .map_err(failed(WHAT))?;
    Ok(())
}

async fn tenants(connection: &mut SqliteConnection, days: &[TenantDay]) -> Done {
    let mut list = Vec::with_capacity(days.len());
    for day in days {
        list.push((
            day.operation.rollout().word(),
            day.day,
            &day.tenant,
            day.operation.word(),
            day.side.word(),
            number(day.calls)?,
            number(day.errors)?,
            number(day.slowest_us)?,
        ));
    }
    query(
        "INSERT INTO rollout_tenants (rollout, day, tenant, operation, side, calls, errors, slowest_us)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7
           FROM json_each($1) WHERE true
         ON CONFLICT (rollout, day, tenant, operation, side)
         DO UPDATE SET calls = calls + excluded.calls, errors = errors + excluded.errors,
                       slowest_us = max(slowest_us, excluded.slowest_us)",
    )
    .bind(super::rows(&list)?)
    .execute(connection)
    .await
    .map_err(failed(WHAT))?;
    Ok(())
}
