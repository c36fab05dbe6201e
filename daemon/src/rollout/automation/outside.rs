//! What the judge is told besides windows: how long the target has failed everybody, whose data is wrong, which critical operation fails.

use cutover_shared::rollout::{RolloutName, Side};

use super::fed::{RUN_CALLS, RUN_TENANTS, measures_now, row_of};
use super::{Automation, Kept};
use crate::clock::Millis;
use crate::rollout::judge::Outside;
use crate::rollout::state::State;
use crate::store::ReadError;

/// How long the number of tenants that were seen is good for, milliseconds.
const SEEN_MS: i64 = 60 * 1_000;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

impl Automation {
    /// What is known besides windows.
    pub(super) async fn outside(
        &self,
        name: RolloutName,
        state: &State,
        kept: &mut Kept,
        tenants: u64,
        now: Millis,
    ) -> Result<Outside, ReadError> {
        let failed = |run| row_of(run, tenants).reaches(RUN_CALLS, RUN_TENANTS);
        let is_named = |word: &str| kept.judge.settings().critical_functions.contains(word);
        let failing = name
            .operations()
            .filter(|of| is_named(of.word()) && failed(self.recorder.failing_run(*of)))
            .map(|of| of.word().to_owned())
            .collect();
        // One tenant alone is not a disruption of the service, however long its calls fail.
        let is_wide = failed(self.recorder.failed_run(name));
        let disruption_ms = if is_wide { kept.disruption.length_ms() } else { 0 };
        let users_wrong = self.db.mismatched_tenants(name, kept.wrong_since).await?;
        let users = if users_wrong == 0 { tenants } else { self.seen(name, kept, now).await? };
        let users = users.max(users_wrong);
        let measures = measures_now(&self.windows.measured(name, state.stage_since).await?);
        Ok(Outside { failing, disruption_ms, users, users_wrong, measures, ..Outside::default() })
    }

    /// Tenants whose calls the target was part of; counted once a minute, because it reads a row a day and tenant.
    async fn seen(&self, name: RolloutName, kept: &mut Kept, now: Millis) -> Result<u64, ReadError> {
        if let Some((at, seen)) = kept.seen
            && (0..SEEN_MS).contains(&now.saturating_sub(at))
        {
            return Ok(seen);
        }
        let day = kept.wrong_since.div_euclid(DAY_MS);
        let seen = self.db.rollout_tenants_seen(name, day, Side::Target).await?;
        kept.seen = Some((now, seen));
        Ok(seen)
    }
}
