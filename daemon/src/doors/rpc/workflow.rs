//! Questions and acts about workflows.

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::filter::{DISPATCHES, WORKFLOWS};
use cutover_shared::window::WindowAsk;
use cutover_shared::workflow::{
    DispatchState, DispatchView, WorkflowAct, WorkflowAnswer, WorkflowQuery, WorkflowReceipt, WorkflowView,
};

use super::{Parts, STORE_MEND, not_found, read_error, window, write_error};
use crate::audit::Who;
use crate::gateway::outbox::ReplayError;
use crate::gateway::triggers::{ExplainError, MatchError, PutError, RemoveError};
use crate::store::{DispatchRow, Select, WorkflowRow};

pub(super) async fn query(parts: &Parts, query: WorkflowQuery) -> Result<WorkflowAnswer, RpcError> {
    Ok(match query {
        WorkflowQuery::Window { ask } => {
            let select = window::select(parts, &WORKFLOWS, &ask)?;
            let rows = parts.db.workflows_window(&select).await.map_err(read_error)?;
            WorkflowAnswer::Window(rows.map(view))
        }
        WorkflowQuery::Show { id } => {
            let row = parts.db.workflow(&id).await.map_err(read_error)?;
            let row = row.ok_or_else(|| not_found(&format!("workflow {id}"), "workflow"))?;
            WorkflowAnswer::Show(Box::new(view(row)))
        }
        WorkflowQuery::Test { guid, workflow } => {
            let found = parts.triggers.explain(&guid, workflow.as_deref()).await;
            WorkflowAnswer::Test(found.map_err(explain_error)?)
        }
        WorkflowQuery::Dispatches { ask } => {
            let select = window::select(parts, &DISPATCHES, &ask)?;
            let rows = parts.db.dispatches_window(&select).await.map_err(read_error)?;
            WorkflowAnswer::Dispatches(rows.map(dispatch_view))
        }
        WorkflowQuery::Replayable { filter } => {
            let select = select(parts, &filter)?;
            WorkflowAnswer::Replayable(parts.db.dispatches_replayable(&select).await.map_err(read_error)?)
        }
    })
}

pub(super) async fn act(parts: &Parts, act: WorkflowAct, who: &Who) -> Result<WorkflowReceipt, RpcError> {
    Ok(match act {
        WorkflowAct::Put { id, workflow } => {
            let (row, _) = parts.triggers.put(&id, *workflow, who).await.map_err(put_error)?;
            WorkflowReceipt::Put(Box::new(view(row)))
        }
        WorkflowAct::Remove { id } => match parts.triggers.remove(&id, who).await.map_err(remove_error)? {
            true => WorkflowReceipt::Removed { id },
            false => return Err(not_found(&format!("workflow {id}"), "workflow")),
        },
        WorkflowAct::Replay { filter, expected } => {
            let select = select(parts, &filter)?;
            let replayed = parts.outbox.replay(&select, &filter, expected, who).await;
            WorkflowReceipt::Replayed(replayed.map_err(replay_error)?)
        }
    })
}

/// Every dispatch of a filter.
fn select(parts: &Parts, filter: &str) -> Result<Select, RpcError> {
    let ask = WindowAsk { filter: filter.to_owned(), ..WindowAsk::default() };
    window::select(parts, &DISPATCHES, &ask)
}

/// A workflow as people see it.
pub(crate) fn view(row: WorkflowRow) -> WorkflowView {
    WorkflowView {
        id: row.id,
        name: row.name,
        trigger: row.rule,
        attach_context: row.attach_context,
        source: row.source,
        trouble: row.trouble,
        updated_at: row.updated_at,
        updated_by: row.updated_by,
        matches: row.matches,
        last_match: row.last_match,
        waiting: row.waiting,
        dead: row.dead,
    }
}

pub(super) fn dispatch_view(row: DispatchRow) -> DispatchView {
    // A moment that has no meaning any more, or not yet, is none.
    let retried = row.state == DispatchState::Waiting && row.due_at > 0;
    DispatchView {
        seq: row.seq,
        workflow: row.workflow,
        guid: row.callback.is_none().then_some(row.guid),
        event: row.event,
        repository: row.repository,
        state: row.state,
        attempts: row.attempts,
        created_at: row.created_at,
        due_at: retried.then_some(row.due_at),
        ended_at: row.ended_at,
        execution_id: row.execution_id,
        note: row.note,
    }
}

fn put_error(error: PutError) -> RpcError {
    let text = error.to_string();
    match error {
        PutError::Rule(_) => RpcError::new(
            ErrorCode::Usage,
            text,
            "correct it there; docs/workflows.md has every field with an example",
        ),
        PutError::TooMany => RpcError::new(ErrorCode::WrongState, text, "remove some that are not needed"),
        PutError::Theirs(_) => {
            RpcError::new(ErrorCode::WrongState, text, "take another id, or change it there")
        }
        PutError::Read(error) => read_error(error),
        PutError::Write(error) => write_error(error),
    }
}

fn remove_error(error: RemoveError) -> RpcError {
    let text = error.to_string();
    match error {
        RemoveError::Theirs(_) => {
            RpcError::new(ErrorCode::WrongState, text, "remove its trigger in the application")
        }
        RemoveError::Read(error) => read_error(error),
        RemoveError::Write(error) => write_error(error),
    }
}

fn explain_error(error: ExplainError) -> RpcError {
    let text = error.to_string();
    match error {
        ExplainError::NoDelivery(guid) => not_found(&format!("delivery {guid}"), "webhook"),
        ExplainError::NoWorkflow(id) => not_found(&format!("workflow {id}"), "workflow"),
        ExplainError::NotKept(_) => RpcError::new(
            ErrorCode::WrongState,
            text,
            "test it against a newer delivery: `cutover webhook list`",
        ),
        ExplainError::Match(MatchError::Files(_)) => {
            RpcError::new(ErrorCode::Outside, text, "try again; `cutover doctor` says how GitHub is")
        }
        ExplainError::Match(MatchError::Unreadable(_)) => {
            RpcError::new(ErrorCode::WrongState, text, "look at it: `cutover webhook show GUID --payload`")
        }
        ExplainError::Read(error) => read_error(error),
    }
}

fn replay_error(error: ReplayError) -> RpcError {
    let (text, again) =
        (error.to_string(), "count again with `cutover workflow replay --filter TERMS --dry-run`");
    let (code, hint) = match error {
        ReplayError::Read(error) => return read_error(error),
        ReplayError::Changed { .. } => (ErrorCode::StalePlan, format!("{again} and agree to that number")),
        ReplayError::TooMany(_) => (ErrorCode::Usage, "narrow the filter, `seq<1000000` for one".to_owned()),
        ReplayError::Write { .. } => (ErrorCode::Store, format!("{STORE_MEND}; then {again}")),
    };
    RpcError::new(code, text, hint)
}
