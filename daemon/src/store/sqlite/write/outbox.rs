//! Operations on workflows and the outbox.

use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use super::{Done, expect_rows, failed, rows};
use crate::store::{
    CALLBACK_EVENT, DispatchTo, NewCallback, NewDispatches, OutboxOp, PutWorkflow, UNIT_ROWS, WriteError,
};

const WHAT: &str = "the dispatch";
const WORKFLOW: &str = "the workflow";

pub(super) async fn op(connection: &mut SqliteConnection, op: &OutboxOp) -> Done {
    match op {
        OutboxOp::PutWorkflow(workflow) => put_workflow(connection, workflow).await,
        OutboxOp::RemoveWorkflow { id, source } => {
            let removed = query("DELETE FROM workflows WHERE id = $1 AND source = $2")
                .bind(id)
                .bind(source.word())
                .execute(connection)
                .await
                .map_err(failed(WORKFLOW))?;
            expect_rows(WORKFLOW, 1, removed.rows_affected())
        }
        OutboxOp::Put(dispatches) => put(connection, dispatches).await,
        OutboxOp::PutCallback(new) => put_callback(connection, new).await,
        OutboxOp::Sent { seq, at, execution_id, note } => {
            let sent = query(
                "UPDATE dispatches SET state = 'sent', ended_at = $2, execution_id = $3, note = $4, due_at = 0
                  WHERE seq = $1 AND state = 'waiting'",
            )
            .bind(seq)
            .bind(at)
            .bind(execution_id)
            .bind(note)
            .execute(&mut *connection)
            .await
            .map_err(failed(WHAT))?;
            waited(connection, *seq, sent.rows_affected()).await
        }
        OutboxOp::Dead { seq, at, attempts, note } => {
            let dead = query(
                "UPDATE dispatches SET state = 'dead', ended_at = $2, attempts = $3, note = $4, due_at = 0
                  WHERE seq = $1 AND state = 'waiting'",
            )
            .bind(seq)
            .bind(at)
            .bind(attempts)
            .bind(note)
            .execute(&mut *connection)
            .await
            .map_err(failed(WHAT))?;
            waited(connection, *seq, dead.rows_affected()).await
        }
        OutboxOp::Retry { seq, attempts, due_at, note } => {
            let delayed = query(
                "UPDATE dispatches SET attempts = $2, due_at = $3, note = $4 WHERE seq = $1 AND state = 'waiting'",
            )
            .bind(seq)
            .bind(attempts)
            .bind(due_at)
            .bind(note)
            .execute(&mut *connection)
            .await
            .map_err(failed(WHAT))?;
            waited(connection, *seq, delayed.rows_affected()).await
        }
        // A dead one may have arrived all the same, so its key stays; a sent one is wanted once more.
        OutboxOp::Replay { seqs } => {
            query(
                "UPDATE dispatches SET round = round + (state = 'sent'), state = 'waiting', attempts = 0, due_at = 0,
                        ended_at = NULL, execution_id = NULL, note = NULL
                  WHERE seq IN (SELECT value FROM json_each($1)) AND state <> 'waiting'",
            )
            .bind(rows(seqs)?)
            .execute(connection)
            .await
            .map_err(failed(WHAT))?;
            Ok(())
        }
        OutboxOp::Forget { before } => {
            query(
                "DELETE FROM dispatches WHERE seq IN
                    (SELECT seq FROM dispatches WHERE ended_at < $1
                        AND NOT EXISTS (SELECT 1 FROM deliveries WHERE deliveries.seq = dispatches.delivery)
                      ORDER BY ended_at LIMIT $2)",
            )
            .bind(before)
            .bind(i64::try_from(UNIT_ROWS).unwrap_or(i64::MAX))
            .execute(connection)
            .await
            .map_err(failed(WHAT))?;
            Ok(())
        }
    }
}

async fn put_workflow(connection: &mut SqliteConnection, workflow: &PutWorkflow) -> Done {
    let rule = serde_json::to_string(&workflow.rule)
        .map_err(|error| WriteError::Unavailable(format!("the rule does not serialise: {error}")))?;
    let application = workflow.application.as_ref();
    let put = query(
        "INSERT INTO workflows (id, name, rule, repository, events, definition, attach_context, updated_at, updated_by,
                source, workflow, fingerprint, trouble)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, rule = excluded.rule, repository = excluded.repository,
                events = excluded.events, definition = excluded.definition,
                attach_context = excluded.attach_context, updated_at = excluded.updated_at,
                updated_by = excluded.updated_by, workflow = excluded.workflow,
                fingerprint = excluded.fingerprint, trouble = excluded.trouble
          WHERE workflows.source = excluded.source",
    )
    .bind(&workflow.id)
    .bind(&workflow.name)
    .bind(rule)
    .bind(&workflow.rule.repository)
    .bind(workflow.rule.events.join(","))
    .bind(&workflow.definition)
    .bind(workflow.attach_context)
    .bind(workflow.at)
    .bind(&workflow.by)
    .bind(workflow.source().word())
    .bind(application.and_then(|from| from.workflow.as_ref()))
    .bind(application.map(|from| &from.fingerprint))
    .bind(application.and_then(|from| from.trouble.as_ref()))
    .execute(connection)
    .await
    .map_err(failed(WORKFLOW))?;
    expect_rows(WORKFLOW, 1, put.rows_affected())
}

async fn put(connection: &mut SqliteConnection, new: &NewDispatches) -> Done {
    let workflows = match &new.to {
        DispatchTo::Workflows(workflows) => workflows,
        DispatchTo::Scheduler { installation } => return forward(connection, new, *installation).await,
    };
    let added: Vec<String> = sqlx::query_scalar(
        "INSERT INTO dispatches (queue, workflow, delivery, guid, event, repository, created_at, state)
         SELECT coalesce(workflows.workflow, workflows.id), coalesce(workflows.workflow, workflows.id), $2, $3, $4, $5, $6, 'waiting'
           FROM json_each($1) AS want CROSS JOIN workflows ON workflows.id = want.value
          WHERE true ORDER BY want.key
         ON CONFLICT (guid, queue) DO NOTHING
         RETURNING workflow",
    )
    .bind(rows(workflows)?)
    .bind(new.delivery)
    .bind(&new.guid)
    .bind(&new.event)
    .bind(&new.repository)
    .bind(new.at)
    .fetch_all(&mut *connection)
    .await
    .map_err(failed(WHAT))?;
    // Each trigger that matched is counted, also where several of one workflow start it once.
    query(
        "UPDATE workflows SET matches = matches + 1, last_guid = $2, last_at = $3
          WHERE id IN (SELECT value FROM json_each($4))
            AND coalesce(workflow, id) IN (SELECT value FROM json_each($1))",
    )
    .bind(rows(&added)?)
    .bind(&new.guid)
    .bind(new.at)
    .bind(rows(workflows)?)
    .execute(connection)
    .await
    .map_err(failed(WORKFLOW))?;
    Ok(())
}

async fn forward(connection: &mut SqliteConnection, new: &NewDispatches, installation: Option<i64>) -> Done {
    query(
        "INSERT INTO dispatches (queue, delivery, guid, event, repository, created_at, state)
         VALUES ($1, $2, $3, $4, $5, $6, 'waiting') ON CONFLICT (guid, queue) DO NOTHING",
    )
    .bind(queue_of(installation.unwrap_or(0)))
    .bind(new.delivery)
    .bind(&new.guid)
    .bind(&new.event)
    .bind(&new.repository)
    .bind(new.at)
    .execute(connection)
    .await
    .map_err(failed(WHAT))?;
    Ok(())
}

async fn put_callback(connection: &mut SqliteConnection, new: &NewCallback) -> Done {
    query(
        "INSERT INTO dispatches (queue, delivery, guid, event, created_at, state, callback)
         VALUES ($1, 0, $2, $3, $4, 'waiting', $5)",
    )
    .bind(queue_of(new.installation))
    .bind(&new.key)
    .bind(CALLBACK_EVENT)
    .bind(new.at)
    .bind(&new.body)
    .execute(connection)
    .await
    .map_err(failed(WHAT))?;
    Ok(())
}

/// What is sent on of one installation stays in order: its events, and who connected it.
fn queue_of(installation: i64) -> String {
    format!("@scheduler:{installation}")
}

/// Demands that a row was met, and says what is there instead.
async fn waited(connection: &mut SqliteConnection, seq: i64, met: u64) -> Done {
    if met == 1 {
        return Ok(());
    }
    let state: Option<String> = sqlx::query_scalar("SELECT state FROM dispatches WHERE seq = $1")
        .bind(seq)
        .fetch_optional(connection)
        .await
        .map_err(failed(WHAT))?;
    Err(WriteError::Precondition { what: WHAT, found: state.unwrap_or_else(|| "nothing".to_owned()) })
}
