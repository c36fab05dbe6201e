//! How often somebody may call: failed signatures of each address, calls of each address and user; bounded in memory.

use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use lru::LruCache;

use super::address::counted;
use super::answer::Refusal;
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

/// Our time, as governor asks for it.
#[derive(Clone)]
struct Ticks(Clock);

impl governor::clock::Clock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.monotonic()
    }
}

type Bucket = RateLimiter<NotKeyed, InMemoryState, Ticks, NoOpMiddleware<Duration>>;

/// A bucket for each caller; who was silent longest is forgotten first, with a full bucket that is no gift: it would have
/// filled meanwhile, unless ten thousand others called within a minute.
struct Buckets<K> {
    ticks: Ticks,
    quota: Quota,
    seen: Mutex<LruCache<K, Bucket>>,
}

impl<K: std::hash::Hash + Eq> Buckets<K> {
    fn new(clock: Clock, per_minute: u32) -> Self {
        let quota = Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN));
        Self { ticks: Ticks(clock), quota, seen: Mutex::new(LruCache::new(ADDRESSES)) }
    }

    fn check(&self, key: K) -> Result<(), Refusal> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket =
            seen.get_or_insert_mut(key, || RateLimiter::direct_with_clock(self.quota, self.ticks.clone()));
        bucket.check().map_err(|over| {
            let after = over.wait_time_from(self.ticks.now());
            Refusal::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "too many calls within a minute")
                .retry_after(after)
        })
    }
}

/// How often an address may try to prove who it is, and a user may call.
pub struct Rates {
    auth: Buckets<IpAddr>,
    /// None is the service.
    api: Buckets<Option<String>>,
}

impl Rates {
    /// Calls in a minute of one address, and of one user. After a silence a whole minute's calls may come at once.
    pub fn new(clock: Clock, auth_per_minute: u32, api_per_minute: u32) -> Self {
        Self { auth: Buckets::new(clock.clone(), auth_per_minute), api: Buckets::new(clock, api_per_minute) }
    }

    /// A call of this address where nobody is known yet.
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub fn auth(&self, address: IpAddr) -> Result<(), Refusal> {
        self.auth.check(counted(address))
    }

    /// A call of this user.
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub fn api(&self, user: &str) -> Result<(), Refusal> {
        self.api.check(Some(user.to_owned()))
    }

    /// A call of the application's other services.
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub fn service(&self) -> Result<(), Refusal> {
        self.api.check(None)
    }
}

#[cfg(test)]
mod tests;
