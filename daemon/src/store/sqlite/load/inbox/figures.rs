//! The inbox by the minute. Places rise with the time of receipt, so that an hour's first delivery is found by halving, and
//! only that hour is read.

use super::{DOING, Read};
use crate::store::sqlite::{Sqlite, unavailable};
use crate::store::{MOST_COUNTED, MinuteRow};

pub(super) async fn minutes(store: &Sqlite, since: i64) -> Read<Vec<MinuteRow>> {
    let mut snapshot = store.readers.begin().await.map_err(unavailable(DOING))?;
    let ends: (Option<i64>, Option<i64>) =
        sqlx::query_as("SELECT (SELECT min(seq) FROM deliveries), (SELECT max(seq) FROM deliveries)")
            .fetch_one(&mut *snapshot)
            .await
            .map_err(unavailable(DOING))?;
    let (Some(mut low), Some(newest)) = ends else { return Ok(Vec::new()) };
    let mut high = newest.saturating_add(1);
    while low < high {
        let middle = low + (high - low) / 2;
        let at: Option<i64> =
            sqlx::query_scalar("SELECT received_at FROM deliveries WHERE seq >= $1 ORDER BY seq LIMIT 1")
                .bind(middle)
                .fetch_optional(&mut *snapshot)
                .await
                .map_err(unavailable(DOING))?;
        if at.is_some_and(|at| at < since) { low = middle + 1 } else { high = middle }
    }
    let first = low.max(newest.saturating_sub(i64::from(MOST_COUNTED)));
    let rows: Vec<(i64, i64, i64)> = sqlx::query_as(
        "SELECT received_at / 60000, count(*), sum(attempts > 0 OR state = 'dead') FROM deliveries
          WHERE seq >= $1 AND received_at >= $2 GROUP BY 1",
    )
    .bind(first)
    .bind(since)
    .fetch_all(&mut *snapshot)
    .await
    .map_err(unavailable(DOING))?;
    let count = |n: i64| u32::try_from(n.max(0)).unwrap_or(u32::MAX);
    Ok(rows
        .into_iter()
        .map(|(minute, received, failed)| MinuteRow {
            minute,
            received: count(received),
            failed: count(failed),
        })
        .collect())
}
