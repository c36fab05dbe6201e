//! Windows of tenants' own databases.

use std::collections::HashMap;

use cutover_shared::window::Window;
use sqlx::{QueryBuilder, Row as _, Sqlite as Db, query};

use super::catalog::fitting;
use super::{INSTANCES, condition, count, pick};
use crate::store::sqlite::load::{Read, array, fleet};
use crate::store::sqlite::{Sqlite, unavailable};
use crate::store::{InstanceStanding, Select};

const DOING: &str = "reading a window of instances";

/// Bytes of a row besides its texts, at most about.
const ROW_BYTES: usize = 512;

pub(in crate::store::sqlite) async fn instances(
    store: &Sqlite,
    select: &Select,
    target: u32,
    waves: &[u32],
) -> Read<Window<InstanceStanding>> {
    let mut snapshot = store.readers.begin().await.map_err(unavailable(DOING))?;
    let counting = begin("count(*)", select, target, waves)?;
    let total = count(&mut snapshot, counting).await.map_err(unavailable(DOING))?;
    let picking = begin("tenant", select, target, waves)?;
    let picked = pick(&mut snapshot, &INSTANCES, select, total, picking, |e| unavailable(DOING)(e)).await?;
    let keys: Vec<String> = picked.keys(|row| row.try_get(0)).map_err(unavailable(DOING))?;
    let keys = array(&keys)?;
    let failed = query(
        "SELECT s.* FROM json_each($1) AS want
          CROSS JOIN fleet_instances AS i ON i.tenant_id = want.value
          CROSS JOIN fleet_steps AS s ON s.tenant_id = i.tenant_id AND s.version = i.failed_version",
    )
    .bind(&keys)
    .fetch_all(&mut *snapshot)
    .await
    .map_err(unavailable(DOING))?;
    let mut steps = HashMap::with_capacity(failed.len());
    for row in &failed {
        let step = fleet::step::step(row)?;
        steps.insert(step.tenant.clone(), step);
    }
    let rows = query(
        "SELECT i.* FROM json_each($1) AS want CROSS JOIN fleet_instances AS i ON i.tenant_id = want.value
          ORDER BY want.key",
    )
    .bind(&keys)
    .fetch_all(&mut *snapshot)
    .await
    .map_err(unavailable(DOING))?;
    let mut standing = Vec::with_capacity(rows.len());
    for row in &rows {
        let marks = row.try_get("marks").map_err(unavailable(DOING))?;
        let row = fleet::instance::instance(row)?;
        let status = fleet::instance::status(marks, row.version, target);
        let failed = steps.remove(&row.tenant);
        standing.push(InstanceStanding { row, status, failed });
    }
    let rows = fitting(standing, |one| {
        let row = &one.row;
        let error = one.failed.as_ref().and_then(|step| step.error.as_ref());
        let texts = [&row.external_user, &row.reason, &row.drift].into_iter().flatten().chain(error);
        let texts: usize = texts.map(String::len).sum();
        row.tenant.0.len() + row.place.len() + row.server.len() + row.sealed.len() + texts + ROW_BYTES
    });
    Ok(Window { rows, offset: picked.offset, total })
}

/// The beginning of a statement over all instances. Fields that nobody asks for cost nothing: neither the join nor the count of
/// what is ahead is looked at then.
pub(in crate::store::sqlite) fn begin(
    what: &str,
    select: &Select,
    target: u32,
    waves: &[u32],
) -> Read<QueryBuilder<Db>> {
    let status = fleet::instance::status_sql(target);
    let wave = wave_sql(waves);
    let mut sql = QueryBuilder::new(format!(
        "SELECT {what} FROM
           (SELECT i.tenant_id AS tenant, i.server AS server, i.driver AS driver, i.state AS state, i.version AS version,
                   (SELECT count(*) FROM fleet_migrations AS m WHERE m.version > i.version AND m.version <= {target})
                   AS pending,
                   {status} AS status, f.migration AS failed, coalesce(f.error, i.reason) AS error,
                   i.drift IS NOT NULL AS drifted, {wave} AS wave, i.checked_at AS checked
              FROM fleet_instances AS i
              LEFT JOIN fleet_steps AS f ON f.tenant_id = i.tenant_id AND f.version = i.failed_version)
          WHERE true"
    ));
    condition(&mut sql, &INSTANCES, select)?;
    Ok(sql)
}

/// The wave of a place: the canary tenants are the first, and the last has no end.
fn wave_sql(waves: &[u32]) -> String {
    let ends = waves.iter().take(waves.len().saturating_sub(1));
    let ends = (2_u32..).zip(ends).map(|(wave, end)| format!(" WHEN i.place_in_waves < {end} THEN {wave}"));
    let last = waves.len().max(1) + 1;
    format!("CASE WHEN i.place_in_waves < 1 THEN 1{} ELSE {last} END", ends.collect::<String>())
}
