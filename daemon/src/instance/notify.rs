//! Tells systemd how the daemon is: `READY=1`, `STOPPING=1`, `WATCHDOG=1`, by a datagram to `$NOTIFY_SOCKET`.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use crate::clock::Clock;
use crate::config::Env;
use crate::shutdown::Shutdown;

/// The way to the service manager; does nothing when there is none.
#[derive(Debug)]
pub struct Notifier {
    way: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// What the environment says. A socket that can't be used counts as none.
    pub fn from_env(env: &Env) -> Self {
        let way = env.get("NOTIFY_SOCKET").and_then(|name| open(name).ok());
        // The variables are inherited by children, for whom they aren't meant.
        let ours = env.get("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let micros = env.get("WATCHDOG_USEC").filter(|_| ours).and_then(|micros| micros.parse::<u64>().ok());
        let watchdog = micros.filter(|micros| *micros > 0).map(Duration::from_micros);
        Self { watchdog: watchdog.filter(|_| way.is_some()), way }
    }

    /// The daemon serves.
    pub fn ready(&self) {
        self.send("READY=1");
    }

    /// The daemon is on its way out.
    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// How often systemd wants a sign of life, halved so that one late wake-up is no reason to be killed.
    pub fn watchdog_every(&self) -> Option<Duration> {
        self.watchdog.map(|within| within / 2)
    }

    /// Gives signs of life until the daemon is forced to stop; a graceful stop may take longer than the watchdog waits.
    /// Returns at once when nobody watches.
    pub async fn keep_alive(&self, clock: &Clock, shutdown: &Shutdown) {
        let Some(every) = self.watchdog_every() else { return };
        loop {
            self.send("WATCHDOG=1");
            tokio::select! {
                () = clock.sleep(every) => {}
                () = shutdown.forced() => return,
            }
        }
    }

    fn send(&self, state: &str) {
        if let Some((socket, to)) = &self.way
            && let Err(error) = socket.send_to_addr(state.as_bytes(), to)
        {
            tracing::warn!(state, %error, "systemd was not told");
        }
    }
}

fn open(name: &str) -> io::Result<(UnixDatagram, SocketAddr)> {
    let to = match name.strip_prefix('@') {
        Some(abstract_name) => SocketAddr::from_abstract_name(abstract_name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    // A full queue over there must not hold up the daemon.
    socket.set_nonblocking(true)?;
    Ok((socket, to))
}
