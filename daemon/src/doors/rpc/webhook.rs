//! Questions and acts about deliveries of webhooks.

use cutover_shared::error::RpcError;
use cutover_shared::webhook::{WebhookAct, WebhookAnswer, WebhookQuery, WebhookReceipt};

use super::{Parts, not_found};
use crate::audit::Who;

pub(super) async fn query(_parts: &Parts, _query: WebhookQuery) -> Result<WebhookAnswer, RpcError> {
    Err(not_found("delivery", "webhook"))
}

pub(super) async fn act(_parts: &Parts, _act: WebhookAct, _who: &Who) -> Result<WebhookReceipt, RpcError> {
    Err(not_found("delivery", "webhook"))
}
