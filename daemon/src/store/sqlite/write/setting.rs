//! Operations on settings and receipts of acts.

use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use super::{Done, failed};
use crate::store::{ActOp, SettingOp};

pub(super) async fn op(connection: &mut SqliteConnection, op: &SettingOp) -> Done {
    let SettingOp::Set { name, value, at, by } = op;
    query(
        "INSERT INTO settings (name, value, changed_at, changed_by) VALUES ($1, $2, $3, $4)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at,
                                          changed_by = excluded.changed_by",
    )
    .bind(name)
    .bind(value)
    .bind(at)
    .bind(by)
    .execute(connection)
    .await
    .map_err(failed("the setting"))?;
    Ok(())
}

pub(super) async fn act(connection: &mut SqliteConnection, op: &ActOp) -> Done {
    let statement = match op {
        ActOp::Begin { key, at, operator, request } => query(
            "INSERT INTO act_receipts (act_key, at, operator, request, receipt) VALUES ($1, $2, $3, $4, '')",
        )
        .bind(key)
        .bind(at)
        .bind(operator)
        .bind(request),
        ActOp::Withdraw { key } => {
            query("DELETE FROM act_receipts WHERE act_key = $1 AND receipt = ''").bind(key)
        }
        ActOp::Remember { key, at, operator, request, receipt } => query(
            "INSERT INTO act_receipts (act_key, at, operator, request, receipt) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (act_key) DO UPDATE SET at = excluded.at, receipt = excluded.receipt
              WHERE act_receipts.receipt = ''",
        )
        .bind(key)
        .bind(at)
        .bind(operator)
        .bind(request)
        .bind(receipt),
        ActOp::Forget { before } => query("DELETE FROM act_receipts WHERE at < $1").bind(before),
    };
    statement.execute(connection).await.map_err(failed("the receipt"))?;
    Ok(())
}
