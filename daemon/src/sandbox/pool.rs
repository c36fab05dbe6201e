//! The sandboxes that stand ready, those in use, and who waits for one.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cutover_shared::ids::TenantId;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::ask::GitAsk;
use super::disk::Free;
use super::error::SandboxError;
use super::figures::{Counts, Figures, add};
use super::house::{House, kill_in};
use super::lease::{Lease, SandboxId};
use super::mirror::Mirrors;
use super::quota::{Quota, QuotaKind};
use super::room::Room;
use super::settings::{LEAST_WARM, SandboxSettings};
use super::steps;
use crate::clock::Clock;
use crate::metrics::Metrics;

/// Which of the two ways to come to a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArmKind {
    /// The legacy way: made for one task, from nothing.
    Direct,
    /// The target: taken from the pool, with the tenant's mirror.
    Pooled,
}

impl ArmKind {
    /// `direct` or `pooled`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Pooled => "pooled",
        }
    }
}

/// All that the arms share.
pub(super) struct Pool {
    pub(super) settings: SandboxSettings,
    pub(super) clock: Clock,
    pub(super) house: Arc<House>,
    pub(super) mirrors: Mirrors,
    pub(super) counts: Counts,
    pub(super) closed: CancellationToken,
    direct: Bay,
    pooled: Bay,
    warm: Mutex<VecDeque<Room>>,
    wanted: Notify,
    leases: Mutex<HashMap<SandboxId, Held>>,
    trouble: Mutex<Option<String>>,
}

/// Places of one arm.
struct Bay {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    tenants: Mutex<HashMap<TenantId, usize>>,
}

/// A place that is taken, until this is dropped.
struct Seat {
    pool: Arc<Pool>,
    arm: ArmKind,
    tenant: TenantId,
    place: Option<OwnedSemaphorePermit>,
}

/// What the service keeps of a lease, so that it can end it.
struct Held {
    room: Room,
    seat: Seat,
    /// On the clock's monotonic scale.
    until: Duration,
    over: CancellationToken,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bay {
    fn new(places: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places.max(1))),
            waiting: AtomicUsize::new(0),
            tenants: Mutex::default(),
        }
    }
}

impl Seat {
    /// The tenant may take another at once; the place is free when what stands on it is gone.
    fn place(mut self) -> Option<OwnedSemaphorePermit> {
        self.place.take()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut tenants = locked(&self.pool.bay(self.arm).tenants);
        if let Some(count) = tenants.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                tenants.remove(&self.tenant);
            }
        }
    }
}

/// Counts who waits, also when he stops waiting.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    pub(super) fn new(settings: SandboxSettings, clock: Clock) -> Result<Arc<Self>, SandboxError> {
        let (house, left) = House::open(&settings.folder)?;
        let counts = Counts::default();
        counts.reaped.store(left.rooms, Ordering::Relaxed);
        // In the background: what a crash has left may be many work trees, and nobody reads them any more.
        left.clear();
        Ok(Arc::new(Self {
            direct: Bay::new(settings.at_once),
            pooled: Bay::new(settings.at_once),
            mirrors: Mirrors::new(house.mirrors(), clock.clone()),
            house: Arc::new(house),
            counts,
            closed: CancellationToken::new(),
            warm: Mutex::default(),
            wanted: Notify::new(),
            leases: Mutex::default(),
            trouble: Mutex::default(),
            settings,
            clock,
        }))
    }

    fn bay(&self, arm: ArmKind) -> &Bay {
        match arm {
            ArmKind::Direct => &self.direct,
            ArmKind::Pooled => &self.pooled,
        }
    }

    fn in_use(&self, arm: ArmKind) -> usize {
        self.settings.at_once.max(1).saturating_sub(self.bay(arm).places.available_permits())
    }

    /// Takes a sandbox for the tenant, warm if there is one.
    pub(super) async fn take(
        self: &Arc<Self>,
        arm: ArmKind,
        ask: &GitAsk,
        deadline: Duration,
    ) -> Result<Lease, SandboxError> {
        self.check_disk()?;
        let began = self.clock.monotonic();
        let seat = self.sit(arm, &ask.tenant, deadline).await?;
        let warm = if arm == ArmKind::Pooled { self.warm_room() } else { None };
        if arm == ArmKind::Pooled {
            self.wanted.notify_one();
            add(if warm.is_some() { &self.counts.served_warm } else { &self.counts.served_cold });
        }
        let room = match warm {
            Some(room) => room,
            None => self.make(ask.quota, deadline).await?,
        };
        if arm == ArmKind::Pooled {
            let waited = self.clock.monotonic().saturating_sub(began);
            self.counts.waited(waited);
            Metrics::process().sandbox_waited(waited);
        }
        let (id, folder) = (SandboxId(room.id()), room.path().to_owned());
        let over = self.closed.child_token();
        let until = self.clock.monotonic().saturating_add(self.settings.lease);
        locked(&self.leases).insert(id, Held { room, seat, until, over: over.clone() });
        let key = (ask.tenant.clone(), ask.repository.key());
        let pool = Arc::clone(self);
        Ok(Lease { pool, arm, key, id, folder, over, mirror: None, commit: String::new() })
    }

    async fn sit(
        self: &Arc<Self>,
        arm: ArmKind,
        tenant: &TenantId,
        deadline: Duration,
    ) -> Result<Seat, SandboxError> {
        let bay = self.bay(arm);
        let mut seat = {
            let mut tenants = locked(&bay.tenants);
            let count = tenants.entry(tenant.clone()).or_default();
            if *count >= self.settings.per_tenant.max(1) {
                return Err(SandboxError::Quota(QuotaKind::Sandboxes));
            }
            *count += 1;
            Seat { pool: Arc::clone(self), arm, tenant: tenant.clone(), place: None }
        };
        let waiting = bay.waiting.fetch_add(1, Ordering::Relaxed);
        let _counted = Waiting(&bay.waiting);
        if bay.places.available_permits() == 0 && waiting >= self.settings.waiting {
            return Err(SandboxError::Busy);
        }
        let place = tokio::select! {
            biased;
            place = Arc::clone(&bay.places).acquire_owned() => place.map_err(|_| SandboxError::Closed)?,
            () = self.clock.sleep_until(deadline) => return Err(SandboxError::Busy),
        };
        seat.place = Some(place);
        Ok(seat)
    }

    /// The next warm room that is as it was made.
    fn warm_room(&self) -> Option<Room> {
        loop {
            let room = locked(&self.warm).pop_front()?;
            if room.is_fresh() {
                return Some(room);
            }
            add(&self.counts.unhealthy);
        }
    }

    async fn make(&self, quota: Quota, deadline: Duration) -> Result<Room, SandboxError> {
        let room = Room::begin(&self.house)?;
        steps::init(self, quota, &room.home(), &room.repository(), deadline).await?;
        room.made()
    }

    /// Removes a sandbox; its place is free once it is gone.
    pub(super) fn release(&self, id: SandboxId) {
        let held = locked(&self.leases).remove(&id);
        if let Some(Held { room, seat, .. }) = held {
            room.discard(seat.place());
        }
    }

    fn check_disk(&self) -> Result<(), SandboxError> {
        Free::below(self.house.folder())?.check(self.settings.least_free)
    }

    fn warm_wanted(&self) -> usize {
        self.settings.warm.max(LEAST_WARM)
    }

    /// Fills up, looks after and reaps, until the service is closed.
    pub(super) async fn work(&self) {
        loop {
            self.reap();
            self.check();
            let next = self.clock.monotonic().saturating_add(self.settings.round);
            loop {
                let trouble = self.refill().await.err().map(|error| error.to_string());
                if let Some(error) = &trouble {
                    tracing::warn!(%error, "no warm sandbox can be made");
                }
                let failed = trouble.is_some();
                *locked(&self.trouble) = trouble;
                tokio::select! {
                    () = self.closed.cancelled() => return,
                    // After a failure only the next round tries again.
                    () = self.wanted.notified(), if !failed => {}
                    () = self.clock.sleep_until(next) => break,
                }
            }
        }
    }

    async fn refill(&self) -> Result<(), SandboxError> {
        while !self.closed.is_cancelled() && locked(&self.warm).len() < self.warm_wanted() {
            self.check_disk()?;
            let quota = Quota::default();
            let deadline = self.clock.monotonic().saturating_add(quota.wall);
            let room = self.make(quota, deadline).await?;
            locked(&self.warm).push_back(room);
        }
        Ok(())
    }

    /// Drops warm rooms that are not as they were made.
    fn check(&self) {
        let bad: VecDeque<Room> = {
            let mut warm = locked(&self.warm);
            let (good, bad) = std::mem::take(&mut *warm).into_iter().partition(Room::is_fresh);
            *warm = good;
            bad
        };
        for _ in &bad {
            add(&self.counts.unhealthy);
        }
    }

    /// Takes away leases that are over their time, and folders that nobody knows of.
    pub(super) fn reap(&self) {
        let now = self.clock.monotonic();
        let over: Vec<Held> =
            locked(&self.leases).extract_if(|_, held| held.until <= now).map(|(_, held)| held).collect();
        for Held { room, seat, over, .. } in over {
            tracing::warn!(sandbox = %room.id(), "a sandbox was kept over its time and is taken away");
            over.cancel();
            kill_in(room.path());
            room.discard(seat.place());
            add(&self.counts.reaped);
        }
        let leaked = self.house.reap();
        self.counts.reaped.fetch_add(leaked, Ordering::Relaxed);
    }

    pub(super) fn figures(&self) -> Figures {
        let (mirrors, mirror_bytes) = self.mirrors.figures();
        Figures {
            warm: locked(&self.warm).len(),
            wanted: self.warm_wanted(),
            leased: self.in_use(ArmKind::Pooled),
            leased_direct: self.in_use(ArmKind::Direct),
            waiting: [&self.direct, &self.pooled].iter().map(|bay| bay.waiting.load(Ordering::Relaxed)).sum(),
            mirrors,
            mirror_bytes,
            trouble: locked(&self.trouble).clone(),
            ..self.counts.figures()
        }
    }

    /// Ends every operation and process, and removes everything.
    pub(super) async fn close(&self) {
        self.closed.cancel();
        let held: Vec<Held> = locked(&self.leases).drain().map(|(_, held)| held).collect();
        drop(held);
        locked(&self.warm).clear();
        self.mirrors.clear();
        let house = Arc::clone(&self.house);
        let _ = tokio::task::spawn_blocking(move || house.close()).await;
    }
}
