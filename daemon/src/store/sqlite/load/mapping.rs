use async_trait::async_trait;
use cutover_shared::ids::{InstallationId, LinkKey, RepoId, RunId, TenantId};
use cutover_shared::mapping::{MappingCounts, MappingStatus};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, query};

use super::{Read, array, unsigned};
use crate::store::MappingRow;
use crate::store::read::{MappingRead, ProbeRead};
use crate::store::sqlite::{Sqlite, unavailable};

const DOING: &str = "reading mappings";

#[async_trait]
impl MappingRead for Sqlite {
    async fn mappings(&self, keys: &[LinkKey]) -> Read<Vec<MappingRow>> {
        let rows = query(
            "SELECT mappings.* FROM json_each($1) AS want CROSS JOIN mappings ON mappings.key = want.value",
        )
        .bind(array(keys)?)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        rows.iter().map(mapping).collect::<Result<_, _>>().map_err(unavailable(DOING))
    }

    async fn mapped(&self, after: Option<&str>, limit: u32) -> Read<Vec<MappingRow>> {
        let rows = query("SELECT * FROM mappings WHERE status = 'mapped' AND key > $1 ORDER BY key LIMIT $2")
            .bind(after.unwrap_or_default())
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        rows.iter().map(mapping).collect::<Result<_, _>>().map_err(unavailable(DOING))
    }

    async fn mapping_counts(&self) -> Read<MappingCounts> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT status, count(*) FROM listed_links GROUP BY status")
                .fetch_all(&self.readers)
                .await
                .map_err(unavailable(DOING))?;
        let mut counts = MappingCounts::default();
        for (word, n) in rows {
            let counter = match MappingStatus::from_word(&word) {
                Some(MappingStatus::Mapped) => &mut counts.mapped,
                Some(MappingStatus::Pending) => &mut counts.pending,
                Some(MappingStatus::Unmappable) => &mut counts.unmappable,
                None => &mut counts.unplanned,
            };
            *counter += unsigned(n);
        }
        Ok(counts)
    }
}

#[async_trait]
impl ProbeRead for Sqlite {
    async fn probes(&self, after: Option<&str>, limit: u32) -> Read<Vec<(String, String)>> {
        sqlx::query_as("SELECT key, answer FROM probes WHERE key > $1 ORDER BY key LIMIT $2")
            .bind(after.unwrap_or_default())
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable("reading probe answers"))
    }
}

fn mapping(row: &SqliteRow) -> Result<MappingRow, sqlx::Error> {
    Ok(MappingRow {
        key: LinkKey(row.try_get("key")?),
        tenant: TenantId(row.try_get("tenant_id")?),
        status: row.try_get("status")?,
        installation: row.try_get::<Option<i64>, _>("installation")?.map(InstallationId),
        repo_id: row.try_get::<Option<i64>, _>("repo_id")?.map(RepoId),
        confidence: row.try_get("confidence")?,
        body: row.try_get("body")?,
        fingerprint: row.try_get("fingerprint")?,
        run: RunId(row.try_get("run_id")?),
    })
}
