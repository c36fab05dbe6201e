//! Questions and acts about tenants' own databases.

use cutover_shared::error::RpcError;
use cutover_shared::filter::INSTANCES;
use cutover_shared::fleet::{FleetAct, FleetAnswer, FleetQuery, FleetReceipt};

use super::{Parts, window};
use crate::audit::Who;
use crate::fleet::instance::{Added, Rotated, Taken};

pub(super) async fn query(parts: &Parts, query: FleetQuery) -> Result<FleetAnswer, RpcError> {
    let fleet = &parts.fleet;
    Ok(match query {
        FleetQuery::Status => FleetAnswer::Status(Box::new(fleet.status().await?)),
        FleetQuery::Instances { ask } => {
            let select = window::select(parts, &INSTANCES, &ask)?;
            FleetAnswer::Instances(fleet.instances(&select, &ask).await?)
        }
        FleetQuery::Instance { tenant } => {
            FleetAnswer::Instance(Box::new(parts.instances.detail(&tenant).await?))
        }
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
    let (fleet, instances) = (&parts.fleet, &parts.instances);
    Ok(match act {
        FleetAct::Plan { scope, to, refresh } => {
            FleetReceipt::Planned(Box::new(fleet.plan(&scope, to, refresh, who).await?))
        }
        FleetAct::Rollback { scope, to, refresh } => {
            FleetReceipt::Planned(Box::new(fleet.rollback(&scope, to, refresh, who).await?))
        }
        FleetAct::Retry { run, group } => FleetReceipt::Run(Box::new(fleet.retry(&run, &group, who).await?)),
        FleetAct::Add { rows } => {
            let Added { added, replaced } = instances.add(&rows, false, who).await?;
            FleetReceipt::Added { added, replaced }
        }
        FleetAct::Remove { tenant } => {
            instances.remove(&tenant, who).await?;
            FleetReceipt::Removed { tenant }
        }
        FleetAct::Test { tenant } => FleetReceipt::Tested(instances.test(tenant.as_ref()).await?),
        FleetAct::Accept { tenant } => {
            FleetReceipt::Accepted(Box::new(instances.accept(&tenant, who).await?))
        }
        FleetAct::RotateKey => {
            let Rotated { key, left } = instances.rotate_key(who).await?;
            FleetReceipt::Rotating { key, left }
        }
        FleetAct::FromApplication => {
            let Taken { added, replaced, left_out } =
                instances.from_application(fleet.application(), who).await?;
            FleetReceipt::FromApplication { added, replaced, left_out }
        }
    })
}
