use async_trait::async_trait;
use cutover_shared::window::Window;
use cutover_shared::workflow::{DispatchState, LastMatch};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, query};

use super::{Read, corrupt, unsigned};
use crate::store::sqlite::{Sqlite, unavailable, window};
use crate::store::{DispatchHead, DispatchRow, OutboxRead, Select, WorkflowRow};

const DOING: &str = "reading the outbox";

/// From each queue's head straight to the next queue's, however many wait in between.
const HEADS: &str = "WITH RECURSIVE head (queue, seq, due_at) AS (
       SELECT queue, seq, due_at FROM dispatches
        WHERE seq = (SELECT seq FROM dispatches INDEXED BY dispatches_waiting
                      WHERE state = 'waiting' AND queue > $1 ORDER BY queue, seq LIMIT 1)
       UNION ALL
       SELECT next.queue, next.seq, next.due_at FROM head CROSS JOIN dispatches AS next
        WHERE next.seq = (SELECT seq FROM dispatches INDEXED BY dispatches_waiting
                           WHERE state = 'waiting' AND queue > head.queue ORDER BY queue, seq LIMIT 1)
       LIMIT $2)
     SELECT queue, seq, due_at FROM head ORDER BY queue";

const QUEUE: &str = "SELECT * FROM dispatches INDEXED BY dispatches_waiting
      WHERE state = 'waiting' AND queue = $1 ORDER BY seq LIMIT $2";

const WORKFLOWS_AFTER: &str = "SELECT workflows.*, 0 AS waiting, 0 AS dead FROM workflows
      WHERE id > $1 ORDER BY id LIMIT $2";

const WORKFLOW: &str = "SELECT workflows.*,
        (SELECT count(*) FROM dispatches WHERE queue = workflows.id AND state = 'waiting') AS waiting,
        (SELECT count(*) FROM dispatches WHERE queue = workflows.id AND state = 'dead') AS dead
   FROM workflows WHERE id = $1";

const FORGETTABLE: &str = "SELECT EXISTS (SELECT 1 FROM dispatches WHERE ended_at < $1
      AND NOT EXISTS (SELECT 1 FROM deliveries WHERE deliveries.seq = dispatches.delivery))";

const COUNTS: &str = "SELECT (SELECT count(*) FROM dispatches WHERE state = 'waiting'),
            (SELECT count(*) FROM dispatches WHERE state = 'dead')";

#[async_trait]
impl OutboxRead for Sqlite {
    async fn workflow(&self, id: &str) -> Read<Option<WorkflowRow>> {
        let row = query(WORKFLOW).bind(id).fetch_optional(&self.readers).await.map_err(unavailable(DOING))?;
        row.as_ref().map(workflow).transpose()
    }

    async fn workflows_after(&self, after: Option<&str>, limit: u32) -> Read<Vec<WorkflowRow>> {
        let rows = query(WORKFLOWS_AFTER)
            .bind(after.unwrap_or_default())
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        rows.iter().map(workflow).collect()
    }

    async fn workflows_window(&self, select: &Select) -> Read<Window<WorkflowRow>> {
        window::workflows(self, select).await
    }

    async fn dispatch_heads(&self, after: Option<&str>, limit: u32) -> Read<Vec<DispatchHead>> {
        let rows: Vec<(String, i64, i64)> = sqlx::query_as(HEADS)
            .bind(after.unwrap_or_default())
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        Ok(rows.into_iter().map(|(queue, seq, due_at)| DispatchHead { queue, seq, due_at }).collect())
    }

    async fn dispatch_queue(&self, queue: &str, limit: u32) -> Read<Vec<DispatchRow>> {
        let rows = query(QUEUE)
            .bind(queue)
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        rows.iter().map(dispatch).collect()
    }

    async fn dispatches_of(&self, guid: &str, limit: u32) -> Read<Vec<DispatchRow>> {
        let rows = query("SELECT * FROM dispatches WHERE guid = $1 ORDER BY seq LIMIT $2")
            .bind(guid)
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        rows.iter().map(dispatch).collect()
    }

    async fn dispatches_window(&self, select: &Select) -> Read<Window<DispatchRow>> {
        window::dispatches(self, select).await
    }

    async fn dispatches_replayable(&self, select: &Select) -> Read<u64> {
        window::dispatches_replayable(self, select).await
    }

    async fn dispatches_replayable_seqs(&self, select: &Select, after: i64, limit: u32) -> Read<Vec<i64>> {
        window::dispatches_replayable_seqs(self, select, after, limit).await
    }

    async fn is_dispatch_forgettable(&self, before: i64) -> Read<bool> {
        sqlx::query_scalar(FORGETTABLE)
            .bind(before)
            .fetch_one(&self.readers)
            .await
            .map_err(unavailable(DOING))
    }

    async fn outbox_counts(&self) -> Read<(u64, u64)> {
        let (waiting, dead): (i64, i64) =
            sqlx::query_as(COUNTS).fetch_one(&self.readers).await.map_err(unavailable(DOING))?;
        Ok((unsigned(waiting), unsigned(dead)))
    }
}

pub(in crate::store::sqlite) fn workflow(row: &SqliteRow) -> Read<WorkflowRow> {
    let text: String = row.try_get("rule").map_err(unavailable(DOING))?;
    let rule = serde_json::from_str(&text).map_err(|error| corrupt("rule of a workflow", error))?;
    workflow_columns(row, rule).map_err(unavailable(DOING))
}

fn workflow_columns(
    row: &SqliteRow,
    rule: cutover_shared::workflow::Rule,
) -> Result<WorkflowRow, sqlx::Error> {
    let (guid, at): (Option<String>, Option<i64>) = (row.try_get("last_guid")?, row.try_get("last_at")?);
    Ok(WorkflowRow {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        rule,
        definition: row.try_get("definition")?,
        attach_context: row.try_get::<i64, _>("attach_context")? != 0,
        updated_at: row.try_get("updated_at")?,
        updated_by: row.try_get("updated_by")?,
        matches: unsigned(row.try_get("matches")?),
        last_match: guid.zip(at).map(|(guid, at)| LastMatch { guid, at }),
        waiting: unsigned(row.try_get("waiting")?),
        dead: unsigned(row.try_get("dead")?),
    })
}

pub(in crate::store::sqlite) fn dispatch(row: &SqliteRow) -> Read<DispatchRow> {
    let word: String = row.try_get("state").map_err(unavailable(DOING))?;
    let state = DispatchState::from_word(&word).ok_or_else(|| corrupt("state of a dispatch", word))?;
    dispatch_columns(row, state).map_err(unavailable(DOING))
}

fn dispatch_columns(row: &SqliteRow, state: DispatchState) -> Result<DispatchRow, sqlx::Error> {
    let count = |name: &str| row.try_get::<i64, _>(name).map(|n| u32::try_from(n.max(0)).unwrap_or(u32::MAX));
    Ok(DispatchRow {
        seq: row.try_get("seq")?,
        queue: row.try_get("queue")?,
        workflow: row.try_get("workflow")?,
        delivery: row.try_get("delivery")?,
        guid: row.try_get("guid")?,
        event: row.try_get("event")?,
        repository: row.try_get("repository")?,
        created_at: row.try_get("created_at")?,
        state,
        attempts: count("attempts")?,
        due_at: row.try_get("due_at")?,
        ended_at: row.try_get("ended_at")?,
        execution_id: row.try_get("execution_id")?,
        note: row.try_get("note")?,
        round: count("round")?,
        callback: row.try_get("callback")?,
    })
}
