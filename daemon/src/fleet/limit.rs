//! How many tenants at once: in all, of one host, of one database server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cutover_shared::fleet::DriverKind;
use tokio::sync::Notify;

use super::settings::Settings;

/// The most at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    pub all: usize,
    pub host: usize,
    pub server: usize,
}

/// The server that a database shares with others. A file is on none: its host's limit is its own.
pub fn server(driver: DriverKind, name: &str) -> Option<&str> {
    (driver != DriverKind::Sqlite).then_some(name)
}

#[derive(Debug, Default)]
struct Now {
    all: usize,
    hosts: HashMap<String, usize>,
    servers: HashMap<String, usize>,
}

impl Now {
    fn of_host(&self, host: &str) -> usize {
        self.hosts.get(host).copied().unwrap_or(0)
    }

    fn of_server(&self, server: Option<&str>) -> usize {
        server.and_then(|server| self.servers.get(server)).copied().unwrap_or(0)
    }
}

/// Who is under way, of all runs and questions together. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Limits {
    most: Most,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    now: Mutex<Now>,
    freed: Notify,
}

impl State {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place; free again when it is dropped.
#[derive(Debug)]
pub struct Ticket {
    host: String,
    server: Option<String>,
    state: Arc<State>,
}

impl Limits {
    /// As they are configured.
    pub fn of(settings: &Settings) -> Self {
        Self::new(Most { all: settings.parallel, host: settings.per_host, server: settings.per_server })
    }

    /// Nobody is under way; at least one always may.
    pub fn new(most: Most) -> Self {
        let most = Most { all: most.all.max(1), host: most.host.max(1), server: most.server.max(1) };
        Self { most, state: Arc::default() }
    }

    /// A place, as soon as there is one. Whoever has a place must not wait for a second.
    pub async fn place(&self, host: &str, server: Option<&str>) -> Ticket {
        loop {
            let mut freed = std::pin::pin!(self.state.freed.notified());
            // From here on nothing that is freed is missed.
            freed.as_mut().enable();
            if let Some(ticket) = self.admit(host, server) {
                return ticket;
            }
            freed.await;
        }
    }

    /// Whether it is the host or the server that has no place, and not all together.
    pub fn is_full(&self, host: &str, server: Option<&str>) -> bool {
        let now = self.state.now();
        now.of_host(host) >= self.most.host || now.of_server(server) >= self.most.server
    }

    /// A place, if there is one.
    pub fn admit(&self, host: &str, server: Option<&str>) -> Option<Ticket> {
        let mut now = self.state.now();
        let has_room = now.all < self.most.all
            && now.of_host(host) < self.most.host
            && now.of_server(server) < self.most.server;
        if !has_room {
            return None;
        }
        now.all += 1;
        *now.hosts.entry(host.to_owned()).or_default() += 1;
        if let Some(server) = server {
            *now.servers.entry(server.to_owned()).or_default() += 1;
        }
        let server = server.map(str::to_owned);
        Some(Ticket { host: host.to_owned(), server, state: self.state.clone() })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut now = self.state.now();
        now.all = now.all.saturating_sub(1);
        let less = |counts: &mut HashMap<String, usize>, name: &str| {
            let left = counts.get(name).copied().unwrap_or(0).saturating_sub(1);
            if left == 0 {
                counts.remove(name);
            } else {
                counts.insert(name.to_owned(), left);
            }
        };
        less(&mut now.hosts, &self.host);
        if let Some(server) = &self.server {
            less(&mut now.servers, server);
        }
        drop(now);
        self.state.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[tokio::test]
    async fn whoever_waits_gets_the_place_that_is_freed() {
        let limits = Limits::new(Most { all: 2, host: 2, server: 1 });
        let held = limits.admit("h", Some("h:1")).unwrap();
        assert!(limits.is_full("h", Some("h:1")) && !limits.is_full("h", Some("h:2")));
        let waiting = limits.clone();
        let mut waits = Box::pin(async move { waiting.place("h", Some("h:1")).await });
        assert!(futures::poll!(&mut waits).is_pending());
        drop(held);
        drop(waits.await);
        assert!(!limits.is_full("h", Some("h:1")));
    }

    proptest! {
        #[test]
        fn never_more_at_once_than_may_be_and_every_place_comes_back(
            asks in prop::collection::vec((0_u8..3, 0_u8..4, any::<bool>()), 0..200),
            all in 1_usize..8, host in 1_usize..5, server in 1_usize..4,
        ) {
            let limits = Limits::new(Most { all, host, server });
            let mut held: Vec<(u8, u8, Ticket)> = Vec::new();
            for (h, s, leaves) in asks {
                if leaves && !held.is_empty() {
                    held.swap_remove(usize::from(s) % held.len());
                    continue;
                }
                let on = |held: &[(u8, u8, Ticket)]| {
                    (held.len(), held.iter().filter(|x| x.0 == h).count(), held.iter().filter(|x| (x.0, x.1) == (h, s)).count())
                };
                let (in_all, of_host, of_server) = on(&held);
                // The first of each host is no server.
                let has_room = in_all < all && of_host < host && (s == 0 || of_server < server);
                let name = format!("{h}:{s}");
                match limits.admit(&h.to_string(), (s > 0).then_some(name.as_str())) {
                    Some(ticket) => {
                        prop_assert!(has_room);
                        held.push((h, s, ticket));
                    }
                    None => prop_assert!(!has_room),
                }
            }
            held.clear();
            let now = limits.state.now();
            prop_assert!(now.all == 0 && now.hosts.is_empty() && now.servers.is_empty());
        }
    }
}
