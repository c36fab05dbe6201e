//! What is known of servers while runs go: who is throttled, and why.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cutover_shared::fleet::Throttle;
use tokio::sync::Notify;

use crate::clock::Clock;

/// Shared by the runner and the status. Cheap to clone.
#[derive(Clone)]
pub struct Live(Arc<Inner>);

struct Inner {
    clock: Clock,
    /// The most of a server, and how long a reading counts.
    most: f64,
    every: Duration,
    servers: Mutex<BTreeMap<String, Server>>,
    read: Notify,
}

#[derive(Clone, Debug, Default)]
struct Server {
    /// The newest reading, and when it was taken.
    reading: Option<(Result<f64, String>, Duration)>,
    /// Somebody reads it now.
    asked: bool,
    throttled_since: Option<i64>,
}

/// What the load of a server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Go on.
    Fine,
    /// Nobody has asked lately: whoever gets this answer has to.
    Ask,
    /// Wait.
    Wait,
}

impl Live {
    /// `most`: above it a server takes no further tenant; a reading counts for `every`.
    pub fn new(clock: Clock, most: f64, every: Duration) -> Self {
        let (servers, read) = (Mutex::default(), Notify::new());
        Self(Arc::new(Inner { clock, most, every, servers, read }))
    }

    /// Whether another tenant of this server may begin.
    pub fn load(&self, server: &str) -> Load {
        let now = self.0.clock.monotonic();
        let mut servers = self.servers();
        let one = servers.entry(server.to_owned()).or_default();
        let fresh = one.reading.as_ref().filter(|(_, at)| now.saturating_sub(*at) < self.0.every);
        match fresh {
            Some((Ok(load), _)) if *load <= self.0.most => Load::Fine,
            Some(_) => Load::Wait,
            None if one.asked => Load::Wait,
            None => {
                one.asked = true;
                Load::Ask
            }
        }
    }

    /// What the query answered. A server that does not answer counts as too busy.
    pub fn answered(&self, server: &str, reading: Result<f64, String>) {
        let (now, wall) = (self.0.clock.monotonic(), self.0.clock.now());
        let mut servers = self.servers();
        let one = servers.entry(server.to_owned()).or_default();
        let fine = matches!(reading, Ok(load) if load <= self.0.most);
        one.throttled_since = if fine { None } else { one.throttled_since.or(Some(wall)) };
        one.reading = Some((reading, now));
        one.asked = false;
        drop(servers);
        self.0.read.notify_waiters();
    }

    /// Ends with the next answer, or when a reading is over.
    pub async fn changed(&self) {
        let read = self.0.read.notified();
        tokio::select! {
            () = read => {}
            () = self.0.clock.sleep(self.0.every) => {}
        }
    }

    /// No run asks any more: what was read is forgotten.
    pub fn quiet(&self) {
        self.servers().clear();
    }

    /// Servers that wait now.
    pub fn throttles(&self) -> Vec<Throttle> {
        let most = self.0.most;
        let told = |(server, one): (&String, &Server)| {
            let since = one.throttled_since?;
            let reason = match &one.reading {
                Some((Ok(load), _)) => format!("load {load} is more than {most} (fleet.load_most)"),
                Some((Err(why), _)) => format!("its load can't be read: {why}"),
                None => return None,
            };
            Some(Throttle { server: server.clone(), reason, since })
        };
        self.servers().iter().filter_map(told).collect()
    }

    fn servers(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Server>> {
        self.0.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_server_waits_with_its_reason_until_it_is_less() {
        let clock = Clock::manual(1_000);
        let live = Live::new(clock.clone(), 10.0, Duration::from_secs(5));
        assert_eq!(live.load("db:5432"), Load::Ask);
        // Whoever comes meanwhile waits for that answer.
        assert_eq!(live.load("db:5432"), Load::Wait);
        assert_eq!(live.load("other:5432"), Load::Ask);
        live.answered("db:5432", Ok(14.0));
        assert_eq!(live.load("db:5432"), Load::Wait);
        let throttles = live.throttles();
        assert_eq!(throttles.len(), 1);
        assert_eq!(throttles[0].reason, "load 14 is more than 10 (fleet.load_most)");
        assert_eq!(throttles[0].since, 1_000);
        clock.advance(Duration::from_secs(6));
        assert_eq!(live.load("db:5432"), Load::Ask);
        live.answered("db:5432", Ok(10.0));
        assert_eq!(live.load("db:5432"), Load::Fine);
        assert!(live.throttles().is_empty());
        live.answered("other:5432", Err("time-out".into()));
        assert_eq!(live.load("other:5432"), Load::Wait);
        assert_eq!(live.throttles()[0].reason, "its load can't be read: time-out");
        live.quiet();
        assert!(live.throttles().is_empty());
    }
}
