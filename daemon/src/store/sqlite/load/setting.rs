use async_trait::async_trait;
use sqlx::{Row as _, query};

use super::Read;
use crate::store::ActReceiptRow;
use crate::store::read::SettingRead;
use crate::store::sqlite::{Sqlite, unavailable};

const DOING: &str = "reading settings";

#[async_trait]
impl SettingRead for Sqlite {
    async fn setting(&self, name: &str) -> Read<Option<(String, i64, String)>> {
        sqlx::query_as("SELECT value, changed_at, changed_by FROM settings WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.readers)
            .await
            .map_err(unavailable(DOING))
    }

    async fn act_receipt(&self, key: &str) -> Read<Option<ActReceiptRow>> {
        let row = query("SELECT operator, request, receipt FROM act_receipts WHERE act_key = $1")
            .bind(key)
            .fetch_optional(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        row.map(|row| {
            Ok(ActReceiptRow {
                operator: row.try_get(0)?,
                request: row.try_get(1)?,
                receipt: row.try_get(2)?,
            })
        })
        .transpose()
        .map_err(unavailable(DOING))
    }
}
