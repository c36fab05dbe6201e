//! What the console and the metrics show of the service.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::error::SandboxError;
use super::quota::QuotaKind;

/// Upper bounds of the buckets of waits, in milliseconds; one more bucket holds what is longer.
pub const WAIT_BOUNDS_MS: [u64; 12] = [1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];

/// How long callers waited for a sandbox of the pool, cold ones included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// One for each bound of [`WAIT_BOUNDS_MS`], and one for what is longer; not summed up.
    pub buckets: [u64; WAIT_BOUNDS_MS.len() + 1],
    pub count: u64,
    pub sum_ms: u64,
}

/// The service at a moment. Counters begin with the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Sandboxes that stand ready.
    pub warm: usize,
    /// How many should.
    pub wanted: usize,
    /// In use, of the pooled arm.
    pub leased: usize,
    /// In use, of the direct arm.
    pub leased_direct: usize,
    /// Callers that wait for a sandbox, both arms.
    pub waiting: usize,
    pub mirrors: usize,
    pub mirror_bytes: u64,
    /// Leases of the pooled arm that found a warm sandbox.
    pub served_warm: u64,
    /// Leases of the pooled arm that had to make one.
    pub served_cold: u64,
    /// Fetches into a mirror that had the repository before.
    pub mirror_hits: u64,
    /// Fetches into a new mirror.
    pub mirror_misses: u64,
    /// Leaked sandboxes that were taken away: of a process that is gone, or kept over their time.
    pub reaped: u64,
    /// Warm sandboxes that failed their check and were replaced.
    pub unhealthy: u64,
    /// Operations that were not done in time.
    pub timed_out: u64,
    /// Hits of each quota.
    pub quota_hits: Vec<(QuotaKind, u64)>,
    pub pool_wait: Waits,
    /// Why the last check failed; nothing when it did not.
    pub trouble: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) served_warm: AtomicU64,
    pub(super) served_cold: AtomicU64,
    pub(super) mirror_hits: AtomicU64,
    pub(super) mirror_misses: AtomicU64,
    pub(super) reaped: AtomicU64,
    pub(super) unhealthy: AtomicU64,
    timed_out: AtomicU64,
    quota: [AtomicU64; QuotaKind::ALL.len()],
    buckets: [AtomicU64; WAIT_BOUNDS_MS.len() + 1],
    sum_ms: AtomicU64,
}

pub(super) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

pub(super) fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Counts {
    pub(super) fn waited(&self, wait: Duration) {
        let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let at = WAIT_BOUNDS_MS.iter().position(|bound| ms <= *bound).unwrap_or(WAIT_BOUNDS_MS.len());
        add(&self.buckets[at]);
        self.sum_ms.fetch_add(ms, Ordering::Relaxed);
    }

    pub(super) fn failed(&self, error: &SandboxError) {
        match error {
            SandboxError::Quota(kind) => {
                if let Some(at) = QuotaKind::ALL.iter().position(|one| one == kind) {
                    add(&self.quota[at]);
                }
            }
            SandboxError::TimedOut(_) => add(&self.timed_out),
            _ => {}
        }
    }

    /// The counters; whoever calls adds what stands now.
    pub(super) fn figures(&self) -> Figures {
        let mut pool_wait = Waits { sum_ms: read(&self.sum_ms), ..Waits::default() };
        for (shown, counted) in pool_wait.buckets.iter_mut().zip(&self.buckets) {
            *shown = read(counted);
            pool_wait.count += *shown;
        }
        Figures {
            served_warm: read(&self.served_warm),
            served_cold: read(&self.served_cold),
            mirror_hits: read(&self.mirror_hits),
            mirror_misses: read(&self.mirror_misses),
            reaped: read(&self.reaped),
            unhealthy: read(&self.unhealthy),
            timed_out: read(&self.timed_out),
            quota_hits: QuotaKind::ALL
                .iter()
                .zip(&self.quota)
                .map(|(kind, hits)| (*kind, read(hits)))
                .collect(),
            pool_wait,
            ..Figures::default()
        }
    }
}
