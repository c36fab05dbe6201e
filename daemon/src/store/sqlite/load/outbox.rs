use async_trait::async_trait;
use cutover_shared::window::Window;
use cutover_shared::workflow::{DispatchState, LastMatch, WorkflowSource};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, query};

use super::{Read, array, corrupt, heads, small, unsigned};
use crate::store::sqlite::{Sqlite, unavailable, window};
use crate::store::{DispatchRow, OutboxRead, QueueHead, Select, WorkflowMark, WorkflowRow};

const DOING: &str = "reading the outbox";

const QUEUE: &str = "SELECT * FROM dispatches INDEXED BY dispatches_waiting
      WHERE state = 'waiting' AND queue = $1 ORDER BY seq LIMIT $2";

const WORKFLOWS_AFTER: &str = "SELECT workflows.*, 0 AS waiting, 0 AS dead FROM workflows
      WHERE id > $1 ORDER BY id LIMIT $2";

const WORKFLOW: &str = "SELECT workflows.*,
        (SELECT count(*) FROM dispatches WHERE queue = coalesce(workflows.workflow, workflows.id) AND state = 'waiting') AS waiting,
        (SELECT count(*) FROM dispatches WHERE queue = coalesce(workflows.workflow, workflows.id) AND state = 'dead') AS dead
   FROM workflows WHERE id = $1";

const MARKS: &str = "SELECT workflows.id, source, fingerprint, trouble
   FROM json_each($1) AS want CROSS JOIN workflows ON workflows.id = want.value";

const APPLICATION_AFTER: &str = "SELECT id FROM workflows
      WHERE source = 'application' AND id > $1 ORDER BY id LIMIT $2";

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

    async fn workflow_marks(&self, ids: &[String]) -> Read<Vec<WorkflowMark>> {
        let rows =
            query(MARKS).bind(array(ids)?).fetch_all(&self.readers).await.map_err(unavailable(DOING))?;
        rows.iter().map(mark).collect()
    }

    async fn application_workflows_after(&self, after: Option<&str>, limit: u32) -> Read<Vec<String>> {
        sqlx::query_scalar(APPLICATION_AFTER)
            .bind(after.unwrap_or_default())
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable(DOING))
    }

    async fn workflows_window(&self, select: &Select) -> Read<Window<WorkflowRow>> {
        window::workflows(self, select).await
    }

    async fn dispatch_heads(&self, after: Option<&str>, limit: u32) -> Read<Vec<QueueHead<String>>> {
        let rows: Vec<(String, i64, i64)> = sqlx::query_as(heads("dispatches"))
            .bind(after.unwrap_or_default())
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        Ok(rows.into_iter().map(|(queue, seq, due_at)| QueueHead { queue, seq, due_at }).collect())
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
        window::DISPATCH_QUEUE.replayable(self, select).await
    }

    async fn dispatches_replayable_seqs(&self, select: &Select, after: i64, limit: u32) -> Read<Vec<i64>> {
        window::DISPATCH_QUEUE.replayable_seqs(self, select, after, limit).await
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
    workflow_columns(row, rule, source(row)?).map_err(unavailable(DOING))
}

fn source(row: &SqliteRow) -> Read<WorkflowSource> {
    let word: String = row.try_get("source").map_err(unavailable(DOING))?;
    WorkflowSource::from_word(&word).ok_or_else(|| corrupt("source of a workflow", word))
}

fn mark(row: &SqliteRow) -> Read<WorkflowMark> {
    let text = |name: &str| row.try_get::<Option<String>, _>(name).map_err(unavailable(DOING));
    Ok(WorkflowMark {
        id: row.try_get("id").map_err(unavailable(DOING))?,
        source: source(row)?,
        fingerprint: text("fingerprint")?,
        trouble: text("trouble")?,
    })
}

fn workflow_columns(
    row: &SqliteRow,
    rule: cutover_shared::workflow::Rule,
    source: WorkflowSource,
) -> Result<WorkflowRow, sqlx::Error> {
    let (guid, at): (Option<String>, Option<i64>) = (row.try_get("last_guid")?, row.try_get("last_at")?);
    Ok(WorkflowRow {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        rule,
        definition: row.try_get("definition")?,
        attach_context: row.try_get::<i64, _>("attach_context")? != 0,
        source,
        trouble: row.try_get("trouble")?,
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
        attempts: small(row, "attempts")?,
        due_at: row.try_get("due_at")?,
        ended_at: row.try_get("ended_at")?,
        execution_id: row.try_get("execution_id")?,
        note: row.try_get("note")?,
        round: small(row, "round")?,
        callback: row.try_get("callback")?,
    })
}
