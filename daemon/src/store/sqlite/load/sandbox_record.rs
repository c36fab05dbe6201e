use async_trait::async_trait;
use cutover_shared::ids::{ProjectId, TenantId};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, query};

use super::{Read, array, second, unsigned};
use crate::store::sqlite::{Sqlite, unavailable};
use crate::store::{ArmRecord, LinkFilter, RecordKey, SandboxRead, SandboxRow};

const DOING: &str = "reading records of sandboxes";

#[async_trait]
impl SandboxRead for Sqlite {
    async fn sandbox_records(
        &self,
        filter: &LinkFilter,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Read<Vec<SandboxRow>> {
        let (tenant, id) = after.unwrap_or_default();
        let rows = match filter {
            LinkFilter::All => {
                query("SELECT * FROM sandbox_records WHERE (tenant_id, id) > ($1, $2) ORDER BY tenant_id, id LIMIT $3")
                    .bind(tenant)
                    .bind(id)
                    .bind(limit)
                    .fetch_all(&self.readers)
                    .await
            }
            LinkFilter::Tenants(tenants) => {
                query(
                    "SELECT * FROM sandbox_records
                      WHERE (tenant_id, id) > ($1, $2) AND tenant_id IN (SELECT value FROM json_each($4))
                      ORDER BY tenant_id, id LIMIT $3",
                )
                .bind(tenant)
                .bind(id)
                .bind(limit)
                .bind(array(tenants)?)
                .fetch_all(&self.readers)
                .await
            }
        };
        records(&rows.map_err(unavailable(DOING))?)
    }

    async fn sandbox_records_by_key(&self, keys: &[(TenantId, String)]) -> Read<Vec<SandboxRow>> {
        let rows = query(
            "SELECT r.* FROM json_each($1) AS want CROSS JOIN sandbox_records AS r
                 ON r.tenant_id = want.value->>0 AND r.id = want.value->>1",
        )
        .bind(array(keys)?)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        records(&rows)
    }

    async fn sandbox_counts(&self) -> Read<(u64, u64)> {
        let (tenants, records): (i64, i64) =
            sqlx::query_as("SELECT count(DISTINCT tenant_id), count(*) FROM sandbox_records")
                .fetch_one(&self.readers)
                .await
                .map_err(unavailable(DOING))?;
        Ok((unsigned(tenants), unsigned(records)))
    }

    async fn book_records(&self, keys: &[RecordKey]) -> Read<Vec<ArmRecord>> {
        let wanted: Vec<_> = keys
            .iter()
            .map(|of| (of.operation.rollout().word(), of.operation.word(), &of.tenant, &of.key))
            .collect();
        let rows = query(
            "SELECT a.* FROM json_each($1) AS want
              CROSS JOIN (SELECT 'legacy' AS side UNION ALL SELECT 'target') AS book
              CROSS JOIN arm_records AS a
                 ON a.rollout = want.value->>0 AND a.side = book.side AND a.operation = want.value->>1
                AND a.tenant = want.value->>2 AND a.key = want.value->>3",
        )
        .bind(array(&wanted)?)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        rows.iter().map(second::record).collect()
    }
}

fn records(rows: &[SqliteRow]) -> Read<Vec<SandboxRow>> {
    rows.iter().map(record).collect::<Result<_, _>>().map_err(unavailable(DOING))
}

fn record(row: &SqliteRow) -> Result<SandboxRow, sqlx::Error> {
    Ok(SandboxRow {
        tenant: TenantId(row.try_get("tenant_id")?),
        id: row.try_get("id")?,
        project: ProjectId(row.try_get("project_id")?),
        repo_full_name: row.try_get("repo_full_name")?,
        branch: row.try_get("branch")?,
        commit_sha: row.try_get("commit_sha")?,
        tree_sha: row.try_get("tree_sha")?,
        state: row.try_get("state")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        fingerprint: row.try_get("fingerprint")?,
    })
}
