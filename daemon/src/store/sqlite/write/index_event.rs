//! What events told of the index. Each fact is kept with its version; the index shows the newest, over what the last sweep
//! read. So the order in which facts come makes no difference.

use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use super::{Done, failed, rows};
use crate::store::{InstallationRow, Learned, RepositoryRow, Version, WriteError};

const WHAT: &str = "the index";

type Count = Result<u64, WriteError>;

/// Takes a fact in; the epoch rises when the index changed.
pub(super) async fn learned(connection: &mut SqliteConnection, host: &str, fact: &Learned, at: i64) -> Done {
    let changed = take(connection, host, fact).await?;
    if changed > 0 { raise_epoch(connection, None, at).await } else { Ok(()) }
}

/// The index changed; by a sweep, only if that counted changes.
pub(super) async fn raise_epoch(connection: &mut SqliteConnection, sweep: Option<&str>, at: i64) -> Done {
    query(
        "INSERT INTO settings (name, value, changed_at, changed_by)
         SELECT 'index.epoch', '1', $2, 'daemon'
          WHERE $1 IS NULL OR EXISTS (SELECT 1 FROM sweeps WHERE id = $1 AND changes > 0)
         ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(settings.value AS INTEGER) + 1 AS TEXT),
                changed_at = excluded.changed_at",
    )
    .bind(sweep)
    .bind(at)
    .execute(connection)
    .await
    .map_err(failed(WHAT))?;
    Ok(())
}

/// How many rows of the index changed.
async fn take(connection: &mut SqliteConnection, host: &str, fact: &Learned) -> Count {
    match fact {
        Learned::Seen { row, suspension, version } => {
            seen(connection, host, row, *suspension, *version).await
        }
        Learned::Uninstalled { installation, version } => {
            if is_swept(connection, FLOOR_OF_INSTALLATION, host, *installation, *version).await? {
                return Ok(0);
            }
            stub(connection, host, *installation).await?;
            let sql = "UPDATE installation_facts SET gone_received = max(coalesce(gone_received, 0), $3)
                        WHERE host_id = $1 AND id = $2";
            run(query(sql).bind(host).bind(installation).bind(version.received), connection).await?;
            show_installation(connection, host, *installation).await
        }
        Learned::Renamed { installation, login, version } => {
            if is_swept(connection, FLOOR_OF_INSTALLATION, host, *installation, *version).await? {
                return Ok(0);
            }
            stub(connection, host, *installation).await?;
            label(connection, host, *installation, login, *version).await?;
            show_installation(connection, host, *installation).await
        }
        Learned::Granted { installation, rows, version } => {
            if is_swept(connection, FLOOR_OF_LIST, host, *installation, *version).await? {
                return Ok(0);
            }
            for row in rows {
                grant(connection, host, *installation, row.id, true, *version).await?;
                let sql = "UPDATE repository_facts SET named = $4, named_received = $5
                            WHERE host_id = $1 AND installation = $2 AND id = $3
                              AND (named IS NULL OR (named_received, named) < ($5, $4))";
                let body = json(row)?;
                let update = query(sql).bind(host).bind(installation).bind(row.id).bind(body);
                run(update.bind(version.received), connection).await?;
            }
            let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
            show_repositories(connection, host, *installation, Some(&ids)).await
        }
        Learned::Withdrawn { installation, repositories, version } => {
            if is_swept(connection, FLOOR_OF_LIST, host, *installation, *version).await? {
                return Ok(0);
            }
            for id in repositories {
                grant(connection, host, *installation, *id, false, *version).await?;
            }
            show_repositories(connection, host, *installation, Some(repositories)).await
        }
        Learned::Described { row, version } => {
            if is_swept(connection, FLOOR_OF_LIST, host, row.installation, *version).await? {
                return Ok(0);
            }
            describe(connection, host, row, *version).await?;
            show_repositories(connection, host, row.installation, Some(&[row.id])).await
        }
        Learned::Moved { row, version } => {
            let mut changed = home(connection, host, row.id, row.installation, *version).await?;
            if !is_swept(connection, FLOOR_OF_LIST, host, row.installation, *version).await? {
                grant(connection, host, row.installation, row.id, true, *version).await?;
                describe(connection, host, row, *version).await?;
                changed += show_repositories(connection, host, row.installation, Some(&[row.id])).await?;
            }
            Ok(changed)
        }
        Learned::Deleted { repository, version } => home(connection, host, *repository, 0, *version).await,
    }
}

/// What a sweep knows of an installation that began at this moment is newer.
const FLOOR_OF_INSTALLATION: &str =
    "SELECT max(coalesce((SELECT seen_at FROM installations WHERE host_id = $1 AND id = $2), 0),
                coalesce((SELECT max(started_at) FROM sweeps WHERE host_id = $1 AND state = 'done'), 0)) > $3";

const FLOOR_OF_LIST: &str =
    "SELECT CASE WHEN EXISTS (SELECT 1 FROM installations WHERE host_id = $1 AND id = $2)
            THEN coalesce((SELECT listed_at FROM installations WHERE host_id = $1 AND id = $2), 0)
            ELSE coalesce((SELECT max(started_at) FROM sweeps WHERE host_id = $1 AND state = 'done'), 0) END > $3";

async fn is_swept(
    connection: &mut SqliteConnection,
    floor: &'static str,
    host: &str,
    installation: i64,
    version: Version,
) -> Result<bool, WriteError> {
    sqlx::query_scalar(floor)
        .bind(host)
        .bind(installation)
        .bind(version.received)
        .fetch_one(connection)
        .await
        .map_err(failed(WHAT))
}

async fn seen(
    connection: &mut SqliteConnection,
    host: &str,
    row: &InstallationRow,
    suspension: bool,
    version: Version,
) -> Count {
    if is_swept(connection, FLOOR_OF_INSTALLATION, host, row.id, version).await? {
        return Ok(0);
    }
    stub(connection, host, row.id).await?;
    let sql = "UPDATE installation_facts SET body = $3, at = $4, received = $5 WHERE host_id = $1 AND id = $2
                  AND (body IS NULL OR (at, received, body) < ($4, $5, $3))";
    let update = query(sql).bind(host).bind(row.id).bind(json(row)?).bind(version.at).bind(version.received);
    run(update, connection).await?;
    if suspension {
        let sql = "UPDATE installation_facts
                      SET suspended_at = $3, suspension_at = $4, suspension_received = $5
                    WHERE host_id = $1 AND id = $2 AND (suspension_at IS NULL OR
                          (suspension_at, suspension_received, coalesce(suspended_at, 0)) < ($4, $5, coalesce($3, 0)))";
        let update = query(sql).bind(host).bind(row.id).bind(row.suspended_at);
        run(update.bind(version.at).bind(version.received), connection).await?;
    }
    label(connection, host, row.id, &row.account_login, version).await?;
    show_installation(connection, host, row.id).await
}

async fn stub(connection: &mut SqliteConnection, host: &str, installation: i64) -> Done {
    let sql = "INSERT INTO installation_facts (host_id, id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    run(query(sql).bind(host).bind(installation), connection).await.map(|_| ())
}

async fn label(
    connection: &mut SqliteConnection,
    host: &str,
    installation: i64,
    login: &str,
    version: Version,
) -> Done {
    let sql = "UPDATE installation_facts SET login = $3, login_received = $4
                WHERE host_id = $1 AND id = $2 AND $3 <> ''
                  AND (login IS NULL OR (login_received, login) < ($4, $3))";
    let update = query(sql).bind(host).bind(installation).bind(login).bind(version.received);
    run(update, connection).await.map(|_| ())
}

async fn grant(
    connection: &mut SqliteConnection,
    host: &str,
    installation: i64,
    id: i64,
    granted: bool,
    version: Version,
) -> Done {
    let sql = "INSERT INTO repository_facts (host_id, installation, id, granted, granted_received)
               VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (host_id, installation, id) DO UPDATE
                  SET granted = excluded.granted, granted_received = excluded.granted_received
                WHERE repository_facts.granted IS NULL OR (repository_facts.granted_received,
                      repository_facts.granted) < (excluded.granted_received, excluded.granted)";
    let upsert = query(sql).bind(host).bind(installation).bind(id).bind(i64::from(granted));
    run(upsert.bind(version.received), connection).await.map(|_| ())
}

async fn describe(
    connection: &mut SqliteConnection,
    host: &str,
    row: &RepositoryRow,
    version: Version,
) -> Done {
    let sql = "INSERT INTO repository_facts (host_id, installation, id, told, told_at, told_received)
               VALUES ($1, $2, $3, $4, $5, $6)
               ON CONFLICT (host_id, installation, id) DO UPDATE
                  SET told = excluded.told, told_at = excluded.told_at, told_received = excluded.told_received
                WHERE repository_facts.told IS NULL
                   OR (repository_facts.told_at, repository_facts.told_received, repository_facts.told)
                      < (excluded.told_at, excluded.told_received, excluded.told)";
    let upsert = query(sql).bind(host).bind(row.installation).bind(row.id).bind(json(row)?);
    run(upsert.bind(version.at).bind(version.received), connection).await.map(|_| ())
}

/// The repository went to this installation: the other lists have it no more.
async fn home(
    connection: &mut SqliteConnection,
    host: &str,
    id: i64,
    installation: i64,
    version: Version,
) -> Count {
    let sql = "INSERT INTO repository_homes (host_id, id, installation, received) VALUES ($1, $2, $3, $4)
               ON CONFLICT (host_id, id) DO UPDATE
                  SET installation = excluded.installation, received = excluded.received
                WHERE (repository_homes.received, repository_homes.installation)
                      < (excluded.received, excluded.installation)";
    run(query(sql).bind(host).bind(id).bind(installation).bind(version.received), connection).await?;
    let lists: Vec<i64> = sqlx::query_scalar(
        "SELECT id FROM installations AS i WHERE host_id = $1 AND EXISTS
                (SELECT 1 FROM repositories WHERE host_id = $1 AND installation = i.id AND id = $2)",
    )
    .bind(host)
    .bind(id)
    .fetch_all(&mut *connection)
    .await
    .map_err(failed(WHAT))?;
    let mut changed = 0;
    for list in lists {
        note(connection, host, list, id).await?;
        changed += show_repositories(connection, host, list, Some(&[id])).await?;
    }
    Ok(changed)
}

/// A place for facts of a listed repository.
async fn note(connection: &mut SqliteConnection, host: &str, installation: i64, id: i64) -> Done {
    let sql =
        "INSERT INTO repository_facts (host_id, installation, id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    run(query(sql).bind(host).bind(installation).bind(id), connection).await.map(|_| ())
}

/// Brings the index to what is known of an installation.
pub(super) async fn show_installation(connection: &mut SqliteConnection, host: &str, id: i64) -> Count {
    let mut changed = 0;
    for sql in GONE {
        changed += run(query(sql).bind(host).bind(id), connection).await?;
    }
    let made = run(query(MADE).bind(host).bind(id), connection).await?;
    for sql in [LOOKS, SUSPENSION, LOGIN, RELABEL] {
        changed += run(query(sql).bind(host).bind(id), connection).await?;
    }
    if made > 0 {
        changed += made + show_repositories(connection, host, id, None).await?;
    }
    Ok(changed)
}

const GONE: [&str; 2] = [
    "DELETE FROM repositories WHERE host_id = $1 AND installation = $2 AND EXISTS
        (SELECT 1 FROM installation_facts WHERE host_id = $1 AND id = $2 AND gone_received IS NOT NULL)",
    "DELETE FROM installations WHERE host_id = $1 AND id = $2 AND EXISTS
        (SELECT 1 FROM installation_facts WHERE host_id = $1 AND id = $2 AND gone_received IS NOT NULL)",
];

const MADE: &str = "INSERT INTO installations
       (host_id, id, account_id, account_login, account_type, selection, suspended_at, permissions, sweep_id, listed_at)
     SELECT host_id, id, body->>'$.account_id', coalesce(login, body->>'$.account_login'),
            body->>'$.account_type', body->>'$.selection', suspended_at, body->>'$.permissions', '',
            -- The last sweep did not see it: it had no list then.
            (SELECT max(started_at) FROM sweeps WHERE host_id = $1 AND state = 'done')
       FROM installation_facts WHERE host_id = $1 AND id = $2 AND gone_received IS NULL AND body IS NOT NULL
        AND received >= coalesce((SELECT max(started_at) FROM sweeps WHERE host_id = $1 AND state = 'done'), 0)
     ON CONFLICT DO NOTHING";

const LOOKS: &str = "UPDATE installations SET account_id = f.body->>'$.account_id',
            account_type = f.body->>'$.account_type', selection = f.body->>'$.selection',
            permissions = f.body->>'$.permissions'
       FROM installation_facts AS f
      WHERE f.host_id = $1 AND f.id = $2 AND installations.host_id = $1 AND installations.id = $2
        AND f.received >= coalesce(seen_at, 0)
        AND (account_id, account_type, selection, permissions) IS NOT
            (f.body->>'$.account_id', f.body->>'$.account_type', f.body->>'$.selection', f.body->>'$.permissions')";

const SUSPENSION: &str = "UPDATE installations SET suspended_at = f.suspended_at FROM installation_facts AS f
      WHERE f.host_id = $1 AND f.id = $2 AND installations.host_id = $1 AND installations.id = $2
        AND f.suspension_received >= coalesce(seen_at, 0) AND installations.suspended_at IS NOT f.suspended_at";

const LOGIN: &str = "UPDATE installations SET account_login = f.login FROM installation_facts AS f
      WHERE f.host_id = $1 AND f.id = $2 AND installations.host_id = $1 AND installations.id = $2
        AND f.login_received >= coalesce(seen_at, 0) AND account_login <> f.login";

const RELABEL: &str = "UPDATE repositories
        SET owner_login = f.login, full_name = f.login || substr(full_name, instr(full_name, '/'))
       FROM installation_facts AS f JOIN installations AS i ON i.host_id = f.host_id AND i.id = f.id
      WHERE f.host_id = $1 AND f.id = $2 AND repositories.host_id = $1 AND installation = $2
        AND owner_id = i.account_id AND owner_login <> f.login AND f.login_received >= coalesce(i.listed_at, 0)
        AND NOT EXISTS (SELECT 1 FROM repository_facts AS r WHERE r.host_id = $1 AND r.installation = $2
            AND r.id = repositories.id
            AND max(coalesce(r.named_received, 0), coalesce(r.told_received, 0)) >= f.login_received)";

/// Brings one installation's list to what is known of these repositories, or of all.
pub(super) async fn show_repositories(
    connection: &mut SqliteConnection,
    host: &str,
    installation: i64,
    ids: Option<&[i64]>,
) -> Count {
    let ids = ids.map(rows).transpose()?;
    let mut changed = 0;
    for (sql, counts) in [(REMEMBER, false), (HIDE, true), (SHOW, true)] {
        let n = run(query(sql).bind(host).bind(installation).bind(ids.as_deref()), connection).await?;
        changed += if counts { n } else { 0 };
    }
    Ok(changed)
}

const REMEMBER: &str =
    "UPDATE repository_facts SET created_at = r.created_at, fork = r.fork FROM repositories AS r
      WHERE repository_facts.host_id = $1 AND repository_facts.installation = $2
        AND ($3 IS NULL OR repository_facts.id IN (SELECT value FROM json_each($3)))
        AND r.host_id = $1 AND r.installation = $2 AND r.id = repository_facts.id
        AND r.created_at IS NOT NULL AND repository_facts.created_at IS NULL";

/// Facts of a list with what they amount to. Of a fact that is older than the list, nothing counts.
macro_rules! shown {
    ($statement:literal) => {
        concat!(
            "WITH bodies AS (SELECT f.*, i.account_id, coalesce(i.listed_at, 0) AS floor, n.login, n.login_received,
                CASE WHEN told_received >= coalesce(named_received, 0) THEN told ELSE named END AS body,
                max(coalesce(told_received, 0), coalesce(named_received, 0)) AS body_received,
                coalesce(h.installation <> f.installation AND h.received > coalesce(f.granted_received, 0)
                         AND h.received >= coalesce(i.listed_at, 0), false) AS away
               FROM repository_facts AS f
               JOIN installations AS i ON i.host_id = f.host_id AND i.id = f.installation
               LEFT JOIN installation_facts AS n ON n.host_id = f.host_id AND n.id = f.installation
               LEFT JOIN repository_homes AS h ON h.host_id = f.host_id AND h.id = f.id
              WHERE f.host_id = $1 AND f.installation = $2
                AND ($3 IS NULL OR f.id IN (SELECT value FROM json_each($3)))),
             shown AS (SELECT *, away OR coalesce(granted = 0 AND granted_received >= floor, false)
                    OR coalesce(body_received >= floor AND body->>'$.owner_id' <> account_id, false) AS hidden,
                coalesce(login_received > body_received, false) AS relabel FROM bodies) ",
            $statement
        )
    };
}

const HIDE: &str = shown!(
    "DELETE FROM repositories WHERE host_id = $1 AND installation = $2
        AND id IN (SELECT id FROM shown WHERE hidden)"
);

const SHOW: &str = shown!(
    "INSERT INTO repositories
       (host_id, installation, id, full_name, owner_id, owner_login, created_at, private, fork, sweep_id)
     SELECT s.host_id, s.installation, s.id,
            CASE WHEN relabel THEN s.login || substr(body->>'$.full_name', instr(body->>'$.full_name', '/'))
                 ELSE body->>'$.full_name' END,
            body->>'$.owner_id', CASE WHEN relabel THEN s.login ELSE body->>'$.owner_login' END,
            coalesce(told->>'$.created_at', s.created_at, old.created_at), body->>'$.private',
            coalesce(told->>'$.fork', s.fork, old.fork, body->>'$.fork'), ''
       FROM shown AS s
       LEFT JOIN repositories AS old
         ON old.host_id = s.host_id AND old.installation = s.installation AND old.id = s.id
      WHERE NOT hidden AND body_received >= floor AND body IS NOT NULL
        AND (old.id IS NOT NULL OR coalesce(granted = 1 AND granted_received >= floor, false))
     ON CONFLICT (host_id, installation, id) DO UPDATE SET full_name = excluded.full_name,
            owner_id = excluded.owner_id, owner_login = excluded.owner_login, created_at = excluded.created_at,
            private = excluded.private, fork = excluded.fork
      WHERE (repositories.full_name, repositories.owner_id, repositories.owner_login, repositories.created_at,
             repositories.private, repositories.fork)
            IS NOT (excluded.full_name, excluded.owner_id, excluded.owner_login, excluded.created_at,
             excluded.private, excluded.fork)"
);

type Statement<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

async fn run(statement: Statement<'_>, connection: &mut SqliteConnection) -> Count {
    statement.execute(connection).await.map(|done| done.rows_affected()).map_err(failed(WHAT))
}

fn json<T: serde::Serialize>(row: &T) -> Result<String, WriteError> {
    serde_json::to_string(row)
        .map_err(|error| WriteError::Unavailable(format!("a row does not serialise: {error}")))
}
