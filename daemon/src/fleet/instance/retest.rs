//! Instances in `error` are asked again by the clock: each at a distance that doubles while it stays away, up to sixteen times the
//! configured one.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::Duration;

use cutover_shared::ids::TenantId;

use super::{InstanceError, Instances};
use crate::store::InstanceRow;

/// How far the distance grows.
const FARTHEST: u32 = 16;

/// Instances that are asked in one pass; those that wait longest come first.
const MOST: usize = 512;

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retested {
    pub asked: u64,
    /// Those of them that can be reached again.
    pub back: u64,
    /// Owners that were told.
    pub told: u64,
}

/// Whether it is time to ask again.
fn is_due(now: i64, checked_at: Option<i64>, every: Duration, factor: u32) -> bool {
    let Some(checked) = checked_at else { return true };
    let wait = i64::try_from(every.saturating_mul(factor).as_millis()).unwrap_or(i64::MAX);
    // A clock that was set back would else keep it waiting for as long as it was ahead.
    checked > now || now.saturating_sub(checked) >= wait
}

impl Instances {
    /// One pass: asks those that are due, and tells the owners who were not told yet.
    ///
    /// # Errors
    /// The store can't be read or written.
    pub async fn retest(&self) -> Result<Retested, InstanceError> {
        let all = self.in_error().await?;
        let now = self.inner.clock.now();
        let mut due: Vec<InstanceRow> = {
            let mut pace = self.state.pace.lock().unwrap_or_else(PoisonError::into_inner);
            let tenants: HashSet<&TenantId> = all.iter().map(|row| &row.tenant).collect();
            pace.retain(|tenant, _| tenants.contains(tenant));
            let factor = |row: &InstanceRow| pace.get(&row.tenant).copied().unwrap_or(1);
            let every = self.inner.settings.retest_every;
            all.iter().filter(|row| is_due(now, row.checked_at, every, factor(row))).cloned().collect()
        };
        due.sort_by_key(|row| row.checked_at);
        due.truncate(MOST);
        let asked: HashSet<TenantId> = due.iter().map(|row| row.tenant.clone()).collect();
        let away = self.look(due).await?;
        {
            let mut pace = self.state.pace.lock().unwrap_or_else(PoisonError::into_inner);
            for tenant in &asked {
                if away.contains(tenant) {
                    let factor = pace.entry(tenant.clone()).or_insert(1);
                    *factor = factor.saturating_mul(2).min(FARTHEST);
                } else {
                    pace.remove(tenant);
                }
            }
        }
        let still = |row: &InstanceRow| !asked.contains(&row.tenant) || away.contains(&row.tenant);
        let untold: Vec<InstanceRow> =
            all.into_iter().filter(|row| row.notified_at.is_none() && still(row)).collect();
        let told = self.tell(untold).await?;
        Ok(Retested { asked: asked.len() as u64, back: (asked.len() - away.len()) as u64, told })
    }

    /// Passes by the clock, for ever.
    pub async fn retest_work(self) {
        loop {
            self.inner.clock.sleep(self.inner.settings.retest_every.max(Duration::from_secs(1))).await;
            match self.retest().await {
                Ok(Retested { asked: 0, told: 0, .. }) => {}
                Ok(Retested { asked, back, told }) => {
                    tracing::info!(asked, back, told, "instances in error were asked again");
                }
                Err(error) => tracing::warn!(%error, "instances in error could not be asked again"),
            }
        }
    }
}

#[cfg(test)]
mod tests;
