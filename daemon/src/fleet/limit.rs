//! How many tenants at once: in all, of one host, of one database server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The most at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    pub all: usize,
    pub host: usize,
    pub server: usize,
}

#[derive(Debug, Default)]
struct Now {
    all: usize,
    hosts: HashMap<String, usize>,
    servers: HashMap<String, usize>,
}

/// Who is under way. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Limits {
    most: Most,
    now: Arc<Mutex<Now>>,
}

/// A place; free again when it is dropped.
#[derive(Debug)]
pub struct Ticket {
    host: String,
    server: String,
    now: Arc<Mutex<Now>>,
}

impl Limits {
    /// Nobody is under way; at least one always may.
    pub fn new(most: Most) -> Self {
        let most = Most { all: most.all.max(1), host: most.host.max(1), server: most.server.max(1) };
        Self { most, now: Arc::default() }
    }

    /// A place, if there is one.
    pub fn admit(&self, host: &str, server: &str) -> Option<Ticket> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |counts: &HashMap<String, usize>, name: &str| counts.get(name).copied().unwrap_or(0);
        if now.all >= self.most.all
            || of(&now.hosts, host) >= self.most.host
            || of(&now.servers, server) >= self.most.server
        {
            return None;
        }
        now.all += 1;
        *now.hosts.entry(host.to_owned()).or_default() += 1;
        *now.servers.entry(server.to_owned()).or_default() += 1;
        Some(Ticket { host: host.to_owned(), server: server.to_owned(), now: self.now.clone() })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
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
        less(&mut now.servers, &self.server);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
                let has_room = in_all < all && of_host < host && of_server < server;
                match limits.admit(&h.to_string(), &format!("{h}:{s}")) {
                    Some(ticket) => {
                        prop_assert!(has_room);
                        held.push((h, s, ticket));
                    }
                    None => prop_assert!(!has_room),
                }
            }
            held.clear();
            let now = limits.now.lock().unwrap();
            prop_assert!(now.all == 0 && now.hosts.is_empty() && now.servers.is_empty());
        }
    }
}
