use async_trait::async_trait;
use cutover_shared::status::IndexView;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, query};

use super::{Read, unsigned};
use crate::store::read::IndexRead;
use crate::store::sqlite::{Sqlite, unavailable};
use crate::store::{InstallationRow, RepositoryRow, RequestRow, SweepRow};

const DOING: &str = "reading the index";

/// What somebody connected since the sweep began is left to the next: its list may be older.
const MISSED: &str = "SELECT id FROM installations WHERE host_id = $1 AND sweep_id <> $2 AND id > $3
     UNION
     SELECT installation FROM integrations
      WHERE host_id = $1 AND state = 'active' AND installation > $3
        AND callback_at < (SELECT started_at FROM sweeps WHERE id = $2)
        AND NOT EXISTS (SELECT 1 FROM installations AS i WHERE i.host_id = $1 AND i.id = integrations.installation)
     ORDER BY 1 LIMIT $4";

#[async_trait]
impl IndexRead for Sqlite {
    async fn sweep_open(&self, host: &str) -> Read<Option<SweepRow>> {
        let row =
            query("SELECT * FROM sweeps WHERE host_id = $1 AND state <> 'done' ORDER BY id DESC LIMIT 1")
                .bind(host)
                .fetch_optional(&self.readers)
                .await
                .map_err(unavailable(DOING))?;
        row.map(|row| {
            Ok(SweepRow {
                id: row.try_get("id")?,
                host: row.try_get("host_id")?,
                state: row.try_get("state")?,
                started_at: row.try_get("started_at")?,
                ended_at: row.try_get("ended_at")?,
                cursor: row.try_get("cursor")?,
                changes: row.try_get("changes")?,
            })
        })
        .transpose()
        .map_err(unavailable(DOING))
    }

    async fn installations_owed(&self, host: &str, sweep: &str, limit: u32) -> Read<Vec<InstallationRow>> {
        let rows = query(
            "SELECT * FROM installations
              WHERE host_id = $1 AND sweep_id = $2 AND listed_by IS NOT $2 ORDER BY id LIMIT $3",
        )
        .bind(host)
        .bind(sweep)
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        rows.iter().map(installation).collect::<Result<_, _>>().map_err(unavailable(DOING))
    }

    async fn installations_missed(&self, host: &str, sweep: &str, after: i64, limit: u32) -> Read<Vec<i64>> {
        sqlx::query_scalar(MISSED)
            .bind(host)
            .bind(sweep)
            .bind(after)
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable(DOING))
    }

    async fn installations(&self, host: &str, after: Option<i64>, limit: u32) -> Read<Vec<InstallationRow>> {
        let rows = query("SELECT * FROM installations WHERE host_id = $1 AND id > $2 ORDER BY id LIMIT $3")
            .bind(host)
            .bind(after.unwrap_or(i64::MIN))
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        rows.iter().map(installation).collect::<Result<_, _>>().map_err(unavailable(DOING))
    }

    async fn repositories(
        &self,
        host: &str,
        after: Option<(i64, i64)>,
        limit: u32,
    ) -> Read<Vec<RepositoryRow>> {
        let (installation, id) = after.unwrap_or((i64::MIN, i64::MIN));
        let rows = query(
            "SELECT * FROM repositories WHERE host_id = $1 AND (installation, id) > ($2, $3)
              ORDER BY installation, id LIMIT $4",
        )
        .bind(host)
        .bind(installation)
        .bind(id)
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        rows.iter().map(repository).collect::<Result<_, _>>().map_err(unavailable(DOING))
    }

    async fn requests(&self, host: &str) -> Read<Vec<RequestRow>> {
        let rows =
            query("SELECT * FROM installation_requests WHERE host_id = $1 ORDER BY account_id LIMIT 100000")
                .bind(host)
                .fetch_all(&self.readers)
                .await
                .map_err(unavailable(DOING))?;
        rows.iter()
            .map(|row| {
                Ok(RequestRow {
                    account_id: row.try_get("account_id")?,
                    account_login: row.try_get("account_login")?,
                })
            })
            .collect::<Result<_, _>>()
            .map_err(unavailable(DOING))
    }

    async fn index_view(&self, host: &str) -> Read<IndexView> {
        let row = query(
            "SELECT (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'index.epoch') AS epoch,
                    (SELECT count(*) FROM installations WHERE host_id = $1) AS installations,
                    (SELECT count(*) FROM installations WHERE host_id = $1 AND suspended_at IS NOT NULL) AS suspended,
                    (SELECT count(*) FROM installations WHERE host_id = $1 AND unread IS NOT NULL) AS unread,
                    (SELECT count(*) FROM repositories WHERE host_id = $1) AS repositories,
                    (SELECT max(ended_at) FROM sweeps WHERE host_id = $1 AND state = 'done') AS swept_at,
                    (SELECT id FROM sweeps WHERE host_id = $1 AND state <> 'done' ORDER BY id DESC LIMIT 1) AS sweep",
        )
        .bind(host)
        .fetch_one(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        let view = (|| {
            let count = |column: &str| row.try_get::<i64, _>(column).map(unsigned);
            Ok((
                IndexView {
                    epoch: row.try_get::<Option<i64>, _>("epoch")?.unwrap_or(0),
                    installations: count("installations")?,
                    suspended: count("suspended")?,
                    unread: count("unread")?,
                    repositories: count("repositories")?,
                    swept_at: row.try_get("swept_at")?,
                    sweeping: None,
                },
                row.try_get::<Option<String>, _>("sweep")?,
            ))
        })();
        let (mut view, sweep) = view.map_err(unavailable(DOING))?;
        if let Some(sweep) = sweep {
            let (read, known): (i64, i64) = sqlx::query_as(
                "SELECT (SELECT count(*) FROM installations WHERE host_id = $1 AND sweep_id = $2 AND listed_by = $2),
                        (SELECT listed FROM sweeps WHERE id = $2)",
            )
            .bind(host)
            .bind(&sweep)
            .fetch_one(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
            view.sweeping = Some((unsigned(read), unsigned(known)));
        }
        Ok(view)
    }
}

fn installation(row: &SqliteRow) -> Result<InstallationRow, sqlx::Error> {
    Ok(InstallationRow {
        id: row.try_get("id")?,
        account_id: row.try_get("account_id")?,
        account_login: row.try_get("account_login")?,
        account_type: row.try_get("account_type")?,
        selection: row.try_get("selection")?,
        suspended_at: row.try_get("suspended_at")?,
        permissions: row.try_get("permissions")?,
    })
}

pub(super) fn repository(row: &SqliteRow) -> Result<RepositoryRow, sqlx::Error> {
    Ok(RepositoryRow {
        installation: row.try_get("installation")?,
        id: row.try_get("id")?,
        full_name: row.try_get("full_name")?,
        owner_id: row.try_get("owner_id")?,
        owner_login: row.try_get("owner_login")?,
        created_at: row.try_get("created_at")?,
        private: row.try_get::<i64, _>("private")? != 0,
        fork: row.try_get::<i64, _>("fork")? != 0,
    })
}
