//! Questions about the App. Acts on it are those of a daemon that has none yet ([`super::set_up`]).

use cutover_shared::app::{AppAnswer, AppAsk, AppQuery, AppView, Manifest};
use cutover_shared::error::{ErrorCode, RpcError};

use super::{Parts, read_error};
use crate::gateway::app::{CreateError, manifest, stored};
use crate::github::Traffic;

pub(super) async fn query(parts: &Parts, query: AppQuery) -> Result<AppAnswer, RpcError> {
    match query {
        AppQuery::Manifest { .. } => Err(already(&format!("{}", parts.github.app_id()))),
        AppQuery::Show => Ok(AppAnswer::Show(Box::new(show(parts).await?))),
    }
}

/// The App in use: what was stored when it is that one, else what GitHub says of it.
async fn show(parts: &Parts) -> Result<AppView, RpcError> {
    let web_base = parts.github.web_base();
    match stored(&parts.db, &parts.seal).await {
        Ok(Some(app)) if app.id == parts.github.app_id() => return Ok(app.view(web_base)),
        Ok(_) => {}
        Err(crate::gateway::app::LoadError::Read(error)) => return Err(read_error(error)),
        Err(error) => tracing::warn!(%error, "the stored App is passed over"),
    }
    let app = parts.github.reader(Traffic::Live).app().await.map_err(|error| {
        RpcError::new(
            ErrorCode::GitHub,
            format!("GitHub does not say what the App is: {error}"),
            "`cutover doctor` says the mend",
        )
    })?;
    Ok(AppView {
        id: parts.github.app_id(),
        install_url: (!app.slug.is_empty())
            .then(|| format!("{web_base}/apps/{}/installations/new", app.slug)),
        slug: Some(app.slug).filter(|slug| !slug.is_empty()),
        name: Some(app.name).filter(|name| !name.is_empty()),
        owner: None,
        page: None,
        origin: "configuration".to_owned(),
        has_webhook_secret: parts.has_webhook_secret,
    })
}

/// What to post to GitHub.
pub(super) fn manifest(ask: &AppAsk, web_base: &str, in_clear: bool) -> Result<Manifest, RpcError> {
    manifest::manifest(ask, web_base, in_clear).map_err(|error| {
        RpcError::new(ErrorCode::Usage, error.to_string(), "`cutover app create --help` shows each option")
    })
}

/// There is one App for one daemon.
pub(super) fn already(id: &str) -> RpcError {
    let text = if id.is_empty() {
        "the App was just made".to_owned()
    } else {
        format!("the daemon speaks as App {id} already")
    };
    RpcError::new(
        ErrorCode::WrongState,
        text,
        "`cutover app show` shows it; another App needs another daemon",
    )
}

/// Why there is no App.
pub(super) fn failed(error: &CreateError) -> RpcError {
    let (code, hint) = match error {
        CreateError::BadCode | CreateError::UnknownCode => {
            (ErrorCode::Usage, "run `cutover app create` again: each code works once, for an hour".to_owned())
        }
        CreateError::Refused { .. } | CreateError::NoAnswer(_) | CreateError::BadAnswer => (
            ErrorCode::GitHub,
            "check github.api_base_url and the network; look at your GitHub Apps: delete one that was made, and \
             run `cutover app create` again"
                .to_owned(),
        ),
        CreateError::NoStore(_) => {
            (ErrorCode::Store, "free space on the disk, then run `cutover app create` again".to_owned())
        }
        CreateError::Lost { .. } => (
            ErrorCode::Store,
            "delete that App at GitHub, free space on the disk, and run `cutover app create` again".to_owned(),
        ),
        CreateError::Seal(_) => (ErrorCode::Internal, "put the seal key back from its backup".to_owned()),
    };
    RpcError::new(code, error.to_string(), hint)
}
