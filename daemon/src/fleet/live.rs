//! What is known of servers while runs go: who is throttled, and why.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
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
    /// Passes that ask.
    passes: AtomicUsize,
    read: Notify,
}

/// One pass asks as long as it has this; after the last nothing is known any more.
pub struct Asking(Live);

impl Drop for Asking {
    fn drop(&mut self) {
        if self.0.0.passes.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.servers().clear();
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Server {
    /// The newest reading, and when it was taken.
    reading: Option<(Result<f64, String>, Duration)>,
    /// Somebody reads it now.
    asked: bool,
    /// Since when it waits, or can't be read.
    told_since: Option<i64>,
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
        let (servers, read, passes) = (Mutex::default(), Notify::new(), AtomicUsize::new(0));
        Self(Arc::new(Inner { clock, most, every, servers, passes, read }))
    }

    /// A pass begins to ask.
    pub fn asking(&self) -> Asking {
        self.0.passes.fetch_add(1, Ordering::SeqCst);
        Asking(self.clone())
    }

    /// Whether another tenant of this server may begin.
    pub fn load(&self, server: &str) -> Load {
        let now = self.0.clock.monotonic();
        let mut servers = self.servers();
        let one = servers.entry(server.to_owned()).or_default();
        let is_fresh = |at: Duration| now.saturating_sub(at) < self.0.every;
        match &one.reading {
            Some((reading, at)) if is_fresh(*at) => self.means(reading),
            _ if !one.asked => {
                one.asked = true;
                Load::Ask
            }
            // Nobody waits for a query that failed the last time.
            Some((Err(_), _)) => Load::Fine,
            _ => Load::Wait,
        }
    }

    /// Whether a server is above its most, by the newest reading; asks nothing.
    pub fn is_busy(&self, server: &str) -> bool {
        let servers = self.servers();
        let reading = servers.get(server).and_then(|one| one.reading.as_ref());
        reading.is_some_and(|(reading, _)| self.means(reading) == Load::Wait)
    }

    /// A query that fails holds nothing back: it is asked on the database of the tenant that comes next, and if that one is gone the
    /// server would stand for all others.
    fn means(&self, reading: &Result<f64, String>) -> Load {
        match reading {
            Ok(load) if *load > self.0.most => Load::Wait,
            _ => Load::Fine,
        }
    }

    /// What the query answered.
    pub fn answered(&self, server: &str, reading: Result<f64, String>) {
        let (now, wall) = (self.0.clock.monotonic(), self.0.clock.now());
        let mut servers = self.servers();
        // Gone where the last pass has ended meanwhile.
        if let Some(one) = servers.get_mut(server) {
            let is_told = reading.is_err() || self.means(&reading) == Load::Wait;
            one.told_since = if is_told { one.told_since.or(Some(wall)) } else { None };
            one.reading = Some((reading, now));
            one.asked = false;
        }
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

    /// Servers that wait now, and those whose load can't be read.
    pub fn throttles(&self) -> Vec<Throttle> {
        let most = self.0.most;
        let told = |(server, one): (&String, &Server)| {
            let since = one.told_since?;
            let reason = match &one.reading {
                Some((Ok(load), _)) => format!("load {load} is more than {most} (fleet.load_most)"),
                Some((Err(why), _)) => format!("nothing waits, but its load can't be read: {why}"),
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
    }

    #[test]
    fn a_query_that_fails_holds_nothing_back_and_is_told() {
        let clock = Clock::manual(1_000);
        let live = Live::new(clock.clone(), 10.0, Duration::from_secs(5));
        assert_eq!(live.load("db:5432"), Load::Ask);
        live.answered("db:5432", Err("time-out".into()));
        assert_eq!(live.load("db:5432"), Load::Fine);
        assert!(!live.is_busy("db:5432"));
        assert_eq!(live.throttles()[0].reason, "nothing waits, but its load can't be read: time-out");
        // Asked again, nobody waits for what may fail again.
        clock.advance(Duration::from_secs(6));
        assert_eq!(live.load("db:5432"), Load::Ask);
        assert_eq!(live.load("db:5432"), Load::Fine);
        live.answered("db:5432", Ok(11.0));
        assert_eq!(live.load("db:5432"), Load::Wait);
        assert!(live.is_busy("db:5432"));
    }

    #[test]
    fn readings_last_as_long_as_any_pass_asks() {
        let live = Live::new(Clock::manual(1_000), 10.0, Duration::from_secs(5));
        let (one, other) = (live.asking(), live.asking());
        assert_eq!(live.load("db:5432"), Load::Ask);
        live.answered("db:5432", Ok(14.0));
        drop(one);
        assert_eq!(live.throttles().len(), 1, "the other one asks still");
        drop(other);
        assert!(live.throttles().is_empty());
        // An answer that comes too late is nobody's.
        live.answered("db:5432", Ok(14.0));
        assert!(live.throttles().is_empty());
    }
}
