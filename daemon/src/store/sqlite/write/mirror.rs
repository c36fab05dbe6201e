//! Operations on what is owed to copies.

use serde::Serialize;
use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use super::{Done, failed, rows};
use crate::store::MirrorOp;

/// One debt as it is struck off.
#[derive(Serialize)]
struct Struck<'a> {
    kind: &'static str,
    subject: &'a str,
    version: i64,
}

pub(super) async fn op(connection: &mut SqliteConnection, op: &MirrorOp) -> Done {
    let MirrorOp::Paid { host, debts } = op;
    let struck: Vec<_> = debts
        .iter()
        .map(|debt| Struck { kind: debt.kind.word(), subject: &debt.subject, version: debt.version })
        .collect();
    query(
        "DELETE FROM mirror_owed WHERE host_id = $1 AND (kind, subject, version) IN
            (SELECT value->>'$.kind', value->>'$.subject', value->>'$.version' FROM json_each($2))",
    )
    .bind(host)
    .bind(rows(&struck)?)
    .execute(connection)
    .await
    .map_err(failed("what is owed to the application's database"))?;
    Ok(())
}
