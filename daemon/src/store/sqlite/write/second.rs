//! Operations on the books of both arms and on what is owed.

use serde::Serialize;
use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use super::{Done, expect_rows, failed, rows};
use crate::store::{ArmRecord, NewSecond, RecordKey, SecondOp, UNIT_ROWS, WriteError};

const WHAT: &str = "the second write";
const RECORD: &str = "the arm's record";

pub(super) async fn op(connection: &mut SqliteConnection, op: &SecondOp) -> Done {
    match op {
        SecondOp::Intend(write) => put(connection, write, "intent", None).await,
        SecondOp::Answered { write, record, owe } => answered(connection, write, record, *owe).await,
        SecondOp::Withdraw { id } => {
            query("DELETE FROM second_writes WHERE id = $1 AND state = 'intent'")
                .bind(id)
                .execute(connection)
                .await
                .map_err(failed(WHAT))?;
            Ok(())
        }
        SecondOp::Done { seq, at, record } => {
            let done = query(
                "UPDATE second_writes SET state = 'done', ended_at = $2, attempts = attempts + 1, note = NULL
                  WHERE seq = $1 AND state = 'pending'",
            )
            .bind(seq)
            .bind(at)
            .execute(&mut *connection)
            .await
            .map_err(failed(WHAT))?;
            expect_rows(WHAT, 1, done.rows_affected())?;
            put_record(connection, record).await
        }
        SecondOp::Retry { seq, attempts, due_at, note } => {
            let delayed = query(
                "UPDATE second_writes SET attempts = $2, due_at = $3, note = $4
                  WHERE seq = $1 AND state = 'pending'",
            )
            .bind(seq)
            .bind(attempts)
            .bind(due_at)
            .bind(note)
            .execute(connection)
            .await
            .map_err(failed(WHAT))?;
            expect_rows(WHAT, 1, delayed.rows_affected())
        }
        SecondOp::Failed { seq, attempts, note } => {
            let given_up = query(
                "UPDATE second_writes SET state = 'failed', attempts = $2, due_at = 0, note = $3
                  WHERE seq = $1 AND state = 'pending'",
            )
            .bind(seq)
            .bind(attempts)
            .bind(note)
            .execute(connection)
            .await
            .map_err(failed(WHAT))?;
            expect_rows(WHAT, 1, given_up.rows_affected())
        }
        SecondOp::Again { seqs, at } => {
            query(
                "UPDATE second_writes SET state = 'pending', attempts = 0, due_at = 0, created_at = $2
                  WHERE seq IN (SELECT value FROM json_each($1)) AND state = 'failed'",
            )
            .bind(rows(seqs)?)
            .bind(at)
            .execute(connection)
            .await
            .map_err(failed(WHAT))?;
            Ok(())
        }
        SecondOp::Drop { seq, at, note } => give_up(connection, *seq, *at, note).await,
        SecondOp::Owe { rollout, rows: of, version, at, most } => {
            let version = number(*version)?;
            owe(connection, rollout.word(), of, (version, *at, i64::from(*most))).await
        }
        SecondOp::Forget { ended, agreed } => forget(connection, *ended, *agreed).await,
    }
}

fn number(version: u64) -> Result<i64, WriteError> {
    i64::try_from(version).map_err(|_| WriteError::Unavailable("a version too great".into()))
}

/// Adds a write, or moves its intent on.
async fn put(
    connection: &mut SqliteConnection,
    write: &NewSecond,
    state: &str,
    ended_at: Option<i64>,
) -> Done {
    query(
        "INSERT INTO second_writes
            (id, rollout, operation, tenant, key, side, version, body, created_at, state, ended_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (id) DO UPDATE SET key = excluded.key, body = excluded.body, state = excluded.state,
            ended_at = excluded.ended_at WHERE second_writes.state = 'intent'",
    )
    .bind(&write.id)
    .bind(write.of.operation.rollout().word())
    .bind(write.of.operation.word())
    .bind(&write.of.tenant.0)
    .bind(&write.of.key)
    .bind(write.side.word())
    .bind(number(write.version)?)
    .bind(&write.body)
    .bind(write.at)
    .bind(state)
    .bind(ended_at)
    .execute(connection)
    .await
    .map_err(failed(WHAT))?;
    Ok(())
}

async fn put_record(connection: &mut SqliteConnection, record: &ArmRecord) -> Done {
    query(
        "INSERT INTO arm_records (rollout, side, operation, tenant, key, digest, answered, body, at, owed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0)
         ON CONFLICT DO UPDATE SET digest = excluded.digest, answered = excluded.answered,
            body = excluded.body, at = excluded.at, owed = 0",
    )
    .bind(record.of.operation.rollout().word())
    .bind(record.side.word())
    .bind(record.of.operation.word())
    .bind(&record.of.tenant.0)
    .bind(&record.of.key)
    .bind(&record.digest)
    .bind(i64::from(record.answered))
    .bind(&record.body)
    .bind(record.at)
    .execute(connection)
    .await
    .map_err(failed(RECORD))?;
    Ok(())
}

async fn answered(
    connection: &mut SqliteConnection,
    write: &NewSecond,
    record: &ArmRecord,
    owe: bool,
) -> Done {
    put_record(connection, record).await?;
    let superseded = query(
        "UPDATE second_writes SET state = 'superseded', ended_at = $5
          WHERE rollout = $1 AND operation = $2 AND tenant = $3 AND key = $4 AND ended_at IS NULL
            AND state IN ('pending', 'failed') AND id <> $6",
    )
    .bind(write.of.operation.rollout().word())
    .bind(write.of.operation.word())
    .bind(&write.of.tenant.0)
    .bind(&write.of.key)
    .bind(record.at)
    .bind(&write.id)
    .execute(&mut *connection)
    .await
    .map_err(failed(WHAT))?;
    let same: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM arm_records WHERE rollout = $1 AND side = $2 AND operation = $3
            AND tenant = $4 AND key = $5 AND digest = $6)",
    )
    .bind(write.of.operation.rollout().word())
    .bind(write.side.word())
    .bind(write.of.operation.word())
    .bind(&write.of.tenant.0)
    .bind(&write.of.key)
    .bind(&record.digest)
    .fetch_one(&mut *connection)
    .await
    .map_err(failed(RECORD))?;
    // What was owed until now may be under way: the other arm is further than its book then.
    match (same && superseded.rows_affected() == 0, owe) {
        (true, _) => put(connection, write, "done", Some(record.at)).await,
        (false, true) => put(connection, write, "pending", None).await,
        // The record stays, so that a reconciliation finds what is missing as soon as there is room.
        (false, false) => put(connection, write, "superseded", Some(record.at)).await,
    }
}

async fn give_up(connection: &mut SqliteConnection, seq: i64, at: i64, note: &str) -> Done {
    let dropped: Option<(String, String, String, String, String)> = sqlx::query_as(
        "UPDATE second_writes SET state = 'dropped', ended_at = $2, note = $3
          WHERE seq = $1 AND state IN ('pending', 'failed')
         RETURNING rollout, side, operation, tenant, key",
    )
    .bind(seq)
    .bind(at)
    .bind(note)
    .fetch_optional(&mut *connection)
    .await
    .map_err(failed(WHAT))?;
    let Some((rollout, side, operation, tenant, key)) = dropped else {
        return Err(WriteError::Precondition { what: WHAT, found: "none that waits or failed".to_owned() });
    };
    query(
        "DELETE FROM arm_records WHERE rollout = $1 AND side <> $2 AND operation = $3 AND tenant = $4 AND key = $5",
    )
    .bind(rollout)
    .bind(side)
    .bind(operation)
    .bind(tenant)
    .bind(key)
    .execute(connection)
    .await
    .map_err(failed(RECORD))?;
    Ok(())
}

/// A key as SQL takes it.
#[derive(Serialize)]
struct Wanted<'a> {
    side: &'static str,
    operation: &'static str,
    tenant: &'a str,
    key: &'a str,
}

async fn owe(
    connection: &mut SqliteConnection,
    rollout: &str,
    of: &[(cutover_shared::rollout::Side, RecordKey)],
    (version, at, most): (i64, i64, i64),
) -> Done {
    let wanted: Vec<_> = of
        .iter()
        .map(|(side, of)| Wanted {
            side: side.word(),
            operation: of.operation.word(),
            tenant: &of.tenant.0,
            key: &of.key,
        })
        .collect();
    let wanted = rows(&wanted)?;
    query(
        "INSERT INTO second_writes
            (id, rollout, operation, tenant, key, side, version, body, created_at, state)
         SELECT lower(hex(randomblob(16))), a.rollout, a.operation, a.tenant, a.key,
                CASE a.side WHEN 'legacy' THEN 'target' ELSE 'legacy' END, $3, a.body, $4, 'pending'
           FROM json_each($1) AS want CROSS JOIN arm_records AS a
             ON a.rollout = $2 AND a.side = want.value->>'$.side' AND a.operation = want.value->>'$.operation'
            AND a.tenant = want.value->>'$.tenant' AND a.key = want.value->>'$.key'
          WHERE a.answered = 1 AND a.owed < $5
            AND NOT EXISTS (SELECT 1 FROM second_writes AS w WHERE w.rollout = a.rollout
                AND w.operation = a.operation AND w.tenant = a.tenant AND w.key = a.key AND w.ended_at IS NULL)
            AND NOT EXISTS (SELECT 1 FROM arm_records AS b WHERE b.rollout = a.rollout AND b.side <> a.side
                AND b.operation = a.operation AND b.tenant = a.tenant AND b.key = a.key AND b.digest = a.digest)",
    )
    .bind(&wanted)
    .bind(rollout)
    .bind(version)
    .bind(at)
    .bind(most)
    .execute(&mut *connection)
    .await
    .map_err(failed(WHAT))?;
    query(
        "UPDATE arm_records SET owed = owed + 1
          WHERE rollout = $2 AND (side, operation, tenant, key) IN
            (SELECT value->>'$.side', value->>'$.operation', value->>'$.tenant', value->>'$.key'
               FROM json_each($1))",
    )
    .bind(&wanted)
    .bind(rollout)
    .execute(connection)
    .await
    .map_err(failed(RECORD))?;
    Ok(())
}

async fn forget(connection: &mut SqliteConnection, ended: i64, agreed: i64) -> Done {
    let most = i64::try_from(UNIT_ROWS).unwrap_or(i64::MAX);
    query(
        "DELETE FROM second_writes WHERE seq IN
            (SELECT seq FROM second_writes WHERE ended_at IS NOT NULL AND ended_at < $1 ORDER BY ended_at LIMIT $2)",
    )
    .bind(ended)
    .bind(most)
    .execute(&mut *connection)
    .await
    .map_err(failed(WHAT))?;
    query(
        "DELETE FROM arm_records WHERE (rollout, operation, tenant, key) IN
            (SELECT a.rollout, a.operation, a.tenant, a.key FROM arm_records AS a JOIN arm_records AS b
                ON b.rollout = a.rollout AND b.side = 'target' AND b.operation = a.operation
               AND b.tenant = a.tenant AND b.key = a.key
              WHERE a.side = 'legacy' AND a.at < $1 AND b.at < $1 AND a.digest = b.digest
                AND NOT EXISTS (SELECT 1 FROM second_writes AS w WHERE w.rollout = a.rollout
                    AND w.operation = a.operation AND w.tenant = a.tenant AND w.key = a.key
                    AND w.ended_at IS NULL)
              LIMIT $2)",
    )
    .bind(agreed)
    .bind(most)
    .execute(connection)
    .await
    .map_err(failed(RECORD))?;
    Ok(())
}
