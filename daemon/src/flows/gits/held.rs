//! Sandboxes that callers hold: by name, each with whose it is and until when.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cutover_shared::ids::TenantId;
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

use super::error::GitsError;
use crate::clock::{Clock, Millis};
use crate::sandbox::Lease;
use crate::store::LinkRow;

/// What is said of a sandbox that is not there, or another tenant's.
const UNKNOWN: GitsError = GitsError::Unknown("such sandbox");

/// A sandbox that somebody holds. Which arm has made it may change; its name and its end stay.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) link: LinkRow,
    /// As it was asked for.
    pub(super) reference: String,
    /// On the clock's monotonic scale.
    pub(super) until: Duration,
    pub(super) expires_at: Millis,
    /// It was released, or its time is over.
    pub(super) over: CancellationToken,
    lease: Arc<tokio::sync::Mutex<Lease>>,
}

impl Held {
    /// The sandbox, for one who works with it alone.
    ///
    /// # Errors
    /// [`GitsError::Busy`] while another does, [`GitsError::Expired`].
    pub(super) fn take(&self) -> Result<OwnedMutexGuard<Lease>, GitsError> {
        let lease = Arc::clone(&self.lease).try_lock_owned().map_err(|_| GitsError::Busy)?;
        if lease.is_over() { Err(GitsError::Expired) } else { Ok(lease) }
    }
}

/// All of them. There are never more than the service has sandboxes: each holds one.
pub(super) struct Shelf {
    clock: Clock,
    /// How long a sandbox may be held.
    time: Duration,
    all: Mutex<HashMap<String, Held>>,
}

impl Shelf {
    pub(super) fn new(clock: Clock, time: Duration) -> Self {
        Self { clock, time, all: Mutex::default() }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a sandbox whose clone began at `began` (monotonic); its name and what is known of it. The service's own time for it
    /// began no sooner.
    pub(super) fn put(
        &self,
        link: LinkRow,
        reference: String,
        lease: Lease,
        began: Duration,
    ) -> (String, Held) {
        self.prune();
        let until = began.saturating_add(self.time);
        let left = until.saturating_sub(self.clock.monotonic());
        let left = Millis::try_from(left.as_millis()).unwrap_or(Millis::MAX);
        let expires_at = self.clock.now().saturating_add(left);
        let name = format!("{:x}-{:032x}", expires_at.max(0), rand::random::<u128>());
        let lease = Arc::new(tokio::sync::Mutex::new(lease));
        let held = Held { link, reference, until, expires_at, over: CancellationToken::new(), lease };
        self.all().insert(name.clone(), held.clone());
        (name, held)
    }

    /// # Errors
    /// [`GitsError::Unknown`] also for another tenant's; [`GitsError::Expired`], which the name itself says once it is forgotten.
    pub(super) fn get(&self, name: &str, within: Option<&TenantId>) -> Result<Held, GitsError> {
        let found = self.all().get(name).cloned();
        match found {
            Some(held) if !is_of(&held, within) => Err(UNKNOWN),
            Some(held) if held.until <= self.clock.monotonic() => {
                self.forget(name);
                Err(GitsError::Expired)
            }
            Some(held) => Ok(held),
            None if end(name).is_some_and(|end| end <= self.clock.now()) => Err(GitsError::Expired),
            None => Err(UNKNOWN),
        }
    }

    /// Its sandbox goes, at once or with the last who works with it.
    pub(super) fn forget(&self, name: &str) {
        let held = self.all().remove(name);
        if let Some(held) = held {
            held.over.cancel();
        }
    }

    /// # Errors
    /// [`GitsError::Unknown`] for another tenant's.
    pub(super) fn release(&self, name: &str, within: Option<&TenantId>) -> Result<(), GitsError> {
        let all = self.all();
        if all.get(name).is_some_and(|held| !is_of(held, within)) {
            return Err(UNKNOWN);
        }
        drop(all);
        self.forget(name);
        Ok(())
    }

    /// Lets go of those whose time is over.
    pub(super) fn prune(&self) {
        let now = self.clock.monotonic();
        self.take(|held| held.until <= now);
    }

    /// Lets go of all.
    pub(super) fn clear(&self) {
        self.take(|_| true);
    }

    fn take(&self, mut which: impl FnMut(&Held) -> bool) {
        let over: Vec<Held> = self.all().extract_if(|_, held| which(held)).map(|(_, held)| held).collect();
        for held in over {
            held.over.cancel();
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.all().len()
    }
}

fn is_of(held: &Held, within: Option<&TenantId>) -> bool {
    within.is_none_or(|tenant| *tenant == held.link.tenant)
}

/// When the time of a sandbox of this name is over; nothing for what is no name.
fn end(name: &str) -> Option<Millis> {
    let (end, rest) = name.split_once('-')?;
    let is_name = (1..=15).contains(&end.len())
        && rest.len() == 32
        && end.bytes().chain(rest.bytes()).all(|byte| byte.is_ascii_hexdigit());
    if is_name { Millis::from_str_radix(end, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_when_its_time_is_over_and_another_text_says_nothing() {
        let rest = "0".repeat(32);
        assert_eq!(end(&format!("ff-{rest}")), Some(255));
        for bad in
            ["", "-", "ff", "ff-0", &format!("-{rest}"), &format!("+f-{rest}"), &format!("{rest}-{rest}")]
        {
            assert_eq!(end(bad), None, "{bad}");
        }
        let shelf = Shelf::new(Clock::manual(1_000), Duration::from_secs(60));
        assert_eq!(shelf.get(&format!("3e8-{rest}"), None).err(), Some(GitsError::Expired));
        assert_eq!(shelf.get(&format!("3e9-{rest}"), None).err(), Some(UNKNOWN));
        assert_eq!(shelf.release("guess", None), Ok(()));
        assert_eq!(shelf.count(), 0);
    }
}
