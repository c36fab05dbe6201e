//! Operations on the inbox.

use cutover_shared::webhook::DeliveryState;
use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use super::{Done, failed, rows};
use crate::store::sqlite::body::{Packed, pack};
use crate::store::{InboxOp, NewDelivery, UNIT_ROWS, WriteError};

const WHAT: &str = "the delivery";

pub(super) async fn op(connection: &mut SqliteConnection, op: &InboxOp, packed: Option<&Packed>) -> Done {
    match op {
        InboxOp::Receive(delivery) => match packed {
            Some(packed) => receive(connection, delivery, packed).await,
            None => receive(connection, delivery, &pack(&delivery.body)).await,
        },
        InboxOp::End { seq, state: DeliveryState::Waiting, .. } => Err(WriteError::Precondition {
            what: "the end of a delivery",
            found: format!("{seq} would go on waiting"),
        }),
        InboxOp::End { seq, state, at, note } => {
            let ended = query(
                "UPDATE deliveries SET state = $2, ended_at = $3, note = $4, due_at = 0
                  WHERE seq = $1 AND state = 'waiting'",
            )
            .bind(seq)
            .bind(state.word())
            .bind(at)
            .bind(note)
            .execute(&mut *connection)
            .await
            .map_err(failed(WHAT))?;
            waited(connection, *seq, ended.rows_affected()).await?;
            delivered(connection, *seq).await
        }
        InboxOp::Retry { seq, attempts, due_at, note } => {
            let delayed = query(
                "UPDATE deliveries SET attempts = $2, due_at = $3, note = $4 WHERE seq = $1 AND state = 'waiting'",
            )
            .bind(seq)
            .bind(attempts)
            .bind(due_at)
            .bind(note)
            .execute(&mut *connection)
            .await
            .map_err(failed(WHAT))?;
            waited(connection, *seq, delayed.rows_affected()).await
        }
        InboxOp::Replay { seqs } => {
            query(
                "UPDATE deliveries SET state = 'waiting', attempts = 0, due_at = 0, ended_at = NULL, note = NULL
                  WHERE seq IN (SELECT value FROM json_each($1)) AND state <> 'waiting' AND kept = 1",
            )
            .bind(rows(seqs)?)
            .execute(connection)
            .await
            .map_err(failed(WHAT))?;
            Ok(())
        }
        InboxOp::DropBodies { before } => drop_bodies(connection, *before).await,
        InboxOp::Forget { before } => {
            query(
                "DELETE FROM deliveries WHERE seq IN (SELECT seq FROM deliveries WHERE kept = 0 AND ended_at < $1
                                                       ORDER BY ended_at LIMIT $2)",
            )
            .bind(before)
            .bind(at_once())
            .execute(connection)
            .await
            .map_err(failed(WHAT))?;
            Ok(())
        }
    }
}

/// What a delivery of a known GUID changes is said by the row that it meets, in one statement. A body comes along where the
/// row says that it has one: for a new delivery, and for a dead one whose body was dropped.
async fn receive(connection: &mut SqliteConnection, delivery: &NewDelivery, packed: &Packed) -> Done {
    let bytes = i64::try_from(delivery.body.len()).unwrap_or(i64::MAX);
    let (seq, kept): (i64, bool) = sqlx::query_as(
        "INSERT INTO deliveries (guid, event, action, installation, repo_id, repository, received_at, digest, bytes, state)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'waiting')
         ON CONFLICT (guid) DO UPDATE SET
                repeats  = repeats + 1,
                state    = CASE WHEN state = 'dead' THEN 'waiting' ELSE state END,
                attempts = CASE WHEN state = 'dead' THEN 0 ELSE attempts END,
                due_at   = CASE WHEN state = 'dead' THEN 0 ELSE due_at END,
                ended_at = CASE WHEN state = 'dead' THEN NULL ELSE ended_at END,
                note     = CASE WHEN state = 'dead' THEN NULL ELSE note END,
                digest   = CASE WHEN state = 'dead' AND kept = 0 THEN excluded.digest ELSE digest END,
                bytes    = CASE WHEN state = 'dead' AND kept = 0 THEN excluded.bytes ELSE bytes END,
                kept     = CASE WHEN state = 'dead' THEN 1 ELSE kept END
         RETURNING seq, kept",
    )
    .bind(&delivery.guid)
    .bind(&delivery.event)
    .bind(&delivery.action)
    .bind(delivery.installation)
    .bind(delivery.repo_id)
    .bind(&delivery.repository)
    .bind(delivery.received_at)
    .bind(&delivery.digest)
    .bind(bytes)
    .fetch_one(&mut *connection)
    .await
    .map_err(failed(WHAT))?;
    if kept {
        query("INSERT INTO delivery_bodies (seq, packing, body) VALUES ($1, $2, $3) ON CONFLICT (seq) DO NOTHING")
            .bind(seq)
            .bind(packed.packing)
            .bind(packed.body.as_ref())
            .execute(connection)
            .await
            .map_err(failed(WHAT))?;
    }
    Ok(())
}

/// Notes the installation's last delivery, at most once a minute: most deliveries look and write nothing.
async fn delivered(connection: &mut SqliteConnection, seq: i64) -> Done {
    query(
        "INSERT INTO delivered (installation, at, event)
         SELECT installation, received_at, event || coalesce('.' || action, '') FROM deliveries
          WHERE seq = $1 AND installation IS NOT NULL
         ON CONFLICT (installation) DO UPDATE SET at = excluded.at, event = excluded.event
          WHERE excluded.at >= delivered.at + 60000",
    )
    .bind(seq)
    .execute(connection)
    .await
    .map_err(failed(WHAT))?;
    Ok(())
}

/// Demands that a row was met, and says what is there instead.
async fn waited(connection: &mut SqliteConnection, seq: i64, met: u64) -> Done {
    if met == 1 {
        return Ok(());
    }
    let state: Option<String> = sqlx::query_scalar("SELECT state FROM deliveries WHERE seq = $1")
        .bind(seq)
        .fetch_optional(connection)
        .await
        .map_err(failed(WHAT))?;
    Err(WriteError::Precondition { what: WHAT, found: state.unwrap_or_else(|| "nothing".to_owned()) })
}

async fn drop_bodies(connection: &mut SqliteConnection, before: i64) -> Done {
    let seqs: Vec<i64> = sqlx::query_scalar(
        "UPDATE deliveries SET kept = 0
          WHERE seq IN (SELECT seq FROM deliveries WHERE kept = 1 AND ended_at < $1 ORDER BY ended_at LIMIT $2)
         RETURNING seq",
    )
    .bind(before)
    .bind(at_once())
    .fetch_all(&mut *connection)
    .await
    .map_err(failed(WHAT))?;
    query("DELETE FROM delivery_bodies WHERE seq IN (SELECT value FROM json_each($1))")
        .bind(rows(&seqs)?)
        .execute(connection)
        .await
        .map_err(failed(WHAT))?;
    Ok(())
}

/// [`UNIT_ROWS`] as SQL takes it.
fn at_once() -> i64 {
    i64::try_from(UNIT_ROWS).unwrap_or(i64::MAX)
}
