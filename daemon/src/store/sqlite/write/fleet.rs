//! Operations on the fleet.

use cutover_shared::fleet::{ErrorClass, InstanceState};
use cutover_shared::ids::TenantId;
use serde::Serialize;
use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use super::{Done, failed, rows};
use crate::store::{Expected, FleetOp, Holds, InstanceRow, Observation, StepRow};

const INSTANCE: &str = "the instance";
const MIGRATION: &str = "the migration";
const STEP: &str = "the step";

pub(super) async fn op(connection: &mut SqliteConnection, op: &FleetOp) -> Done {
    match op {
        FleetOp::Migrations { rows: all, after, until } => {
            let all = rows(all)?;
            query(FORGET_MIGRATIONS)
                .bind(&all)
                .bind(i64::from(*after))
                .bind(i64::from(*until))
                .execute(&mut *connection)
                .await
                .map_err(failed(MIGRATION))?;
            run(connection, MIGRATION, PUT_MIGRATIONS, all, None).await
        }
        FleetOp::Texts { rows: all } => run(connection, MIGRATION, PUT_TEXTS, rows(all)?, None).await,
        FleetOp::Pin { rows: all, at } => run(connection, MIGRATION, PIN, rows(all)?, Some(*at)).await,
        FleetOp::Instances { rows: all } => {
            let all = rows(&all.iter().map(new).collect::<Vec<_>>())?;
            run(connection, STEP, FORGET_STEPS_OF_MOVED, all.clone(), None).await?;
            run(connection, INSTANCE, PUT_INSTANCES, all, None).await
        }
        FleetOp::Remove { tenants } => {
            let tenants = rows(tenants)?;
            run(connection, STEP, FORGET_STEPS, tenants.clone(), None).await?;
            run(connection, INSTANCE, FORGET_INSTANCES, tenants, None).await
        }
        FleetOp::Observe { rows: all } => {
            for part in apart(all, |row| &row.tenant) {
                let seen: Vec<_> = part.into_iter().map(seen).collect();
                run(connection, INSTANCE, OBSERVE, rows(&seen)?, None).await?;
            }
            Ok(())
        }
        FleetOp::Reseal { rows: all } => {
            for part in apart(all, |row| &row.0) {
                run(connection, INSTANCE, RESEAL, rows(&part)?, None).await?;
            }
            Ok(())
        }
        FleetOp::Steps { rows: all } => {
            let all = rows(&all.iter().map(step).collect::<Vec<_>>())?;
            run(connection, STEP, PUT_STEPS, all.clone(), None).await?;
            run(connection, INSTANCE, MARK, all, None).await
        }
        FleetOp::History { rows: all } => {
            let all = rows(&all.iter().map(step).collect::<Vec<_>>())?;
            run(connection, STEP, ADD_HISTORY, all, None).await
        }
        FleetOp::Schemas { rows: all, at } => {
            run(connection, "the schema", PUT_SCHEMAS, rows(all)?, Some(*at)).await
        }
        FleetOp::Notified { tenants, at } => {
            run(connection, INSTANCE, NOTIFIED, rows(tenants)?, Some(*at)).await
        }
        FleetOp::Places { rows: all } => {
            for part in apart(all, |row| &row.0) {
                run(connection, INSTANCE, PLACE, rows(&part)?, None).await?;
            }
            Ok(())
        }
    }
}

async fn run(
    connection: &mut SqliteConnection,
    what: &'static str,
    sql: &'static str,
    rows: String,
    at: Option<i64>,
) -> Done {
    query(sql).bind(rows).bind(at).execute(connection).await.map_err(failed(what))?;
    Ok(())
}

/// The same rows in parts in which no tenant comes twice: an `UPDATE ... FROM` takes any one of several. Mostly it is one part.
fn apart<T>(all: &[T], tenant: impl Fn(&T) -> &TenantId) -> Vec<Vec<&T>> {
    let mut parts: Vec<Vec<&T>> = Vec::new();
    let mut times = std::collections::HashMap::new();
    for row in all {
        let part: &mut usize = times.entry(tenant(row).clone()).or_default();
        match parts.get_mut(*part) {
            Some(part) => part.push(row),
            None => parts.push(vec![row]),
        }
        *part += 1;
    }
    parts
}

/// An instance as SQL takes it.
#[derive(Serialize)]
struct New<'a> {
    #[serde(flatten)]
    row: &'a InstanceRow,
    driver_word: &'static str,
    state_word: &'static str,
}

fn new(row: &InstanceRow) -> New<'_> {
    New { row, driver_word: row.driver.word(), state_word: row.state.word() }
}

/// Tenant, state, reason, version, seen schema, whether another is expected, which, drift, moment, whether it holds only while something is
/// expected, what.
type Seen<'a> = (
    &'a TenantId,
    &'static str,
    Option<&'a str>,
    Option<u32>,
    Option<&'a str>,
    bool,
    Option<&'a str>,
    Option<&'a str>,
    i64,
    bool,
    Option<&'a str>,
);

fn seen(row: &Observation) -> Seen<'_> {
    (
        &row.tenant,
        row.state.word(),
        row.reason.as_deref().filter(|_| row.state == InstanceState::Error),
        row.version,
        row.seen_schema.as_deref(),
        row.expected != Expected::AsBefore,
        match &row.expected {
            Expected::Schema(hash) => Some(hash),
            Expected::AsBefore | Expected::Unknown => None,
        },
        row.drift.as_deref(),
        row.at,
        row.holds != Holds::Always,
        match &row.holds {
            Holds::WhileExpected(expected) => expected.as_deref(),
            Holds::Always => None,
        },
    )
}

/// Tenant, version, migration, status, way, class, error, group, attempt, run, start, end.
type Step<'a> = (
    &'a TenantId,
    u32,
    &'a str,
    &'static str,
    &'static str,
    Option<&'static str>,
    Option<&'a str>,
    Option<&'a str>,
    u32,
    &'a str,
    Option<i64>,
    Option<i64>,
);

fn step(row: &StepRow) -> Step<'_> {
    (
        &row.tenant,
        row.version,
        &row.migration,
        row.status.word(),
        row.way.word(),
        row.class.map(ErrorClass::word),
        row.error.as_deref(),
        row.error_group.as_deref(),
        row.attempt,
        row.run.as_str(),
        row.started_at,
        row.completed_at,
    )
}

const PUT_MIGRATIONS: &str =
    "INSERT INTO fleet_migrations (version, id, checksum, files, recorded_at, pinned_at)
     SELECT value->>'$.version', value->>'$.id', value->>'$.checksum', value->>'$.files', value->>'$.recorded_at',
            value->>'$.pinned_at'
       FROM jsonb_each($1) WHERE true
     ON CONFLICT (version) DO UPDATE SET id = excluded.id, checksum = excluded.checksum, files = excluded.files,
            recorded_at = excluded.recorded_at
      WHERE fleet_migrations.pinned_at IS NULL OR fleet_migrations.checksum = excluded.checksum";

const FORGET_MIGRATIONS: &str = "DELETE FROM fleet_migrations
      WHERE pinned_at IS NULL AND version > $2 AND version <= $3
        AND version NOT IN (SELECT value->>'$.version' FROM jsonb_each($1))";

const PUT_TEXTS: &str = "INSERT INTO fleet_texts (digest, version, id, checksum, files, recorded_at)
     SELECT value->>'$.digest', value->>'$.version', value->>'$.id', value->>'$.checksum', value->>'$.files',
            value->>'$.recorded_at'
       FROM jsonb_each($1) WHERE true ON CONFLICT DO NOTHING";

// A way down that was written since the plan stays.
const PIN: &str = "INSERT INTO fleet_migrations (version, id, checksum, files, recorded_at, pinned_at)
     SELECT value->>'$.version', value->>'$.id', value->>'$.checksum', value->>'$.files', value->>'$.recorded_at', $2
       FROM jsonb_each($1) WHERE true
     ON CONFLICT (version) DO UPDATE SET pinned_at = excluded.pinned_at, id = excluded.id, checksum = excluded.checksum,
            files = CASE WHEN fleet_migrations.id = excluded.id AND fleet_migrations.checksum = excluded.checksum
                         THEN fleet_migrations.files ELSE excluded.files END
      WHERE fleet_migrations.pinned_at IS NULL";

const FORGET_STEPS_OF_MOVED: &str = "DELETE FROM fleet_steps WHERE tenant_id IN
        (SELECT i.tenant_id FROM jsonb_each($1) AS want CROSS JOIN fleet_instances AS i
             ON i.tenant_id = want.value->>'$.tenant'
          WHERE i.place <> want.value->>'$.place' OR i.driver <> want.value->>'$.driver_word')";

// One in error is asked anew: what could not be opened or reached was so with the credential that is replaced. When it was asked and
// its owner told stays, so that he is not told twice of one outage.
const PUT_INSTANCES: &str =
    "INSERT INTO fleet_instances (tenant_id, external_user, driver, place, host, server, sealed, key_id, from_application,
                                  state, reason, version, expected_schema, seen_schema, drift, place_in_waves,
                                  checked_at, notified_at, added_at)
     SELECT value->>'$.tenant', value->>'$.external_user', value->>'$.driver_word', value->>'$.place', value->>'$.host',
            value->>'$.server', value->>'$.sealed', value->>'$.key_id', value->>'$.from_application',
            value->>'$.state_word', value->>'$.reason', value->>'$.version', value->>'$.expected_schema',
            value->>'$.seen_schema', value->>'$.drift', value->>'$.place_in_waves', value->>'$.checked_at',
            value->>'$.notified_at', value->>'$.added_at'
       FROM jsonb_each($1) WHERE true
     ON CONFLICT (tenant_id) DO UPDATE SET
            (state, reason, version, expected_schema, seen_schema, drift, marks, failed_version, checked_at, notified_at) =
            (SELECT CASE state WHEN 'error' THEN 'new' ELSE state END, NULL, version, expected_schema, seen_schema, drift, marks, failed_version, checked_at, notified_at
              WHERE fleet_instances.place = excluded.place AND fleet_instances.driver = excluded.driver
             UNION ALL
             SELECT excluded.state, excluded.reason, excluded.version, excluded.expected_schema, excluded.seen_schema,
                    excluded.drift, 0, NULL, excluded.checked_at, excluded.notified_at
              WHERE NOT (fleet_instances.place = excluded.place AND fleet_instances.driver = excluded.driver)),
            external_user = excluded.external_user, driver = excluded.driver, place = excluded.place,
            host = excluded.host, server = excluded.server, sealed = excluded.sealed, key_id = excluded.key_id,
            from_application = excluded.from_application, place_in_waves = excluded.place_in_waves";

const FORGET_STEPS: &str = "DELETE FROM fleet_steps WHERE tenant_id IN (SELECT value FROM json_each($1))";

const FORGET_INSTANCES: &str =
    "DELETE FROM fleet_instances WHERE tenant_id IN (SELECT value FROM json_each($1))";

const OBSERVE: &str = "WITH seen AS MATERIALIZED
          (SELECT tenant, state, reason, iif(holds, version, NULL) AS version, iif(holds, schema, NULL) AS schema,
                  holds AND expects AS expects, expected, iif(holds, drift, NULL) AS drift, at
             FROM (SELECT value->>0 AS tenant, value->>1 AS state, value->>2 AS reason, value->>3 AS version, value->>4 AS schema,
                          value->>5 AS expects, value->>6 AS expected, value->>7 AS drift, value->>8 AS at,
                          NOT value->>9 OR i.expected_schema IS value->>10 AS holds
                     FROM jsonb_each($1) CROSS JOIN fleet_instances AS i ON i.tenant_id = value->>0))
     UPDATE fleet_instances
        SET state = seen.state, reason = seen.reason, version = coalesce(seen.version, fleet_instances.version),
            seen_schema = CASE WHEN seen.expects THEN seen.schema ELSE coalesce(seen.schema, seen_schema) END,
            expected_schema = CASE WHEN seen.expects THEN seen.expected ELSE expected_schema END,
            drift = CASE WHEN seen.expects OR seen.schema IS NOT NULL THEN seen.drift
                         ELSE coalesce(seen.drift, fleet_instances.drift) END,
            checked_at = seen.at,
            notified_at = CASE WHEN seen.state = 'connected' THEN NULL ELSE notified_at END
       FROM seen WHERE fleet_instances.tenant_id = seen.tenant";

const RESEAL: &str = "WITH new AS MATERIALIZED
          (SELECT value->>0 AS tenant, value->>1 AS was, value->>2 AS sealed, value->>3 AS key FROM jsonb_each($1))
     UPDATE fleet_instances SET sealed = new.sealed, key_id = new.key
       FROM new WHERE fleet_instances.tenant_id = new.tenant AND fleet_instances.sealed = new.was";

const PUT_STEPS: &str =
    "INSERT INTO fleet_steps (tenant_id, version, migration, status, way, class, error, error_group, attempt, run_id,
                              started_at, completed_at)
     SELECT i.tenant_id, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, value->>8,
            value->>9, value->>10, value->>11
       FROM jsonb_each($1) CROSS JOIN fleet_instances AS i ON i.tenant_id = value->>0 WHERE true
     ON CONFLICT (tenant_id, version) DO UPDATE SET migration = excluded.migration, status = excluded.status,
            way = excluded.way, class = excluded.class, error = excluded.error, error_group = excluded.error_group,
            attempt = excluded.attempt, run_id = excluded.run_id, started_at = excluded.started_at,
            completed_at = excluded.completed_at";

// Only where it differs: most steps go from running to completed beside others of the same tenant. Skipped without a class is a step
// that a later one replaces: nothing is wrong with that tenant.
const MARK: &str = "WITH now AS MATERIALIZED
          (SELECT want.tenant AS tenant, max(s.version) FILTER (WHERE s.status = 'failed') AS failed,
                  coalesce(max(s.status = 'skipped' AND s.class IS NOT NULL) + 2 * max(s.status = 'running') + 4 * max(s.status = 'failed'), 0) AS marks
             FROM (SELECT DISTINCT value->>0 AS tenant FROM jsonb_each($1)) AS want
             LEFT JOIN fleet_steps AS s INDEXED BY fleet_steps_marks
                    ON s.tenant_id = want.tenant AND s.status IN ('failed', 'running', 'skipped')
            GROUP BY want.tenant)
     UPDATE fleet_instances SET marks = now.marks, failed_version = now.failed
       FROM now WHERE fleet_instances.tenant_id = now.tenant
        AND (fleet_instances.marks <> now.marks OR fleet_instances.failed_version IS NOT now.failed)";

const ADD_HISTORY: &str =
    "INSERT INTO fleet_history (tenant_id, version, migration, way, status, class, error, attempt, run_id, started_at,
                                completed_at)
     SELECT value->>0, value->>1, value->>2, value->>4, value->>3, value->>5, value->>6, value->>8, value->>9,
            value->>10, value->>11
       FROM jsonb_each($1)";

const PUT_SCHEMAS: &str = "INSERT INTO fleet_schemas (hash, lines, seen_at)
     SELECT value->>0, value->>1, $2 FROM jsonb_each($1) WHERE true ON CONFLICT DO NOTHING";

const NOTIFIED: &str = "UPDATE fleet_instances SET notified_at = $2
      WHERE state <> 'connected' AND tenant_id IN (SELECT value FROM json_each($1))";

const PLACE: &str = "WITH new AS MATERIALIZED (SELECT value->>0 AS tenant, value->>1 AS place FROM jsonb_each($1))
     UPDATE fleet_instances SET place_in_waves = new.place FROM new WHERE fleet_instances.tenant_id = new.tenant";
