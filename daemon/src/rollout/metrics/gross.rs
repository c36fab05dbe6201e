//! Gross failures of the target in a row: how many, of how many tenants. One number holds both, so that no order of threads shows a
//! run that never was.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// The length of a run that is told.
pub const TOLD: u32 = 10;

/// Tenants that a run tells apart; more count as these.
pub const TENANTS_MOST: u32 = 3;

/// A run of gross failures among calls that the target answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GrossRun {
    /// At most 65,535.
    pub calls: u32,
    /// Tenants in it, at most [`TENANTS_MOST`].
    pub tenants: u32,
}

/// The lowest 16 bits count; the three words above are fingerprints of tenants.
pub(super) struct Gross {
    run: AtomicU64,
    told: watch::Sender<GrossRun>,
}

impl Default for Gross {
    fn default() -> Self {
        Self { run: AtomicU64::new(0), told: watch::Sender::new(GrossRun::default()) }
    }
}

impl Gross {
    pub(super) fn now(&self) -> GrossRun {
        read(self.run.load(Ordering::SeqCst))
    }

    pub(super) fn watch(&self) -> watch::Receiver<GrossRun> {
        self.told.subscribe()
    }

    /// A gross failure of the tenant with this fingerprint, which is not 0.
    pub(super) fn gross(&self, tenant: u16) {
        let mut before = self.run.load(Ordering::SeqCst);
        let after = loop {
            let after = with(before, tenant);
            match self.run.compare_exchange_weak(before, after, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => break after,
                Err(now) => before = now,
            }
        };
        let (before, after) = (read(before), read(after));
        if after.calls >= TOLD && (before.calls < TOLD || before.tenants != after.tenants) {
            self.tell();
        }
    }

    /// Another answer of the target: the run is over.
    pub(super) fn other(&self) {
        if self.run.load(Ordering::SeqCst) != 0 && read(self.run.swap(0, Ordering::SeqCst)).calls >= TOLD {
            self.tell();
        }
    }

    /// Reads the run again under the channel's lock, so that the last word is the newest. A few times in a run, not each call.
    fn tell(&self) {
        self.told.send_modify(|told| *told = self.now());
    }
}

fn words(run: u64) -> [u16; 4] {
    [0, 16, 32, 48].map(|place| ((run >> place) & 0xffff) as u16)
}

fn read(run: u64) -> GrossRun {
    let [calls, tenants @ ..] = words(run);
    let tenants = tenants.into_iter().filter(|tenant| *tenant != 0).count();
    GrossRun { calls: u32::from(calls), tenants: u32::try_from(tenants).unwrap_or(TENANTS_MOST) }
}

fn with(run: u64, tenant: u16) -> u64 {
    let [calls, mut tenants @ ..] = words(run);
    if !tenants.contains(&tenant)
        && let Some(free) = tenants.iter_mut().find(|place| **place == 0)
    {
        *free = tenant;
    }
    let words = [calls.saturating_add(1), tenants[0], tenants[1], tenants[2]];
    words.into_iter().rev().fold(0, |all, word| (all << 16) | u64::from(word))
}

#[cfg(test)]
mod tests;
