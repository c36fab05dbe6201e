//! Figures over many instances. Each is one question that an index answers.

use std::collections::BTreeMap;

use cutover_shared::fleet::{Cell, DriverKind};
use cutover_shared::ids::{RunId, TenantId};
use sqlx::{Row as _, query, query_as, query_scalar};

use super::{DOING, Read, corrupt, instance, small, step, unsigned};
use crate::store::sqlite::{Sqlite, unavailable};
use crate::store::{FailureRow, FleetFigures};

// In the order of the index, so that nothing is sorted: what differs only in the schema is added up here.
pub(super) const CELLS: &str =
    "SELECT version, marks, count(*) FROM fleet_instances INDEXED BY fleet_instances_version
      GROUP BY version, driver, expected_schema, marks";

pub(super) async fn cells(store: &Sqlite, target: u32) -> Read<Vec<Cell>> {
    let mut cells: BTreeMap<_, u64> = BTreeMap::new();
    for (version, marks, tenants) in counted(store).await? {
        *cells.entry((version, instance::status(marks, version, target))).or_default() += tenants;
    }
    Ok(cells.into_iter().map(|((version, status), tenants)| Cell { version, status, tenants }).collect())
}

async fn counted(store: &Sqlite) -> Read<Vec<(u32, i64, u64)>> {
    let rows: Vec<(i64, i64, i64)> =
        query_as(CELLS).fetch_all(&store.readers).await.map_err(unavailable(DOING))?;
    let version = |version: i64| u32::try_from(version.max(0)).unwrap_or(u32::MAX);
    Ok(rows.into_iter().map(|(v, marks, n)| (version(v), marks, unsigned(n))).collect())
}

pub(super) const FIGURES: &str = "SELECT count(*), coalesce(sum(state = 'connected'), 0), coalesce(sum(state = 'error'), 0),
            coalesce(sum(version < $1), 0), coalesce(sum(drift IS NOT NULL), 0), coalesce(sum(marks & 4 <> 0), 0),
            coalesce(sum(marks & 2 <> 0), 0), coalesce(sum(version < $1 AND marks & 5 = 0 AND state <> 'error'), 0)
       FROM fleet_instances INDEXED BY fleet_instances_waves WHERE place_in_waves >= $2 AND place_in_waves < $3";

pub(super) async fn figures(store: &Sqlite, target: u32, places: (u32, u32)) -> Read<FleetFigures> {
    let figures: [i64; 8] = {
        let row = query(FIGURES)
            .bind(i64::from(target))
            .bind(i64::from(places.0))
            .bind(i64::from(places.1))
            .fetch_one(&store.readers)
            .await
            .map_err(unavailable(DOING))?;
        let mut figures = [0; 8];
        for (at, figure) in figures.iter_mut().enumerate() {
            *figure = row.try_get(at).map_err(unavailable(DOING))?;
        }
        figures
    };
    let [tenants, connected, error, outdated, drifted, failed, running, left] = figures;
    Ok(FleetFigures {
        tenants: unsigned(tenants),
        connected: unsigned(connected),
        error: unsigned(error),
        outdated: unsigned(outdated),
        drifted: unsigned(drifted),
        failed: unsigned(failed),
        running: unsigned(running),
        left: unsigned(left),
    })
}

// The group's figures come from the index alone; one wide row is read for each that is shown.
pub(super) const FAILURES: &str = "WITH groups AS MATERIALIZED
          (SELECT error_group, count(DISTINCT tenant_id) AS tenants, min(tenant_id) AS example, version
             FROM fleet_steps INDEXED BY fleet_steps_failed WHERE status = 'failed'
            GROUP BY error_group ORDER BY tenants DESC, error_group LIMIT 50)
     SELECT coalesce(g.error_group, '') AS error_group, g.tenants, g.example, s.migration, s.class, s.run_id,
            coalesce(s.error, '') AS error
       FROM groups AS g CROSS JOIN fleet_steps AS s ON s.tenant_id = g.example AND s.version = g.version
      ORDER BY g.tenants DESC, g.error_group";

pub(super) async fn failures(store: &Sqlite) -> Read<Vec<FailureRow>> {
    let rows = query(FAILURES).fetch_all(&store.readers).await.map_err(unavailable(DOING))?;
    let mut failures = Vec::with_capacity(rows.len());
    for row in &rows {
        let class: Option<String> = row.try_get("class").map_err(unavailable(DOING))?;
        let class = class.ok_or_else(|| corrupt("failed step", "it says no class"))?;
        let class = step::class(&class)?;
        let failure = (|| {
            Ok(FailureRow {
                group: row.try_get("error_group")?,
                migration: row.try_get("migration")?,
                class,
                error: row.try_get("error")?,
                tenants: unsigned(row.try_get("tenants")?),
                example: TenantId(row.try_get("example")?),
                run: RunId(row.try_get("run_id")?),
            })
        })();
        failures.push(failure.map_err(unavailable(DOING))?);
    }
    Ok(failures)
}

pub(super) async fn reached(store: &Sqlite) -> Read<Vec<(u32, u64)>> {
    let versions = query("SELECT version FROM fleet_migrations ORDER BY version")
        .fetch_all(&store.readers)
        .await
        .map_err(unavailable(DOING))?;
    let counted = counted(store).await?;
    versions
        .iter()
        .map(|row| {
            let version = small(row, "version").map_err(unavailable(DOING))?;
            Ok((version, counted.iter().filter(|(at, ..)| *at >= version).map(|(.., n)| n).sum()))
        })
        .collect()
}

pub(super) const COMMON_SCHEMA: &str =
    "SELECT expected_schema FROM fleet_instances INDEXED BY fleet_instances_version
      WHERE version = $1 AND driver = $2 AND expected_schema IS NOT NULL
      GROUP BY expected_schema ORDER BY count(*) DESC, expected_schema LIMIT 1";

pub(super) async fn common_schema(store: &Sqlite, driver: DriverKind, version: u32) -> Read<Option<String>> {
    query_scalar(COMMON_SCHEMA)
        .bind(i64::from(version))
        .bind(driver.word())
        .fetch_optional(&store.readers)
        .await
        .map_err(unavailable(DOING))
}

pub(super) async fn drivers(store: &Sqlite) -> Read<Vec<DriverKind>> {
    let words: Vec<String> = query_scalar(
        "SELECT DISTINCT driver FROM fleet_instances INDEXED BY fleet_instances_version ORDER BY driver",
    )
    .fetch_all(&store.readers)
    .await
    .map_err(unavailable(DOING))?;
    words
        .iter()
        .map(|word| DriverKind::from_word(word).ok_or_else(|| corrupt("kind of database", word)))
        .collect()
}

// Two ranges of the index instead of all rows but one key's.
pub(super) const OTHER_KEY: &str = "SELECT (SELECT count(*) FROM fleet_instances WHERE key_id < $1)
          + (SELECT count(*) FROM fleet_instances WHERE key_id > $1)";

pub(super) async fn other_key(store: &Sqlite, key: &str) -> Read<u64> {
    let n: i64 =
        query_scalar(OTHER_KEY).bind(key).fetch_one(&store.readers).await.map_err(unavailable(DOING))?;
    Ok(unsigned(n))
}

pub(super) const WRONG: &str = "SELECT count(DISTINCT CASE WHEN state IN ('failed', 'unknown') THEN substr(key, 1, length(key) - 5) END),
            count(DISTINCT CASE WHEN state = 'skipped' AND reason LIKE 'unreachable: %' THEN substr(key, 1, length(key) - 5) END)
       FROM run_items INDEXED BY run_items_key
      WHERE run_id = $1 AND key >= $2 AND key < $3 AND updated_at >= $4";

pub(super) async fn wrong(store: &Sqlite, run: &RunId, from: &str, to: &str, since: i64) -> Read<(u64, u64)> {
    let (failed, unreachable): (i64, i64) = query_as(WRONG)
        .bind(run.as_str())
        .bind(from)
        .bind(to)
        .bind(since)
        .fetch_one(&store.readers)
        .await
        .map_err(unavailable(DOING))?;
    Ok((unsigned(failed), unsigned(unreachable)))
}
