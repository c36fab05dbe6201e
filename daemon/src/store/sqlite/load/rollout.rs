use async_trait::async_trait;
use cutover_shared::rollout::{RolloutName, Stage};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, query, query_as};

use super::{Read, corrupt, unsigned};
use crate::store::sqlite::{Sqlite, unavailable};
use crate::store::{ChangeRow, IncidentRow, RecordKind, RolloutRead, RolloutRow};

const DOING: &str = "reading rollouts";

#[async_trait]
impl RolloutRead for Sqlite {
    async fn rollouts(&self) -> Read<Vec<RolloutRow>> {
        let rows: Vec<(String, i64, String)> =
            query_as("SELECT name, version, body FROM rollouts ORDER BY name")
                .fetch_all(&self.readers)
                .await
                .map_err(unavailable(DOING))?;
        rows.into_iter()
            .map(|(name, version, body)| {
                Ok(RolloutRow { name: named(&name)?, version: unsigned(version), body })
            })
            .collect()
    }

    async fn rollout_changes(
        &self,
        name: RolloutName,
        before: Option<u64>,
        limit: u32,
    ) -> Read<Vec<ChangeRow>> {
        let before = before.map_or(i64::MAX, |version| i64::try_from(version).unwrap_or(i64::MAX));
        let rows = query(
            "SELECT * FROM rollout_changes WHERE name = $1 AND version < $2 ORDER BY version DESC LIMIT $3",
        )
        .bind(name.word())
        .bind(before)
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        rows.iter().map(change).collect()
    }

    async fn rollout_at(&self, name: RolloutName, at: i64) -> Read<Option<ChangeRow>> {
        // By version among those of the time: a clock that was set back must not hide what was decided since.
        let row = query(
            "SELECT * FROM rollout_changes WHERE name = $1 AND at <= $2 ORDER BY at DESC, version DESC LIMIT 1",
        )
        .bind(name.word())
        .bind(at)
        .fetch_optional(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        row.as_ref().map(change).transpose()
    }

    async fn rollout_list(&self, digest: &str) -> Read<Option<String>> {
        sqlx::query_scalar("SELECT tenants FROM rollout_lists WHERE digest = $1")
            .bind(digest)
            .fetch_optional(&self.readers)
            .await
            .map_err(unavailable(DOING))
    }

    async fn rollout_record(&self, name: RolloutName, kind: RecordKind) -> Read<Option<(i64, String)>> {
        query_as("SELECT at, body FROM rollout_records WHERE name = $1 AND kind = $2")
            .bind(name.word())
            .bind(kind.word())
            .fetch_optional(&self.readers)
            .await
            .map_err(unavailable(DOING))
    }

    async fn worth(&self, name: RolloutName) -> Read<Option<String>> {
        sqlx::query_scalar("SELECT watch FROM worth WHERE rollout = $1")
            .bind(name.word())
            .fetch_optional(&self.readers)
            .await
            .map_err(unavailable(DOING))
    }

    async fn incidents_open(&self) -> Read<Vec<IncidentRow>> {
        let rows: Vec<(String, i64, String, String, String)> = query_as(
            "SELECT id, opened_at, opened_by, rollout, text FROM incidents WHERE closed_at IS NULL
              ORDER BY opened_at, id LIMIT 100",
        )
        .fetch_all(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        rows.into_iter().map(incident).collect()
    }

    async fn incident(&self, id: &str) -> Read<Option<(IncidentRow, Option<i64>)>> {
        let row: Option<(String, i64, String, String, String, Option<i64>)> = query_as(
            "SELECT id, opened_at, opened_by, rollout, text, closed_at FROM incidents WHERE id = $1",
        )
        .bind(id)
        .fetch_optional(&self.readers)
        .await
        .map_err(unavailable(DOING))?;
        let Some((id, at, by, rollout, text, closed)) = row else { return Ok(None) };
        Ok(Some((incident((id, at, by, rollout, text))?, closed)))
    }
}

fn incident(row: (String, i64, String, String, String)) -> Read<IncidentRow> {
    let (id, opened_at, opened_by, rollout, text) = row;
    let rollout = if rollout.is_empty() { None } else { Some(named(&rollout)?) };
    Ok(IncidentRow { id, opened_at, opened_by, rollout, text })
}

fn named(name: &str) -> Read<RolloutName> {
    RolloutName::from_word(name).ok_or_else(|| corrupt("rollout", format!("no rollout is called {name}")))
}

pub(super) fn change(row: &SqliteRow) -> Read<ChangeRow> {
    let text = |column| row.try_get::<String, _>(column).map_err(unavailable(DOING));
    let number = |column| row.try_get::<i64, _>(column).map_err(unavailable(DOING));
    let stage = |column| text(column)?.parse::<Stage>().map_err(|error| corrupt("stage", error));
    Ok(ChangeRow {
        name: named(&text("name")?)?,
        version: unsigned(number("version")?),
        at: number("at")?,
        by: text("by")?,
        act: text("act")?,
        from: stage("from_stage")?,
        to: stage("to_stage")?,
        reason: text("reason")?,
        detail: text("detail")?,
        body: text("body")?,
    })
}
