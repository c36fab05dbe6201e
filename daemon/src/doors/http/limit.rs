//! Failed signatures of each address, bounded in memory.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lru::LruCache;

use super::address::counted;
use crate::clock::Clock;

/// The window that failures are counted in.
const WINDOW: Duration = Duration::from_secs(60);

/// Addresses that are remembered; the one that was silent longest is forgotten.
const ADDRESSES: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// Addresses remembered because a verified delivery came from them. Nobody else can crowd them out.
const PROVEN: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// How long one verified delivery speaks for its address.
const PROVEN_FOR: Duration = Duration::from_secs(60 * 60);

/// Counts failed signatures. Verified deliveries never count.
pub struct FailedSignatures {
    clock: Clock,
    most: u32,
    state: Mutex<State>,
}

struct State {
    failed: LruCache<IpAddr, Window>,
    /// When the last verified delivery came.
    proven: LruCache<IpAddr, Duration>,
}

#[derive(Clone, Copy)]
struct Window {
    since: Duration,
    failures: u32,
}

impl FailedSignatures {
    /// `most`: failures that one address may have in a minute.
    pub fn new(clock: Clock, most: u32) -> Self {
        let state = State { failed: LruCache::new(ADDRESSES), proven: LruCache::new(PROVEN) };
        Self { clock, most, state: Mutex::new(state) }
    }

    /// How long this address is to stay away, when it is over the limit. None for an address that a verified delivery came
    /// from within the hour: behind a proxy that nobody named, a stranger shares GitHub's address and must not shut it out.
    pub fn stay_away(&self, address: IpAddr) -> Option<Duration> {
        let (address, now) = (counted(address), self.clock.monotonic());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let window = *state.failed.peek(&address)?;
        let left = WINDOW.checked_sub(now.saturating_sub(window.since)).filter(|left| !left.is_zero())?;
        let proven = state.proven.get(&address).is_some_and(|at| now.saturating_sub(*at) < PROVEN_FOR);
        (window.failures >= self.most && !proven).then_some(left)
    }

    /// A signature was missing or wrong.
    pub fn failed(&self, address: IpAddr) {
        let (address, now) = (counted(address), self.clock.monotonic());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let window = state.failed.get_or_insert_mut(address, || Window { since: now, failures: 0 });
        if now.saturating_sub(window.since) >= WINDOW {
            *window = Window { since: now, failures: 0 };
        }
        window.failures = window.failures.saturating_add(1);
    }

    /// A delivery was verified.
    pub fn verified(&self, address: IpAddr) {
        let now = self.clock.monotonic();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.proven.put(counted(address), now);
    }
}

#[cfg(test)]
mod tests;
