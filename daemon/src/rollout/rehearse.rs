//! The kill switch tried on a copy: a router and a brake of its own with the plan that decides now. What serves is not touched.

use cutover_shared::rollout::{Operation, RolloutName, Side, Why};
use cutover_shared::rpc::ReplicaState;

use super::decide::Plan;
use super::peers::{Replica, receipts};
use super::router::{Hold, Router};
use crate::clock::Clock;
use crate::run::Brake;

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
        let confirmed = self.replica.kill();
        let receipt = receipts(confirmed, Vec::new(), confirmed.at);
        if !receipt.iter().all(|one| one.state == ReplicaState::Confirmed && one.targets_after == Some(0)) {
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
