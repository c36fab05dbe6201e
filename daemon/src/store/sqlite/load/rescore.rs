use async_trait::async_trait;
use cutover_shared::ids::LinkKey;

use super::index::repository;
use super::{Read, array, corrupt};
use crate::store::sqlite::{Sqlite, unavailable};
use crate::store::{OwedRow, RepositoryRow, RescoreRead, Scope};

const DOING: &str = "reading what is owed to mappings";

/// One pass over what has a mapping: an index for each way in which one can be touched would cost every apply.
const TOUCHED: &str = "SELECT links.key FROM links CROSS JOIN mappings ON mappings.key = links.key
      WHERE links.key > $1 AND ($2
         OR links.repo_id IN (SELECT value FROM json_each($3))
         OR mappings.repo_id IN (SELECT value FROM json_each($3))
         OR links.owner_id IN (SELECT value FROM json_each($4))
         OR mappings.installation IN (SELECT value FROM json_each($5))
         OR substr(links.repo_lname, 1, max(instr(links.repo_lname, '/') - 1, 0)) IN (SELECT value FROM json_each($6))
         OR lower(links.owner_login) IN (SELECT value FROM json_each($6))
         OR mappings.body->>'$.evidence.owner_id' IN (SELECT value FROM json_each($4))
         OR mappings.body->>'$.evidence.considered' IN (SELECT value FROM json_each($5)))
      ORDER BY links.key LIMIT $7";

#[async_trait]
impl RescoreRead for Sqlite {
    async fn rescore_owed(&self, host: &str, limit: u32) -> Read<Vec<OwedRow>> {
        let rows: Vec<(i64, String, String, i64)> = sqlx::query_as(
            "SELECT id, scope, cause, at FROM rescore WHERE host_id = $1 ORDER BY id LIMIT $2",
        )
        .bind(host)
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        rows.into_iter()
            .map(|(id, scope, cause, at)| {
                let scope =
                    serde_json::from_str(&scope).map_err(|error| corrupt("scope", error.to_string()))?;
                Ok(OwedRow { id, scope, cause, at })
            })
            .collect()
    }

    async fn links_touched(&self, scope: &Scope, after: Option<&LinkKey>, limit: u32) -> Read<Vec<LinkKey>> {
        let list =
            |numbers: &std::collections::BTreeSet<i64>| array(&numbers.iter().copied().collect::<Vec<_>>());
        let keys: Vec<String> = sqlx::query_scalar(TOUCHED)
            .bind(after.map_or("", LinkKey::as_str))
            .bind(scope.all)
            .bind(list(&scope.repositories)?)
            .bind(list(&scope.accounts)?)
            .bind(list(&scope.installations)?)
            .bind(array(&scope.logins.iter().collect::<Vec<_>>())?)
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        Ok(keys.into_iter().map(LinkKey).collect())
    }

    async fn repositories_of(&self, host: &str, ids: &[i64], names: &[String]) -> Read<Vec<RepositoryRow>> {
        let mut rows = sqlx::query(
            "SELECT r.* FROM json_each($1) AS want
              CROSS JOIN repositories AS r INDEXED BY repositories_id
                 ON r.host_id = $2 AND r.id = want.value",
        )
        .bind(array(ids)?)
        .bind(host)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        rows.extend(
            sqlx::query(
                "SELECT r.* FROM json_each($1) AS want
                  CROSS JOIN repositories AS r INDEXED BY repositories_name
                     ON r.host_id = $2 AND lower(r.full_name) = want.value",
            )
            .bind(array(names)?)
            .bind(host)
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable(DOING))?,
        );
        rows.iter().map(repository).collect::<Result<_, _>>().map_err(unavailable(DOING))
    }

    async fn probes_between(&self, ranges: &[(String, String)]) -> Read<Vec<(String, String, i64)>> {
        sqlx::query_as(
            "SELECT p.key, p.answer, p.at FROM json_each($1) AS want
              CROSS JOIN probes AS p ON p.key >= want.value->>0 AND p.key < want.value->>1",
        )
        .bind(array(ranges)?)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable(DOING))
    }
}
