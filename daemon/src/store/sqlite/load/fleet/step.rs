//! Migrations as recorded, and how tenants stand with them.

use cutover_shared::fleet::{ErrorClass, HistoryEntry, StepStatus, Way};
use cutover_shared::ids::{RunId, TenantId};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, query};

use super::{DOING, Read, array, corrupt, small};
use crate::store::sqlite::{Sqlite, unavailable};
use crate::store::{MigrationMark, MigrationRow, MigrationText, StepRow};

pub(super) async fn migrations(store: &Sqlite) -> Read<Vec<MigrationRow>> {
    let rows = query("SELECT * FROM fleet_migrations ORDER BY version")
        .fetch_all(&store.readers)
        .await
        .map_err(unavailable(DOING))?;
    rows.iter().map(migration).collect::<Result<_, _>>().map_err(unavailable(DOING))
}

fn migration(row: &SqliteRow) -> Result<MigrationRow, sqlx::Error> {
    Ok(MigrationRow {
        version: small(row, "version")?,
        id: row.try_get("id")?,
        checksum: row.try_get("checksum")?,
        files: row.try_get("files")?,
        recorded_at: row.try_get("recorded_at")?,
        pinned_at: row.try_get("pinned_at")?,
    })
}

pub(super) async fn marks(store: &Sqlite) -> Read<Vec<MigrationMark>> {
    let rows = query("SELECT version, id, checksum, pinned_at FROM fleet_migrations ORDER BY version")
        .fetch_all(&store.readers)
        .await
        .map_err(unavailable(DOING))?;
    let mark = |row: &SqliteRow| {
        Ok(MigrationMark {
            version: small(row, "version")?,
            id: row.try_get("id")?,
            checksum: row.try_get("checksum")?,
            pinned_at: row.try_get("pinned_at")?,
        })
    };
    rows.iter().map(mark).collect::<Result<_, _>>().map_err(unavailable(DOING))
}

pub(super) async fn texts(store: &Sqlite, digests: &[String]) -> Read<Vec<MigrationText>> {
    let rows =
        query("SELECT t.* FROM json_each($1) AS want CROSS JOIN fleet_texts AS t ON t.digest = want.value")
            .bind(array(digests)?)
            .fetch_all(&store.readers)
            .await
            .map_err(unavailable(DOING))?;
    let text = |row: &SqliteRow| {
        Ok(MigrationText {
            digest: row.try_get("digest")?,
            version: small(row, "version")?,
            id: row.try_get("id")?,
            checksum: row.try_get("checksum")?,
            files: row.try_get("files")?,
            recorded_at: row.try_get("recorded_at")?,
        })
    };
    rows.iter().map(text).collect::<Result<_, _>>().map_err(unavailable(DOING))
}

pub(super) const STEPS: &str =
    "SELECT s.* FROM json_each($1) AS want CROSS JOIN fleet_steps AS s ON s.tenant_id = want.value
      ORDER BY s.tenant_id, s.version";

pub(super) async fn of(store: &Sqlite, tenants: &[TenantId]) -> Read<Vec<StepRow>> {
    let rows =
        query(STEPS).bind(array(tenants)?).fetch_all(&store.readers).await.map_err(unavailable(DOING))?;
    rows.iter().map(step).collect()
}

/// A step as a row holds it.
pub(in crate::store::sqlite) fn step(row: &SqliteRow) -> Read<StepRow> {
    let (status, way, class) = words(row)?;
    (|| {
        Ok(StepRow {
            tenant: TenantId(row.try_get("tenant_id")?),
            version: small(row, "version")?,
            migration: row.try_get("migration")?,
            status,
            way,
            class,
            error: row.try_get("error")?,
            error_group: row.try_get("error_group")?,
            attempt: small(row, "attempt")?,
            run: RunId(row.try_get("run_id")?),
            started_at: row.try_get("started_at")?,
            completed_at: row.try_get("completed_at")?,
        })
    })()
    .map_err(unavailable(DOING))
}

pub(super) const HISTORY: &str = "SELECT * FROM fleet_history WHERE seq < $1 ORDER BY seq DESC LIMIT $2";
pub(super) const HISTORY_OF: &str =
    "SELECT * FROM fleet_history WHERE tenant_id = $3 AND seq < $1 ORDER BY seq DESC LIMIT $2";

pub(super) async fn history(
    store: &Sqlite,
    tenant: Option<&TenantId>,
    before: Option<i64>,
    limit: u32,
) -> Read<Vec<HistoryEntry>> {
    let before = before.unwrap_or(i64::MAX);
    let rows = match tenant {
        Some(tenant) => query(HISTORY_OF).bind(before).bind(limit).bind(tenant.as_str()),
        None => query(HISTORY).bind(before).bind(limit),
    };
    let rows = rows.fetch_all(&store.readers).await.map_err(unavailable(DOING))?;
    rows.iter().map(entry).collect()
}

fn entry(row: &SqliteRow) -> Read<HistoryEntry> {
    let (status, way, class) = words(row)?;
    (|| {
        Ok(HistoryEntry {
            seq: row.try_get("seq")?,
            tenant: TenantId(row.try_get("tenant_id")?),
            migration: row.try_get("migration")?,
            version: small(row, "version")?,
            way,
            status,
            class,
            error: row.try_get("error")?,
            attempt: small(row, "attempt")?,
            run: RunId(row.try_get("run_id")?),
            started_at: row.try_get("started_at")?,
            completed_at: row.try_get("completed_at")?,
        })
    })()
    .map_err(unavailable(DOING))
}

fn words(row: &SqliteRow) -> Read<(StepStatus, Way, Option<ErrorClass>)> {
    let word = |column| row.try_get::<Option<String>, _>(column).map_err(unavailable(DOING));
    let status = word("status")?.unwrap_or_default();
    let status = StepStatus::from_word(&status).ok_or_else(|| corrupt("status of a step", &status))?;
    let way = word("way")?.unwrap_or_default();
    let way = Way::from_word(&way).ok_or_else(|| corrupt("way of a step", &way))?;
    Ok((status, way, word("class")?.as_deref().map(class).transpose()?))
}

pub(super) fn class(word: &str) -> Read<ErrorClass> {
    ErrorClass::from_word(word).ok_or_else(|| corrupt("class of an error", word))
}
