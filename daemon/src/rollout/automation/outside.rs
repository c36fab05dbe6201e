//! What the judge is told besides windows: how long the target has failed everybody, whose data is wrong, which critical operation fails.
//! What the store can't say now stays as it was.

use cutover_shared::rollout::Side;

use super::Sitting;
use super::fed::{RUN_CALLS, RUN_TENANTS, measures_now, row_of};
use super::kept::Kept;
use crate::clock::Millis;
use crate::store::ReadError;

/// How long the number of tenants that were seen is good for, milliseconds.
const SEEN_MS: i64 = 60 * 1_000;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

impl Sitting {
    /// Looks at what is known besides windows.
    pub(super) async fn look(&mut self, kept: &mut Kept, now: Millis) {
        let (name, recorder, tenants) = (self.name, &self.of.recorder, self.tenants);
        let failed = |run| row_of(run, tenants).reaches(RUN_CALLS, RUN_TENANTS);
        let is_named = |word: &str| kept.judge.settings().critical_functions.contains(word);
        self.outside.failing = name
            .operations()
            .filter(|of| is_named(of.word()) && failed(recorder.failing_run(*of)))
            .map(|of| of.word().to_owned())
            .collect();
        // One tenant alone is not a disruption of the service, however long its calls fail.
        let is_wide = failed(recorder.failed_run(name));
        self.outside.disruption_ms = if is_wide { kept.disruption.length_ms() } else { 0 };
        if let Err(error) = self.stored(kept, now).await {
            tracing::warn!(%error, rollout = %name, "what else the target is held against is not known");
        }
    }

    async fn stored(&mut self, kept: &mut Kept, now: Millis) -> Result<(), ReadError> {
        let users_wrong = self.soon(self.of.db.mismatched_tenants(self.name, kept.wrong_since)).await?;
        let users = if users_wrong == 0 { self.tenants } else { self.seen(kept, now).await? };
        (self.outside.users, self.outside.users_wrong) = (users.max(users_wrong), users_wrong);
        let measured = self.soon(self.of.windows.measured(self.name, kept.measured_since)).await?;
        self.outside.measures = measures_now(&measured);
        Ok(())
    }

    /// Tenants whose calls the target was part of; counted once a minute, because it reads a row a day and tenant.
    async fn seen(&self, kept: &mut Kept, now: Millis) -> Result<u64, ReadError> {
        if let Some((at, seen)) = kept.seen
            && (0..SEEN_MS).contains(&now.saturating_sub(at))
        {
            return Ok(seen);
        }
        let day = kept.wrong_since.div_euclid(DAY_MS);
        let seen = self.soon(self.of.db.rollout_tenants_seen(self.name, day, Side::Target)).await?;
        kept.seen = Some((now, seen));
        Ok(seen)
    }
}
