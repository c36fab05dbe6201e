//! Operations on recorded answers of services downstream.

use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use super::{Done, failed, rows};
use crate::store::DownstreamOp;

pub(super) async fn op(connection: &mut SqliteConnection, op: &DownstreamOp) -> Done {
    let DownstreamOp::Put { rows: records, at, by } = op;
    query(
        "INSERT INTO downstream_records (probe, project_id, repo_lname, recorded_at, recorded_by, body)
         SELECT value->>'probe', value->>'project', value->>'repo_lname', $2, $3, value->>'body'
           FROM json_each($1) WHERE true
         ON CONFLICT (project_id, repo_lname, probe) DO UPDATE
            SET recorded_at = excluded.recorded_at, recorded_by = excluded.recorded_by, body = excluded.body",
    )
    .bind(rows(records)?)
    .bind(*at)
    .bind(by)
    .execute(connection)
    .await
    .map_err(failed("the recorded answer"))?;
    Ok(())
}
