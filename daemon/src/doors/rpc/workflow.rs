//! Questions and acts about workflows.

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::workflow::{WorkflowAct, WorkflowAnswer, WorkflowQuery, WorkflowReceipt};

use super::Parts;
use crate::audit::Who;

#[expect(clippy::unused_async, reason = "answers come from the store")]
pub(super) async fn query(_parts: &Parts, _query: WorkflowQuery) -> Result<WorkflowAnswer, RpcError> {
    Err(RpcError::new(ErrorCode::Usage, "not built", "not built"))
}

#[expect(clippy::unused_async, reason = "acts are written to the store")]
pub(super) async fn act(_parts: &Parts, _act: WorkflowAct, _who: &Who) -> Result<WorkflowReceipt, RpcError> {
    Err(RpcError::new(ErrorCode::Usage, "not built", "not built"))
}
