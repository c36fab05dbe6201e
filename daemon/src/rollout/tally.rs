//! What is counted of routed calls: each exactly once, whatever becomes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cutover_shared::ids::TenantId;
use cutover_shared::rollout::{Operation, Side};

use crate::clock::Clock;
use crate::store::Op;

/// How an arm did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It served, or said rightly that what was asked for can't be.
    Ok,
    /// It did not serve this one.
    Error,
    /// It is broken itself: it does not answer, or its credential is refused for all.
    Gross,
}

impl Outcome {
    /// Of a call that its caller gave up after so long. Who waits in vain for as long as it may take met an arm that hangs.
    fn abandoned(after: Duration, patience: Duration) -> Self {
        if after < patience { Self::Ok } else { Self::Gross }
    }
}

/// Who gives up sooner had reasons of their own, where nothing else is said of the call.
const PATIENT: Duration = Duration::from_secs(5);

/// One call of one arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample<'a> {
    pub operation: Operation,
    pub side: Side,
    pub tenant: &'a str,
    pub outcome: Outcome,
    pub latency: Duration,
    /// The caller got this arm's answer. Not so for the arm beside, and for one whose place another took.
    pub answered: bool,
}

/// Takes the counts. It neither waits nor fails: it is called on the caller's path.
pub trait Tally: Send + Sync {
    /// One call of one arm.
    fn record(&self, sample: &Sample<'_>);
    /// Both arms' answers were compared.
    fn compared(&self, operation: Operation, equal: bool);
    /// A comparison that was due was lost: there was no room for it, no time, or the world moved.
    fn shed(&self, operation: Operation);
    /// A comparison was left out because the budget of calls was used up: the sample is smaller, and nothing was lost.
    fn over_budget(&self, operation: Operation);
    /// What counts a difference in the store, in the unit that keeps it. With one, [`Tally::compared`] is not called for it.
    fn mismatch(&self, _operation: Operation) -> Option<Op> {
        None
    }
}

/// A call that is under way. Dropped without an end it is counted, too: its caller went away.
pub struct Call {
    tally: Arc<dyn Tally>,
    clock: Clock,
    operation: Operation,
    side: Side,
    tenant: TenantId,
    began: Duration,
    patience: Duration,
    open: bool,
}

impl Call {
    /// Begins now.
    pub fn begin(
        tally: &Arc<dyn Tally>,
        clock: &Clock,
        operation: Operation,
        tenant: &TenantId,
        side: Side,
    ) -> Self {
        Self {
            tally: tally.clone(),
            clock: clock.clone(),
            operation,
            side,
            tenant: tenant.clone(),
            began: clock.monotonic(),
            patience: PATIENT,
            open: true,
        }
    }

    /// It may take so long: only who waits longer and gives up met an arm that hangs.
    #[must_use]
    pub fn patient(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Ends now. `answered`: the caller gets what this arm said.
    pub fn end(mut self, outcome: Outcome, answered: bool) {
        self.count(outcome, answered, self.took());
    }

    fn took(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.began)
    }

    fn count(&mut self, outcome: Outcome, answered: bool, latency: Duration) {
        self.open = false;
        let (operation, side) = (self.operation, self.side);
        self.tally.record(&Sample { operation, side, tenant: &self.tenant.0, outcome, latency, answered });
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.open {
            let took = self.took();
            self.count(Outcome::abandoned(took, self.patience), true, took);
        }
    }
}

/// Counts in memory.
#[derive(Debug, Default)]
pub struct Counted([Counts; Operation::ALL.len()]);

#[derive(Debug, Default)]
struct Counts {
    /// By side, by outcome, by whether it answered.
    calls: [[[AtomicU64; 2]; 3]; 2],
    equal: AtomicU64,
    unequal: AtomicU64,
    shed: AtomicU64,
    over_budget: AtomicU64,
}

impl Counted {
    /// Calls of an arm that ended so; `answered`: the caller got its answer.
    pub fn calls(&self, operation: Operation, side: Side, outcome: Outcome, answered: bool) -> u64 {
        read(&self.0[operation.index()].calls[side.index()][outcome as usize][usize::from(answered)])
    }

    /// Calls that were answered, by whichever arm and however.
    pub fn answered(&self, operation: Operation) -> u64 {
        let sides = self.0[operation.index()].calls.iter();
        sides.flatten().map(|[_, answered]| read(answered)).sum()
    }

    /// Calls of an arm beside, and of one whose place another took.
    pub fn beside(&self, operation: Operation) -> u64 {
        self.0[operation.index()].calls.iter().flatten().map(|[beside, _]| read(beside)).sum()
    }

    /// Answers that were equal, and those that were not.
    pub fn comparisons(&self, operation: Operation) -> (u64, u64) {
        let of = &self.0[operation.index()];
        (read(&of.equal), read(&of.unequal))
    }

    /// Comparisons that were lost.
    pub fn sheds(&self, operation: Operation) -> u64 {
        read(&self.0[operation.index()].shed)
    }

    /// Comparisons that the budget left out.
    pub fn beyond_budget(&self, operation: Operation) -> u64 {
        read(&self.0[operation.index()].over_budget)
    }
}

fn read(of: &AtomicU64) -> u64 {
    of.load(Ordering::Relaxed)
}

fn raise(of: &AtomicU64) {
    of.fetch_add(1, Ordering::Relaxed);
}

impl Tally for Counted {
    fn record(&self, sample: &Sample<'_>) {
        let of = &self.0[sample.operation.index()].calls[sample.side.index()];
        raise(&of[sample.outcome as usize][usize::from(sample.answered)]);
    }

    fn compared(&self, operation: Operation, equal: bool) {
        let of = &self.0[operation.index()];
        raise(if equal { &of.equal } else { &of.unequal });
    }

    fn shed(&self, operation: Operation) {
        raise(&self.0[operation.index()].shed);
    }

    fn over_budget(&self, operation: Operation) {
        raise(&self.0[operation.index()].over_budget);
    }
}

#[cfg(test)]
mod tests;
