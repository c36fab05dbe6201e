use async_trait::async_trait;
use cutover_shared::window::Window;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, query};

use super::Read;
use crate::store::read::AuditRead;
use crate::store::sqlite::{Sqlite, unavailable, window};
use crate::store::{AuditRow, Select};

const DOING: &str = "reading the audit log";

#[async_trait]
impl AuditRead for Sqlite {
    async fn audit_newest(&self, before: Option<i64>, limit: u32) -> Read<Vec<AuditRow>> {
        let rows =
            query("SELECT seq, bytes, prev, hash FROM audit WHERE seq < $1 ORDER BY seq DESC LIMIT $2")
                .bind(before.unwrap_or(i64::MAX))
                .bind(limit)
                .fetch_all(&self.readers)
                .await
                .map_err(unavailable(DOING))?;
        rows.iter().map(audit).collect::<Result<_, _>>().map_err(unavailable(DOING))
    }

    async fn audit_oldest(&self, after: Option<i64>, limit: u32) -> Read<Vec<AuditRow>> {
        let rows = query("SELECT seq, bytes, prev, hash FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2")
            .bind(after.unwrap_or(i64::MIN))
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        rows.iter().map(audit).collect::<Result<_, _>>().map_err(unavailable(DOING))
    }

    async fn audit_window(&self, select: &Select) -> Read<Window<AuditRow>> {
        window::audit(self, select).await
    }
}

pub(in crate::store::sqlite) fn audit(row: &SqliteRow) -> Result<AuditRow, sqlx::Error> {
    Ok(AuditRow {
        seq: row.try_get("seq")?,
        bytes: row.try_get("bytes")?,
        prev: row.try_get("prev")?,
        hash: row.try_get("hash")?,
    })
}
