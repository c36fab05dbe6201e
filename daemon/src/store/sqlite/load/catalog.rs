use async_trait::async_trait;
use cutover_shared::ids::{LinkKey, ProjectId, TenantId};
use cutover_shared::window::Window;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, query};

use super::{Read, array, unsigned};
use crate::store::read::{CatalogRead, UploadRead};
use crate::store::sqlite::{Sqlite, unavailable, window};
use crate::store::{LinkFilter, LinkRow, Select, TenantRow, UploadRow};

const DOING: &str = "reading the catalog";

#[async_trait]
impl CatalogRead for Sqlite {
    async fn links(
        &self,
        filter: &LinkFilter,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Read<Vec<LinkRow>> {
        let (project, name) = after.unwrap_or_default();
        let rows = match filter {
            LinkFilter::All => {
                query("SELECT * FROM links WHERE (project_id, repo_lname) > ($1, $2) ORDER BY project_id, repo_lname LIMIT $3")
                    .bind(project)
                    .bind(name)
                    .bind(limit)
                    .fetch_all(&self.readers)
                    .await
            }
            LinkFilter::Tenants(tenants) => {
                query(
                    "SELECT * FROM links
                      WHERE (project_id, repo_lname) > ($1, $2) AND tenant_id IN (SELECT value FROM json_each($4))
                      ORDER BY project_id, repo_lname LIMIT $3",
                )
                .bind(project)
                .bind(name)
                .bind(limit)
                .bind(array(tenants)?)
                .fetch_all(&self.readers)
                .await
            }
        };
        links(&rows.map_err(unavailable(DOING))?)
    }

    async fn links_by_key(&self, keys: &[LinkKey]) -> Read<Vec<LinkRow>> {
        let rows =
            query("SELECT links.* FROM json_each($1) AS want CROSS JOIN links ON links.key = want.value")
                .bind(array(keys)?)
                .fetch_all(&self.readers)
                .await
                .map_err(unavailable(DOING))?;
        links(&rows)
    }

    async fn project(&self, id: &ProjectId) -> Read<Vec<LinkRow>> {
        let rows = query("SELECT * FROM links WHERE project_id = $1 ORDER BY repo_lname LIMIT 1000")
            .bind(id.as_str())
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        links(&rows)
    }

    async fn tenants(&self, after: Option<&str>, limit: u32) -> Read<Vec<TenantRow>> {
        let rows = query(
            "SELECT tenant_id, count(DISTINCT project_id) AS projects, count(*) AS repositories,
                    sum(status = 'mapped') AS mapped, sum(status = 'pending') AS pending,
                    sum(status = 'unmappable') AS unmappable
               FROM listed_links WHERE tenant_id > $1 GROUP BY tenant_id ORDER BY tenant_id LIMIT $2",
        )
        .bind(after.unwrap_or_default())
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        rows.iter().map(tenant).collect::<Result<_, _>>().map_err(unavailable(DOING))
    }

    async fn tenant(&self, id: &TenantId) -> Read<Option<TenantRow>> {
        let rows = query(
            "SELECT tenant_id, count(DISTINCT project_id) AS projects, count(*) AS repositories,
                    sum(status = 'mapped') AS mapped, sum(status = 'pending') AS pending,
                    sum(status = 'unmappable') AS unmappable
               FROM listed_links WHERE tenant_id = $1 GROUP BY tenant_id",
        )
        .bind(id.as_str())
        .fetch_optional(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        rows.as_ref().map(tenant).transpose().map_err(unavailable(DOING))
    }

    async fn links_window(&self, select: &Select) -> Read<Window<(LinkRow, Option<String>)>> {
        window::links(self, select).await
    }

    async fn tenants_window(&self, select: &Select) -> Read<Window<TenantRow>> {
        window::tenants(self, select).await
    }

    async fn catalog_counts(&self) -> Read<(u64, u64, u64)> {
        let (tenants, projects, repositories): (i64, i64, i64) = sqlx::query_as(
            "SELECT (SELECT count(DISTINCT tenant_id) FROM listed_links),
                    (SELECT count(DISTINCT project_id) FROM listed_links), (SELECT count(*) FROM listed_links)",
        )
        .fetch_one(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        Ok((unsigned(tenants), unsigned(projects), unsigned(repositories)))
    }

    async fn catalog_revision(&self) -> Read<i64> {
        let revision: Option<i64> =
            sqlx::query_scalar("SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'catalog.revision'")
                .fetch_optional(&self.readers)
                .await
                .map_err(unavailable(DOING))?;
        Ok(revision.unwrap_or(0))
    }

    async fn user_token(&self, fingerprint: &str) -> Read<Option<String>> {
        sqlx::query_scalar("SELECT sealed FROM user_tokens WHERE fingerprint = $1")
            .bind(fingerprint)
            .fetch_optional(&self.readers)
            .await
            .map_err(unavailable(DOING))
    }
}

const UPLOAD: &str = "SELECT uploads.*, count(part) AS parts, coalesce(sum(bytes), 0) AS total
       FROM uploads LEFT JOIN upload_parts ON upload_id = id
      WHERE $1 IS NULL OR id = $1 GROUP BY id ORDER BY id";

#[async_trait]
impl UploadRead for Sqlite {
    async fn upload(&self, id: &str) -> Read<Option<UploadRow>> {
        let row = query(UPLOAD).bind(id).fetch_optional(&self.readers).await.map_err(unavailable(DOING))?;
        row.as_ref().map(upload).transpose().map_err(unavailable(DOING))
    }

    async fn uploads(&self) -> Read<Vec<UploadRow>> {
        let rows =
            query(UPLOAD).bind(None::<&str>).fetch_all(&self.readers).await.map_err(unavailable(DOING))?;
        rows.iter().map(upload).collect::<Result<_, _>>().map_err(unavailable(DOING))
    }

    async fn upload_part(&self, id: &str, part: i64) -> Read<Option<String>> {
        sqlx::query_scalar("SELECT sealed FROM upload_parts WHERE upload_id = $1 AND part = $2")
            .bind(id)
            .bind(part)
            .fetch_optional(&self.readers)
            .await
            .map_err(unavailable(DOING))
    }
}

fn links(rows: &[SqliteRow]) -> Read<Vec<LinkRow>> {
    rows.iter().map(link).collect::<Result<_, _>>().map_err(unavailable(DOING))
}

pub(in crate::store::sqlite) fn link(row: &SqliteRow) -> Result<LinkRow, sqlx::Error> {
    Ok(LinkRow {
        project: ProjectId(row.try_get("project_id")?),
        repo_lname: row.try_get("repo_lname")?,
        key: LinkKey(row.try_get("key")?),
        tenant: TenantId(row.try_get("tenant_id")?),
        repo_full_name: row.try_get("repo_full_name")?,
        repo_id: row.try_get("repo_id")?,
        owner_id: row.try_get("owner_id")?,
        owner_login: row.try_get("owner_login")?,
        token: row.try_get("token")?,
        imported_commit_sha: row.try_get("imported_commit_sha")?,
        imported_tree_sha: row.try_get("imported_tree_sha")?,
        imported_at: row.try_get("imported_at")?,
        import_method: row.try_get("import_method")?,
        app_installation: row.try_get("app_installation")?,
        app_status: row.try_get("app_status")?,
        fingerprint: row.try_get("fingerprint")?,
    })
}

pub(in crate::store::sqlite) fn tenant(row: &SqliteRow) -> Result<TenantRow, sqlx::Error> {
    let count = |column: &str| row.try_get::<i64, _>(column).map(unsigned);
    Ok(TenantRow {
        id: TenantId(row.try_get("tenant_id")?),
        projects: count("projects")?,
        repositories: count("repositories")?,
        mapped: count("mapped")?,
        pending: count("pending")?,
        unmappable: count("unmappable")?,
    })
}

fn upload(row: &SqliteRow) -> Result<UploadRow, sqlx::Error> {
    Ok(UploadRow {
        id: row.try_get("id")?,
        at: row.try_get("at")?,
        operator: row.try_get("operator")?,
        format: row.try_get("format")?,
        state: row.try_get("state")?,
        skip_bad: row.try_get::<i64, _>("skip_bad")? != 0,
        parts: row.try_get("parts")?,
        bytes: row.try_get("total")?,
    })
}
