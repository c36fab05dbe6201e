//! Instances.

use cutover_shared::fleet::{DriverKind, InstanceState, StepStatus};
use cutover_shared::ids::TenantId;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite as Db, query};

use super::{DOING, Read, array, corrupt, small};
use crate::store::sqlite::{Sqlite, unavailable};
use crate::store::{InstanceFilter, InstanceRow, Marks};

/// Bits of `marks`.
const SKIPPED: i64 = 1;
const RUNNING: i64 = 2;
const FAILED: i64 = 4;

/// The status of an instance with these marks.
pub(in crate::store::sqlite) fn status(marks: i64, version: u32, target: u32) -> StepStatus {
    let has = |mark| marks & mark != 0;
    Marks { failed: has(FAILED), running: has(RUNNING), skipped: has(SKIPPED) }.status(version, target)
}

/// The same as SQL over a row of `fleet_instances`; a test holds both together.
pub(in crate::store::sqlite) fn status_sql(target: u32) -> String {
    format!(
        "CASE WHEN i.marks & {FAILED} THEN 'failed' WHEN i.marks & {RUNNING} THEN 'running'
              WHEN i.marks & {SKIPPED} THEN 'skipped' WHEN i.version < {target} THEN 'pending' ELSE 'completed' END"
    )
}

pub(super) async fn some(
    store: &Sqlite,
    filter: &InstanceFilter,
    after: Option<(u32, &str)>,
    limit: u32,
) -> Read<Vec<InstanceRow>> {
    let rows = picked(filter, after, limit)
        .build()
        .persistent(false)
        .fetch_all(&store.readers)
        .await
        .map_err(unavailable(DOING))?;
    rows.iter().map(instance).collect()
}

/// By the index of places, in which the state stands too; only where something else is asked for each row is looked up.
pub(super) fn picked(filter: &InstanceFilter, after: Option<(u32, &str)>, limit: u32) -> QueryBuilder<Db> {
    let mut sql = match filter.tenant {
        Some(_) => QueryBuilder::new("SELECT * FROM fleet_instances WHERE true"),
        None => {
            QueryBuilder::new("SELECT * FROM fleet_instances INDEXED BY fleet_instances_waves WHERE true")
        }
    };
    if let Some(tenant) = &filter.tenant {
        sql.push(" AND tenant_id = ").push_bind(tenant.0.clone());
    }
    if let Some((place, tenant)) = after {
        let place = i64::from(place);
        sql.push(" AND (place_in_waves, tenant_id) > (")
            .push_bind(place)
            .push(", ")
            .push_bind(tenant.to_owned());
        sql.push(")");
    }
    if let Some((from, to)) = filter.places {
        if after.is_none_or(|(place, _)| place < from) {
            sql.push(" AND place_in_waves >= ").push_bind(i64::from(from));
        }
        sql.push(" AND place_in_waves < ").push_bind(i64::from(to));
    }
    if let Some(state) = filter.state {
        sql.push(" AND state = ").push_bind(state.word());
    }
    if let Some(key) = &filter.other_key {
        sql.push(" AND key_id <> ").push_bind(key.clone());
    }
    if let Some(before) = filter.checked_before {
        sql.push(" AND (checked_at IS NULL OR checked_at < ").push_bind(before).push(")");
    }
    sql.push(" ORDER BY place_in_waves, tenant_id LIMIT ").push_bind(limit);
    sql
}

pub(super) async fn of(store: &Sqlite, tenants: &[TenantId]) -> Read<Vec<InstanceRow>> {
    let rows = query("SELECT * FROM fleet_instances WHERE tenant_id IN (SELECT value FROM json_each($1))")
        .bind(array(tenants)?)
        .fetch_all(&store.readers)
        .await
        .map_err(unavailable(DOING))?;
    rows.iter().map(instance).collect()
}

/// An instance as a row holds it.
pub(in crate::store::sqlite) fn instance(row: &SqliteRow) -> Read<InstanceRow> {
    let word = |column| row.try_get::<String, _>(column).map_err(unavailable(DOING));
    let driver = word("driver")?;
    let driver = DriverKind::from_word(&driver).ok_or_else(|| corrupt("driver", &driver))?;
    let state = word("state")?;
    let state = InstanceState::from_word(&state).ok_or_else(|| corrupt("state of an instance", &state))?;
    (|| {
        Ok(InstanceRow {
            tenant: TenantId(row.try_get("tenant_id")?),
            external_user: row.try_get("external_user")?,
            driver,
            place: row.try_get("place")?,
            host: row.try_get("host")?,
            server: row.try_get("server")?,
            sealed: row.try_get("sealed")?,
            key_id: row.try_get("key_id")?,
            from_application: row.try_get("from_application")?,
            state,
            reason: row.try_get("reason")?,
            version: small(row, "version")?,
            expected_schema: row.try_get("expected_schema")?,
            seen_schema: row.try_get("seen_schema")?,
            drift: row.try_get("drift")?,
            place_in_waves: small(row, "place_in_waves")?,
            checked_at: row.try_get("checked_at")?,
            notified_at: row.try_get("notified_at")?,
            added_at: row.try_get("added_at")?,
        })
    })()
    .map_err(unavailable(DOING))
}
