//! Questions and acts about runs.

use cutover_shared::error::RpcError;
use cutover_shared::filter::{ITEMS, RUNS};
use cutover_shared::ids::RunId;
use cutover_shared::page::{Page, PageAsk};
use cutover_shared::run::{ItemView, RunAct, RunAnswer, RunQuery, RunView};

use super::{Parts, not_found, read_error, window};
use crate::audit::Who;
use crate::store::StoredItem;

/// Groups of findings that are told at most.
const GROUPS: u32 = 50;

pub(super) async fn query(parts: &Parts, query: RunQuery) -> Result<RunAnswer, RpcError> {
    Ok(match query {
        RunQuery::List { state, kind, page } => {
            let rows = parts.db.runs(state, kind.as_deref(), page.after.as_deref(), page.rows()).await;
            let rows = rows.map_err(read_error)?;
            let next = rows.last().filter(|_| rows.len() == page.rows() as usize).map(|row| row.id.0.clone());
            RunAnswer::List(Page { rows: rows.iter().map(|row| parts.engine.show(row)).collect(), next })
        }
        RunQuery::Show { id } => RunAnswer::Show(Box::new(parts.engine.view(&id).await?)),
        RunQuery::Items { id, state, page } => {
            demand(parts, &id).await?;
            RunAnswer::Items(items(parts, &id, state, &page).await?)
        }
        RunQuery::Window { ask } => {
            let select = window::select(parts, &RUNS, &ask)?;
            let rows = parts.db.runs_window(&select).await.map_err(read_error)?;
            RunAnswer::Window(rows.map(|row| parts.engine.show(&row)))
        }
        RunQuery::ItemWindow { id, ask } => {
            let select = window::select(parts, &ITEMS, &ask)?;
            demand(parts, &id).await?;
            let rows = parts.db.items_window(&id, &select).await.map_err(read_error)?;
            RunAnswer::ItemWindow(rows.map(item_view))
        }
        RunQuery::Groups { id } => {
            demand(parts, &id).await?;
            RunAnswer::Groups(parts.db.item_groups(&id, GROUPS).await.map_err(read_error)?)
        }
        RunQuery::Gate { id } => RunAnswer::Gate(parts.engine.gate(&id).await?),
    })
}

/// That there is such a run.
async fn demand(parts: &Parts, id: &RunId) -> Result<(), RpcError> {
    match parts.db.run(id).await.map_err(read_error)? {
        Some(_) => Ok(()),
        None => Err(not_found(&format!("run {id}"), "run")),
    }
}

async fn items(
    parts: &Parts,
    id: &RunId,
    state: Option<cutover_shared::run::ItemState>,
    page: &PageAsk,
) -> Result<Page<ItemView>, RpcError> {
    let after = page.after.as_deref().and_then(|after| after.parse().ok());
    let rows = parts.db.items(id, state, after, page.rows()).await.map_err(read_error)?;
    // A page may end before its rows do, because it is full of bytes: only an empty one is the last for sure.
    let next = rows.last().map(|row| row.ord.to_string());
    Ok(Page { rows: rows.into_iter().map(item_view).collect(), next })
}

fn item_view(item: StoredItem) -> ItemView {
    ItemView {
        ord: u64::try_from(item.ord).unwrap_or(0),
        key: item.key,
        state: item.state,
        body: serde_json::from_str(&item.body).unwrap_or_default(),
        reason: item.reason,
        attempts: item.attempts,
        updated_at: item.updated_at,
    }
}

pub(super) async fn act(parts: &Parts, act: RunAct, who: &Who) -> Result<RunView, RpcError> {
    let engine = &parts.engine;
    Ok(match act {
        RunAct::Approve { id, digest, override_reason } => {
            engine.approve(&id, &digest, override_reason.as_deref(), who).await?
        }
        RunAct::Apply { id, rate } => engine.apply(&id, rate, who).await?,
        RunAct::Pause { id } => engine.pause(&id, who).await?,
        RunAct::Resume { id, rate } => engine.resume_run(&id, rate, who).await?,
        RunAct::Cancel { id } => engine.cancel(&id, who).await?,
        RunAct::Retry { id } => engine.retry(&id, who).await?,
        RunAct::Undo { id, rate } => engine.undo(&id, rate, who).await?,
        RunAct::Settle { id, key, happened } => engine.settle(&id, &key, happened, who).await?,
    })
}
