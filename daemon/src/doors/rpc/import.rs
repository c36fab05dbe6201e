//! Imports on an operator's word.

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::import::{ImportAct, ImportView};
use serde_json::json;

use super::{Parts, write_error};
use crate::audit::Who;
use crate::flows::import::{ImportAsk, ImportError};
use crate::store::{Lane, Unit};

pub(super) async fn act(parts: &Parts, act: ImportAct, who: &Who) -> Result<ImportView, RpcError> {
    let ImportAct::Run { project, repository, reference, method } = act;
    let subject = project.0.clone();
    let ask = ImportAsk { project: Some(project), repository, reference, method, ..ImportAsk::default() };
    let outcome = parts.imports.run(&ask).await;
    let detail = match &outcome {
        Ok(view) => json!({ "method": view.method, "commit": view.commit_sha, "digest": view.digest }),
        Err(error) => json!({ "asked": method, "error": error.code() }),
    };
    let record = who.did(parts.clock.now(), "import", subject, detail);
    parts.db.write(Lane::Handler, Unit::new().with(record)).await.map_err(write_error)?;
    outcome.map_err(|error| rpc_error(&error))
}

fn rpc_error(error: &ImportError) -> RpcError {
    let (code, hint) = match error {
        ImportError::BadRequest(_) => (ErrorCode::Usage, "`cutover help import` shows what is taken"),
        ImportError::Ambiguous(_) => {
            (ErrorCode::Usage, "name one with --repository; `cutover project show` lists them")
        }
        ImportError::Unknown(_) => (ErrorCode::NotFound, "`cutover project list` shows those that there are"),
        ImportError::NoCredential { mend, .. } => (ErrorCode::WrongState, mend.as_str()),
        ImportError::NotFound(_) => {
            (ErrorCode::GitHub, "is it renamed, deleted, or not granted? `cutover project show`")
        }
        ImportError::NoAccess(_) => {
            (ErrorCode::GitHub, "`cutover token list` and `cutover doctor` say what is wrong")
        }
        ImportError::RateLimited { .. } => (ErrorCode::GitHub, "come again then"),
        ImportError::Unavailable(_) => (ErrorCode::GitHub, "come again; `cutover doctor` looks at GitHub"),
        ImportError::TooLarge(_) => (ErrorCode::Outside, "`import.max_bytes` is the limit"),
        ImportError::TimedOut(_) => (ErrorCode::GitHub, "`import.timeout` is the limit"),
        ImportError::Busy => (ErrorCode::Busy, "come again; `import.parallel` is the limit"),
        ImportError::Internal(_) => (ErrorCode::Internal, "the daemon's log says more"),
    };
    RpcError::new(code, error.to_string(), hint)
}
