//! A sweep and the facts that events told: what was received before it began is cleared, for the sweep saw the world after it;
//! what came later lies over what it read.

use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use super::index_event::{show_installation, show_repositories};
use super::{Done, failed};
use crate::store::WriteError;

const WHAT: &str = "the index";

/// After a page of installations was written; `array` holds its rows.
pub(super) async fn over_installations(
    connection: &mut SqliteConnection,
    sweep: &str,
    host: &str,
    array: &str,
) -> Done {
    for sql in [
        "UPDATE installations SET seen_at = (SELECT started_at FROM sweeps WHERE id = $2)
          WHERE host_id = $1 AND id IN (SELECT value->>'$.id' FROM json_each($3))",
        "DELETE FROM installation_facts WHERE host_id = $1 AND id IN (SELECT value->>'$.id' FROM json_each($3))
            AND coalesce(gone_received, max(coalesce(received, 0), coalesce(suspension_received, 0),
                         coalesce(login_received, 0))) < (SELECT started_at FROM sweeps WHERE id = $2)",
    ] {
        query(sql).bind(host).bind(sweep).bind(array).execute(&mut *connection).await.map_err(failed(WHAT))?;
    }
    let told: Vec<i64> = sqlx::query_scalar(
        "SELECT id FROM installation_facts WHERE host_id = $1 AND id IN (SELECT value->>'$.id' FROM json_each($2))",
    )
    .bind(host)
    .bind(array)
    .fetch_all(&mut *connection)
    .await
    .map_err(failed(WHAT))?;
    for id in told {
        show_installation(connection, host, id).await?;
    }
    Ok(())
}

/// After a part of an installation's list was written; `array` holds its rows.
pub(super) async fn over_repositories(
    connection: &mut SqliteConnection,
    sweep: &str,
    host: &str,
    array: &str,
) -> Done {
    for sql in OLDER {
        query(sql)
            .bind(host)
            .bind(sweep)
            .bind(array)
            .execute(&mut *connection)
            .await
            .map_err(failed(WHAT))?;
    }
    let told: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT installation, id FROM repository_facts
          WHERE host_id = $1 AND (installation, id) IN
                (SELECT value->>'$.installation', value->>'$.id' FROM json_each($2))",
    )
    .bind(host)
    .bind(array)
    .fetch_all(&mut *connection)
    .await
    .map_err(failed(WHAT))?;
    for (installation, id) in told {
        show_repositories(connection, host, installation, Some(&[id])).await?;
    }
    let renamed: Vec<i64> = sqlx::query_scalar(
        "SELECT id FROM installation_facts WHERE host_id = $1
            AND login_received >= (SELECT started_at FROM sweeps WHERE id = $2)
            AND id IN (SELECT value->>'$.installation' FROM json_each($3))",
    )
    .bind(host)
    .bind(sweep)
    .bind(array)
    .fetch_all(&mut *connection)
    .await
    .map_err(failed(WHAT))?;
    for installation in renamed {
        show_installation(connection, host, installation).await?;
    }
    Ok(())
}

const OLDER: [&str; 5] = [
    "UPDATE repository_facts SET granted = NULL, granted_received = NULL WHERE host_id = $1
        AND granted_received < (SELECT started_at FROM sweeps WHERE id = $2) AND (installation, id) IN
        (SELECT value->>'$.installation', value->>'$.id' FROM json_each($3))",
    "UPDATE repository_facts SET named = NULL, named_received = NULL WHERE host_id = $1
        AND named_received < (SELECT started_at FROM sweeps WHERE id = $2) AND (installation, id) IN
        (SELECT value->>'$.installation', value->>'$.id' FROM json_each($3))",
    "UPDATE repository_facts SET told = NULL, told_at = NULL, told_received = NULL WHERE host_id = $1
        AND told_received < (SELECT started_at FROM sweeps WHERE id = $2) AND (installation, id) IN
        (SELECT value->>'$.installation', value->>'$.id' FROM json_each($3))",
    "DELETE FROM repository_homes WHERE host_id = $1
        AND received < (SELECT started_at FROM sweeps WHERE id = $2) AND id IN
        (SELECT value->>'$.id' FROM json_each($3))",
    // Moved away since the sweep began.
    "INSERT INTO repository_facts (host_id, installation, id)
     SELECT $1, value->>'$.installation', value->>'$.id' FROM json_each($3)
       JOIN repository_homes AS h ON h.host_id = $1 AND h.id = value->>'$.id' AND $2 = $2 WHERE true
     ON CONFLICT DO NOTHING",
];

/// An installation's list was read to its end.
pub(super) async fn forget_listed(
    connection: &mut SqliteConnection,
    sweep: &str,
    host: &str,
    installation: i64,
) -> Done {
    for sql in [
        "UPDATE installations SET listed_at = (SELECT started_at FROM sweeps WHERE id = $3)
          WHERE host_id = $1 AND id = $2",
        "DELETE FROM repository_facts WHERE host_id = $1 AND installation = $2
            AND max(coalesce(granted_received, 0), coalesce(named_received, 0), coalesce(told_received, 0))
                < (SELECT started_at FROM sweeps WHERE id = $3)",
    ] {
        let statement = query(sql).bind(host).bind(installation).bind(sweep);
        statement.execute(&mut *connection).await.map_err(failed(WHAT))?;
    }
    Ok(())
}

/// Whether an event told of the installation since the sweep began. Then it stays as it is for this sweep.
pub(super) async fn keep(
    connection: &mut SqliteConnection,
    sweep: &str,
    host: &str,
    installation: i64,
) -> Result<bool, WriteError> {
    let kept = query(
        "UPDATE installations SET sweep_id = $3, listed_by = $3 WHERE host_id = $1 AND id = $2 AND EXISTS
            (SELECT 1 FROM installation_facts AS f WHERE f.host_id = $1 AND f.id = $2
                AND f.received >= (SELECT started_at FROM sweeps WHERE id = $3))",
    )
    .bind(host)
    .bind(installation)
    .bind(sweep)
    .execute(connection)
    .await
    .map_err(failed(WHAT))?;
    Ok(kept.rows_affected() > 0)
}

/// At a sweep's end: facts of what is gone, and of before it began.
pub(super) async fn forget_seen(connection: &mut SqliteConnection, sweep: &str, host: &str) -> Done {
    for sql in [
        // What events made since it began had no list then.
        "DELETE FROM repositories WHERE host_id = $1
            AND installation IN (SELECT id FROM installations WHERE host_id = $1 AND sweep_id <> $2)
            AND NOT EXISTS (SELECT 1 FROM repository_facts AS f WHERE f.host_id = $1
                AND f.installation = repositories.installation AND f.id = repositories.id AND f.granted = 1
                AND f.granted_received >= (SELECT started_at FROM sweeps WHERE id = $2))",
        "UPDATE installations SET listed_at = (SELECT started_at FROM sweeps WHERE id = $2)
          WHERE host_id = $1 AND sweep_id <> $2",
        // Neither does what was known of them before.
        "UPDATE installations SET suspended_at = NULL WHERE host_id = $1 AND sweep_id <> $2
            AND EXISTS (SELECT 1 FROM installation_facts AS f WHERE f.host_id = $1 AND f.id = installations.id
                AND f.suspension_received < (SELECT started_at FROM sweeps WHERE id = $2))",
        "UPDATE installations SET account_login = f.body->>'$.account_login' FROM installation_facts AS f
          WHERE installations.host_id = $1 AND installations.sweep_id <> $2 AND f.host_id = $1
            AND f.id = installations.id AND f.body IS NOT NULL
            AND f.login_received < (SELECT started_at FROM sweeps WHERE id = $2)",
        "UPDATE installation_facts SET suspended_at = NULL, suspension_at = NULL, suspension_received = NULL
          WHERE host_id = $1 AND suspension_received < (SELECT started_at FROM sweeps WHERE id = $2)",
        "UPDATE installation_facts SET login = NULL, login_received = NULL
          WHERE host_id = $1 AND login_received < (SELECT started_at FROM sweeps WHERE id = $2)",
        "DELETE FROM installation_facts WHERE host_id = $1
            AND max(coalesce(gone_received, 0), coalesce(received, 0), coalesce(suspension_received, 0),
                    coalesce(login_received, 0)) < (SELECT started_at FROM sweeps WHERE id = $2)",
        "DELETE FROM repository_facts WHERE host_id = $1
            AND installation NOT IN (SELECT id FROM installations WHERE host_id = $1)
            AND max(coalesce(granted_received, 0), coalesce(named_received, 0), coalesce(told_received, 0))
                < (SELECT started_at FROM sweeps WHERE id = $2)",
        "DELETE FROM repository_homes WHERE host_id = $1
            AND received < (SELECT started_at FROM sweeps WHERE id = $2)",
    ] {
        query(sql).bind(host).bind(sweep).execute(&mut *connection).await.map_err(failed(WHAT))?;
    }
    Ok(())
}
