//! The first start: without an App the daemon only makes one.

use tokio_util::sync::CancellationToken;

use super::Failure;
use super::credentials::Credentials;
use super::parts::{Ground, identity};
use super::settings::operators;
use crate::client::Client;
use crate::config::Loaded;
use crate::doors::rpc::{Listener, SetUp};
use crate::gateway::app::{Creator, stored};
use crate::instance::notify::Notifier;
use crate::shutdown::Shutdown;

/// The App to speak as, made first when there is none; none when the daemon is told to stop before.
pub(super) async fn credentials(
    loaded: &Loaded,
    ground: &Ground,
    listener: &Listener,
    shutdown: &Shutdown,
    notifier: &Notifier,
) -> Result<Option<Credentials>, Failure> {
    let config = &loaded.config;
    let found = stored(&ground.db, &ground.seal).await?;
    if let Some(credentials) = Credentials::of(config, found.as_ref())? {
        return Ok(Some(credentials));
    }
    let creator = Creator {
        db: ground.db.clone(),
        seal: ground.seal.clone(),
        clock: ground.clock.clone(),
        client: Client::new()?,
        api_base: config.github.api_base.clone(),
    };
    let identity = identity(loaded, &config.github.host().0, ground.clock.now());
    let in_clear = !matches!(config.environment.as_str(), "staging" | "production");
    let set_up = SetUp::new(identity, operators(config), creator, config.github.web_base.clone(), in_clear);
    // Whoever started it is to know that it runs, and what it waits for.
    notifier.ready();
    tracing::warn!(
        socket = %config.rpc.socket.display(),
        "there is no GitHub App yet: `cutover app create` makes one; nothing else is served until then"
    );
    let stop = CancellationToken::new();
    let _guard = stop.clone().drop_guard();
    let made = tokio::select! {
        made = listener.set_up(&set_up, &stop) => made,
        () = shutdown.graceful() => None,
    };
    match made {
        Some(app) => Credentials::of(config, Some(&app)),
        None => Ok(None),
    }
}
