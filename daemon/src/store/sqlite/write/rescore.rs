//! Operations on what is owed to mappings.

use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use super::{Done, failed, rows};
use crate::store::{RescoreOp, WriteError};

const WHAT: &str = "what is owed to mappings";

pub(super) async fn op(connection: &mut SqliteConnection, op: &RescoreOp) -> Done {
    match op {
        RescoreOp::Owe { host, scope, cause, at } => {
            let scope = serde_json::to_string(scope)
                .map_err(|error| WriteError::Unavailable(format!("a scope does not serialise: {error}")))?;
            query("INSERT INTO rescore (host_id, scope, cause, at) VALUES ($1, $2, $3, $4)")
                .bind(host)
                .bind(scope)
                .bind(cause)
                .bind(at)
                .execute(connection)
                .await
                .map_err(failed(WHAT))?;
        }
        RescoreOp::Paid { ids } => {
            query("DELETE FROM rescore WHERE id IN (SELECT value FROM json_each($1))")
                .bind(rows(ids)?)
                .execute(connection)
                .await
                .map_err(failed(WHAT))?;
        }
    }
    Ok(())
}
