use async_trait::async_trait;
use cutover_shared::ids::{InstallationId, LinkKey, RepoId, RunId, TenantId};
use cutover_shared::mapping::MappingCounts;
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
        let (mapped, pending, unmappable, links): (i64, i64, i64, i64) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM mappings WHERE status = 'mapped'),
                    (SELECT count(*) FROM mappings WHERE status = 'pending'),
                    (SELECT count(*) FROM mappings WHERE status = 'unmappable'),
                    (SELECT count(*) FROM links)",
        )
        .fetch_one(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        Ok(MappingCounts {
            mapped: unsigned(mapped),
            pending: unsigned(pending),
            unmappable: unsigned(unmappable),
            unplanned: unsigned(links - mapped - pending - unmappable),
        })
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
