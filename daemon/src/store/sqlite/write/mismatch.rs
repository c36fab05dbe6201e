//! Operations on differences between arms.

use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use super::{Done, failed};
use crate::store::{MISMATCHES_KEPT, MismatchOp, WriteError};

const WHAT: &str = "the difference between arms";

pub(super) async fn op(connection: &mut SqliteConnection, op: &MismatchOp) -> Done {
    let MismatchOp::Add(new) = op;
    let version =
        i64::try_from(new.version).map_err(|_| WriteError::Unavailable("a version too great".to_owned()))?;
    let rollout = new.operation.rollout().word();
    query(
        "INSERT INTO rollout_mismatches (rollout, operation, tenant, at, version, difference)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(rollout)
    .bind(new.operation.word())
    .bind(&new.tenant)
    .bind(new.at)
    .bind(version)
    .bind(&new.difference)
    .execute(&mut *connection)
    .await
    .map_err(failed(WHAT))?;
    query(
        "DELETE FROM rollout_mismatches WHERE rollout = $1 AND seq <= (
           SELECT seq FROM rollout_mismatches WHERE rollout = $1 ORDER BY seq DESC LIMIT 1 OFFSET $2)",
    )
    .bind(rollout)
    .bind(MISMATCHES_KEPT)
    .execute(connection)
    .await
    .map_err(failed(WHAT))?;
    Ok(())
}
