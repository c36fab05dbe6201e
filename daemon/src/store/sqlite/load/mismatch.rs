use async_trait::async_trait;
use cutover_shared::rollout::{Operation, RolloutName};
use sqlx::query_as;

use super::{Read, corrupt, unsigned};
use crate::store::sqlite::{Sqlite, unavailable};
use crate::store::{MismatchRead, MismatchRow, NewMismatch};

#[async_trait]
impl MismatchRead for Sqlite {
    async fn mismatches(&self, name: RolloutName, before: Option<i64>, limit: u32) -> Read<Vec<MismatchRow>> {
        let rows: Vec<(i64, String, String, i64, i64, String)> = query_as(
            "SELECT seq, operation, tenant, at, version, difference FROM rollout_mismatches
              WHERE rollout = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3",
        )
        .bind(name.word())
        .bind(before.unwrap_or(i64::MAX))
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable("reading differences between arms"))?;
        rows.into_iter()
            .map(|(seq, operation, tenant, at, version, difference)| {
                let operation = Operation::from_word(&operation)
                    .ok_or_else(|| corrupt("operation", format!("none is called {operation}")))?;
                let version = unsigned(version);
                Ok(MismatchRow { seq, new: NewMismatch { operation, tenant, at, version, difference } })
            })
            .collect()
    }

    async fn mismatched_tenants(&self, name: RolloutName, since: i64) -> Read<u64> {
        let (count,): (i64,) =
            query_as("SELECT COUNT(DISTINCT tenant) FROM rollout_mismatches WHERE rollout = $1 AND at >= $2")
                .bind(name.word())
                .bind(since)
                .fetch_one(&self.readers)
                .await
                .map_err(unavailable("counting tenants with differences between arms"))?;
        Ok(unsigned(count))
    }
}
