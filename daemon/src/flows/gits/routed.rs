//! One call on its way: which arm, counted once, with its intent before and its record after.

use std::sync::Arc;

use cutover_shared::ids::TenantId;
use cutover_shared::rollout::{Operation, Side};

use super::Gits;
use super::credential::Way;
use super::error::{Failure, GitsError};
use crate::rollout::decide::Decision;
use crate::rollout::second::{Asked, Pending, Record};
use crate::rollout::tally::{Call, Outcome};
use crate::sandbox::{Branch, Cloned, GitArm};

/// A call whose arm is chosen. Dropped, it is counted as given up by its caller, and its intent is settled later.
pub(super) struct Routed {
    pub(super) decision: Decision,
    pub(super) arm: Arc<dyn GitArm>,
    call: Call,
    behind: Option<Pending>,
}

impl Gits {
    pub(super) fn arm(&self, side: Side) -> Arc<dyn GitArm> {
        Arc::clone(&self.0.arms[side.index()])
    }

    fn decide(&self, operation: Operation, tenant: &TenantId) -> Decision {
        self.0.router.decide(operation, tenant.as_str())
    }

    /// Asks the rollout, last of all before the arm works; the intent is durable then.
    ///
    /// # Errors
    /// The credential of the way is not to be used any more, and there is no other.
    pub(super) async fn begin(
        &self,
        operation: Operation,
        tenant: &TenantId,
        way: &mut Way,
        asked: impl Fn(Decision) -> Asked + Send,
    ) -> Result<Routed, GitsError> {
        let mut decision = self.decide(operation, tenant);
        let mut behind = self.intend(asked(decision)).await;
        // A kill or a way back that came while the intent was written is obeyed. Once: whoever has left the target is not sent there.
        loop {
            let obeyed = way.obey().await;
            let newest = self.decide(operation, tenant);
            let left = decision.side == Side::Target && newest.side == Side::Legacy;
            if obeyed.is_ok() && left {
                if let Some(behind) = behind {
                    behind.withdrawn().await;
                }
                decision = newest;
                behind = self.intend(asked(decision)).await;
                continue;
            }
            // Who hangs up before git's own time is over has met nothing that hangs: a clone may take that long.
            let call = Call::begin(&self.0.tally, &self.0.clock, operation, tenant, decision.side)
                .patient(self.0.quota.wall);
            let routed = Routed { decision, arm: self.arm(decision.side), call, behind };
            let Err(failure) = obeyed else {
                self.0.router.begins(decision.side);
                return Ok(routed);
            };
            return Err(routed.failed(failure).await);
        }
    }

    async fn intend(&self, asked: Asked) -> Option<Pending> {
        self.0.second.get()?.intend(asked).await
    }

    /// There is no credential: that counts for the arm whose turn it would have been.
    pub(super) fn refused(&self, operation: Operation, tenant: &TenantId, failure: Failure) -> GitsError {
        let side = self.decide(operation, tenant).side;
        Call::begin(&self.0.tally, &self.0.clock, operation, tenant, side).end(failure.outcome, true);
        failure.error
    }
}

impl Routed {
    /// The arm has not done it.
    pub(super) async fn failed(self, failure: Failure) -> GitsError {
        self.call.end(failure.outcome, true);
        if let Some(behind) = self.behind {
            behind.withdrawn().await;
        }
        failure.error
    }

    /// The arm failed, and what was asked may be done all the same: whoever settles the intent asks the remote.
    pub(super) fn unsure(self, failure: Failure) -> GitsError {
        self.call.end(failure.outcome, true);
        failure.error.of_unsure()
    }

    /// The arm did it.
    pub(super) async fn done(self, record: Record) {
        self.call.end(Outcome::Ok, true);
        if let Some(behind) = self.behind {
            behind.answered(record).await;
        }
    }
}

/// A clone by an arm, with as many credentials as the way has.
pub(super) async fn cloned(arm: &dyn GitArm, way: &mut Way) -> Result<Cloned, Failure> {
    loop {
        match arm.clone_repository(&way.ask).await {
            Ok(cloned) => return Ok(cloned),
            Err(error) => way.after(error).await?,
        }
    }
}

/// Where a branch is at the remote, asked by an arm.
pub(super) async fn verified(
    arm: &dyn GitArm,
    way: &mut Way,
    branch: &Branch,
) -> Result<Option<String>, Failure> {
    loop {
        match arm.verify_remote(&way.ask, branch).await {
            Ok(at) => return Ok(at),
            Err(error) => way.after(error).await?,
        }
    }
}
