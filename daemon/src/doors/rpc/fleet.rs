//! Questions and acts about tenants' own databases.

use cutover_shared::error::RpcError;
use cutover_shared::filter::INSTANCES;
use cutover_shared::fleet::{FleetAct, FleetAnswer, FleetQuery, FleetReceipt};

use super::{Parts, window};
use crate::audit::Who;

pub(super) async fn query(parts: &Parts, query: FleetQuery) -> Result<FleetAnswer, RpcError> {
    let fleet = &parts.fleet;
    Ok(match query {
        FleetQuery::Status => FleetAnswer::Status(Box::new(fleet.status().await?)),
        FleetQuery::Instances { ask } => {
            let select = window::select(parts, &INSTANCES, &ask)?;
            FleetAnswer::Instances(fleet.instances(&select, &ask).await?)
        }
        FleetQuery::Instance { tenant } => FleetAnswer::Instance(Box::new(fleet.detail(&tenant).await?)),
        FleetQuery::Registry => FleetAnswer::Registry(fleet.migrations().await?),
        FleetQuery::History { tenant, page } => {
            FleetAnswer::History(fleet.history(tenant.as_ref(), &page).await?)
        }
        FleetQuery::Groups { run } => FleetAnswer::Groups(fleet.groups(&run).await?),
        FleetQuery::Result { run } => FleetAnswer::Result(fleet.result(&run).await?),
        FleetQuery::Lint { files } => FleetAnswer::Lint(fleet.lint(files).await?),
    })
}

pub(super) async fn act(parts: &Parts, act: FleetAct, who: &Who) -> Result<FleetReceipt, RpcError> {
    let fleet = &parts.fleet;
    Ok(match act {
        FleetAct::Plan { scope, to, refresh } => {
            FleetReceipt::Planned(Box::new(fleet.plan(&scope, to, refresh, who).await?))
        }
        FleetAct::Rollback { scope, to, refresh } => {
            FleetReceipt::Planned(Box::new(fleet.rollback(&scope, to, refresh, who).await?))
        }
        FleetAct::Retry { run, group } => FleetReceipt::Run(Box::new(fleet.retry(&run, &group, who).await?)),
        _ => {
            return Err(RpcError::new(
                cutover_shared::error::ErrorCode::Internal,
                "instances are not built yet",
                "wait",
            ));
        }
    })
}
