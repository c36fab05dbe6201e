use async_trait::async_trait;
use cutover_shared::ids::TenantId;
use cutover_shared::rollout::{Ring, RolloutName, Side};
use sqlx::{query, query_as};

use super::rollout::change;
use super::{Read, corrupt, unsigned};
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

const INCIDENTS: &str = "SELECT id, opened_at, opened_by, text, closed_at, closed_by FROM incidents
      WHERE rollout IN ('', $1) AND ((opened_at >= $2 AND opened_at < $3) OR (closed_at >= $2 AND closed_at < $3))
      ORDER BY opened_at, id LIMIT $4";

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
        from: i64,
        until: i64,
        limit: u32,
    ) -> Read<Vec<PastIncidentRow>> {
        type Row = (String, i64, String, String, Option<i64>, Option<String>);
        let rows: Vec<Row> = query_as(INCIDENTS)
            .bind(name.word())
            .bind(from)
            .bind(until)
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        let row = |(id, opened_at, opened_by, text, closed_at, closed_by): Row| PastIncidentRow {
            id,
            opened_at,
            opened_by,
            text,
            closed: closed_at.map(|at| (at, closed_by.unwrap_or_default())),
        };
        Ok(rows.into_iter().map(row).collect())
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
