//! What went wrong with a rollout, as a person meets it: what, why, and the command that mends it. `name` is the rollout's, or
//! `NAME` where none is meant.

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::rollout::RolloutAct;

use super::super::{STORE_MEND, read_error, write_error};
use crate::mapping::sandbox_record::planner::RecordsPlanError;
use crate::rollout::book::RolloutError;
use crate::rollout::metrics::baseline::BaselineError;
use crate::rollout::metrics::outside::OutcomesError;
use crate::rollout::second::RepairError;
use crate::rollout::stages::Illegal;

/// Refuses an act whose reason is empty. The ways back ask for none: nothing may hold them up.
pub(super) fn reasoned(act: &RolloutAct) -> Result<(), RpcError> {
    let (what, reason) = match act {
        RolloutAct::Stage { override_reason: Some(reason), .. } => ("--override", reason),
        RolloutAct::Flag { reason, .. }
        | RolloutAct::Override { reason, .. }
        | RolloutAct::Freeze { reason, .. }
        | RolloutAct::Decide { reason, .. }
        | RolloutAct::Unkill { reason, .. } => ("--reason", reason),
        _ => return Ok(()),
    };
    if reason.trim().is_empty() {
        let message = format!("{what} says nothing; nothing was changed");
        let hint = "say why in a few words: the audit log keeps it, and whoever comes after reads it";
        return Err(RpcError::new(ErrorCode::Usage, message, hint));
    }
    Ok(())
}

pub(super) fn baseline(error: BaselineError, name: &str) -> RpcError {
    let text = error.to_string();
    match error {
        BaselineError::Span => RpcError::new(ErrorCode::Usage, text, "name a time that is past"),
        BaselineError::NoCalls => RpcError::new(
            ErrorCode::WrongState,
            text,
            format!(
                "wait until calls were made, or name an earlier time; `cutover rollout show {name}` has the figures"
            ),
        ),
        BaselineError::Read(error) => read_error(error),
        BaselineError::Write(error) => write_error(error),
    }
}

pub(super) fn outcomes(error: OutcomesError) -> RpcError {
    let text = error.to_string();
    match error {
        OutcomesError::Size | OutcomesError::Id => {
            RpcError::new(ErrorCode::Usage, text, "docs/rollout-metrics.md has the form of a batch")
        }
        OutcomesError::OtherBatch(_) => RpcError::new(
            ErrorCode::Usage,
            text,
            "use a fresh id for each batch; repeat one only with the same outcomes",
        ),
        OutcomesError::Read(error) => read_error(error),
        OutcomesError::Write(error) => write_error(error),
    }
}

pub(super) fn records(error: RecordsPlanError) -> RpcError {
    let text = error.to_string();
    match error {
        RecordsPlanError::Run(error) => error.into(),
        RecordsPlanError::Read(error) => read_error(error),
        RecordsPlanError::Empty(_) => RpcError::new(
            ErrorCode::Usage,
            text,
            "`cutover rollout records list` has what is imported, `cutover tenant list` the tenants; more comes by \
             `cutover rollout records import`",
        ),
    }
}

pub(super) fn repair(error: RepairError, name: &str) -> RpcError {
    let text = error.to_string();
    let list = format!("`cutover rollout repairs {name}` lists those that there are, with their numbers");
    match error {
        RepairError::Unknown(_) => RpcError::new(ErrorCode::NotFound, text, list),
        RepairError::Reason | RepairError::Place(_) => RpcError::new(ErrorCode::Usage, text, list),
        RepairError::Read(_) | RepairError::Write(_) => RpcError::new(ErrorCode::Store, text, STORE_MEND),
    }
}

pub(super) fn rollout(error: RolloutError, name: &str) -> RpcError {
    let text = error.to_string();
    let (code, hint) = match error {
        RolloutError::Illegal(illegal) => (ErrorCode::WrongState, another_way(illegal, name)),
        RolloutError::Criteria(unmet) => {
            let mend = if unmet.never.is_empty() {
                "an approver may pass them with --override REASON".to_owned()
            } else {
                format!("nobody may pass {}: mend that first", unmet.never.join(", "))
            };
            (ErrorCode::Gate, format!("{mend}; `cutover rollout stage {name}` says how each stands"))
        }
        RolloutError::Stale { .. } => (
            ErrorCode::StalePlan,
            format!("look again with `cutover rollout stage {name}`, and approve the digest that it prints then"),
        ),
        RolloutError::UnknownTenant { near, .. } => {
            let meant = near.map_or(String::new(), |near| format!("did you mean {near}? "));
            (ErrorCode::NotFound, format!("{meant}`cutover tenant list` shows those that there are"))
        }
        RolloutError::Overrides(_) => (
            ErrorCode::Usage,
            format!("use a stage, or take some away: `cutover rollout overrides {name}` has them"),
        ),
        RolloutError::Exact => (ErrorCode::Usage, "leave out --exact, or name a share".to_owned()),
        RolloutError::Returns(_) => (
            ErrorCode::WrongState,
            format!("name more tenants with --exact, or leave it out; `cutover rollback {name}` goes back"),
        ),
        RolloutError::NoList(_) => (ErrorCode::Usage, "the lists are `internal` and `beta`".to_owned()),
        RolloutError::RingSize => (ErrorCode::Usage, "name fewer tenants, or use a share".to_owned()),
        RolloutError::Unrecorded(_) => (
            ErrorCode::NotFound,
            format!("`cutover rollout changes {name}` has the times that are known"),
        ),
        RolloutError::Ahead => (ErrorCode::Usage, "leave out --at for now, or name a time that is past".to_owned()),
        RolloutError::Cursor(_) => {
            (ErrorCode::Usage, "leave out --after, or take the cursor that the part before ended with".to_owned())
        }
        RolloutError::Unread => (ErrorCode::Busy, "the daemon is starting: try again".to_owned()),
        RolloutError::Owed(_) => (
            ErrorCode::Store,
            "every decision is as you asked; a marker file holds it, and the daemon goes on trying to store it"
                .to_owned(),
        ),
        RolloutError::Undeclared { .. } => (
            ErrorCode::Store,
            "what went back stays so, and is stored as soon as the store takes it; declare the incident once more \
             then, because until it is written down it keeps no stage shut: the daemon's log and the disk of the \
             state folder say why the store is gone"
                .to_owned(),
        ),
        RolloutError::Algorithm(_) => {
            (ErrorCode::Internal, "a newer version of cutoverd wrote it: start that one".to_owned())
        }
        RolloutError::Read(_) | RolloutError::Write(_) => (ErrorCode::Store, STORE_MEND.to_owned()),
    };
    RpcError::new(code, text, hint)
}

/// What leads where it was to go, if anything does.
fn another_way(illegal: Illegal, name: &str) -> String {
    match illegal {
        Illegal::Backward { to, .. } => {
            format!("`cutover rollback {name} --to {to} --reason TEXT` goes back")
        }
        Illegal::Forward { .. } | Illegal::Skips { .. } => {
            format!("`cutover rollout stage {name}` looks at the next step: forward goes one stage at a time")
        }
        Illegal::Last(_) => format!("only back: `cutover rollback {name} --reason TEXT`"),
        Illegal::Narrow(..) | Illegal::Open(..) | Illegal::Ring(_) => {
            format!("leave out --ring and --to: `cutover rollout stage {name}` looks at the next step")
        }
        Illegal::Same(_) | Illegal::Unknown(_) => {
            format!(
                "`cutover rollout show {name}` has the track: forward goes one stage at a time, back to any"
            )
        }
    }
}

#[cfg(test)]
mod tests;
