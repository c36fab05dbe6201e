//! Questions and acts about tenants' own databases.

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::fleet::{FleetAct, FleetAnswer, FleetQuery, FleetReceipt};

use super::Parts;
use crate::audit::Who;

#[expect(clippy::unused_async, reason = "not built yet")]
pub(super) async fn query(_parts: &Parts, _query: FleetQuery) -> Result<FleetAnswer, RpcError> {
    Err(RpcError::new(ErrorCode::Internal, "the fleet is not built yet", "wait"))
}

#[expect(clippy::unused_async, reason = "not built yet")]
pub(super) async fn act(_parts: &Parts, _act: FleetAct, _who: &Who) -> Result<FleetReceipt, RpcError> {
    Err(RpcError::new(ErrorCode::Internal, "the fleet is not built yet", "wait"))
}
