//! Acts that move nobody to another stage: flags, exceptions, freezes, and whether to migrate at all.

use cutover_shared::ids::TenantId;
use cutover_shared::rollout::{ChangeView, Decided, FreezeView, Operation, RolloutName, Side};
use serde_json::json;

use super::{RolloutError, Rollouts, cut};
use crate::audit::Who;
use crate::rollout::state::{OVERRIDES_MOST, Override, State};

impl Rollouts {
    /// Switches an operation's flag.
    pub async fn flag(
        &self,
        operation: Operation,
        on: bool,
        reason: &str,
        who: &Who,
    ) -> Result<Option<ChangeView>, RolloutError> {
        self.change(operation.rollout(), who, |known| {
            let mut state = known.state.clone();
            let changed = state.flag(operation, on);
            let detail = json!({ "flag": operation.flag(), "on": on });
            Ok(changed.then(|| known.changed(state, "flag", reason, detail)))
        })
        .await
    }

    /// Sets or takes away a tenant's exception.
    pub async fn set_override(
        &self,
        name: RolloutName,
        tenant: &TenantId,
        side: Option<Side>,
        reason: &str,
        who: &Who,
    ) -> Result<Option<ChangeView>, RolloutError> {
        // An exception of a tenant that has left the catalog can still be taken away.
        let has_one = self.known(name)?.state.overrides.contains_key(tenant);
        if side.is_some() || !has_one {
            self.catalogued(tenant).await?;
        }
        let at = self.0.clock.now();
        self.change(name, who, |known| {
            let mut state = known.state.clone();
            let before = state.overrides.get(tenant).map(|one| one.side);
            if before == side {
                return Ok(None);
            }
            match side {
                None => {
                    state.overrides.remove(tenant);
                }
                Some(side) => {
                    let (by, reason) = (who.operator.clone(), cut(reason));
                    state.overrides.insert(tenant.clone(), Override { side, reason, by, at });
                }
            }
            if state.overrides.len() > OVERRIDES_MOST {
                return Err(RolloutError::Overrides(OVERRIDES_MOST));
            }
            let detail = json!({ "tenant": tenant, "before": before, "after": side });
            Ok(Some(known.changed(state, "override", reason, detail)))
        })
        .await
    }

    /// Stops automation and every advance. A second freeze keeps the first one's reason.
    pub async fn freeze(
        &self,
        name: RolloutName,
        reason: &str,
        who: &Who,
    ) -> Result<Option<ChangeView>, RolloutError> {
        let at = self.0.clock.now();
        self.change(name, who, |known| {
            let mut state = known.state.clone();
            let fresh = state.freeze(FreezeView { reason: cut(reason), by: who.operator.clone(), at });
            Ok(fresh.then(|| known.changed(state, "freeze", reason, serde_json::Value::Null)))
        })
        .await
    }

    /// Whether to migrate at all: that it is not needed closes the phases, that it is opens them. The same again is a review, and a
    /// change. `evidence` is kept with it.
    pub async fn decide(
        &self,
        name: RolloutName,
        decided: Decided,
        evidence: serde_json::Value,
        who: &Who,
    ) -> Result<Option<ChangeView>, RolloutError> {
        self.change(name, who, |known| {
            let reason = cut(&decided.reason);
            let detail = json!({ "decision": decided.decision, "worth": evidence });
            let decided = Decided { reason: reason.clone(), ..decided };
            let state = State { decided: Some(decided), ..known.state.clone() };
            Ok(Some(known.changed(state, "decide", &reason, detail)))
        })
        .await
    }

    /// Lets automation go on.
    pub async fn unfreeze(&self, name: RolloutName, who: &Who) -> Result<Option<ChangeView>, RolloutError> {
        self.change(name, who, |known| {
            let mut state = known.state.clone();
            Ok(state.unfreeze().then(|| known.changed(state, "unfreeze", "", serde_json::Value::Null)))
        })
        .await
    }
}
