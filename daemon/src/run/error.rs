//! Why an act on a run was refused or failed.

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::ids::RunId;
use cutover_shared::run::RunState;

use super::canonical::NotCanonical;
use super::kind::KindError;
use crate::store::{ReadError, WriteError};

/// Refusals name what is and what would be needed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    #[error("there is no run {0}")]
    NotFound(RunId),
    #[error("run {id} is {state}; {act} needs it to be {needs}")]
    WrongState { id: RunId, state: RunState, act: &'static str, needs: &'static str },
    #[error("the digest {given} is not the digest of run {id}, which is {digest}")]
    WrongDigest { id: RunId, given: String, digest: String },
    #[error("plan {id} expired: it may be approved for a limited time only")]
    Expired { id: RunId },
    #[error("run {other} of kind {kind} with scope {scope} is {state}, and there is one at a time")]
    Busy { other: RunId, state: RunState, kind: String, scope: String },
    #[error("gate closed: {0}")]
    Gate(String),
    #[error("run {0} was not approved")]
    NotApproved(RunId),
    #[error(
        "the stored items of run {id} are not those that were approved: digest {found}, approved {approved}"
    )]
    Tampered { id: RunId, found: String, approved: String },
    #[error("the kill switch holds every run")]
    Killed,
    #[error("run {0} can't be undone: its kind is irreversible")]
    Irreversible(RunId),
    #[error("run {id} can't be undone, and nothing was touched: {why}")]
    NoUndo { id: RunId, why: String },
    #[error("run {run} has no unknown item {key}")]
    NoSuchItem { run: RunId, key: String },
    #[error("run {0} is of a kind that this version does not have")]
    UnknownKind(RunId),
    #[error("the plan can't be made: {0}")]
    Plan(#[from] KindError),
    #[error("the plan can't be written down: {0}")]
    Canonical(#[from] NotCanonical),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<RunError> for RpcError {
    fn from(error: RunError) -> Self {
        use RunError as E;
        let (code, hint) = match &error {
            E::NotFound(_) | E::NoSuchItem { .. } => {
                (ErrorCode::NotFound, "`cutover run list` shows the runs that there are")
            }
            E::WrongState { .. } => (ErrorCode::WrongState, "`cutover run show` tells where it stands"),
            E::WrongDigest { .. } => (
                ErrorCode::WrongDigest,
                "read the plan that you mean to approve with `cutover run show`, and approve the digest that it prints",
            ),
            E::Expired { .. } => (ErrorCode::StalePlan, "make a new plan; the world may have moved since"),
            E::Busy { .. } => {
                (ErrorCode::Busy, "wait for it, or, where it stands, end it with `cutover run cancel ID`")
            }
            E::Gate(_) => {
                (ErrorCode::Gate, "meet the condition, or approve with --override REASON, which is audited")
            }
            E::NotApproved(_) => {
                (ErrorCode::NotApproved, "approve it with `cutover run approve ID --digest D`")
            }
            E::Tampered { .. } => (
                ErrorCode::StalePlan,
                "nothing was applied; make a new plan and find out who changed the store (`cutover audit verify`)",
            ),
            E::Killed => (
                ErrorCode::Killed,
                "let go with `cutover unkill`, or `cutover mode set`, once the cause is gone",
            ),
            E::Irreversible(_) => (ErrorCode::WrongState, "the plan said so before it was approved"),
            E::NoUndo { .. } => (
                ErrorCode::WrongState,
                "go back as far as there is a way: `cutover fleet rollback --to VERSION`",
            ),
            E::UnknownKind(_) => (ErrorCode::Internal, "start the version that made it"),
            E::Plan(_) => (ErrorCode::Outside, "mend the cause and plan again; nothing was changed"),
            E::Canonical(_) => (ErrorCode::Internal, "please report it with the daemon's log"),
            E::Read(_) | E::Write(_) => (
                ErrorCode::Store,
                "look at the daemon's log and the disk of the state folder; nothing was half done",
            ),
        };
        Self::new(code, error.to_string(), hint)
    }
}
