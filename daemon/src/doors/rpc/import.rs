//! Imports on an operator's word.

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::ids::ProjectId;
use cutover_shared::import::{ImportAct, ProbeView, RecordView};
use cutover_shared::rpc::Receipt;
use serde_json::json;

use super::{Parts, read_error, write_error};
use crate::audit::Who;
use crate::flows::import::{ImportAsk, ImportError};
use crate::store::{Lane, Unit};

pub(super) async fn act(parts: &Parts, act: ImportAct, who: &Who) -> Result<Receipt, RpcError> {
    match act {
        ImportAct::Run { project, repository, reference, method, probe } => {
            let ask =
                ImportAsk { project: Some(project), repository, reference, method, ..ImportAsk::default() };
            run(parts, ask, probe, who).await
        }
        ImportAct::Record { project, repository } => record(parts, project, repository, who).await,
    }
}

async fn run(parts: &Parts, ask: ImportAsk, probe: bool, who: &Who) -> Result<Receipt, RpcError> {
    if probe {
        with_probes(parts)?;
    }
    let outcome = parts.imports.run(&ask).await;
    let mut detail = match &outcome {
        Ok(view) => json!({ "method": view.method, "commit": view.commit_sha, "digest": view.digest }),
        Err(error) => json!({ "asked": ask.method, "error": error.code() }),
    };
    let (mut outcome, mut compared) = (outcome.map_err(|error| rpc_error(&error)), Ok(()));
    if let (Ok(view), true) = (&mut outcome, probe) {
        compared = compare(parts, &ask).await.map(|probes| view.probes = probes);
        let passed = view.probes.iter().filter(|probe| probe.passed == Some(true)).count();
        detail["probes"] = json!({ "passed": passed, "of": view.probes.len() });
    }
    let subject = ask.project.map(|project| project.0).unwrap_or_default();
    let record = who.did(parts.clock.now(), "import", subject, detail);
    parts.db.write(Lane::Handler, Unit::new().with(record)).await.map_err(write_error)?;
    compared?;
    Ok(Receipt::Import(Box::new(outcome?)))
}

async fn compare(parts: &Parts, ask: &ImportAsk) -> Result<Vec<ProbeView>, RpcError> {
    let link = parts.imports.link(ask).await.map_err(|error| rpc_error(&error))?;
    parts.probes.compare(&link).await.map_err(read_error)
}

async fn record(
    parts: &Parts,
    project: ProjectId,
    repository: Option<String>,
    who: &Who,
) -> Result<Receipt, RpcError> {
    with_probes(parts)?;
    let ask = ImportAsk { project: Some(project), repository, ..ImportAsk::default() };
    let link = parts.imports.link(&ask).await.map_err(|error| rpc_error(&error))?;
    let probes = parts.probes.record(&link, who).await.map_err(write_error)?;
    let (project_id, tenant_id, repository) = (link.project, link.tenant, link.repo_full_name);
    Ok(Receipt::Recorded(Box::new(RecordView { project_id, tenant_id, repository, probes })))
}

fn with_probes(parts: &Parts) -> Result<(), RpcError> {
    if !parts.probes.is_empty() {
        return Ok(());
    }
    let hint = "write [[probes]] into the daemon's configuration and restart it; docs/import.md shows how";
    Err(RpcError::new(ErrorCode::WrongState, "no probes are configured", hint))
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
