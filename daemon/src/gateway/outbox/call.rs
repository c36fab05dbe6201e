//! A call, put together out of what is stored: nothing of it is held before its turn.

use reqwest::Url;
use serde_json::Map;
use tokio::sync::OwnedSemaphorePermit;

use super::answer::Verdict;
use super::body::{self, Delivered};
use super::{ContextError, Outbox, ROOM_KIB, Service};
use crate::gateway::triggers::Event;
use crate::store::{DispatchRow, ReadError};

/// A call that is ready to be made.
pub(super) struct Call {
    pub(super) url: Url,
    pub(super) key: String,
    pub(super) body: Vec<u8>,
    _room: OwnedSemaphorePermit,
}

/// Why no call was made.
pub(super) enum NoCall {
    Store(String),
    /// As if the other side had answered so.
    Verdict(Verdict),
}

impl Outbox {
    /// Puts a call together out of what is stored.
    pub(super) async fn call(&self, dispatch: &DispatchRow, service: &Service) -> Result<Call, NoCall> {
        let store = |error: ReadError| NoCall::Store(error.to_string());
        let refused = |why: String| NoCall::Verdict(Verdict::Refused { why });
        if let Some(body) = &dispatch.callback {
            let room = self.room(1).await?;
            let url = address(service, "api/v1/auth/github/callback").map_err(refused)?;
            return Ok(Call { url, key: key(dispatch), body: body.clone().into_bytes(), _room: room });
        }
        let gone = || refused("the payload of its delivery is not kept any more".to_owned());
        let delivery = self.db.delivery(&dispatch.guid).await.map_err(store)?;
        let delivery = delivery.filter(|delivery| delivery.kept).ok_or_else(gone)?;
        let kib = usize::try_from(delivery.bytes / 512).unwrap_or(ROOM_KIB).clamp(1, ROOM_KIB);
        let room = self.room(kib).await?;
        let payload = self.db.delivery_body(delivery.seq).await.map_err(store)?.ok_or_else(gone)?;
        let delivered = Delivered {
            guid: &dispatch.guid,
            event: &dispatch.event,
            installation: delivery.installation,
            repository: dispatch.repository.as_deref(),
            received_at: delivery.received_at,
            payload: &payload,
        };
        let (path, body) = match &dispatch.workflow {
            None => ("api/v1/triggers/github/events", body::forward(&delivered)),
            Some(id) => {
                let workflow = self.db.workflow(id).await.map_err(store)?;
                let workflow =
                    workflow.ok_or_else(|| refused(format!("workflow {id} is not registered any more")))?;
                if let Some(trouble) = workflow.trouble.filter(|_| workflow.definition.is_empty()) {
                    return Err(refused(format!("workflow {id} can't be started: {trouble}")));
                }
                let context = match workflow.attach_context {
                    true => self.context(&delivered).await.map_err(NoCall::Verdict)?,
                    false => Map::new(),
                };
                ("workflows/execute", body::execute(&delivered, id, &workflow.definition, &context))
            }
        };
        let body = body.map_err(|error| refused(format!("it can't be written as JSON: {error}")))?;
        let url = address(service, path).map_err(refused)?;
        Ok(Call { url, key: key(dispatch), body, _room: room })
    }

    async fn room(&self, kib: usize) -> Result<OwnedSemaphorePermit, NoCall> {
        let room = self.room.clone().acquire_many_owned(u32::try_from(kib).unwrap_or(u32::MAX)).await;
        room.map_err(|_| NoCall::Store("the outbox is closed".to_owned()))
    }

    async fn context(&self, delivered: &Delivered<'_>) -> Result<Map<String, serde_json::Value>, Verdict> {
        let refused = |why: &str| Verdict::Refused { why: why.to_owned() };
        let context = self
            .context
            .as_ref()
            .ok_or_else(|| refused("the workflow asks for context, and this daemon attaches none"))?;
        let event =
            Event::read(delivered.event, delivered.payload).map_err(|why| Verdict::Refused { why })?;
        let Some(repository) = delivered.repository else { return Ok(Map::new()) };
        context.of(delivered.installation, repository, &event).await.map_err(|error| match error {
            ContextError::Failed(why) => {
                Verdict::Again { why: format!("its context: {why}"), wait: None, sick: false }
            }
            ContextError::Hopeless(why) => Verdict::Refused { why: format!("its context: {why}") },
        })
    }
}

/// The service's own address may have a path.
fn address(service: &Service, path: &str) -> Result<Url, String> {
    let url = format!("{}/{path}", service.url.as_str().trim_end_matches('/'));
    Url::parse(&url).map_err(|error| format!("its address is none: {error}"))
}

/// Stays the same over every try, so that the other side can tell a repeat; another one when somebody wants it once more.
fn key(dispatch: &DispatchRow) -> String {
    let round = if dispatch.round == 0 { String::new() } else { format!("-{}", dispatch.round) };
    format!("{}-{}{round}", dispatch.guid, dispatch.seq)
}
