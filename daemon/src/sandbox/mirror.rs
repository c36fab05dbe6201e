//! Bare copies of repositories, one for each tenant and repository, so that a repository is fetched whole only once.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cutover_shared::ids::TenantId;
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

use super::error::SandboxError;
use super::house::{discard, private};
use super::settings::SandboxSettings;
use crate::clock::Clock;
use crate::git::{Measured, size};

/// Whose copy, of what. The tenant is part of it: no other tenant can come to the same copy.
pub(super) type Key = (TenantId, String);

/// A copy. Its folder goes with the last who holds it, so that no sandbox loses the objects that it reads.
pub(super) struct Mirror {
    folder: PathBuf,
    bytes: AtomicU64,
    known: Mutex<HashMap<String, Known>>,
    state: Arc<tokio::sync::Mutex<State>>,
}

/// What is known of a commit whose objects are here; they stay, because nothing is ever cleared out of a mirror.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) tree: String,
    pub(super) measured: Option<Measured>,
}

/// Commits of a mirror that are remembered; then all are forgotten.
const REMEMBERED: usize = 256;

/// Who has it may fetch.
#[derive(Default)]
pub(super) struct State {
    /// `git init` was run.
    pub(super) made: bool,
    /// A fetch has ended well.
    fetched: bool,
    /// Fetches that were begun. Each may leave a pack and a reference.
    fetches: usize,
}

impl Mirror {
    pub(super) fn repository(&self) -> PathBuf {
        self.folder.join("repository.git")
    }

    fn packs(&self) -> PathBuf {
        self.repository().join("objects/pack")
    }

    fn all_known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing when its objects are not known to be here.
    pub(super) fn known(&self, commit: &str) -> Option<Known> {
        self.all_known().get(commit).cloned()
    }

    /// A commit was fetched.
    pub(super) fn learn(&self, commit: &str, tree: &str) {
        let mut known = self.all_known();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.entry(commit.to_owned()).or_insert_with(|| Known { tree: tree.to_owned(), measured: None });
    }

    /// A commit was measured.
    pub(super) fn measured(&self, commit: &str, measured: Measured) {
        if let Some(known) = self.all_known().get_mut(commit) {
            known.measured = Some(measured);
        }
    }

    /// What a fetch that was killed has left.
    fn sweep(&self) {
        let Ok(files) = std::fs::read_dir(self.packs()) else { return };
        for file in files.filter_map(Result::ok) {
            if file.file_name().as_encoded_bytes().starts_with(b"tmp_") {
                let _ = std::fs::remove_file(file.path());
            }
        }
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        discard(std::mem::take(&mut self.folder), ());
    }
}

struct Slot {
    mirror: Arc<Mirror>,
    used: Duration,
}

/// All mirrors that may be used again.
pub(super) struct Mirrors {
    folder: PathBuf,
    clock: Clock,
    slots: Mutex<HashMap<Key, Slot>>,
}

/// The right to fetch into a mirror. Unless [`Turn::done`] is called it has failed.
pub(super) struct Turn<'a> {
    mirrors: &'a Mirrors,
    key: &'a Key,
    mirror: Arc<Mirror>,
    pub(super) state: OwnedMutexGuard<State>,
    done: bool,
}

impl Mirrors {
    pub(super) fn new(folder: PathBuf, clock: Clock) -> Self {
        Self { folder, clock, slots: Mutex::default() }
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Key, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tenant's copy, which may be empty yet.
    pub(super) fn of(&self, key: &Key) -> Result<Arc<Mirror>, SandboxError> {
        let used = self.clock.monotonic();
        let mut slots = self.slots();
        if let Some(slot) = slots.get_mut(key) {
            slot.used = used;
            return Ok(Arc::clone(&slot.mirror));
        }
        let folder = self.folder.join(Uuid::now_v7().to_string());
        private(&folder, false)?;
        let mirror = Arc::new(Mirror {
            folder,
            bytes: AtomicU64::new(0),
            known: Mutex::default(),
            state: Arc::default(),
        });
        slots.insert(key.clone(), Slot { mirror: Arc::clone(&mirror), used });
        Ok(mirror)
    }

    /// Waits for the others that fetch into it.
    pub(super) async fn turn<'a>(&'a self, key: &'a Key, mirror: &Arc<Mirror>) -> Turn<'a> {
        let state = Arc::clone(&mirror.state).lock_owned().await;
        Turn { mirrors: self, key, mirror: Arc::clone(mirror), state, done: false }
    }

    /// Lets go of a copy; the next who asks begins a new one.
    fn retire(&self, key: &Key, mirror: &Arc<Mirror>) {
        let mut slots = self.slots();
        if slots.get(key).is_some_and(|slot| Arc::ptr_eq(&slot.mirror, mirror)) {
            slots.remove(key);
        }
    }

    /// Lets go of a copy that has served before and has at least so many bytes; whether there was one.
    pub(super) fn distrust(&self, key: &Key, least: u64) -> bool {
        let mut slots = self.slots();
        let served =
            slots.get(key).is_some_and(|slot| slot.mirror.bytes.load(Ordering::Relaxed) >= least.max(1));
        if served {
            slots.remove(key);
        }
        served
    }

    /// Lets go of the least used while there is too much, first of this tenant, then of all.
    fn trim(&self, tenant: &TenantId, settings: &SandboxSettings) {
        let mut slots = self.slots();
        while over(&slots, Some(tenant), usize::MAX, settings.tenant_mirror_bytes) {
            drop_oldest(&mut slots, Some(tenant));
        }
        while over(&slots, None, settings.mirrors, settings.mirror_bytes) {
            drop_oldest(&mut slots, None);
        }
    }

    /// How many there are, and their bytes.
    pub(super) fn figures(&self) -> (usize, u64) {
        let slots = self.slots();
        (slots.len(), bytes(&slots, None))
    }

    pub(super) fn clear(&self) {
        self.slots().clear();
    }
}

fn of_tenant<'a>(
    slots: &'a HashMap<Key, Slot>,
    tenant: Option<&'a TenantId>,
) -> impl Iterator<Item = (&'a Key, &'a Slot)> {
    slots.iter().filter(move |((owner, _), _)| tenant.is_none_or(|tenant| tenant == owner))
}

fn bytes(slots: &HashMap<Key, Slot>, tenant: Option<&TenantId>) -> u64 {
    of_tenant(slots, tenant).map(|(_, slot)| slot.mirror.bytes.load(Ordering::Relaxed)).sum()
}

fn over(slots: &HashMap<Key, Slot>, tenant: Option<&TenantId>, most: usize, most_bytes: u64) -> bool {
    let count = of_tenant(slots, tenant).count();
    count > 0 && (count > most || bytes(slots, tenant) > most_bytes)
}

fn drop_oldest(slots: &mut HashMap<Key, Slot>, tenant: Option<&TenantId>) {
    let oldest = of_tenant(slots, tenant).min_by_key(|(_, slot)| slot.used).map(|(key, _)| key.clone());
    if let Some(key) = oldest {
        slots.remove(&key);
    }
}

impl Turn<'_> {
    /// Whether nobody has fetched into it yet.
    pub(super) fn is_first(&self) -> bool {
        !self.state.fetched
    }

    /// A fetch begins. With one too many the mirror is used for the last time, however that ends.
    pub(super) fn fetches(&mut self, settings: &SandboxSettings) {
        self.state.fetches += 1;
        if self.state.fetches > settings.mirror_packs {
            self.mirrors.retire(self.key, &self.mirror);
        }
    }

    /// All that is needed is in it.
    pub(super) fn done(mut self, settings: &SandboxSettings) {
        self.done = true;
        self.state.fetched = true;
        self.mirror.bytes.store(size(&self.mirror.packs()), Ordering::Relaxed);
        self.mirrors.trim(&self.key.0, settings);
    }
}

impl Drop for Turn<'_> {
    /// After a failure, or when nobody waits for it any more.
    fn drop(&mut self) {
        if self.done {
            return;
        }
        self.mirror.sweep();
        if self.is_first() {
            self.mirrors.retire(self.key, &self.mirror);
        }
    }
}
