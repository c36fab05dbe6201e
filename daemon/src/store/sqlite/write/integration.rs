//! Operations on integrations.

use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use super::{Done, expect_rows, failed, rows};
use crate::store::{IntegrationOp, IntegrationRow, UNIT_ROWS};

const WHAT: &str = "the integration";

/// How long a used state is remembered beyond its own end: clocks of replicas differ by less.
const REMEMBER_MS: i64 = 24 * 60 * 60 * 1000;

pub(super) async fn op(connection: &mut SqliteConnection, op: &IntegrationOp) -> Done {
    match op {
        IntegrationOp::UseState { nonce, at, expires_at } => {
            query(
                "DELETE FROM used_install_states WHERE nonce IN
                 (SELECT nonce FROM used_install_states WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
            )
            .bind(at.saturating_sub(REMEMBER_MS))
            .bind(i64::try_from(UNIT_ROWS).unwrap_or(i64::MAX))
            .execute(&mut *connection)
            .await
            .map_err(failed("the state"))?;
            query("INSERT INTO used_install_states (nonce, used_at, expires_at) VALUES ($1, $2, $3)")
                .bind(nonce)
                .bind(at)
                .bind(expires_at)
                .execute(connection)
                .await
                .map_err(failed("the state"))?;
            Ok(())
        }
        IntegrationOp::Bind(row) => bind(connection, row).await,
        IntegrationOp::Request(row) => {
            query(
                "DELETE FROM integrations
                  WHERE user_id = $1 AND host_id = $2 AND requester IS $3 AND state = 'requested'",
            )
            .bind(&row.user)
            .bind(&row.host)
            .bind(row.requester)
            .execute(&mut *connection)
            .await
            .map_err(failed(WHAT))?;
            insert(connection, row).await
        }
        IntegrationOp::Granted { host, requester, installation, account_login, at } => {
            // Whoever has it already, by coming back from GitHub once more, needs no second row.
            query(
                "DELETE FROM integrations WHERE host_id = $1 AND requester = $2 AND state = 'requested'
                    AND user_id IN (SELECT user_id FROM integrations
                                     WHERE host_id = $1 AND installation = $3 AND state = 'active')",
            )
            .bind(host)
            .bind(requester)
            .bind(installation)
            .execute(&mut *connection)
            .await
            .map_err(failed(WHAT))?;
            query(
                "UPDATE integrations SET installation = $3, account_login = $4, state = 'active', proof = 'event',
                        callback_at = $5
                  WHERE host_id = $1 AND requester = $2 AND state = 'requested'",
            )
            .bind(host)
            .bind(requester)
            .bind(installation)
            .bind(account_login)
            .bind(at)
            .execute(connection)
            .await
            .map_err(failed(WHAT))?;
            Ok(())
        }
        IntegrationOp::Revoke { id, user, at } => {
            let met = query(
                "UPDATE integrations SET state = 'revoked', ended_at = $3
                  WHERE id = $1 AND user_id = $2 AND state IN ('requested', 'active')",
            )
            .bind(id)
            .bind(user)
            .bind(at)
            .execute(connection)
            .await
            .map_err(failed(WHAT))?;
            expect_rows(WHAT, 1, met.rows_affected())
        }
        IntegrationOp::Uninstalled { host, installation, at } => {
            query(
                "UPDATE integrations SET state = 'uninstalled', ended_at = $3
                  WHERE host_id = $1 AND installation = $2 AND state = 'active'",
            )
            .bind(host)
            .bind(installation)
            .bind(at)
            .execute(connection)
            .await
            .map_err(failed(WHAT))?;
            Ok(())
        }
    }
}

/// A sweep found that these installations are gone. Whoever connected one since it began was confirmed by GitHub later than
/// the sweep's list, and is left to the next.
pub(super) async fn unseen(
    connection: &mut SqliteConnection,
    host: &str,
    sweep: &str,
    installations: &[i64],
    at: i64,
) -> Done {
    query(
        "UPDATE integrations SET state = 'uninstalled', ended_at = $4
          WHERE host_id = $1 AND installation IN (SELECT value FROM json_each($3)) AND state = 'active'
            AND callback_at < (SELECT started_at FROM sweeps WHERE id = $2)",
    )
    .bind(host)
    .bind(sweep)
    .bind(rows(installations)?)
    .bind(at)
    .execute(connection)
    .await
    .map_err(failed(WHAT))?;
    Ok(())
}

async fn bind(connection: &mut SqliteConnection, row: &IntegrationRow) -> Done {
    if row.requester.is_some() {
        query(
            "DELETE FROM integrations
              WHERE user_id = $1 AND host_id = $2 AND requester = $3 AND state = 'requested'",
        )
        .bind(&row.user)
        .bind(&row.host)
        .bind(row.requester)
        .execute(&mut *connection)
        .await
        .map_err(failed(WHAT))?;
    }
    let met = query(
        "UPDATE integrations SET account_login = $4, setup_action = $5, proof = $6, callback_at = $7,
                tenant_id = coalesce($8, tenant_id)
          WHERE user_id = $1 AND host_id = $2 AND installation = $3 AND state = 'active'",
    )
    .bind(&row.user)
    .bind(&row.host)
    .bind(row.installation)
    .bind(&row.account_login)
    .bind(&row.setup_action)
    .bind(row.proof.word())
    .bind(row.callback_at)
    .bind(&row.tenant)
    .execute(&mut *connection)
    .await
    .map_err(failed(WHAT))?;
    if met.rows_affected() > 0 { Ok(()) } else { insert(connection, row).await }
}

async fn insert(connection: &mut SqliteConnection, row: &IntegrationRow) -> Done {
    query(
        "INSERT INTO integrations (id, user_id, tenant_id, host_id, installation, account_login, requester,
                                   setup_action, proof, state, created_at, callback_at, ended_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(&row.id)
    .bind(&row.user)
    .bind(&row.tenant)
    .bind(&row.host)
    .bind(row.installation)
    .bind(&row.account_login)
    .bind(row.requester)
    .bind(&row.setup_action)
    .bind(row.proof.word())
    .bind(row.state.word())
    .bind(row.created_at)
    .bind(row.callback_at)
    .bind(row.ended_at)
    .execute(connection)
    .await
    .map_err(failed(WHAT))?;
    Ok(())
}
