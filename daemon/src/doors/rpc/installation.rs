//! Questions about installations.

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::installation::{InstallationAnswer, InstallationQuery};

use super::Parts;

#[expect(clippy::unused_async, reason = "answers come from the store")]
pub(super) async fn query(_parts: &Parts, _query: InstallationQuery) -> Result<InstallationAnswer, RpcError> {
    Err(RpcError::new(ErrorCode::Usage, "not built", "not built"))
}
