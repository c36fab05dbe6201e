//! Operations on the catalog and its uploads.

use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use super::{Done, expect_rows, failed, rows};
use crate::store::CatalogOp;

pub(super) async fn op(connection: &mut SqliteConnection, op: &CatalogOp) -> Done {
    match op {
        CatalogOp::Open { upload, at, operator, format } => {
            query("INSERT INTO uploads (id, at, operator, format, state) VALUES ($1, $2, $3, $4, 'open')")
                .bind(upload)
                .bind(at)
                .bind(operator)
                .bind(format)
                .execute(connection)
                .await
                .map_err(failed("the upload"))?;
        }
        CatalogOp::Part { upload, part, bytes, sealed } => {
            let done = query(
                "INSERT INTO upload_parts (upload_id, part, bytes, sealed)
                 SELECT $1, $2, $3, $4 FROM uploads WHERE id = $1 AND state = 'open'
                 ON CONFLICT (upload_id, part) DO UPDATE SET part = excluded.part",
            )
            .bind(upload)
            .bind(part)
            .bind(bytes)
            .bind(sealed)
            .execute(connection)
            .await
            .map_err(failed("the part"))?;
            expect_rows("the open upload", 1, done.rows_affected())?;
        }
        CatalogOp::Taking { upload, skip_bad } => {
            let done =
                query("UPDATE uploads SET state = 'taking', skip_bad = $2 WHERE id = $1 AND state = 'open'")
                    .bind(upload)
                    .bind(*skip_bad)
                    .execute(connection)
                    .await
                    .map_err(failed("the upload"))?;
            expect_rows("the open upload", 1, done.rows_affected())?;
        }
        CatalogOp::Close { upload } => {
            query("DELETE FROM upload_parts WHERE upload_id = $1")
                .bind(upload)
                .execute(&mut *connection)
                .await
                .map_err(failed("the upload"))?;
            query("DELETE FROM uploads WHERE id = $1")
                .bind(upload)
                .execute(connection)
                .await
                .map_err(failed("the upload"))?;
        }
        CatalogOp::PutLinks { rows: links } => {
            query(
                "INSERT INTO links (project_id, repo_lname, key, tenant_id, repo_full_name, repo_id, owner_id,
                                    owner_login, token, imported_commit_sha, imported_tree_sha, imported_at,
                                    import_method, app_installation, app_status, fingerprint)
                 SELECT value->>'$.project', value->>'$.repo_lname', value->>'$.key', value->>'$.tenant',
                        value->>'$.repo_full_name', value->>'$.repo_id', value->>'$.owner_id',
                        value->>'$.owner_login', value->>'$.token', value->>'$.imported_commit_sha',
                        value->>'$.imported_tree_sha', value->>'$.imported_at', value->>'$.import_method', value->>'$.app_installation', value->>'$.app_status',
                        value->>'$.fingerprint'
                   FROM json_each($1) WHERE true
                 ON CONFLICT (project_id, repo_lname) DO UPDATE SET
                        tenant_id = excluded.tenant_id, repo_full_name = excluded.repo_full_name,
                        repo_id = excluded.repo_id, owner_id = excluded.owner_id,
                        owner_login = excluded.owner_login, token = excluded.token,
                        imported_commit_sha = excluded.imported_commit_sha,
                        imported_tree_sha = excluded.imported_tree_sha, imported_at = excluded.imported_at,
                        import_method = excluded.import_method,
                        app_installation = excluded.app_installation, app_status = excluded.app_status,
                        fingerprint = excluded.fingerprint",
            )
            .bind(rows(links)?)
            .execute(connection)
            .await
            .map_err(failed("the key of a repository"))?;
        }
        CatalogOp::DropLinks { keys } => {
            query("DELETE FROM links WHERE key IN (SELECT value FROM json_each($1))")
                .bind(rows(keys)?)
                .execute(connection)
                .await
                .map_err(failed("the repository"))?;
        }
        CatalogOp::PutTokens { rows: tokens, at } => {
            // The first envelope stays: the same token sealed again is no news.
            query(
                "INSERT INTO user_tokens (fingerprint, sealed, seen_at)
                 SELECT value->>0, value->>1, $2 FROM json_each($1) WHERE true
                 ON CONFLICT (fingerprint) DO UPDATE SET seen_at = excluded.seen_at",
            )
            .bind(rows(tokens)?)
            .bind(at)
            .execute(connection)
            .await
            .map_err(failed("the token"))?;
        }
        CatalogOp::Bump { at, by } => {
            query(
                "INSERT INTO settings (name, value, changed_at, changed_by) VALUES ('catalog.revision', '1', $1, $2)
                 ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(settings.value AS INTEGER) + 1 AS TEXT),
                        changed_at = excluded.changed_at, changed_by = excluded.changed_by",
            )
            .bind(at)
            .bind(by)
            .execute(connection)
            .await
            .map_err(failed("the revision"))?;
        }
    }
    Ok(())
}
