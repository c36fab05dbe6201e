use async_trait::async_trait;
use cutover_shared::ids::TenantId;
use cutover_shared::rollout::{Ring, RolloutName, Side};
use sqlx::{query, query_as};

use super::rollout::change;
use super::{Read, array, corrupt, unsigned};
use crate::store::sqlite::{Sqlite, unavailable};
use crate::store::{ChangeRow, PastIncidentRow, RingRow, RolloutTimeRead, SecondCounts};

const DOING: &str = "reading rollouts in time";

/// A step within `canary` widens a ring, and begins a stay without another stage.
const STAYS: &str = "SELECT * FROM rollout_changes
      WHERE name = $1 AND version < $2 AND (act IN ('begin', 'stage') OR from_stage <> to_stage)
      ORDER BY version DESC LIMIT $3";

const STOPS: &str = "SELECT * FROM rollout_changes
      WHERE name = $1 AND version > $2 AND version < $3 AND act IN ('kill', 'unkill', 'freeze', 'unfreeze')
      ORDER BY version LIMIT $4";

/// Each span by the indexes of begins and ends; `UNION` counts one that began and ended in it once.
const INCIDENTS: &str = "WITH span (n, since, until) AS
        (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each($2)),
      met (n, id) AS
        (SELECT n, id FROM span CROSS JOIN incidents INDEXED BY incidents_opened
          WHERE opened_at >= since AND opened_at < until AND rollout IN ('', $1)
         UNION
         SELECT n, id FROM span CROSS JOIN incidents INDEXED BY incidents_closed
          WHERE closed_at >= since AND closed_at < until AND rollout IN ('', $1)),
      placed AS
        (SELECT n, incidents.*, row_number() OVER (PARTITION BY n ORDER BY opened_at, incidents.id) AS place
           FROM met CROSS JOIN incidents ON incidents.id = met.id)
      SELECT n, id, opened_at, opened_by, text, closed_at, closed_by FROM placed WHERE place <= $3 ORDER BY n, place";

const OPEN: &str = "SELECT id, text FROM incidents
      WHERE closed_at IS NULL AND rollout IN ('', $1) ORDER BY opened_at, id LIMIT 1";

const OWED: &str = "SELECT
        (SELECT count(*) FROM second_writes WHERE rollout = $1 AND side = $2 AND state = 'pending'),
        (SELECT count(*) FROM second_writes WHERE rollout = $1 AND side = $2 AND state = 'failed'),
        (SELECT min(created_at) FROM second_writes WHERE rollout = $1 AND side = $2 AND state IN ('pending', 'failed'))";

fn version(version: Option<u64>) -> i64 {
    version.map_or(i64::MAX, |version| i64::try_from(version).unwrap_or(i64::MAX))
}

#[async_trait]
impl RolloutTimeRead for Sqlite {
    async fn ring(&self, ring: Ring, after: Option<&str>, limit: u32) -> Read<Vec<RingRow>> {
        let rows: Vec<(String, String, i64, String)> = query_as(
            "SELECT tenant, ring, at, by FROM rollout_rings WHERE ring = $1 AND tenant > $2 ORDER BY tenant LIMIT $3",
        )
        .bind(ring.word())
        .bind(after.unwrap_or_default())
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        let row = |(tenant, ring, at, by): (String, String, i64, String)| {
            let ring =
                Ring::from_word(&ring).ok_or_else(|| corrupt("ring", format!("no ring is called {ring}")))?;
            Ok(RingRow { tenant: TenantId(tenant), ring, at, by })
        };
        rows.into_iter().map(row).collect()
    }

    async fn ring_counts(&self) -> Read<[u64; 2]> {
        let (internal, beta): (i64, i64) = query_as(
            "SELECT (SELECT count(*) FROM rollout_rings WHERE ring = 'internal'),
                    (SELECT count(*) FROM rollout_rings WHERE ring = 'beta')",
        )
        .fetch_one(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        Ok([unsigned(internal), unsigned(beta)])
    }

    async fn rollout_stays(
        &self,
        name: RolloutName,
        before: Option<u64>,
        limit: u32,
    ) -> Read<Vec<ChangeRow>> {
        let rows = query(STAYS)
            .bind(name.word())
            .bind(version(before))
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        rows.iter().map(change).collect()
    }

    async fn rollout_stops(
        &self,
        name: RolloutName,
        after: u64,
        before: Option<u64>,
        limit: u32,
    ) -> Read<Vec<ChangeRow>> {
        let rows = query(STOPS)
            .bind(name.word())
            .bind(version(Some(after)))
            .bind(version(before))
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        rows.iter().map(change).collect()
    }

    async fn incidents_of(
        &self,
        name: RolloutName,
        spans: &[(i64, i64)],
        limit: u32,
    ) -> Read<Vec<Vec<PastIncidentRow>>> {
        type Row = (i64, String, i64, String, String, Option<i64>, Option<String>);
        let numbered: Vec<_> = spans.iter().zip(0_i64..).map(|((from, until), n)| (n, from, until)).collect();
        let rows: Vec<Row> = query_as(INCIDENTS)
            .bind(name.word())
            .bind(array(&numbered)?)
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        let mut all = vec![Vec::new(); spans.len()];
        for (n, id, opened_at, opened_by, text, closed_at, closed_by) in rows {
            let closed = closed_at.map(|at| (at, closed_by.unwrap_or_default()));
            let row = PastIncidentRow { id, opened_at, opened_by, text, closed };
            if let Some(span) = usize::try_from(n).ok().and_then(|n| all.get_mut(n)) {
                span.push(row);
            }
        }
        Ok(all)
    }

    async fn open_incident(&self, name: RolloutName) -> Read<Option<(String, String)>> {
        query_as(OPEN).bind(name.word()).fetch_optional(&self.readers).await.map_err(unavailable(DOING))
    }

    async fn incidents_open_among(&self, ids: &[String]) -> Read<Vec<String>> {
        sqlx::query_scalar(
            "SELECT id FROM incidents WHERE closed_at IS NULL AND id IN (SELECT value FROM json_each($1))",
        )
        .bind(array(ids)?)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable(DOING))
    }

    async fn second_owed(&self, name: RolloutName, side: Side) -> Read<SecondCounts> {
        let (waiting, failed, oldest): (i64, i64, Option<i64>) = query_as(OWED)
            .bind(name.word())
            .bind(side.word())
            .fetch_one(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        Ok(SecondCounts { waiting: unsigned(waiting), failed: unsigned(failed), oldest })
    }
}

#[cfg(test)]
mod tests;
