//! Questions about installations.

use cutover_shared::error::RpcError;
use cutover_shared::filter::INSTALLATIONS;
use cutover_shared::installation::{InstallationAnswer, InstallationQuery};

use super::{Parts, not_found, read_error, window};
use crate::flows::installations;

pub(super) async fn query(parts: &Parts, query: InstallationQuery) -> Result<InstallationAnswer, RpcError> {
    Ok(match query {
        InstallationQuery::Window { ask } => {
            let select = window::select(parts, &INSTALLATIONS, &ask)?;
            let window =
                installations::window(&parts.db, &parts.github, &select).await.map_err(read_error)?;
            InstallationAnswer::Window(window)
        }
        InstallationQuery::Show { id } => {
            let found = installations::one(&parts.db, &parts.github, id, parts.clock.now())
                .await
                .map_err(read_error)?;
            let found = found.ok_or_else(|| not_found(&format!("installation {id}"), "installation"))?;
            InstallationAnswer::Show(Box::new(found))
        }
    })
}
