//! Questions and acts about deliveries of webhooks.

mod payload;
mod recover;

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::filter::DELIVERIES;
use cutover_shared::ids::{InstallationId, RepoId};
use cutover_shared::webhook::{
    DeliveryDetail, DeliveryState, DeliveryView, WebhookAct, WebhookAnswer, WebhookQuery, WebhookReceipt,
};
use cutover_shared::window::WindowAsk;

use super::workflow::dispatch_view;
use super::{Parts, STORE_MEND, not_found, read_error, window};
use crate::audit::Who;
use crate::flows::inbox_figures;
use crate::gateway::inbox::replay::ReplayError;
use crate::store::{DeliveryRow, Select};

/// Dispatches that are shown with one delivery.
const DISPATCHES_SHOWN: u32 = 100;

pub(super) async fn query(parts: &Parts, query: WebhookQuery) -> Result<WebhookAnswer, RpcError> {
    Ok(match query {
        WebhookQuery::Window { ask } => {
            let select = window::select(parts, &DELIVERIES, &ask)?;
            let rows = parts.db.deliveries_window(&select).await.map_err(read_error)?;
            WebhookAnswer::Window(rows.map(view))
        }
        WebhookQuery::Show { guid, payload } => {
            WebhookAnswer::Show(Box::new(show(parts, &guid, payload).await?))
        }
        WebhookQuery::Replayable { filter } => {
            let select = select(parts, &filter)?;
            WebhookAnswer::Replayable(parts.db.replayable(&select).await.map_err(read_error)?)
        }
        WebhookQuery::Figures => {
            let figures = inbox_figures::figures(&parts.db, parts.clock.now()).await.map_err(read_error)?;
            WebhookAnswer::Figures(Box::new(figures))
        }
    })
}

pub(super) async fn act(parts: &Parts, act: WebhookAct, who: &Who) -> Result<WebhookReceipt, RpcError> {
    let replayed = match act {
        WebhookAct::ReplayOne { guid } => parts.inbox.replay_one(&guid, who).await,
        WebhookAct::ReplayAll { filter, expected } => {
            let select = select(parts, &filter)?;
            parts.inbox.replay_all(&select, &filter, expected, who).await
        }
        WebhookAct::Recover { since, events, look } => {
            return recover::recover(parts, since, events, look, who).await;
        }
    };
    replayed.map(|replayed| WebhookReceipt { replayed, recovery: None }).map_err(replay_error)
}

/// Every delivery of a filter.
fn select(parts: &Parts, filter: &str) -> Result<Select, RpcError> {
    let ask = WindowAsk { filter: filter.to_owned(), ..WindowAsk::default() };
    window::select(parts, &DELIVERIES, &ask)
}

async fn show(parts: &Parts, guid: &str, wanted: bool) -> Result<DeliveryDetail, RpcError> {
    let row = parts.db.delivery(guid).await.map_err(read_error)?;
    let row = row.ok_or_else(|| not_found(&format!("delivery {guid}"), "webhook"))?;
    let body = match wanted && row.kept {
        true => parts.db.delivery_body(row.seq).await.map_err(read_error)?,
        false => None,
    };
    let shown = match body {
        Some(body) => {
            // A body has up to 25 MB: other connections must not wait for it.
            let text = tokio::task::spawn_blocking(move || payload::text(&body)).await;
            Some(text.map_err(|_| {
                RpcError::new(
                    ErrorCode::Internal,
                    "the payload could not be made readable",
                    "look at the daemon's log; without --payload the rest is shown",
                )
            })?)
        }
        None => None,
    };
    let dispatches = parts.db.dispatches_of(guid, DISPATCHES_SHOWN).await.map_err(read_error)?;
    let (payload, cut) = shown.map_or((None, false), |(text, cut)| (Some(text), cut));
    Ok(DeliveryDetail {
        digest: row.digest.clone(),
        delivery: view(row),
        payload,
        cut,
        dispatches: dispatches.into_iter().map(dispatch_view).collect(),
    })
}

fn view(row: DeliveryRow) -> DeliveryView {
    // A moment that has no meaning any more, or not yet, is none.
    let retried = row.state == DeliveryState::Waiting && row.due_at > 0;
    DeliveryView {
        seq: row.seq,
        guid: row.guid,
        event: row.event,
        action: row.action,
        installation: row.installation.map(InstallationId),
        repo_id: row.repo_id.map(RepoId),
        repository: row.repository,
        received_at: row.received_at,
        bytes: row.bytes,
        state: row.state,
        attempts: row.attempts,
        due_at: retried.then_some(row.due_at),
        ended_at: row.ended_at,
        note: row.note,
        repeats: row.repeats,
        kept: row.kept,
    }
}

fn replay_error(error: ReplayError) -> RpcError {
    let (text, again) =
        (error.to_string(), "count again with `cutover webhook replay --filter TERMS --dry-run`");
    let (code, hint) = match error {
        ReplayError::Unknown(guid) => return not_found(&format!("delivery {guid}"), "webhook"),
        ReplayError::Read(error) => return read_error(error),
        ReplayError::Waiting(guid) => (
            ErrorCode::WrongState,
            format!("it needs no replay: `cutover webhook show {guid}` says what it waits for"),
        ),
        ReplayError::NotKept(_) => (
            ErrorCode::WrongState,
            "while GitHub keeps it, a redelivery can be asked for in the App's settings there".to_owned(),
        ),
        ReplayError::Changed { .. } => (ErrorCode::StalePlan, format!("{again} and agree to that number")),
        ReplayError::TooMany(_) => (ErrorCode::Usage, "narrow the filter, `seq<1000000` for one".to_owned()),
        ReplayError::Write { .. } => (ErrorCode::Store, format!("{STORE_MEND}; then {again}")),
    };
    RpcError::new(code, text, hint)
}

#[cfg(test)]
mod tests;
