use async_trait::async_trait;
use cutover_shared::ids::ProjectId;

use super::Read;
use crate::store::sqlite::{Sqlite, unavailable};
use crate::store::{DownstreamRead, DownstreamRow};

#[async_trait]
impl DownstreamRead for Sqlite {
    async fn downstream_records(
        &self,
        project: &ProjectId,
        repo_lname: &str,
        limit: u32,
    ) -> Read<Vec<DownstreamRow>> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT probe, body FROM downstream_records
              WHERE project_id = $1 AND repo_lname = $2 ORDER BY probe LIMIT $3",
        )
        .bind(&project.0)
        .bind(repo_lname)
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable("reading recorded answers"))?;
        let row = |(probe, body)| DownstreamRow {
            probe,
            project: project.clone(),
            repo_lname: repo_lname.to_owned(),
            body,
        };
        Ok(rows.into_iter().map(row).collect())
    }
}
