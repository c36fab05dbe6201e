//! Acts about old webhooks.

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::hooks::{HooksAct, HooksReceipt};

use super::{Parts, STORE_MEND};
use crate::audit::Who;
use crate::mapping::old_hooks::planner::HooksPlanError;

pub(super) async fn act(parts: &Parts, act: HooksAct, who: &Who) -> Result<HooksReceipt, RpcError> {
    let HooksAct::Plan { scope } = act;
    let run = parts.hooks_planner.plan(&scope, who).await.map_err(plan_error)?;
    Ok(HooksReceipt::Planned(Box::new(run)))
}

fn plan_error(error: HooksPlanError) -> RpcError {
    let text = error.to_string();
    match error {
        HooksPlanError::Run(error) => error.into(),
        HooksPlanError::NoAddress => RpcError::new(
            ErrorCode::Usage,
            text,
            "list what the old webhooks' addresses begin with in `migration.old_hook_urls`, and start the daemon again",
        ),
        HooksPlanError::BadAddress(_) => {
            RpcError::new(ErrorCode::Usage, text, "`cutoverd check` says what is wrong with it")
        }
        HooksPlanError::NothingMapped(_) => RpcError::new(
            ErrorCode::WrongState,
            text,
            "old webhooks are removed after the move: `cutover map plan`, then `cutover map apply`",
        ),
        HooksPlanError::Read(_) => RpcError::new(ErrorCode::Store, text, STORE_MEND),
    }
}
