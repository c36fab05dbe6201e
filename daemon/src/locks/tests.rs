//! The service over a real store: what every arbiter promises, hand-over and fall-back with two processes at once.

mod keeper;
mod random;
mod service;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::*;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::store::{Db, open};

const TTL: Duration = Duration::from_secs(30);

/// Two processes with one clock, one store, and one server between them. The server's rule is that of `Memory`, its faults are set
/// here; the real one is in `tests/tests/locks.rs`.
struct House {
    db: Db,
    clock: Clock,
    server: Arc<Memory>,
    reach: [Arc<AtomicBool>; 2],
    _dir: tempfile::TempDir,
}

/// One process's way to the server.
struct Way {
    server: Arc<Memory>,
    reaches: Arc<AtomicBool>,
}

impl Way {
    fn on(&self) -> Result<(), LockError> {
        if self.reaches.load(Ordering::SeqCst) {
            return Ok(());
        }
        Err(LockError::Unavailable { party: Party::Redis, cause: "cut".into() })
    }
}

#[async_trait]
impl Arbiter for Way {
    async fn grant(&self, ask: Ask<'_>) -> Result<Grant, LockError> {
        self.on()?;
        self.server.grant(ask).await
    }
    async fn extend(&self, name: &LockName, grant: &Grant, ttl: Duration) -> Result<(), LockError> {
        self.on()?;
        self.server.extend(name, grant, ttl).await
    }
    async fn free(&self, name: &LockName, grant: &Grant) -> Result<(), LockError> {
        self.on()?;
        self.server.free(name, grant).await
    }
    async fn ping(&self) -> Result<(), LockError> {
        self.on()
    }
}

impl House {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = open(&format!("sqlite:{}/cutover.db", dir.path().display()), Faults::none()).await.unwrap();
        let clock = Clock::manual(1_000_000);
        let server = Arc::new(Memory::new(clock.clone()));
        let reach = [Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(true))];
        Self { db, clock, server, reach, _dir: dir }
    }

    fn process(&self, n: usize, arbiters: Arbiters, on_partition: OnPartition) -> Arc<LockService> {
        let way = Way { server: self.server.clone(), reaches: self.reach[n].clone() };
        let settings = LockSettings { arbiters, on_partition };
        LockService::new(self.db.clone(), self.clock.clone(), Some(Arc::new(way)), settings).unwrap()
    }

    fn cut(&self, n: usize, cut: bool) {
        self.reach[n].store(!cut, Ordering::SeqCst);
    }
}

fn name() -> LockName {
    LockName::new("sweep:github.com").unwrap()
}

fn is_busy<T>(answer: &Result<T, LockError>) -> bool {
    matches!(answer, Err(LockError::Busy { .. }))
}
