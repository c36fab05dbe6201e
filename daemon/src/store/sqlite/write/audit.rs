//! The hash chain of the audit log. `seq`, `prev` and `hash` are set here, inside the commit.

use sha2::{Digest as _, Sha256};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Row as _, query};

use super::failed;
use crate::hex::hex;
use crate::store::{AuditDraft, WriteError};

/// The head of the chain.
#[derive(Clone, Debug)]
pub(in crate::store::sqlite) struct Chain {
    seq: i64,
    hash: String,
}

impl Chain {
    pub(in crate::store::sqlite) async fn load(
        connection: &mut SqliteConnection,
    ) -> Result<Self, sqlx::Error> {
        let row =
            query("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetch_optional(connection).await?;
        Ok(match row {
            Some(row) => Self { seq: row.try_get(0)?, hash: row.try_get(1)? },
            None => Self { seq: 0, hash: String::new() },
        })
    }

    pub(super) async fn append(
        &mut self,
        connection: &mut SqliteConnection,
        draft: &AuditDraft,
    ) -> super::Done {
        let seq = self.seq + 1;
        let bytes = serde_json::json!({
            "act": draft.act,
            "actor": draft.actor,
            "at": draft.at,
            "detail": draft.detail,
            "origin": draft.origin,
            "seq": seq,
            "subject": draft.subject,
        })
        .to_string();
        let hash = hex(&Sha256::new().chain_update(&self.hash).chain_update(&bytes).finalize());
        query("INSERT INTO audit (seq, at, bytes, prev, hash) VALUES ($1, $2, $3, $4, $5)")
            .bind(seq)
            .bind(draft.at)
            .bind(&bytes)
            .bind(&self.hash)
            .bind(&hash)
            .execute(connection)
            .await
            .map_err(|error| match failed("the audit record")(error) {
                // Another writer has appended: our head is not the head.
                WriteError::Conflict { what } => WriteError::Unavailable(format!("{what} is there already")),
                other => other,
            })?;
        *self = Self { seq, hash };
        Ok(())
    }
}
