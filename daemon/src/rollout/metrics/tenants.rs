//! Sums by tenant: a table of fixed size whose places are taken once, by whoever is first. What finds no place is counted beside.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use cutover_shared::rollout::{Operation, Side};

/// Places: a tenant needs one for each operation and arm. 4 MiB.
const PLACES: usize = 1 << 16;

/// Places that are tried before a call counts as beyond the table.
const TRIES: usize = 32;

/// Longer names are told by their beginning, in bytes: callers from outside choose them.
const NAME_MOST: usize = 256;

pub(super) struct Tenants {
    /// Seeded at random, so that nobody can choose names that meet in one place.
    hasher: RandomState,
    places: Box<[Place]>,
    beyond: AtomicU64,
}

#[derive(Default)]
struct Place {
    /// The hash of operation, arm and tenant; 0: free.
    key: AtomicU64,
    /// Set by whoever took the place, soon after.
    who: OnceLock<(Operation, Side, Box<str>)>,
    /// Calls, and errors above bit 32: a flush takes both before either can be full.
    counts: AtomicU64,
    slowest_us: AtomicU64,
}

const ERROR: u64 = 1 << 32;

/// What one tenant did since it was last taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TenantSum {
    pub(super) calls: u64,
    pub(super) errors: u64,
    pub(super) slowest_us: u64,
}

impl TenantSum {
    pub(super) fn add(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.errors = self.errors.saturating_add(other.errors);
        self.slowest_us = self.slowest_us.max(other.slowest_us);
    }
}

impl Tenants {
    pub(super) fn new() -> Self {
        Self::of(PLACES)
    }

    /// `places` is a power of two.
    fn of(places: usize) -> Self {
        Self {
            hasher: RandomState::new(),
            places: (0..places).map(|_| Place::default()).collect(),
            beyond: AtomicU64::new(0),
        }
    }

    /// Calls that found no place.
    pub(super) fn beyond(&self) -> u64 {
        self.beyond.load(Ordering::Relaxed)
    }

    /// Sixteen bits that tell few tenants apart; never 0.
    pub(super) fn fingerprint(&self, tenant: &str) -> u16 {
        let hash = self.hasher.hash_one(tenant);
        ((hash >> 48) as u16).max(1)
    }

    pub(super) fn record(&self, operation: Operation, side: Side, tenant: &str, is_error: bool, us: u64) {
        let tenant = cut(tenant);
        let key = self.hasher.hash_one((operation.index(), side.index(), tenant)).max(1);
        let Some(place) = self.place(key, operation, side, tenant) else {
            self.beyond.fetch_add(1, Ordering::Relaxed);
            return;
        };
        place.counts.fetch_add(if is_error { ERROR + 1 } else { 1 }, Ordering::Relaxed);
        if place.slowest_us.load(Ordering::Relaxed) < us {
            place.slowest_us.fetch_max(us, Ordering::Relaxed);
        }
    }

    fn place(&self, key: u64, operation: Operation, side: Side, tenant: &str) -> Option<&Place> {
        // Which place it begins at is any number.
        #[expect(clippy::cast_possible_truncation, reason = "what is cut off is not needed")]
        let first = key as usize;
        for step in 0..TRIES.min(self.places.len()) {
            let place = &self.places[first.wrapping_add(step) & (self.places.len() - 1)];
            let mut held = place.key.load(Ordering::Acquire);
            if held == 0 {
                match place.key.compare_exchange(0, key, Ordering::AcqRel, Ordering::Acquire) {
                    Ok(_) => {
                        // Nobody else sets it, so nobody waits.
                        let _ = place.who.set((operation, side, tenant.into()));
                        return Some(place);
                    }
                    Err(other) => held = other,
                }
            }
            // One with the same hash whose name is not there yet is the same: 64 bits with a secret seed.
            let is_same = |(of, arm, name): &(Operation, Side, Box<str>)| {
                *of == operation && *arm == side && **name == *tenant
            };
            if held == key && place.who.get().is_none_or(is_same) {
                return Some(place);
            }
        }
        None
    }

    pub(super) fn take(&self, mut each: impl FnMut(Operation, Side, &str, TenantSum)) {
        for place in &self.places {
            // What is not named yet is taken the next time.
            let Some((operation, side, tenant)) = place.who.get() else { continue };
            if place.counts.load(Ordering::Relaxed) == 0 {
                continue;
            }
            let counts = place.counts.swap(0, Ordering::Relaxed);
            let slowest_us = place.slowest_us.swap(0, Ordering::Relaxed);
            let (calls, errors) = (counts % ERROR, counts / ERROR);
            each(*operation, *side, tenant, TenantSum { calls, errors, slowest_us });
        }
    }
}

fn cut(tenant: &str) -> &str {
    if tenant.len() <= NAME_MOST {
        return tenant;
    }
    let end = (0..=NAME_MOST).rev().find(|at| tenant.is_char_boundary(*at)).unwrap_or(0);
    &tenant[..end]
}

#[cfg(test)]
mod tests;
