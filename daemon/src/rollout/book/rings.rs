//! Rings: the lists of tenants that the first share takes before all others.

use cutover_shared::ids::TenantId;
use cutover_shared::page::{Page, PageAsk};
use cutover_shared::rollout::{Ring, RingChange, RingMember, RingReceipt};
use serde_json::json;

use super::{RolloutError, Rollouts};
use crate::audit::Who;
use crate::rollout::step::Rings;
use crate::store::{Lane, RingOp, RingRow, Unit};

/// Tenants of a ring; more is a share.
pub(super) const RING_MOST: usize = 5_000;

/// Tenants that one call names.
pub(super) const RING_CALL_MOST: usize = 200;

impl Rollouts {
    /// Puts tenants on a ring's list or takes them off. Moves nobody: the step that takes a ring freezes its list.
    ///
    /// # Errors
    /// A tenant that is not in the catalog, the ring `all`, too many; or as the store's. Nothing is changed then.
    pub async fn set_ring(
        &self,
        ring: Ring,
        change: RingChange,
        tenants: &[TenantId],
        who: &Who,
    ) -> Result<RingReceipt, RolloutError> {
        let Some(index) = Ring::LISTED.iter().position(|one| *one == ring) else {
            return Err(RolloutError::NoList(ring));
        };
        if tenants.is_empty() || tenants.len() > RING_CALL_MOST {
            return Err(RolloutError::RingSize);
        }
        // Before the lock, which a way back waits for: of an unknown name the whole catalog is looked through. One that has left
        // the catalog can still be taken off.
        let lists = self.rings().await?;
        for tenant in tenants {
            if change == RingChange::Add || !lists.contains_key(tenant) {
                self.catalogued(tenant).await?;
            }
        }
        let _one = self.0.changing.lock().await;
        let lists = self.rings().await?;
        let mut fresh: Vec<TenantId> = Vec::new();
        for tenant in tenants {
            let there = lists.get(tenant) == Some(&ring);
            if there != (change == RingChange::Add) && !fresh.contains(tenant) {
                fresh.push(tenant.clone());
            }
        }
        let before = lists.values().filter(|of| **of == ring).count();
        if change == RingChange::Add && before + fresh.len() > RING_MOST {
            return Err(RolloutError::RingSize);
        }
        let changed = u64::try_from(fresh.len()).unwrap_or(u64::MAX);
        if changed > 0 {
            let at = self.0.clock.now();
            let detail = json!({ "change": change, "tenants": fresh });
            let op = match change {
                RingChange::Add => RingOp::Add { ring, tenants: fresh, at, by: who.operator.0.clone() },
                RingChange::Remove => RingOp::Remove { ring, tenants: fresh },
            };
            let unit = Unit::new().with(op).with(who.did(at, "rollout.ring", ring.word(), detail));
            self.0.db.write(Lane::Handler, unit).await?;
        }
        let counts = self.0.db.ring_counts().await?;
        Ok(RingReceipt { ring, changed, members: counts.get(index).copied().unwrap_or_default() })
    }

    /// Tenants of a ring, by id.
    ///
    /// # Errors
    /// The ring `all` has no list; or as the store's.
    pub async fn ring(&self, ring: Ring, page: &PageAsk) -> Result<Page<RingMember>, RolloutError> {
        if ring.is_all() {
            return Err(RolloutError::NoList(ring));
        }
        let rows = self.0.db.ring(ring, page.after.as_deref(), page.rows()).await?;
        let full = rows.len() == usize::try_from(page.rows()).unwrap_or(usize::MAX);
        let next = rows.last().filter(|_| full).map(|row| row.tenant.0.clone());
        let member = |RingRow { tenant, ring, at, by }| RingMember { tenant, ring, since: at, by: by.into() };
        Ok(Page { rows: rows.into_iter().map(member).collect(), next })
    }

    /// Both lists, whole: they are bounded.
    pub(super) async fn rings(&self) -> Result<Rings, RolloutError> {
        let mut rings = Rings::new();
        for ring in Ring::LISTED {
            let rows = self.0.db.ring(ring, None, u32::try_from(RING_MOST).unwrap_or(u32::MAX)).await?;
            rings.extend(rows.into_iter().map(|row| (row.tenant, row.ring)));
        }
        Ok(rings)
    }
}
