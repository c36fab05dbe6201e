//! Operations on runs and their items.

use std::collections::BTreeMap;

use cutover_shared::ids::RunId;
use cutover_shared::run::{ItemState, RunState};
use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use super::{Done, expect_rows, failed, rows};
use crate::store::{ItemChange, NewItem, NewRun, RunOp, RunPatch, WriteError};

const WHAT: &str = "the run";

pub(super) async fn op(connection: &mut SqliteConnection, op: &RunOp) -> Done {
    match op {
        RunOp::AddItems { run, rows } => add_items(connection, run, rows).await,
        RunOp::Create(run) => create(connection, run).await,
        RunOp::Expect { run, states } => expect(connection, run, states).await,
        RunOp::Move { run, from, to, patch } => advance(connection, run, from, *to, patch).await,
        RunOp::Lease { run, holder, until } => {
            let done = query("UPDATE runs SET lease_holder = $2, lease_until = $3 WHERE id = $1")
                .bind(run.as_str())
                .bind(holder)
                .bind(until)
                .execute(connection)
                .await
                .map_err(failed(WHAT))?;
            expect_rows(WHAT, 1, done.rows_affected())
        }
        RunOp::Items { run, at, rows } => change_items(connection, run, *at, rows).await,
        RunOp::DropOrphans => {
            query("DELETE FROM run_items WHERE run_id NOT IN (SELECT id FROM runs)")
                .execute(connection)
                .await
                .map_err(failed(WHAT))?;
            Ok(())
        }
        RunOp::Expire { now } => {
            query("UPDATE runs SET state = 'expired', ended_at = $1 WHERE state = 'planned' AND expires_at <= $1")
                .bind(now)
                .execute(connection)
                .await
                .map_err(failed(WHAT))?;
            Ok(())
        }
        RunOp::PauseAll { reason } => {
            query("UPDATE runs SET state = 'pausing', reason = $1 WHERE state IN ('applying', 'undoing', 'verifying')")
                .bind(reason)
                .execute(connection)
                .await
                .map_err(failed(WHAT))?;
            Ok(())
        }
    }
}

async fn add_items(connection: &mut SqliteConnection, run: &RunId, items: &[NewItem]) -> Done {
    query(
        "INSERT INTO run_items (run_id, ord, key, state, body, updated_at)
         SELECT $2, value->>'$.ord', value->>'$.key', 'pending', value->>'$.body', 0 FROM json_each($1)",
    )
    .bind(rows(items)?)
    .bind(run.as_str())
    .execute(connection)
    .await
    .map_err(failed("the item"))?;
    Ok(())
}

async fn create(connection: &mut SqliteConnection, run: &NewRun) -> Done {
    query(
        "INSERT INTO runs (id, kind, scope, state, direction, digest, basis, effect, reversibility, author,
                           planned_at, expires_at, summary)
         VALUES ($1, $2, $3, 'planned', 'apply', $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(run.id.as_str())
    .bind(&run.kind)
    .bind(&run.scope)
    .bind(&run.digest)
    .bind(&run.basis)
    .bind(&run.effect)
    .bind(&run.reversibility)
    .bind(&run.author)
    .bind(run.planned_at)
    .bind(run.expires_at)
    .bind(&run.summary)
    .execute(&mut *connection)
    .await
    .map_err(failed(WHAT))?;
    query(
        "INSERT INTO run_counts (run_id, state, n)
         SELECT run_id, state, count(*) FROM run_items WHERE run_id = $1 GROUP BY run_id, state",
    )
    .bind(run.id.as_str())
    .execute(connection)
    .await
    .map_err(failed(WHAT))?;
    Ok(())
}

fn words(states: &[RunState]) -> Result<String, WriteError> {
    rows(&states.iter().map(|state| state.word()).collect::<Vec<_>>())
}

async fn expect(connection: &mut SqliteConnection, run: &RunId, states: &[RunState]) -> Done {
    let found: Option<String> = sqlx::query_scalar("SELECT state FROM runs WHERE id = $1")
        .bind(run.as_str())
        .fetch_optional(connection)
        .await
        .map_err(failed(WHAT))?;
    match found {
        Some(word) if states.iter().any(|state| state.word() == word) => Ok(()),
        Some(word) => Err(WriteError::Precondition { what: WHAT, found: word }),
        None => Err(WriteError::Precondition { what: WHAT, found: "not there".to_owned() }),
    }
}

async fn advance(
    connection: &mut SqliteConnection,
    run: &RunId,
    from: &[RunState],
    to: RunState,
    patch: &RunPatch,
) -> Done {
    let done = query(
        "UPDATE runs SET state = $3,
                approved_by = coalesce($4, approved_by), approved_at = coalesce($5, approved_at),
                started_at = coalesce(started_at, $6), ended_at = $7,
                rate = CASE WHEN $8 THEN $9 ELSE rate END,
                reason = CASE WHEN $10 THEN $11 ELSE reason END,
                direction = coalesce($12, direction),
                undo_started_at = coalesce(undo_started_at, $13), resumed_at = coalesce($14, resumed_at)
          WHERE id = $1 AND state IN (SELECT value FROM json_each($2))",
    )
    .bind(run.as_str())
    .bind(words(from)?)
    .bind(to.word())
    .bind(patch.approved.as_ref().map(|(by, _)| by))
    .bind(patch.approved.as_ref().map(|(_, at)| *at))
    .bind(patch.started_at)
    .bind(patch.ended_at)
    .bind(patch.rate.is_some())
    .bind(patch.rate.flatten().map(i64::from))
    .bind(patch.reason.is_some())
    .bind(patch.reason.clone().flatten())
    .bind(patch.direction)
    .bind(patch.undo_started_at)
    .bind(patch.resumed_at)
    .execute(&mut *connection)
    .await
    .map_err(failed("a live run of this kind and scope"))?;
    if done.rows_affected() == 1 {
        return Ok(());
    }
    expect(connection, run, from).await?;
    expect_rows(WHAT, 1, done.rows_affected())
}

async fn change_items(
    connection: &mut SqliteConnection,
    run: &RunId,
    at: i64,
    changes: &[ItemChange],
) -> Done {
    if changes.is_empty() {
        return Ok(());
    }
    let array: Vec<_> = changes
        .iter()
        .map(|change| {
            (
                change.ord,
                change.from.word(),
                change.to.word(),
                change.before.as_deref(),
                change.reason.as_deref(),
            )
        })
        .collect();
    let done = query(
        // Materialised with the run's id in it, so that the loop goes over the changes and finds each item by its whole
        // key; else every item of the run would be held against every change.
        "WITH change AS MATERIALIZED
              (SELECT $2 AS run_id, value->>0 AS ord, value->>1 AS from_state, value->>2 AS into_state,
                      value->>3 AS before, value->>4 AS reason
                 FROM json_each($1))
         UPDATE run_items
            SET state = change.into_state, before = coalesce(change.before, run_items.before), reason = change.reason,
                attempts = attempts + (change.from_state = 'pending'), updated_at = $3
           FROM change
          WHERE run_items.run_id = change.run_id AND run_items.ord = change.ord
            AND run_items.state = change.from_state",
    )
    .bind(rows(&array)?)
    .bind(run.as_str())
    .bind(at)
    .execute(&mut *connection)
    .await
    .map_err(failed("the item"))?;
    expect_rows("the state of an item", changes.len(), done.rows_affected())?;
    let mut moved: BTreeMap<ItemState, i64> = BTreeMap::new();
    for change in changes {
        *moved.entry(change.from).or_default() -= 1;
        *moved.entry(change.to).or_default() += 1;
    }
    count(connection, run, &moved).await
}

async fn count(connection: &mut SqliteConnection, run: &RunId, moved: &BTreeMap<ItemState, i64>) -> Done {
    let array: Vec<_> = moved.iter().filter(|(_, n)| **n != 0).map(|(state, n)| (state.word(), n)).collect();
    query(
        "INSERT INTO run_counts (run_id, state, n)
         SELECT $2, value->>0, value->>1 FROM json_each($1) WHERE true
         ON CONFLICT (run_id, state) DO UPDATE SET n = run_counts.n + excluded.n",
    )
    .bind(rows(&array)?)
    .bind(run.as_str())
    .execute(connection)
    .await
    .map_err(failed("the counts"))?;
    Ok(())
}
