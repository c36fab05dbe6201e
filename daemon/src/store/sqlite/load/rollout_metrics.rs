use async_trait::async_trait;
use cutover_shared::rollout::{Operation, RolloutName, Side};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, query, query_as};

use super::{Read, corrupt, unsigned};
use crate::store::sqlite::{Sqlite, unavailable};
use crate::store::{MetricRow, RolloutMetricRead, Source, TenantDay, Wholeness};

const DOING: &str = "reading a rollout's figures";

#[async_trait]
impl RolloutMetricRead for Sqlite {
    async fn rollout_windows(
        &self,
        name: RolloutName,
        from: i64,
        to: i64,
        limit: u32,
    ) -> Read<Vec<MetricRow>> {
        let rows = query(
            "SELECT * FROM rollout_windows WHERE rollout = $1 AND start_at >= $2 AND start_at < $3
              ORDER BY rollout, start_at, operation, side, source, writer LIMIT $4",
        )
        .bind(name.word())
        .bind(from)
        .bind(to)
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        rows.iter().map(metric).collect()
    }

    async fn rollout_window_oldest(
        &self,
        name: RolloutName,
        from: i64,
        shorter_than: i64,
    ) -> Read<Option<i64>> {
        sqlx::query_scalar(
            "SELECT start_at FROM rollout_windows WHERE rollout = $1 AND start_at >= $2 AND length_ms < $3
              ORDER BY start_at LIMIT 1",
        )
        .bind(name.word())
        .bind(from)
        .bind(shorter_than)
        .fetch_optional(&self.readers)
        .await
        .map_err(unavailable(DOING))
    }

    async fn rollout_tenants_seen(&self, name: RolloutName, day: i64, side: Side) -> Read<u64> {
        let (count,): (i64,) = query_as(
            "SELECT COUNT(DISTINCT tenant) FROM rollout_tenants WHERE rollout = $1 AND day >= $2 AND side = $3",
        )
        .bind(name.word())
        .bind(day)
        .bind(side.word())
        .fetch_one(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        Ok(unsigned(count))
    }

    async fn issuance(&self, from: i64, to: i64) -> Read<Vec<Vec<u8>>> {
        sqlx::query_scalar(
            "SELECT histogram FROM token_issuance WHERE start_at >= $1 AND start_at < $2 ORDER BY start_at, writer",
        )
        .bind(from)
        .bind(to)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable("reading what tokens took"))
    }

    async fn deliveries_ended(&self, from: i64, to: i64) -> Read<(u64, u64)> {
        // By the index of ends, which has both values of `kept` first.
        let (ended, dead): (i64, i64) = sqlx::query_as(
            "SELECT count(*), coalesce(sum(state = 'dead'), 0) FROM deliveries
              WHERE kept IN (0, 1) AND ended_at IS NOT NULL AND ended_at >= $1 AND ended_at < $2",
        )
        .bind(from)
        .bind(to)
        .fetch_one(&self.readers)
        .await
        .map_err(unavailable("counting webhooks"))?;
        Ok((unsigned(ended), unsigned(dead)))
    }

    async fn rollout_tenants(&self, name: RolloutName, day: i64, limit: u32) -> Read<Vec<TenantDay>> {
        let rows = query(
            "SELECT * FROM rollout_tenants WHERE rollout = $1 AND day >= $2
              ORDER BY errors DESC, calls DESC, tenant, operation, side LIMIT $3",
        )
        .bind(name.word())
        .bind(day)
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        rows.iter().map(tenant).collect()
    }
}

fn whole(row: &SqliteRow, column: &str) -> Read<i64> {
    row.try_get(column).map_err(unavailable(DOING))
}

fn count(row: &SqliteRow, column: &str) -> Read<u64> {
    whole(row, column).map(unsigned)
}

fn word<T>(row: &SqliteRow, column: &'static str, of: impl Fn(&str) -> Option<T>) -> Read<T> {
    let word: String = row.try_get(column).map_err(unavailable(DOING))?;
    of(&word).ok_or_else(|| corrupt(column, word))
}

fn metric(row: &SqliteRow) -> Read<MetricRow> {
    let p95: Option<i64> = row.try_get("p95_us").map_err(unavailable(DOING))?;
    Ok(MetricRow {
        operation: word(row, "operation", Operation::from_word)?,
        side: word(row, "side", Side::from_word)?,
        source: word(row, "source", Source::from_word)?,
        writer: whole(row, "writer")?,
        start_at: whole(row, "start_at")?,
        length_ms: whole(row, "length_ms")?,
        calls: count(row, "calls")?,
        errors: count(row, "errors")?,
        gross: count(row, "gross")?,
        answered: count(row, "answered")?,
        histogram: row.try_get("histogram").map_err(unavailable(DOING))?,
        p95_us: p95.map(unsigned),
        compared: count(row, "compared")?,
        mismatched: count(row, "mismatched")?,
        shed: count(row, "shed")?,
        over_budget: count(row, "over_budget")?,
        complete: Wholeness::of(whole(row, "complete")?),
    })
}

fn tenant(row: &SqliteRow) -> Read<TenantDay> {
    Ok(TenantDay {
        day: whole(row, "day")?,
        tenant: row.try_get("tenant").map_err(unavailable(DOING))?,
        operation: word(row, "operation", Operation::from_word)?,
        side: word(row, "side", Side::from_word)?,
        calls: count(row, "calls")?,
        errors: count(row, "errors")?,
        slowest_us: count(row, "slowest_us")?,
    })
}
