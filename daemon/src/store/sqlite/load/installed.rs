use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::{Read, unsigned};
use crate::store::sqlite::{Sqlite, unavailable};
use crate::store::{InstalledRead, InstalledRow, MOST_INSTALLATIONS, ReadError};

const DOING: &str = "reading installations";

/// What is alive, and what an event said to be removed since the last whole sweep.
const ROWS: &str = "SELECT i.id, i.account_id, i.account_login, i.account_type, i.selection, i.suspended_at,
            i.permissions, i.unread, i.listed_at, 0 AS gone, d.at, d.event
       FROM installations AS i LEFT JOIN delivered AS d ON d.installation = i.id
      WHERE i.host_id = $1 AND ($2 IS NULL OR i.id = $2)
     UNION ALL
     SELECT f.id, coalesce(f.body->>'$.account_id', 0), coalesce(f.login, f.body->>'$.account_login', ''),
            coalesce(f.body->>'$.account_type', ''), coalesce(f.body->>'$.selection', ''), NULL,
            coalesce(f.body->>'$.permissions', '{}'), NULL, NULL, 1, d.at, d.event
       FROM installation_facts AS f LEFT JOIN delivered AS d ON d.installation = f.id
      WHERE f.host_id = $1 AND ($2 IS NULL OR f.id = $2) AND f.gone_received IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM installations AS i WHERE i.host_id = f.host_id AND i.id = f.id)
      ORDER BY 1 LIMIT $3";

const REPOSITORIES: &str = "SELECT installation, count(*) FROM repositories
      WHERE host_id = $1 AND ($2 IS NULL OR installation = $2) GROUP BY installation";

const MAPPED: &str = "SELECT installation, count(*) FROM listed_links
      WHERE status = 'mapped' AND installation IS NOT NULL AND ($2 IS NULL OR installation = $2) AND $1 = $1
      GROUP BY installation";

/// Rows of queues that are counted at most; whoever has more has enough to do.
const WAITING: &str = "SELECT queue, count(*) FROM
        (SELECT queue FROM deliveries INDEXED BY deliveries_waiting
          WHERE state = 'waiting' AND ($2 IS NULL OR queue = $2) AND $1 = $1 LIMIT 100000) GROUP BY queue";

const DEAD: &str = "SELECT queue, count(*) FROM
        (SELECT queue FROM deliveries INDEXED BY deliveries_dead
          WHERE state = 'dead' AND ($2 IS NULL OR queue = $2) AND $1 = $1 LIMIT 100000) GROUP BY queue";

/// By the owner's id where the catalog says it, else by the login before the slash.
const UNMAPPED: &str = "SELECT l.owner_id,
            CASE WHEN l.owner_id IS NULL THEN substr(l.repo_lname, 1, max(instr(l.repo_lname, '/') - 1, 0)) END,
            count(*)
       FROM listed_links AS x
       CROSS JOIN links AS l ON l.project_id = x.project_id AND l.repo_lname = x.repo_lname
      WHERE x.status IN ('pending', 'unmappable', 'unplanned') GROUP BY 1, 2";

#[async_trait]
impl InstalledRead for Sqlite {
    async fn installed(&self, host: &str, id: Option<i64>) -> Result<Vec<InstalledRow>, ReadError> {
        let mut snapshot = self.readers.begin().await.map_err(unavailable(DOING))?;
        let rows = sqlx::query(ROWS)
            .bind(host)
            .bind(id)
            .bind(MOST_INSTALLATIONS)
            .fetch_all(&mut *snapshot)
            .await
            .map_err(unavailable(DOING))?;
        let mut rows: Vec<InstalledRow> =
            rows.iter().map(row).collect::<Result<_, _>>().map_err(unavailable(DOING))?;
        let repositories = counts(&mut snapshot, REPOSITORIES, host, id).await?;
        let mapped = counts(&mut snapshot, MAPPED, host, id).await?;
        let waiting = counts(&mut snapshot, WAITING, host, id).await?;
        let dead = counts(&mut snapshot, DEAD, host, id).await?;
        let unmapped: Vec<(Option<i64>, Option<String>, i64)> =
            sqlx::query_as(UNMAPPED).fetch_all(&mut *snapshot).await.map_err(unavailable(DOING))?;
        let (mut by_account, mut by_login) = (HashMap::new(), HashMap::new());
        for (account, login, n) in unmapped {
            match (account, login) {
                (Some(account), _) => *by_account.entry(account).or_insert(0) += unsigned(n),
                (None, Some(login)) => *by_login.entry(login).or_insert(0) += unsigned(n),
                (None, None) => {}
            }
        }
        let of = |counts: &HashMap<i64, u64>, id: i64| counts.get(&id).copied().unwrap_or(0);
        for row in &mut rows {
            row.repositories = of(&repositories, row.id);
            row.mapped = of(&mapped, row.id);
            row.waiting = of(&waiting, row.id);
            row.dead = of(&dead, row.id);
            let named = by_login.get(&row.account_login.to_ascii_lowercase()).copied().unwrap_or(0);
            row.unmapped = of(&by_account, row.account_id) + named;
        }
        Ok(rows)
    }
}

async fn counts(
    connection: &mut SqliteConnection,
    sql: &'static str,
    host: &str,
    id: Option<i64>,
) -> Read<HashMap<i64, u64>> {
    let rows: Vec<(i64, i64)> =
        sqlx::query_as(sql).bind(host).bind(id).fetch_all(connection).await.map_err(unavailable(DOING))?;
    Ok(rows.into_iter().map(|(id, n)| (id, unsigned(n))).collect())
}

fn row(row: &SqliteRow) -> Result<InstalledRow, sqlx::Error> {
    Ok(InstalledRow {
        id: row.try_get("id")?,
        account_id: row.try_get("account_id")?,
        account_login: row.try_get("account_login")?,
        account_type: row.try_get("account_type")?,
        selection: row.try_get("selection")?,
        suspended_at: row.try_get("suspended_at")?,
        permissions: row.try_get("permissions")?,
        gone: row.try_get::<i64, _>("gone")? != 0,
        unread: row.try_get("unread")?,
        read_at: row.try_get("listed_at")?,
        delivered_at: row.try_get("at")?,
        event: row.try_get("event")?,
        ..InstalledRow::default()
    })
}
