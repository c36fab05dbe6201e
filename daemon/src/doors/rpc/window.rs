//! From a client's ask to what the store is asked for.

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::filter::Fields;
use cutover_shared::window::WindowAsk;

use super::Parts;
use crate::store::{Select, SelectError};

/// Understands the ask, or says what is wrong with it and where.
pub(super) fn select(parts: &Parts, fields: &Fields, ask: &WindowAsk) -> Result<Select, RpcError> {
    Select::understand(fields, ask, parts.clock.now()).map_err(|error| match error {
        SelectError::Filter(error) => RpcError::new(
            ErrorCode::Usage,
            format!("{} (at letter {} of the filter)", error.message, error.at + 1),
            error.hint,
        ),
        SelectError::Sort { .. } => {
            let names: Vec<&str> = fields.all.iter().map(|field| field.name).collect();
            RpcError::new(ErrorCode::Usage, error.to_string(), format!("there are {}", names.join(", ")))
        }
    })
}
