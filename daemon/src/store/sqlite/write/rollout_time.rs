//! Operations on rings.

use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use super::{Done, failed, rows};
use crate::store::RingOp;

const WHAT: &str = "the ring";

pub(super) async fn ring(connection: &mut SqliteConnection, op: &RingOp) -> Done {
    match op {
        RingOp::Add { ring, tenants, at, by } => query(
            "INSERT INTO rollout_rings (tenant, ring, at, by)
             SELECT value, $2, $3, $4 FROM json_each($1) WHERE true
             ON CONFLICT (tenant) DO UPDATE SET ring = excluded.ring, at = excluded.at, by = excluded.by
              WHERE rollout_rings.ring <> excluded.ring",
        )
        .bind(rows(tenants)?)
        .bind(ring.word())
        .bind(at)
        .bind(by)
        .execute(connection)
        .await
        .map_err(failed(WHAT))?,
        RingOp::Remove { ring, tenants } => {
            query("DELETE FROM rollout_rings WHERE ring = $2 AND tenant IN (SELECT value FROM json_each($1))")
                .bind(rows(tenants)?)
                .bind(ring.word())
                .execute(connection)
                .await
                .map_err(failed(WHAT))?
        }
    };
    Ok(())
}
