//! What decided at an earlier moment.

use cutover_shared::rollout::RolloutName;

use super::{RolloutError, Rollouts, read_state};
use crate::rollout::decide::Plan;

impl Rollouts {
    /// The plan of that moment: what was stored by then, and the ways back that held in memory and were stored later.
    pub(super) async fn plan_at(&self, name: RolloutName, at: i64) -> Result<Plan, RolloutError> {
        let row = self.0.db.rollout_at(name, at).await?.ok_or(RolloutError::Unrecorded(name))?;
        let state = read_state(&row.body)?;
        let lists = self.lists(&state).await?;
        let mut plan = state.plan(name, row.version, lists, self.0.settings.shadow_buckets)?;
        for ahead in self.0.db.rollout_ahead(name, row.version, at).await? {
            if ahead.act == "kill" {
                plan.killed = true;
            } else if ahead.to < plan.stage {
                plan = plan.back(ahead.to);
            }
        }
        Ok(plan)
    }
}
