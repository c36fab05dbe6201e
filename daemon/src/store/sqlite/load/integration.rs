use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, query};

use super::{Read, corrupt};
use crate::store::sqlite::{Sqlite, unavailable};
use crate::store::{IntegrationRead, IntegrationRow, IntegrationState, Proof};

const DOING: &str = "reading integrations";

#[async_trait]
impl IntegrationRead for Sqlite {
    async fn integrations(&self, user: &str, ended: bool, limit: u32) -> Read<Vec<IntegrationRow>> {
        let rows = query(
            "SELECT * FROM integrations WHERE user_id = $1 AND ($2 OR state = 'active')
              ORDER BY created_at DESC, id DESC LIMIT $3",
        )
        .bind(user)
        .bind(ended)
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        rows.iter().map(integration).collect()
    }

    async fn integration(&self, id: &str) -> Read<Option<IntegrationRow>> {
        let row = query("SELECT * FROM integrations WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        row.as_ref().map(integration).transpose()
    }

    async fn integrations_on(&self, host: &str, installation: i64, limit: u32) -> Read<Vec<IntegrationRow>> {
        let rows = query(
            "SELECT * FROM integrations WHERE host_id = $1 AND installation = $2 AND state = 'active'
              ORDER BY user_id LIMIT $3",
        )
        .bind(host)
        .bind(installation)
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        rows.iter().map(integration).collect()
    }

    async fn is_state_used(&self, nonce: &str) -> Read<bool> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM used_install_states WHERE nonce = $1)")
            .bind(nonce)
            .fetch_one(&self.readers)
            .await
            .map_err(unavailable("reading used states"))
    }
}

pub(super) fn integration(row: &SqliteRow) -> Read<IntegrationRow> {
    let word = |name: &str| row.try_get::<String, _>(name).map_err(unavailable(DOING));
    let (state, proof) = (word("state")?, word("proof")?);
    let state =
        IntegrationState::from_word(&state).ok_or_else(|| corrupt("state of an integration", &state))?;
    let proof = Proof::from_word(&proof).ok_or_else(|| corrupt("proof of an integration", &proof))?;
    columns(row, state, proof).map_err(unavailable(DOING))
}

fn columns(row: &SqliteRow, state: IntegrationState, proof: Proof) -> Result<IntegrationRow, sqlx::Error> {
    Ok(IntegrationRow {
        id: row.try_get("id")?,
        user: row.try_get("user_id")?,
        tenant: row.try_get("tenant_id")?,
        host: row.try_get("host_id")?,
        installation: row.try_get("installation")?,
        account_login: row.try_get("account_login")?,
        requester: row.try_get("requester")?,
        setup_action: row.try_get("setup_action")?,
        proof,
        state,
        created_at: row.try_get("created_at")?,
        callback_at: row.try_get("callback_at")?,
        ended_at: row.try_get("ended_at")?,
    })
}
