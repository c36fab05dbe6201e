//! Questions and acts about repositories at GitHub.

use cutover_shared::context::{ContextAct, ContextAnswer, ContextQuery, ContextReceipt, Place};
use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::ids::ActKey;

use super::{Parts, STORE_MEND, read_error, write_error};
use crate::audit::Who;
use crate::gateway::context::{ContextError, OperatorError};
use crate::github::{GitHubError, MintError};
use crate::store::{ActOp, Lane, Unit};

pub(super) async fn query(parts: &Parts, query: ContextQuery) -> Result<ContextAnswer, RpcError> {
    let part = match &query {
        ContextQuery::Ask { place, ask } => {
            parts.context.ask(place, ask).await.map_err(|error| rpc_error(error, place))?
        }
        ContextQuery::Part { document, from } => {
            parts.context.part(document, *from).map_err(|_| forgotten())?
        }
    };
    Ok(ContextAnswer::Part(part))
}

/// Begun durably first: GitHub can't be asked whether a comment is there, so that a key whose end is not known posts no second
/// one.
pub(super) async fn act(
    parts: &Parts,
    act: ContextAct,
    who: &Who,
    key: &ActKey,
    request: &str,
) -> Result<ContextReceipt, RpcError> {
    let ContextAct::Comment { place, number, text } = act;
    let begin = ActOp::Begin {
        key: key.0.clone(),
        at: parts.clock.now(),
        operator: who.operator.0.clone(),
        request: request.to_owned(),
    };
    parts.db.write(Lane::Handler, Unit::new().with(begin)).await.map_err(write_error)?;
    let posted = parts.context.comment(&place, number, &text, who).await;
    match posted {
        Ok((installation, comment)) => Ok(ContextReceipt::Commented { installation, comment }),
        Err(error) if error.may_have_happened() => {
            let text = match &error {
                OperatorError::Unrecorded { .. } => error.to_string(),
                _ => format!("{error}; nobody knows whether the comment was posted"),
            };
            let look = format!(
                "look with `cutover context issue {} {number}` before you post it again",
                place.repository
            );
            Err(RpcError::new(ErrorCode::GitHub, text, look))
        }
        Err(error) => {
            let withdraw = Unit::new().with(ActOp::Withdraw { key: key.0.clone() });
            if let Err(error) = parts.db.write(Lane::Handler, withdraw).await {
                tracing::warn!(%error, key = key.as_str(), "the key of a comment that was not posted stays taken");
            }
            Err(rpc_error(error, &place))
        }
    }
}

fn forgotten() -> RpcError {
    let text = OperatorError::Forgotten.to_string();
    RpcError::new(
        ErrorCode::NotFound,
        text,
        "ask again from the start: long answers are kept for five minutes, a few at a time",
    )
}

fn rpc_error(error: OperatorError, place: &Place) -> RpcError {
    let (text, repository) = (error.to_string(), &place.repository);
    let (code, hint) = match error {
        OperatorError::BadInput(_) => {
            (ErrorCode::Usage, "`cutover help context` shows what is taken".to_owned())
        }
        OperatorError::Unseen { .. } => (
            ErrorCode::NotFound,
            "is the App installed there, and the repository granted? `cutover installation list` shows where it is; \
             `cutover map plan --refresh` reads GitHub's lists again; --installation N asks without the index"
                .to_owned(),
        ),
        OperatorError::Asleep { installation, .. } => {
            (ErrorCode::WrongState, format!("`cutover installation show {installation}` says what to do"))
        }
        OperatorError::Context(error) => github_error(&error, repository),
        OperatorError::TooLong { .. } => {
            (ErrorCode::Outside, format!("clone {repository} with git, and look there"))
        }
        OperatorError::Forgotten => return forgotten(),
        OperatorError::Read(error) => return read_error(error),
        OperatorError::Unrecorded { .. } => (ErrorCode::Store, STORE_MEND.to_owned()),
        OperatorError::Broken => (ErrorCode::Internal, "look at the daemon's log".to_owned()),
    };
    RpcError::new(code, text, hint)
}

fn github_error(error: &ContextError, repository: &str) -> (ErrorCode, String) {
    let (code, hint) = match error {
        ContextError::NotFound { .. } => (
            ErrorCode::NotFound,
            "check the name and the number; `cutover installation show N` says what an installation may see",
        ),
        ContextError::GitHub(error) => match error {
            GitHubError::BadInput { .. } | GitHubError::ForeignHost => {
                (ErrorCode::Usage, "`cutover help context` shows what is taken")
            }
            GitHubError::Refused { status: 403, .. } => (
                ErrorCode::GitHub,
                "`cutover installation show N` says what the App may do there; comments need a permission of their own \
                 (docs/github-app.md)",
            ),
            GitHubError::Mint(MintError::Suspended | MintError::Gone) => {
                (ErrorCode::GitHub, "`cutover installation list` shows the installations that can be used")
            }
            GitHubError::RateLimited { .. } => {
                (ErrorCode::GitHub, "come again then; `cutover token list` shows what is left")
            }
            GitHubError::TooLarge { .. } => {
                let hint = format!("clone {repository} with git, and look there");
                return (ErrorCode::Outside, hint);
            }
            _ => (ErrorCode::GitHub, "come again; `cutover doctor` looks at GitHub"),
        },
    };
    (code, hint.to_owned())
}
