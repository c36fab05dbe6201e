use async_trait::async_trait;
use sqlx::query_as;

use super::integration::integration;
use super::{Read, array, unsigned};
use crate::store::sqlite::{Sqlite, unavailable};
use crate::store::{IntegrationRow, MirrorDebt, MirrorInstallation, MirrorKind, MirrorRead};

const DOING: &str = "reading what is owed to the application's database";

#[async_trait]
impl MirrorRead for Sqlite {
    async fn mirror_owed(&self, host: &str, kind: MirrorKind, limit: u32) -> Read<Vec<MirrorDebt>> {
        let rows: Vec<(String, i64)> = query_as(
            "SELECT subject, version FROM mirror_owed WHERE kind = $1 AND host_id = $2
              ORDER BY subject LIMIT $3",
        )
        .bind(kind.word())
        .bind(host)
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        Ok(rows.into_iter().map(|(subject, version)| MirrorDebt { kind, subject, version }).collect())
    }

    async fn mirror_count(&self, host: &str, kind: MirrorKind) -> Read<u64> {
        sqlx::query_scalar("SELECT count(*) FROM mirror_owed WHERE kind = $1 AND host_id = $2")
            .bind(kind.word())
            .bind(host)
            .fetch_one(&self.readers)
            .await
            .map(unsigned)
            .map_err(unavailable(DOING))
    }

    async fn is_swept(&self, host: &str) -> Read<bool> {
        // The row of the sweep before stays until the next one has ended.
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sweeps WHERE host_id = $1 AND state = 'done')")
            .bind(host)
            .fetch_one(&self.readers)
            .await
            .map_err(unavailable(DOING))
    }

    async fn mirror_installations(
        &self,
        host: &str,
        ids: &[i64],
        most: usize,
    ) -> Read<Vec<MirrorInstallation>> {
        let (mut rows, mut names) = (Vec::with_capacity(ids.len()), 0);
        for id in ids {
            if names > 0 && names >= most {
                break;
            }
            let one = self.mirror_installation(host, *id).await?;
            names += one.repositories.as_ref().map_or(0, Vec::len).max(1);
            rows.push(one);
        }
        Ok(rows)
    }

    async fn mirror_integrations(
        &self,
        host: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Read<Vec<IntegrationRow>> {
        let rows = sqlx::query(
            "SELECT * FROM integrations WHERE host_id = $1 AND installation IS NOT NULL AND id > $2
              ORDER BY id LIMIT $3",
        )
        .bind(host)
        .bind(after.unwrap_or(""))
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        rows.iter().map(integration).collect()
    }

    async fn mirror_integrations_of(&self, host: &str, ids: &[String]) -> Read<Vec<IntegrationRow>> {
        let rows = sqlx::query(
            "SELECT i.* FROM json_each($1) AS want CROSS JOIN integrations AS i ON i.id = want.value
              WHERE i.host_id = $2 AND i.installation IS NOT NULL",
        )
        .bind(array(ids)?)
        .bind(host)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        rows.iter().map(integration).collect()
    }
}

impl Sqlite {
    /// Account and list from one moment.
    async fn mirror_installation(&self, host: &str, id: i64) -> Read<MirrorInstallation> {
        let mut snapshot = self.readers.begin().await.map_err(unavailable(DOING))?;
        let found: Option<(i64, String, String, Option<i64>)> = query_as(
            "SELECT account_id, account_login, account_type, listed_at FROM installations
              WHERE host_id = $1 AND id = $2",
        )
        .bind(host)
        .bind(id)
        .fetch_optional(&mut *snapshot)
        .await
        .map_err(unavailable(DOING))?;
        let Some((account, login, kind, listed_at)) = found else {
            return Ok(MirrorInstallation { id, account: None, repositories: Some(Vec::new()) });
        };
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT full_name FROM repositories WHERE host_id = $1 AND installation = $2 ORDER BY full_name, id",
        )
        .bind(host)
        .bind(id)
        .fetch_all(&mut *snapshot)
        .await
        .map_err(unavailable(DOING))?;
        let repositories = (listed_at.is_some() || !names.is_empty()).then_some(names);
        Ok(MirrorInstallation { id, account: Some((account, login, kind)), repositories })
    }
}
