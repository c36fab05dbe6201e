//! The kill switch tried on a copy: a router and a brake of its own with the plan that decides now. What serves is not touched.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use cutover_shared::rollout::{Operation, RolloutName, Side, Why};
use cutover_shared::rpc::ReplicaState;

use super::decide::Plan;
use super::peers::{Confirmed, Replica, receipts};
use super::router::{Hold, Router};
use crate::clock::Clock;
use crate::run::Brake;

/// Callers that decide while it is killed.
const CALLERS: usize = 2;

/// Rounds through all tenants that each of them makes until the receipt goes out. One call that is not stopped begins more often than
/// all callers may.
const ROUNDS: u64 = 4;

/// A copy that decides like the real one, and that may be killed.
pub struct Rehearsal {
    name: RolloutName,
    replica: Replica,
}

/// What did not go as a kill must, in words.
type Trouble = String;

impl Rehearsal {
    /// The copy of a plan. A kill that holds is left out of it: there would be nothing to kill.
    pub fn new(plan: &Plan, clock: Clock) -> Self {
        let brake = Brake::pulled();
        if let Some(pull) = brake.newest() {
            brake.release(pull);
        }
        let router = Router::new(brake.clone());
        router.publish(Plan { killed: false, ..plan.clone() });
        Self { name: plan.name, replica: Replica { brake, router, clock } }
    }

    /// Pulls both switches, that of everything and that of this rollout, and lets go of them again. How many of these tenants were
    /// on the target before, and were not while it was killed.
    ///
    /// # Errors
    /// What was not as it must be; the copy is of no use afterwards.
    pub fn walk(&self, tenants: &[&str]) -> Result<usize, Trouble> {
        let before = self.on_target(tenants);
        let confirmed = self.kill_under_calls(tenants);
        let receipt = receipts(confirmed, Vec::new(), confirmed.at);
        // Each caller may have decided right before; whoever decides afterwards begins nothing there.
        let holds = |after: Option<u64>| after.is_some_and(|after| after <= CALLERS as u64);
        if !receipt.iter().all(|one| one.state == ReplicaState::Confirmed && holds(one.targets_after)) {
            return Err(format!("the receipt of a kill does not confirm it: {receipt:?}"));
        }
        self.all_legacy(tenants, "a kill of everything")?;
        if let Some(pull) = self.replica.brake.newest() {
            self.replica.brake.release(pull);
        }
        self.replica.router.hold(self.name, Hold::Killed);
        self.all_legacy(tenants, "a kill of the rollout")?;
        self.replica.router.let_go(self.name);
        let after = self.on_target(tenants);
        if after != before {
            return Err(format!(
                "{} tenants were on the target before the kill, {} are after it",
                before.len(),
                after.len()
            ));
        }
        Ok(before.len())
    }

    /// Pulls the switch of everything while callers decide and begin. Its word goes out when each of them has gone through all tenants
    /// several times since.
    fn kill_under_calls(&self, tenants: &[&str]) -> Confirmed {
        let (made, over) = ([const { AtomicU64::new(0) }; CALLERS], AtomicBool::new(false));
        let router = &self.replica.router;
        let call = |made: &AtomicU64| {
            while !over.load(Ordering::SeqCst) {
                for tenant in tenants {
                    for operation in self.operations() {
                        router.begins(router.decide(operation, tenant).side);
                    }
                }
                made.fetch_add(1, Ordering::SeqCst);
            }
        };
        let seen = || made.each_ref().map(|made| made.load(Ordering::SeqCst));
        let wait = |since: [u64; CALLERS], rounds: u64| {
            while seen().iter().zip(since).any(|(made, since)| *made < since + rounds) {
                std::thread::yield_now();
            }
        };
        std::thread::scope(|scope| {
            for made in &made {
                scope.spawn(|| call(made));
            }
            wait(seen(), 1);
            let pulled = self.replica.kill();
            wait(seen(), ROUNDS);
            let confirmed = self.replica.confirm(pulled);
            over.store(true, Ordering::SeqCst);
            confirmed
        })
    }

    fn operations(&self) -> impl Iterator<Item = Operation> + use<> {
        self.name.operations()
    }

    /// Those whose calls of any operation go to the target.
    fn on_target<'a>(&self, tenants: &[&'a str]) -> Vec<&'a str> {
        let goes = |tenant: &&str| {
            self.operations().any(|of| self.replica.router.decide(of, tenant).side == Side::Target)
        };
        tenants.iter().copied().filter(goes).collect()
    }

    fn all_legacy(&self, tenants: &[&str], what: &str) -> Result<(), Trouble> {
        for tenant in tenants {
            for operation in self.operations() {
                let decision = self.replica.router.decide(operation, tenant);
                if (decision.side, decision.why) != (Side::Legacy, Why::Killed) {
                    return Err(format!("{what} leaves {operation} of {tenant} on {}", decision.side));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
