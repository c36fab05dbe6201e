//! How many archives are read at once, of all tenants and of one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cutover_shared::ids::TenantId;

/// Archives that are read at once.
const ALL: usize = 16;

/// Of one tenant.
const ONE: usize = 4;

/// All places.
#[derive(Clone, Default)]
pub(in crate::flows::gits) struct Places(Arc<Mutex<HashMap<TenantId, usize>>>);

/// One that is taken, until this is dropped.
pub(in crate::flows::gits) struct Place {
    places: Places,
    tenant: TenantId,
}

impl Places {
    fn taken(&self) -> MutexGuard<'_, HashMap<TenantId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// None while all of the tenant's, or all at all, are taken.
    pub(in crate::flows::gits) fn take(&self, tenant: &TenantId) -> Option<Place> {
        let mut taken = self.taken();
        let mine = taken.get(tenant).copied().unwrap_or(0);
        if mine >= ONE || taken.values().sum::<usize>() >= ALL {
            return None;
        }
        taken.insert(tenant.clone(), mine + 1);
        Some(Place { places: self.clone(), tenant: tenant.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        if let Some(count) = taken.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_tenant_holds_all_places() {
        let places = Places::default();
        let tenant = |n: usize| TenantId::from(format!("t{n}").as_str());
        let mut held: Vec<Place> = (0..ONE).map(|_| places.take(&tenant(0)).unwrap()).collect();
        assert!(places.take(&tenant(0)).is_none(), "one tenant's are taken");
        held.extend((ONE..ALL).map(|n| places.take(&tenant(n)).unwrap()));
        assert!(places.take(&tenant(ALL)).is_none(), "all are taken");
        held.truncate(1);
        assert!(places.take(&tenant(0)).is_some());
        drop(held);
        assert!(places.taken().is_empty());
    }
}
