use async_trait::async_trait;
use bytes::Bytes;
use cutover_shared::webhook::DeliveryState;
use cutover_shared::window::Window;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, query};

use super::{Read, array, corrupt, heads, small, unsigned};
use crate::store::sqlite::body::unpack;
use crate::store::sqlite::{Sqlite, unavailable, window};
use crate::store::{DeliveryRow, InboxCounts, InboxRead, MinuteRow, QueueHead, Select};

mod figures;

const DOING: &str = "reading the inbox";

const QUEUE: &str = "SELECT * FROM deliveries INDEXED BY deliveries_waiting
      WHERE state = 'waiting' AND queue = $1 ORDER BY seq LIMIT $2";

/// Bounded, so that a look never takes longer than a moment, however many wait.
const COUNTS: &str =
    "SELECT (SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE state = 'waiting' LIMIT 100000)),
            (SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE state = 'dead' LIMIT 100000)),
            (SELECT received_at FROM deliveries WHERE state = 'waiting' ORDER BY received_at LIMIT 1)";

#[async_trait]
impl InboxRead for Sqlite {
    async fn delivery(&self, guid: &str) -> Read<Option<DeliveryRow>> {
        let row = query("SELECT * FROM deliveries WHERE guid = $1")
            .bind(guid)
            .fetch_optional(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        row.as_ref().map(delivery).transpose()
    }

    async fn delivery_body(&self, seq: i64) -> Read<Option<Bytes>> {
        let row: Option<(String, Vec<u8>, i64)> = sqlx::query_as(
            "SELECT packing, body, bytes FROM delivery_bodies
              CROSS JOIN deliveries ON deliveries.seq = delivery_bodies.seq WHERE delivery_bodies.seq = $1",
        )
        .bind(seq)
        .fetch_optional(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        row.map(|(packing, body, bytes)| unpack(&packing, body, bytes)).transpose()
    }

    async fn queue_heads(&self, after: Option<i64>, limit: u32) -> Read<Vec<QueueHead>> {
        let rows: Vec<(i64, i64, i64)> = sqlx::query_as(heads("deliveries"))
            .bind(after.unwrap_or(i64::MIN))
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        Ok(rows.into_iter().map(|(queue, seq, due_at)| QueueHead { queue, seq, due_at }).collect())
    }

    async fn queue(&self, queue: i64, limit: u32) -> Read<Vec<DeliveryRow>> {
        let rows = query(QUEUE)
            .bind(queue)
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        rows.iter().map(delivery).collect()
    }

    async fn deliveries_window(&self, select: &Select) -> Read<Window<DeliveryRow>> {
        window::deliveries(self, select).await
    }

    async fn replayable(&self, select: &Select) -> Read<u64> {
        window::DELIVERY_QUEUE.replayable(self, select).await
    }

    async fn replayable_seqs(&self, select: &Select, after: i64, limit: u32) -> Read<Vec<i64>> {
        window::DELIVERY_QUEUE.replayable_seqs(self, select, after, limit).await
    }

    async fn is_forgettable(&self, bodies: i64, rows: i64) -> Read<bool> {
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM deliveries WHERE kept = 1 AND ended_at < $1)
                 OR EXISTS (SELECT 1 FROM deliveries WHERE kept = 0 AND ended_at < $2)",
        )
        .bind(bodies)
        .bind(rows)
        .fetch_one(&self.readers)
        .await
        .map_err(unavailable(DOING))
    }

    async fn inbox_counts(&self) -> Read<InboxCounts> {
        let (waiting, dead, oldest): (i64, i64, Option<i64>) =
            sqlx::query_as(COUNTS).fetch_one(&self.readers).await.map_err(unavailable(DOING))?;
        Ok(InboxCounts { waiting: unsigned(waiting), dead: unsigned(dead), oldest })
    }

    async fn known(&self, guids: &[String]) -> Read<Vec<String>> {
        sqlx::query_scalar("SELECT guid FROM deliveries WHERE guid IN (SELECT value FROM json_each($1))")
            .bind(array(guids)?)
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable(DOING))
    }

    async fn last_received(&self) -> Read<Option<i64>> {
        sqlx::query_scalar("SELECT received_at FROM deliveries ORDER BY seq DESC LIMIT 1")
            .fetch_optional(&self.readers)
            .await
            .map_err(unavailable(DOING))
    }

    async fn inbox_minutes(&self, since: i64) -> Read<Vec<MinuteRow>> {
        figures::minutes(self, since).await
    }
}

pub(in crate::store::sqlite) fn delivery(row: &SqliteRow) -> Read<DeliveryRow> {
    let word: String = row.try_get("state").map_err(unavailable(DOING))?;
    let state = DeliveryState::from_word(&word).ok_or_else(|| corrupt("state of a delivery", word))?;
    columns(row, state).map_err(unavailable(DOING))
}

fn columns(row: &SqliteRow, state: DeliveryState) -> Result<DeliveryRow, sqlx::Error> {
    Ok(DeliveryRow {
        seq: row.try_get("seq")?,
        guid: row.try_get("guid")?,
        event: row.try_get("event")?,
        action: row.try_get("action")?,
        installation: row.try_get("installation")?,
        repo_id: row.try_get("repo_id")?,
        repository: row.try_get("repository")?,
        received_at: row.try_get("received_at")?,
        digest: row.try_get("digest")?,
        bytes: row.try_get("bytes")?,
        state,
        attempts: small(row, "attempts")?,
        due_at: row.try_get("due_at")?,
        ended_at: row.try_get("ended_at")?,
        note: row.try_get("note")?,
        repeats: small(row, "repeats")?,
        kept: row.try_get::<i64, _>("kept")? != 0,
    })
}

#[cfg(test)]
mod tests;
