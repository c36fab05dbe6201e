//! Counting: a call is one addition to one number, which says arm, outcome and latency at once. So no flush can see half of it, and
//! taking a number out (by a swap with zero) neither loses nor doubles a call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cutover_shared::rollout::{Operation, RolloutName, Side};
use tokio::sync::watch;

use super::buckets::{BUCKETS, Histogram, bucket};
use super::gross::{Gross, GrossRun};
use super::tenants::{TenantSum, Tenants};
pub use crate::rollout::tally::{Outcome, Sample};

const OUTCOMES: [Outcome; 3] = [Outcome::Ok, Outcome::Error, Outcome::Gross];

/// Where calls are recorded. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Recorder(Arc<Inner>);

struct Inner {
    /// By operation, then side.
    arms: Box<[Arm]>,
    /// By [`Operation::index`].
    beside: [Beside; Operation::ALL.len()],
    tenants: Tenants,
    /// By [`RolloutName::index`].
    gross: [Gross; RolloutName::ALL.len()],
    /// Failures of any kind in a row, by [`RolloutName::index`] and by [`Operation::index`].
    failed: [Gross; RolloutName::ALL.len()],
    failing: [Gross; Operation::ALL.len()],
}

struct Arm {
    /// By outcome, then bucket.
    counts: Box<[AtomicU64]>,
    answered: AtomicU64,
}

#[derive(Default)]
struct Beside {
    equal: AtomicU64,
    mismatched: AtomicU64,
    shed: AtomicU64,
    over_budget: AtomicU64,
}

/// What one arm did in one operation since it was last taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Delta {
    pub(super) operation: Operation,
    pub(super) side: Side,
    pub(super) errors: u64,
    pub(super) gross: u64,
    pub(super) answered: u64,
    pub(super) histogram: Histogram,
    pub(super) compared: u64,
    pub(super) mismatched: u64,
    pub(super) shed: u64,
    pub(super) over_budget: u64,
}

impl Delta {
    /// Calls by [`Outcome`].
    pub(super) fn counts(&self) -> [u64; 3] {
        [self.histogram.total() - self.errors, self.errors - self.gross, self.gross]
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl Recorder {
    /// Everything is 0.
    pub fn new() -> Self {
        let zeros = |n: usize| (0..n).map(|_| AtomicU64::new(0)).collect();
        let arm = |_| Arm { counts: zeros(OUTCOMES.len() * BUCKETS), answered: AtomicU64::new(0) };
        Self(Arc::new(Inner {
            arms: (0..Operation::ALL.len() * Side::ALL.len()).map(arm).collect(),
            beside: Default::default(),
            tenants: Tenants::new(),
            gross: Default::default(),
            failed: Default::default(),
            failing: Default::default(),
        }))
    }

    /// Counts a call. No lock, no waiting; nothing is allocated, but for the first call of a tenant in an operation and arm, whose
    /// name is kept.
    pub fn record(&self, sample: &Sample<'_>) {
        let Sample { operation, side, tenant, outcome, latency, answered } = *sample;
        let us =
            latency.as_secs().saturating_mul(1_000_000).saturating_add(u64::from(latency.subsec_micros()));
        let arm = &self.0.arms[place(operation, side)];
        arm.counts[outcome as usize * BUCKETS + bucket(us)].fetch_add(1, Ordering::Relaxed);
        self.0.tenants.record(operation, side, tenant, outcome != Outcome::Ok, us);
        if !answered {
            return;
        }
        arm.answered.fetch_add(1, Ordering::Relaxed);
        if side == Side::Target {
            let name = operation.rollout().index();
            let (gross, failed, failing) =
                (&self.0.gross[name], &self.0.failed[name], &self.0.failing[operation.index()]);
            if outcome == Outcome::Ok {
                gross.other();
                failed.other();
                failing.other();
                return;
            }
            let who = self.0.tenants.fingerprint(tenant);
            failed.gross(who);
            failing.gross(who);
            if outcome == Outcome::Gross {
                gross.gross(who);
            } else {
                gross.other();
            }
        }
    }

    /// Counts a comparison of both arms' answers. One that found a difference is better stored together with it:
    /// [`crate::store::RolloutMetricOp::Compared`].
    pub fn compared(&self, operation: Operation, equal: bool) {
        let beside = &self.0.beside[operation.index()];
        let count = if equal { &beside.equal } else { &beside.mismatched };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a call beside that was lost.
    pub fn shed(&self, operation: Operation) {
        self.0.beside[operation.index()].shed.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a call beside that the budget left out.
    pub fn over_budget(&self, operation: Operation) {
        self.0.beside[operation.index()].over_budget.fetch_add(1, Ordering::Relaxed);
    }

    /// Gross failures in a row now.
    pub fn gross_run(&self, name: RolloutName) -> GrossRun {
        self.0.gross[name.index()].now()
    }

    /// Tells at once when ten gross failures in a row are reached, when another tenant joins a run of so many, and when it ends.
    pub fn gross_runs(&self, name: RolloutName) -> watch::Receiver<GrossRun> {
        self.0.gross[name.index()].watch()
    }

    /// Failures of any kind in a row, among calls that the target answered.
    pub fn failed_run(&self, name: RolloutName) -> GrossRun {
        self.0.failed[name.index()].now()
    }

    /// The same in one operation.
    pub fn failing_run(&self, operation: Operation) -> GrossRun {
        self.0.failing[operation.index()].now()
    }

    /// Begins to count failures in a row anew: what was told was acted upon.
    pub fn forget_runs(&self, name: RolloutName) {
        self.0.gross[name.index()].other();
        self.0.failed[name.index()].other();
        for operation in name.operations() {
            self.0.failing[operation.index()].other();
        }
    }

    /// Calls that are in the sums and not with their tenant, because there were too many tenants; since the start.
    pub fn beyond_tenants(&self) -> u64 {
        self.0.tenants.beyond()
    }

    /// Takes out what was counted. Two that take share it between them.
    pub(super) fn take(&self) -> Vec<Delta> {
        let mut all = Vec::new();
        for operation in Operation::ALL.iter().copied() {
            for side in Side::ALL.iter().copied() {
                all.extend(self.take_arm(operation, side));
            }
        }
        all
    }

    /// Takes out what was counted of tenants.
    pub(super) fn take_tenants(&self, each: impl FnMut(Operation, Side, &str, TenantSum)) {
        self.0.tenants.take(each);
    }

    fn take_arm(&self, operation: Operation, side: Side) -> Option<Delta> {
        let arm = &self.0.arms[place(operation, side)];
        let mut histogram = Histogram::default();
        let mut of = [0_u64; OUTCOMES.len()];
        for (at, count) in arm.counts.iter().enumerate() {
            let calls = taken(count);
            if calls > 0 {
                histogram.add_bucket(at % BUCKETS, calls);
                of[at / BUCKETS] += calls;
            }
        }
        let answered = taken(&arm.answered);
        let [_, errors, gross] = of;
        let (mut compared, mut mismatched, mut shed, mut over_budget) = (0, 0, 0, 0);
        if side == Side::Target {
            let beside = &self.0.beside[operation.index()];
            mismatched = taken(&beside.mismatched);
            compared = mismatched + taken(&beside.equal);
            shed = taken(&beside.shed);
            over_budget = taken(&beside.over_budget);
        }
        let delta = Delta {
            operation,
            side,
            errors: errors + gross,
            gross,
            answered,
            histogram,
            compared,
            mismatched,
            shed,
            over_budget,
        };
        let beside = delta.compared + delta.shed + delta.over_budget;
        (delta.histogram.total() + delta.answered + beside > 0).then_some(delta)
    }
}

const fn place(operation: Operation, side: Side) -> usize {
    operation.index() * Side::ALL.len() + side.index()
}

/// Most are 0: reading one first spares the swap, and what is added in between is there the next time.
fn taken(count: &AtomicU64) -> u64 {
    if count.load(Ordering::Relaxed) == 0 { 0 } else { count.swap(0, Ordering::Relaxed) }
}

#[cfg(test)]
mod tests;
