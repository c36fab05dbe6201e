//! The arm that does not answer, run beside the one that does and compared (C3): never in the caller's way, never more than it is
//! allowed, and gone with a kill.

mod budget;
mod leash;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cutover_shared::ids::TenantId;
use cutover_shared::rollout::{Operation, Side};
use futures::FutureExt as _;
use tokio::sync::Semaphore;

pub use self::leash::{Halted, Leash};

use self::budget::Hourly;
use super::compare::{Content, differences};
use super::mismatch::{Mismatch, keep};
use super::router::Router;
use super::tally::{Outcome, Sample, Tally};
use crate::clock::Clock;
use crate::store::Db;

/// How far shadows may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShadowSettings {
    /// For one of them.
    pub timeout: Duration,
    /// Under way at once; what comes on top is shed.
    pub parallel: usize,
    /// Calls of all of them in an hour; what comes on top is no part of the sample.
    pub calls_per_hour: u64,
}

/// What shadows need.
pub struct ShadowParts {
    pub router: Router,
    pub clock: Clock,
    pub db: Db,
    pub tally: Arc<dyn Tally>,
    pub settings: ShadowSettings,
}

/// Runs shadows. Cheap to clone; clones share the bounds.
#[derive(Clone)]
pub struct Shadow(Arc<Inner>);

struct Inner {
    parts: ShadowParts,
    slots: Arc<Semaphore>,
    budget: Mutex<Hourly>,
}

/// The call that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub operation: Operation,
    pub tenant: TenantId,
    /// Who answered; the other one runs beside.
    pub answered: Side,
    /// The rollout's version that decided.
    pub version: u64,
}

/// What came of the arm beside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beside {
    /// Both are to be compared.
    Both { answered: Content, other: Content },
    /// The arm beside failed: that is an error, never a difference.
    Failed(Outcome),
    /// Nothing to compare, and nobody's fault: the world has moved between the two, or this machine had no room.
    Left,
    /// GitHub's limits have nothing left for it.
    Unaffordable,
}

impl Shadow {
    /// Nothing runs yet.
    pub fn new(parts: ShadowParts) -> Self {
        let slots = Arc::new(Semaphore::new(parts.settings.parallel));
        Self(Arc::new(Inner { parts, slots, budget: Mutex::default() }))
    }

    /// Runs `work` in a task of its own, and returns at once. `work` asks its leash before each call that leaves this process.
    /// It is dropped where it stands when its time is over or the rollout has it no longer.
    pub fn start<W>(&self, asked: Asked, work: impl FnOnce(Leash) -> W + Send + 'static)
    where
        W: Future<Output = Beside> + Send,
    {
        let Ok(slot) = self.0.slots.clone().try_acquire_owned() else {
            self.0.parts.tally.shed(asked.operation);
            return;
        };
        let inner = self.0.clone();
        tokio::spawn(async move {
            inner.run(asked, work).await;
            drop(slot);
        });
    }

    /// Shadows that could be started now.
    pub fn free(&self) -> usize {
        self.0.slots.available_permits()
    }
}

impl Inner {
    async fn run<W>(self: Arc<Self>, asked: Asked, work: impl FnOnce(Leash) -> W + Send)
    where
        W: Future<Output = Beside> + Send,
    {
        let clock = &self.parts.clock;
        let leash = Leash::new(self.clone(), &asked);
        let held = leash.clone();
        // Inside, so that a panic while it is being made stays here, too.
        let working = AssertUnwindSafe(async move { work(held).await }).catch_unwind();
        let ended = tokio::select! {
            biased;
            () = leash.cut() => None,
            ended = clock.timeout(self.parts.settings.timeout, working) => Some(ended),
        };
        let latency = leash.latency();
        let record = |outcome| {
            let (operation, side) = (asked.operation, asked.answered.other());
            let tenant = asked.tenant.as_str();
            self.parts.tally.record(&Sample { operation, side, tenant, outcome, latency, answered: false });
        };
        let unaffordable = matches!(ended, Some(Ok(Ok(Beside::Unaffordable))));
        let failed = match ended {
            Some(Ok(Ok(Beside::Both { answered, other }))) if !leash.is_halted() => {
                record(Outcome::Ok);
                return self.compare(&asked, answered, other).await;
            }
            Some(Ok(Ok(Beside::Failed(outcome)))) if !leash.is_halted() => Some(outcome),
            Some(Ok(Err(_))) => {
                tracing::error!(operation = %asked.operation, "a shadow panicked; nobody else was touched");
                Some(Outcome::Gross)
            }
            // The arm had given its answer before.
            Some(Err(_)) if leash.is_marked() => None,
            Some(Err(_)) => Some(Outcome::Gross),
            None | Some(Ok(Ok(_))) => None,
        };
        match failed {
            Some(outcome) => record(outcome),
            None => {
                if leash.is_marked() {
                    record(Outcome::Ok);
                }
                // By its design, and not for want of room.
                if leash.is_spent() || unaffordable {
                    self.parts.tally.over_budget(asked.operation);
                } else {
                    self.parts.tally.shed(asked.operation);
                }
            }
        }
    }

    async fn compare(&self, asked: &Asked, answered: Content, other: Content) {
        let (legacy, target) = match asked.answered {
            Side::Legacy => (answered, other),
            Side::Target => (other, answered),
        };
        let (tally, operation) = (&self.parts.tally, asked.operation);
        let differences = differences(&legacy, &target);
        if differences.is_empty() {
            return tally.compared(operation, true);
        }
        tracing::warn!(%operation, tenant = %asked.tenant, ?differences, "the arms' answers differ");
        let mismatch = Mismatch {
            operation,
            tenant: asked.tenant.clone(),
            at: self.parts.clock.now(),
            version: asked.version,
            differences,
        };
        let count = tally.mismatch(operation);
        let counts_itself = count.is_some();
        let kept = keep(&self.parts.db, &mismatch, count).await;
        if let Err(error) = &kept {
            tracing::error!(%error, %operation, "a difference between the arms was counted and not kept");
        }
        if kept.is_err() || !counts_itself {
            tally.compared(operation, false);
        }
    }

    /// Books a call of the hour's; false when none is left.
    fn book(&self) -> bool {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        budget.take(self.parts.settings.calls_per_hour, self.parts.clock.monotonic())
    }
}

#[cfg(test)]
mod tests;
