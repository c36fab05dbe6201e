//! Operations on the index. An upsert that changes nothing touches no row, so that a sweep over an unchanged
//! world leaves the epoch alone; only `sweep_id` is always set.

use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use super::index_sweep::{forget_listed, forget_seen, keep, over_installations, over_repositories};
use super::integration::unseen;
use super::{Done, failed, index_event, rows};
use crate::store::IndexOp;

const WHAT: &str = "the index";

pub(super) async fn op(connection: &mut SqliteConnection, op: &IndexOp) -> Done {
    match op {
        IndexOp::Begin { sweep, host, at } => {
            query("INSERT INTO sweeps (id, host_id, state, started_at) VALUES ($1, $2, 'listing', $3)")
                .bind(sweep)
                .bind(host)
                .bind(at)
                .execute(connection)
                .await
                .map_err(failed("the sweep"))?;
            Ok(())
        }
        IndexOp::Installations { sweep, host, rows: found, cursor, done } => {
            let array = rows(found)?;
            changed(connection, sweep, CHANGED_INSTALLATIONS, &array, host).await?;
            put(connection, PUT_INSTALLATIONS, &array, host, sweep).await?;
            over_installations(connection, sweep, host, &array).await?;
            query("UPDATE sweeps SET cursor = $2, state = CASE WHEN $3 THEN 'reading' ELSE state END, listed = listed + $4 WHERE id = $1")
                .bind(sweep)
                .bind(cursor)
                .bind(*done)
                .bind(i64::try_from(found.len()).unwrap_or(i64::MAX))
                .execute(connection)
                .await
                .map_err(failed(WHAT))?;
            Ok(())
        }
        IndexOp::Requests { sweep, host, rows: found } => {
            let array = rows(found)?;
            changed(connection, sweep, CHANGED_REQUESTS, &array, host).await?;
            put(connection, PUT_REQUESTS, &array, host, sweep).await
        }
        IndexOp::Repositories { sweep, host, rows: found } => {
            let array = rows(found)?;
            changed(connection, sweep, CHANGED_REPOSITORIES, &array, host).await?;
            put(connection, PUT_REPOSITORIES, &array, host, sweep).await?;
            over_repositories(connection, sweep, host, &array).await
        }
        IndexOp::Listed { sweep, host, installation } => {
            let gone = query(
                "DELETE FROM repositories WHERE host_id = $1 AND installation = $2 AND sweep_id <> $3
                    AND NOT EXISTS (SELECT 1 FROM repository_facts AS f WHERE f.host_id = $1 AND f.installation = $2
                        AND f.id = repositories.id AND f.granted = 1
                        AND f.granted_received >= (SELECT started_at FROM sweeps WHERE id = $3))",
            )
            .bind(host)
            .bind(installation)
            .bind(sweep)
            .execute(&mut *connection)
            .await
            .map_err(failed(WHAT))?;
            add_changes(connection, sweep, gone.rows_affected()).await?;
            forget_listed(connection, sweep, host, *installation).await?;
            listed(connection, sweep, host, *installation, None).await
        }
        IndexOp::Suspended { sweep, host, installation, at } => {
            let news = query(
                "UPDATE installations SET suspended_at = $3 WHERE host_id = $1 AND id = $2 AND suspended_at IS NULL",
            )
            .bind(host)
            .bind(installation)
            .bind(at)
            .execute(&mut *connection)
            .await
            .map_err(failed(WHAT))?;
            add_changes(connection, sweep, news.rows_affected()).await?;
            index_event::show_installation(connection, host, *installation).await?;
            listed(connection, sweep, host, *installation, None).await
        }
        IndexOp::Unread { sweep, host, installation, why } => {
            listed(connection, sweep, host, *installation, Some(why)).await
        }
        IndexOp::Gone { host, installation, sweep, at } => {
            if keep(connection, sweep, host, *installation).await? {
                return Ok(());
            }
            let repositories = query("DELETE FROM repositories WHERE host_id = $1 AND installation = $2")
                .bind(host)
                .bind(installation)
                .execute(&mut *connection)
                .await
                .map_err(failed(WHAT))?;
            let itself = query("DELETE FROM installations WHERE host_id = $1 AND id = $2")
                .bind(host)
                .bind(installation)
                .execute(&mut *connection)
                .await
                .map_err(failed(WHAT))?;
            let gone = repositories.rows_affected() + itself.rows_affected();
            add_changes(connection, sweep, gone).await?;
            unseen(connection, host, sweep, &[*installation], *at).await
        }
        IndexOp::End { sweep, host, at } => end(connection, sweep, host, *at).await,
        IndexOp::Learned { host, fact, at } => index_event::learned(connection, host, fact, *at).await,
    }
}

const CHANGED_INSTALLATIONS: &str = "SELECT count(*) FROM json_each($1)
      LEFT JOIN installations AS old ON old.host_id = $2 AND old.id = value->>'$.id'
     WHERE old.id IS NULL OR old.account_id <> value->>'$.account_id'
        OR old.account_login <> value->>'$.account_login' OR old.account_type <> value->>'$.account_type'
        OR old.selection <> value->>'$.selection' OR old.permissions <> value->>'$.permissions'
        OR (old.suspended_at IS NULL) <> (value->>'$.suspended_at' IS NULL)";

const PUT_INSTALLATIONS: &str = "INSERT INTO installations
       (host_id, id, account_id, account_login, account_type, selection, suspended_at, permissions, sweep_id)
     SELECT $2, value->>'$.id', value->>'$.account_id', value->>'$.account_login', value->>'$.account_type',
            value->>'$.selection', value->>'$.suspended_at', value->>'$.permissions', $3
       FROM json_each($1) WHERE true
     ON CONFLICT (host_id, id) DO UPDATE SET account_id = excluded.account_id,
            account_login = excluded.account_login, account_type = excluded.account_type,
            selection = excluded.selection, suspended_at = excluded.suspended_at,
            permissions = excluded.permissions, sweep_id = excluded.sweep_id";

const CHANGED_REQUESTS: &str = "SELECT count(*) FROM json_each($1)
      LEFT JOIN installation_requests AS old ON old.host_id = $2 AND old.account_id = value->>'$.account_id'
     WHERE old.account_id IS NULL OR old.account_login <> value->>'$.account_login'";

const PUT_REQUESTS: &str = "INSERT INTO installation_requests (host_id, account_id, account_login, sweep_id)
     SELECT $2, value->>'$.account_id', value->>'$.account_login', $3 FROM json_each($1) WHERE true
     ON CONFLICT (host_id, account_id) DO UPDATE SET account_login = excluded.account_login,
            sweep_id = excluded.sweep_id";

const CHANGED_REPOSITORIES: &str = "SELECT count(*) FROM json_each($1)
      LEFT JOIN repositories AS old
        ON old.host_id = $2 AND old.installation = value->>'$.installation' AND old.id = value->>'$.id'
     WHERE old.id IS NULL OR old.full_name <> value->>'$.full_name' OR old.owner_id <> value->>'$.owner_id'
        OR old.owner_login <> value->>'$.owner_login' OR old.private <> value->>'$.private'
        OR old.created_at IS NOT value->>'$.created_at'";

const PUT_REPOSITORIES: &str = "INSERT INTO repositories
       (host_id, installation, id, full_name, owner_id, owner_login, created_at, private, fork, sweep_id)
     SELECT $2, value->>'$.installation', value->>'$.id', value->>'$.full_name', value->>'$.owner_id',
            value->>'$.owner_login', value->>'$.created_at', value->>'$.private', value->>'$.fork', $3
       FROM json_each($1) WHERE true
     ON CONFLICT (host_id, installation, id) DO UPDATE SET full_name = excluded.full_name,
            owner_id = excluded.owner_id, owner_login = excluded.owner_login, created_at = excluded.created_at,
            private = excluded.private, fork = excluded.fork, sweep_id = excluded.sweep_id";

async fn changed(
    connection: &mut SqliteConnection,
    sweep: &str,
    sql: &'static str,
    array: &str,
    host: &str,
) -> Done {
    let n: i64 = sqlx::query_scalar(sql)
        .bind(array)
        .bind(host)
        .fetch_one(&mut *connection)
        .await
        .map_err(failed(WHAT))?;
    add_changes(connection, sweep, u64::try_from(n).unwrap_or(0)).await
}

async fn put(
    connection: &mut SqliteConnection,
    sql: &'static str,
    array: &str,
    host: &str,
    sweep: &str,
) -> Done {
    query(sql).bind(array).bind(host).bind(sweep).execute(connection).await.map_err(failed(WHAT))?;
    Ok(())
}

async fn add_changes(connection: &mut SqliteConnection, sweep: &str, n: u64) -> Done {
    if n > 0 {
        query("UPDATE sweeps SET changes = changes + $2 WHERE id = $1")
            .bind(sweep)
            .bind(i64::try_from(n).unwrap_or(i64::MAX))
            .execute(connection)
            .await
            .map_err(failed("the sweep"))?;
    }
    Ok(())
}

async fn listed(
    connection: &mut SqliteConnection,
    sweep: &str,
    host: &str,
    installation: i64,
    unread: Option<&str>,
) -> Done {
    query("UPDATE installations SET listed_by = $3, unread = $4 WHERE host_id = $1 AND id = $2")
        .bind(host)
        .bind(installation)
        .bind(sweep)
        .bind(unread)
        .execute(&mut *connection)
        .await
        .map_err(failed(WHAT))?;
    // Granted since the sweep began, and perhaps before the installation was known.
    let news = index_event::show_repositories(connection, host, installation, None).await?;
    add_changes(connection, sweep, news).await
}

async fn end(connection: &mut SqliteConnection, sweep: &str, host: &str, at: i64) -> Done {
    // What an event told since the sweep began stays.
    let ids: Vec<i64> = sqlx::query_scalar(
        "DELETE FROM installations WHERE host_id = $1 AND sweep_id <> $2 AND NOT EXISTS
            (SELECT 1 FROM installation_facts AS f WHERE f.host_id = $1 AND f.id = installations.id
                AND f.received >= (SELECT started_at FROM sweeps WHERE id = $2)) RETURNING id",
    )
    .bind(host)
    .bind(sweep)
    .fetch_all(&mut *connection)
    .await
    .map_err(failed(WHAT))?;
    unseen(connection, host, sweep, &ids, at).await?;
    let mut gone = u64::try_from(ids.len()).unwrap_or(u64::MAX);
    for sql in [
        "DELETE FROM repositories WHERE host_id = $1 AND installation NOT IN
            (SELECT id FROM installations WHERE host_id = $1) AND $2 = $2",
        "DELETE FROM installation_requests WHERE host_id = $1 AND sweep_id <> $2",
    ] {
        gone += query(sql)
            .bind(host)
            .bind(sweep)
            .execute(&mut *connection)
            .await
            .map_err(failed(WHAT))?
            .rows_affected();
    }
    add_changes(connection, sweep, gone).await?;
    forget_seen(connection, sweep, host).await?;
    index_event::raise_epoch(connection, Some(sweep), at).await?;
    query("DELETE FROM sweeps WHERE host_id = $1 AND id <> $2")
        .bind(host)
        .bind(sweep)
        .execute(&mut *connection)
        .await
        .map_err(failed(WHAT))?;
    query("UPDATE sweeps SET state = 'done', ended_at = $2, cursor = NULL WHERE id = $1")
        .bind(sweep)
        .bind(at)
        .execute(connection)
        .await
        .map_err(failed(WHAT))?;
    Ok(())
}
