//! What decides, in memory. A decision reads it without waiting for anybody; writers replace it whole.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use cutover_shared::rollout::{Operation, RolloutName, Side, Stage, Why};
use tokio::sync::watch;

use super::decide::{Decision, Plan, decide};
use crate::run::Brake;

/// Something that leads back and holds in memory, whatever the store says, until it is stored and let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Legacy for everybody.
    Killed,
    /// No further than this stage.
    Back(Stage),
}

/// The plans of all rollouts. Cheap to clone; clones share everything.
#[derive(Clone, Debug)]
pub struct Router(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    brake: Brake,
    plans: [ArcSwapOption<Plan>; RolloutName::ALL.len()],
    /// Calls that began on the target.
    targets: AtomicU64,
    /// Other replicas could not be asked for longer than the lease.
    stale: AtomicBool,
    /// What holds, and the plan under it as the store has it. The lock is for writers alone.
    holds: Mutex<[Held; RolloutName::ALL.len()]>,
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Held {
    hold: Option<Hold>,
    stored: Option<Arc<Plan>>,
}

impl Router {
    /// Knows no rollout yet: everything is legacy.
    pub fn new(brake: Brake) -> Self {
        Self(Arc::new(Inner {
            brake,
            plans: Default::default(),
            targets: AtomicU64::new(0),
            stale: AtomicBool::new(false),
            holds: Mutex::default(),
            changed: watch::Sender::new(0),
        }))
    }

    /// The decision for one call: no lock, no allocation, no waiting.
    pub fn decide(&self, operation: Operation, tenant: &str) -> Decision {
        // Read before the plan: a kill that comes between the two is seen by whoever begins after it.
        let killed = self.0.brake.is_pulled();
        let plan = self.0.plans[operation.rollout().index()].load();
        match plan.as_deref() {
            Some(plan) if !self.0.stale.load(Ordering::SeqCst) => decide(plan, operation, tenant, killed),
            _ => Decision {
                side: Side::Legacy,
                why: if killed { Why::Killed } else { Why::Unread },
                stage: Stage::Off,
                version: plan.as_deref().map_or(0, |plan| plan.version),
                bucket: 0,
                shadow: false,
                second_write: false,
            },
        }
    }

    /// What decides now; none before the store was read.
    pub fn plan(&self, name: RolloutName) -> Option<Arc<Plan>> {
        self.0.plans[name.index()].load_full()
    }

    /// A caller's call of an arm begins now. Counted apart from decisions: a caller that decided before a kill and begins after it
    /// must show.
    pub fn begins(&self, side: Side) {
        if side == Side::Target {
            self.0.targets.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// How many calls began on the target since the start.
    pub fn targets(&self) -> u64 {
        self.0.targets.load(Ordering::SeqCst)
    }

    /// Everything is killed.
    pub fn is_killed(&self) -> bool {
        self.0.brake.is_pulled()
    }

    /// What the store has. An older version than the one before is no news.
    pub fn publish(&self, plan: Plan) {
        let mut holds = self.holds();
        let held = &mut holds[plan.name.index()];
        if held.stored.as_ref().is_some_and(|stored| stored.version > plan.version) {
            return;
        }
        held.stored = Some(Arc::new(plan));
        self.show(held);
        drop(holds);
        self.tell();
    }

    /// Takes effect before it returns, for every decision that begins afterwards.
    pub fn hold(&self, name: RolloutName, hold: Hold) {
        let mut holds = self.holds();
        let held = &mut holds[name.index()];
        // Neither a kill nor a longer way back is weakened by what comes after it.
        held.hold = Some(match (held.hold, hold) {
            (Some(Hold::Killed), _) | (_, Hold::Killed) => Hold::Killed,
            (Some(Hold::Back(before)), Hold::Back(stage)) => Hold::Back(before.min(stage)),
            (None, hold) => hold,
        });
        self.show(held);
        drop(holds);
        self.tell();
    }

    /// What was held is in the store, published before.
    pub fn let_go(&self, name: RolloutName) {
        let mut holds = self.holds();
        let held = &mut holds[name.index()];
        held.hold = None;
        self.show(held);
        drop(holds);
        self.tell();
    }

    /// Whether something holds that the store does not have yet.
    pub fn held(&self, name: RolloutName) -> Option<Hold> {
        self.holds()[name.index()].hold
    }

    /// Contact with the other replicas is lost, or found again.
    pub fn set_stale(&self, stale: bool) {
        if self.0.stale.swap(stale, Ordering::SeqCst) != stale {
            self.tell();
        }
    }

    /// Something changed that decisions stand on: also to be called when the brake was moved.
    pub fn tell(&self) {
        self.0.changed.send_modify(|n| *n += 1);
    }

    /// A number that rises with every change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    fn show(&self, held: &Held) {
        let Some(stored) = &held.stored else { return };
        let shown = match held.hold {
            None => stored.clone(),
            Some(Hold::Killed) => Arc::new(Plan { killed: true, ..(**stored).clone() }),
            Some(Hold::Back(stage)) if stage < stored.stage => Arc::new(stored.back(stage)),
            Some(Hold::Back(_)) => stored.clone(),
        };
        self.0.plans[stored.name.index()].store(Some(shown));
    }

    fn holds(&self) -> MutexGuard<'_, [Held; RolloutName::ALL.len()]> {
        self.0.holds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
