//! The Unix socket: its folder 0750, itself 0660 with a group or 0600 without, connections bounded.

use std::collections::VecDeque;
use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cutover_shared::rpc::{Control as _, ControlRequest, ControlResponse};
use cutover_shared::transport::framed;
use futures::StreamExt as _;
use nix::unistd::Gid;
use tarpc::server::{BaseChannel, Channel as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::session::{Greeting, Session};
use super::set_up::{SetUp, Setting};
use super::{Acts, Parts};
use crate::gateway::app::Stored;

/// Connections at once. A console and a few scripts are a handful.
const CONNECTIONS: usize = 64;

/// Connections to a daemon that has no App yet.
const SETTERS: usize = 8;

/// How long a connection that was cut may take to go.
const LET_GO: Duration = Duration::from_secs(1);

/// Requests of one connection under way at once.
const REQUESTS: usize = 32;

/// Who may open the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The daemon's own user.
    Owner,
    /// Members of this group.
    Group(u32),
}

/// Why the socket could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("the socket {} can't be opened while {doing}: {cause}", path.display())]
pub struct ListenError {
    path: PathBuf,
    doing: &'static str,
    cause: std::io::Error,
}

/// The open socket.
pub struct Listener {
    listener: UnixListener,
    path: PathBuf,
}

impl Listener {
    /// Opens the socket. The lock of the state folder is held by then, so a socket that is there is left over.
    pub fn open(path: &Path, access: Access) -> Result<Self, ListenError> {
        let failed = |doing| {
            let path = path.to_owned();
            move |cause| ListenError { path, doing, cause }
        };
        if let Some(dir) = path.parent()
            && !dir.exists()
        {
            DirBuilder::new().recursive(true).mode(0o750).create(dir).map_err(failed("making its folder"))?;
            if let Access::Group(gid) = access {
                nix::unistd::chown(dir, None, Some(Gid::from_raw(gid)))
                    .map_err(std::io::Error::from)
                    .map_err(failed("giving its folder to the group"))?;
            }
        }
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed("removing the one that was left over")(error));
            }
            _ => {}
        }
        let listener = UnixListener::bind(path).map_err(failed("binding"))?;
        let mode = match access {
            Access::Owner => 0o600,
            Access::Group(gid) => {
                nix::unistd::chown(path, None, Some(Gid::from_raw(gid)))
                    .map_err(std::io::Error::from)
                    .map_err(failed("giving it to the group"))?;
                0o660
            }
        };
        std::fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed("setting its mode"))?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Serves until `stop`; then takes nothing new, finishes the acts under way, and lets go of the rest.
    pub async fn serve(self, parts: Arc<Parts>, stop: CancellationToken) {
        let (acts, connections) = (Acts::default(), TaskTracker::new());
        let mut room = Room::default();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file handles, most likely: a busy loop would make it worse.
                    tracing::error!(%error, "a connection can't be accepted");
                    parts.clock.sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let Some(permit) = room.enter(&parts).await else {
                tracing::warn!(most = CONNECTIONS, "too many connections: one is turned away");
                continue;
            };
            let Some(session) = session(&stream, parts.clone(), acts.clone()) else { continue };
            let cut = stop.child_token();
            room.guests.push_back((session.greeting(), cut.clone()));
            connections.spawn(async move {
                let _permit = permit;
                tokio::select! {
                    () = cut.cancelled() => {}
                    () = connection(stream, session.serve()) => {}
                }
            });
        }
        acts.finish().await;
        connections.close();
        connections.wait().await;
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Listener {
    /// Serves a daemon that has no App until it is made, and answers it; none when `stop` came first. The socket stays open.
    pub async fn set_up(&self, set_up: &Arc<SetUp>, stop: &CancellationToken) -> Option<Stored> {
        let (connections, places) = (TaskTracker::new(), Arc::new(Semaphore::new(SETTERS)));
        let cut = stop.child_token();
        let made = loop {
            let stream = tokio::select! {
                () = stop.cancelled() => break None,
                app = set_up.made() => break Some(app),
                accepted = self.listener.accept() => accepted.map(|(stream, _)| stream),
            };
            let Ok(stream) = stream else {
                set_up.creator.clock.sleep(Duration::from_millis(100)).await;
                continue;
            };
            let (Ok(permit), Ok(peer)) = (places.clone().try_acquire_owned(), stream.peer_cred()) else {
                continue;
            };
            let (setting, cut) = (Setting::new(set_up.clone(), peer.uid()), cut.clone());
            connections.spawn(async move {
                let _permit = permit;
                tokio::select! {
                    () = cut.cancelled() => {}
                    () = connection(stream, setting.serve()) => {}
                }
            });
        };
        connections.close();
        // Whoever made the App reads the receipt and hangs up; the others are not waited for longer.
        let _ = set_up.creator.clock.timeout(LET_GO, connections.wait()).await;
        cut.cancel();
        connections.wait().await;
        made
    }

    /// Takes the socket away without having served.
    pub fn close(self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Who is connected, the longest first.
struct Room {
    places: Arc<Semaphore>,
    guests: VecDeque<(Greeting, CancellationToken)>,
}

impl Default for Room {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(CONNECTIONS)), guests: VecDeque::new() }
    }
}

impl Room {
    /// A place; none when all are taken by those who have greeted. Whoever was silent longest makes room: silent
    /// connections must not keep out the one that kills.
    async fn enter(&mut self, parts: &Parts) -> Option<OwnedSemaphorePermit> {
        self.guests.retain(|(greeting, _)| !greeting.is_gone());
        if let Ok(permit) = self.places.clone().try_acquire_owned() {
            return Some(permit);
        }
        let silent =
            self.guests.iter().position(|(greeting, cut)| greeting.is_owed() && !cut.is_cancelled())?;
        if let Some((_, cut)) = self.guests.remove(silent) {
            tracing::warn!(most = CONNECTIONS, "too many connections: one that never greeted is cut");
            cut.cancel();
        }
        parts.clock.timeout(LET_GO, self.places.clone().acquire_owned()).await.ok()?.ok()
    }
}

fn session(stream: &UnixStream, parts: Arc<Parts>, acts: Acts) -> Option<Session> {
    match stream.peer_cred() {
        Ok(peer) => Some(Session::new(parts, acts, peer.uid())),
        Err(error) => {
            tracing::warn!(%error, "a peer without credentials is turned away");
            None
        }
    }
}

async fn connection<S>(stream: UnixStream, serve: S)
where
    S: tarpc::server::Serve<Req = ControlRequest, Resp = ControlResponse> + Clone + Send + 'static,
{
    BaseChannel::with_defaults(framed(stream))
        .max_concurrent_requests(REQUESTS)
        .execute(serve)
        .for_each_concurrent(REQUESTS, |response| response)
        .await;
}
