//! Other replicas and the kill (C7). Each is told; one that can't be reached has lost its lease by then and serves legacy by
//! itself. A receipt for each says which.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use cutover_shared::rpc::{ReplicaReceipt, ReplicaState};

use super::router::Router;
use crate::clock::{Clock, Millis};
use crate::run::Brake;

/// A replica that has heard of no other for so long serves legacy.
pub const LEASE: Duration = Duration::from_secs(5);

/// What the other replicas are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KillNotice {
    /// Epoch milliseconds of whoever was asked.
    pub at: Millis,
    pub by: String,
    pub reason: String,
}

/// A replica's word that it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmed {
    /// Since when, epoch milliseconds of that replica.
    pub at: Millis,
    /// Calls that began on the target from then until this word went out.
    pub targets_after: u64,
}

/// A kill that is in effect, and from when on calls of the target are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// Epoch milliseconds.
    pub at: Millis,
    before: u64,
}

/// What became of telling one replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerAnswer {
    pub name: String,
    /// None: it could not be reached.
    pub confirmed: Option<Confirmed>,
}

/// The way to the other replicas.
#[async_trait]
pub trait Peers: Send + Sync {
    /// Tells every one, all at once, and waits no longer than its patience for each.
    async fn kill(&self, notice: &KillNotice) -> Vec<PeerAnswer>;
}

/// There is no other replica.
pub struct Alone;

#[async_trait]
impl Peers for Alone {
    async fn kill(&self, _notice: &KillNotice) -> Vec<PeerAnswer> {
        Vec::new()
    }
}

/// This replica, as the others reach it.
#[derive(Clone)]
pub struct Replica {
    pub brake: Brake,
    pub router: Router,
    pub clock: Clock,
}

impl Replica {
    /// Takes effect before it answers: every decision that begins afterwards is legacy.
    pub fn kill(&self) -> Pulled {
        self.brake.pull();
        let before = self.router.targets();
        self.router.tell();
        Pulled { at: self.clock.now(), before }
    }

    /// The word that goes out. The later it does, the longer is what it proves.
    pub fn confirm(&self, pulled: Pulled) -> Confirmed {
        Confirmed { at: pulled.at, targets_after: self.router.targets().saturating_sub(pulled.before) }
    }
}

/// The receipt of every replica: this one, those that confirmed, and those that are legacy by their lease.
pub fn receipts(own: Confirmed, answers: Vec<PeerAnswer>, asked_at: Millis) -> Vec<ReplicaReceipt> {
    let lease_ms = i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX);
    let this = PeerAnswer { name: "local".to_owned(), confirmed: Some(own) };
    std::iter::once(this)
        .chain(answers)
        .map(|answer| match answer.confirmed {
            Some(Confirmed { at, targets_after }) => ReplicaReceipt {
                name: answer.name,
                state: ReplicaState::Confirmed,
                at,
                targets_after: Some(targets_after),
            },
            None => ReplicaReceipt {
                name: answer.name,
                state: ReplicaState::LegacyByLease,
                at: asked_at.saturating_add(lease_ms),
                targets_after: None,
            },
        })
        .collect()
}

/// Watches over the lease: whoever hears of another replica, or of the store that they share, says so.
#[derive(Clone)]
pub struct Contact(Arc<Watch>);

struct Watch {
    router: Router,
    clock: Clock,
    /// Monotonic.
    heard: Mutex<Duration>,
}

impl Contact {
    /// In contact from now on.
    pub fn new(router: Router, clock: Clock) -> Self {
        let heard = Mutex::new(clock.monotonic());
        Self(Arc::new(Watch { router, clock, heard }))
    }

    /// Another replica was heard.
    pub fn heard(&self) {
        *self.last() = self.0.clock.monotonic();
        self.0.router.set_stale(false);
    }

    /// Serves legacy once nothing was heard for [`LEASE`]. Runs until it is dropped; not needed by a replica that is alone.
    pub async fn work(self) {
        loop {
            let until = self.last().saturating_add(LEASE);
            self.0.clock.sleep_until(until).await;
            if self.last().saturating_add(LEASE) <= self.0.clock.monotonic() {
                self.0.router.set_stale(true);
                // Nothing to wait for but being heard again, which ends it by itself.
                self.0.clock.sleep(LEASE).await;
            }
        }
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Duration> {
        self.0.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
