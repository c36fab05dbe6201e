//! Questions and acts about mapping.

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::ids::RunId;
use cutover_shared::mapping::{MapAct, MapAnswer, MapQuery, MapReceipt, PlanItem};
use cutover_shared::page::PageAsk;

use super::{Parts, STORE_MEND, not_found, read_error, rollout, write_error};
use crate::audit::Who;
use crate::flows::ceiling;
use crate::mapping::check::{self, CheckError};
use crate::mapping::kind::MAP;
use crate::mapping::mode::{self, ModeError};
use crate::mapping::planner::PlanError;
use crate::mapping::report::{self, ReportRow};

pub(super) async fn query(parts: &Parts, query: MapQuery) -> Result<MapAnswer, RpcError> {
    Ok(match query {
        MapQuery::Mode => MapAnswer::Mode(mode_view(parts).await?),
        MapQuery::Counts => MapAnswer::Counts(parts.db.mapping_counts().await.map_err(read_error)?),
        MapQuery::Csv { id, page } => csv(parts, &id, &page).await?,
    })
}

async fn mode_view(parts: &Parts) -> Result<cutover_shared::mapping::ModeView, RpcError> {
    mode::view(&parts.db, parts.identity.configured_mode, parts.brake.is_pulled()).await.map_err(read_error)
}

async fn csv(parts: &Parts, id: &RunId, page: &PageAsk) -> Result<MapAnswer, RpcError> {
    let run = parts.db.run(id).await.map_err(read_error)?;
    if run.is_none_or(|run| run.kind != MAP) {
        return Err(not_found(&format!("mapping plan {id}"), "run"));
    }
    let after = page.after.as_deref().and_then(|after| after.parse().ok());
    let rows = parts.db.items(id, None, after, page.rows()).await.map_err(read_error)?;
    let next = rows.last().map(|row| row.ord.to_string());
    let items: Vec<PlanItem> =
        rows.iter().map(|row| serde_json::from_str(&row.body)).collect::<Result<_, _>>().map_err(
            |error| {
                RpcError::new(
                    ErrorCode::Internal,
                    format!("an item of the plan can't be read: {error}"),
                    STORE_MEND,
                )
            },
        )?;
    let text = report::page(items.iter().map(ReportRow::from), page.after.is_none());
    Ok(MapAnswer::Csv { text, next })
}

pub(super) async fn act(parts: &Parts, act: MapAct, who: &Who) -> Result<MapReceipt, RpcError> {
    Ok(match act {
        MapAct::Plan { scope, refresh } => {
            let run = parts.planner.plan(&scope, refresh, who).await.map_err(plan_error)?;
            MapReceipt::Planned(Box::new(run))
        }
        MapAct::SetMode { mode, canary } => {
            if mode.is_some() {
                parts.kill.settle().await.map_err(write_error)?;
            }
            // Named before the mode is set: a kill that comes in between must hold.
            let pull = parts.brake.newest();
            mode::set(&parts.db, mode, canary, parts.clock.now(), who).await.map_err(mode_error)?;
            ceiling::follow(&parts.db, &parts.rollouts, who).await.map_err(rollout::error)?;
            if let (Some(_), Some(pull)) = (mode, pull) {
                parts.kill.let_go(pull, who).await.map_err(rollout::error)?;
            }
            MapReceipt::Mode(mode_view(parts).await?)
        }
        MapAct::SpotCheck { sample, seed } => {
            let size = usize::try_from(sample).unwrap_or(usize::MAX);
            let report = check::spot_check(&parts.db, &parts.github, &parts.clock, size, seed, who).await;
            MapReceipt::SpotCheck(Box::new(report.map_err(check_error)?))
        }
    })
}

fn plan_error(error: PlanError) -> RpcError {
    let text = error.to_string();
    match error {
        PlanError::Run(error) => error.into(),
        PlanError::Empty(_) => RpcError::new(
            ErrorCode::Usage,
            text,
            "import a catalog with `cutover catalog import`, or name another scope",
        ),
        PlanError::App(_) | PlanError::Sweep(_) => RpcError::new(
            ErrorCode::GitHub,
            text,
            "`cutover doctor` looks at the App and the host; what was read stays, and the next plan goes on there",
        ),
        PlanError::Catalog(_) => RpcError::new(
            ErrorCode::Outside,
            text,
            "`cutover doctor` looks at the application's database; nothing was changed there",
        ),
        PlanError::Read(_) | PlanError::Write(_) => RpcError::new(ErrorCode::Store, text, STORE_MEND),
    }
}

fn mode_error(error: ModeError) -> RpcError {
    let text = error.to_string();
    match error {
        ModeError::TooMany(_) => {
            RpcError::new(ErrorCode::Usage, text, "move to mode `on` and steer by rollout")
        }
        ModeError::UnknownTenant(_) => {
            RpcError::new(ErrorCode::NotFound, text, "`cutover tenant list` shows those that there are")
        }
        ModeError::Read(_) | ModeError::Write(_) => RpcError::new(ErrorCode::Store, text, STORE_MEND),
    }
}

fn check_error(error: CheckError) -> RpcError {
    let text = error.to_string();
    match error {
        CheckError::NothingMapped => {
            RpcError::new(ErrorCode::WrongState, text, "`cutover map plan`, then `cutover map apply`")
        }
        CheckError::Read(_) | CheckError::Write(_) => RpcError::new(ErrorCode::Store, text, STORE_MEND),
    }
}
