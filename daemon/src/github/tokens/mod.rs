//! Installation tokens: one request in flight for each installation and scope, however many wait.
//!
//! A service belongs to one host and one App, so that (installation, scope) is a whole key. No lock is held while
//! GitHub is asked: the request runs in a task of its own, so a caller that goes away neither stops nor repeats it.

pub(crate) mod mint;
mod scope;
mod slot;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lru::LruCache;
use secrecy::SecretString;
use tokio::sync::watch;

pub use scope::{Scope, ScopeTooWide};

use self::mint::Minter;
use self::slot::{Held, Installation, Slot};
use super::error::{MintError, Outage};
use super::exchange::WRITE_POINTS;
use super::identity::Identity;
use super::limiter::Traffic;
use crate::clock::Millis;

/// Installations that are remembered; the least used is forgotten first.
const MOST_INSTALLATIONS: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();
/// Up to this much is added to the margin, so that tokens minted together are not replaced together.
const MARGIN_JITTER_MS: Millis = 60_000;
/// How long `get` waits.
const LIVE_PATIENCE: Duration = Duration::from_secs(30);

/// A token, for as long as it is good.
#[derive(Clone)]
pub struct Leased {
    /// The token. Its length and form are GitHub's business.
    pub token: SecretString,
    /// Grows with each mint; name it when reporting a 401, so that a late report can't wipe a newer token.
    pub generation: u64,
    /// Epoch milliseconds, GitHub's time.
    pub expires_at: Millis,
    /// Epoch milliseconds, GitHub's time.
    pub minted_at: Millis,
}

impl std::fmt::Debug for Leased {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leased")
            .field("generation", &self.generation)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// How an installation's tokens stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// A token is held and good.
    Fresh,
    /// None is held; the next caller mints one.
    Absent,
    /// The installation is suspended.
    Suspended,
    /// The installation is gone.
    Gone,
    /// The last mint failed for another reason.
    Failing,
}

/// One installation's tokens, without the tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenStatus {
    /// Installation id.
    pub installation: i64,
    /// How it stands.
    pub state: TokenState,
    /// When the whole-installation token was made, epoch milliseconds.
    pub minted_at: Option<Millis>,
    /// When it expires, epoch milliseconds.
    pub expires_at: Option<Millis>,
    /// Its generation.
    pub generation: Option<u64>,
    /// Scoped tokens held besides it.
    pub scoped: usize,
    /// Class of the last mint's error, if it failed: see [`MintError::class`].
    pub last_error: Option<&'static str>,
}

type Flight = watch::Receiver<Option<Result<Leased, MintError>>>;

/// The token service. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    minter: Arc<Minter>,
    margin_ms: Millis,
    generation: AtomicU64,
    installations: Mutex<LruCache<i64, Arc<Mutex<Installation>>>>,
}

impl Tokens {
    pub(crate) fn new(minter: Arc<Minter>, margin: Duration) -> Self {
        Self(Arc::new(Inner {
            minter,
            margin_ms: i64::try_from(margin.as_millis()).unwrap_or(i64::MAX),
            generation: AtomicU64::new(0),
            installations: Mutex::new(LruCache::new(MOST_INSTALLATIONS)),
        }))
    }

    /// A token for all that the installation may do; waits up to 30 s.
    ///
    /// # Errors
    /// The same classified error for every caller that waited for the same mint.
    pub async fn get(&self, installation: i64) -> Result<Leased, MintError> {
        self.get_scoped(installation, &Scope::everything(), Traffic::Live, LIVE_PATIENCE).await
    }

    /// A token for a part of the installation.
    ///
    /// # Errors
    /// As [`Tokens::get`]; [`MintError::Scope`] when the part is not granted.
    pub async fn get_scoped(
        &self,
        installation: i64,
        scope: &Scope,
        traffic: Traffic,
        patience: Duration,
    ) -> Result<Leased, MintError> {
        let got = self.get_uncounted(installation, scope, traffic, patience).await;
        self.0.minter.exchange.metrics.token_requested(got.is_ok());
        got
    }

    async fn get_uncounted(
        &self,
        installation: i64,
        scope: &Scope,
        traffic: Traffic,
        patience: Duration,
    ) -> Result<Leased, MintError> {
        if let Some(lease) = self.held(installation, scope, Slot::good) {
            return Ok(lease);
        }
        let exchange = &self.0.minter.exchange;
        let deadline = exchange.time.clock().monotonic().saturating_add(patience);
        if traffic == Traffic::Background {
            // The reserve is kept before a flight starts: live callers may join a flight and must not wait for it.
            exchange.limiter.wait_until_open(Identity::App, traffic, WRITE_POINTS, deadline).await?;
        }
        let flight = self.join(installation, scope, deadline, true);
        match self.wait(flight, deadline).await {
            // Inside its margin a token is still good: an outage of GitHub's must not end it early.
            Err(error) if error.is_transient() => self.held(installation, scope, Slot::usable).ok_or(error),
            result => result,
        }
    }

    /// A new token, even if a good one is held. Callers that come while it is asked for share it.
    ///
    /// # Errors
    /// As [`Tokens::get`]; the token held before stays if GitHub can't be reached.
    pub async fn force_refresh(&self, installation: i64) -> Result<Leased, MintError> {
        let clock = self.0.minter.exchange.time.clock();
        let deadline = clock.monotonic().saturating_add(LIVE_PATIENCE);
        let flight = self.join(installation, &Scope::everything(), deadline, false);
        let got = self.wait(flight, deadline).await;
        self.0.minter.exchange.metrics.token_requested(got.is_ok());
        got
    }

    /// Forgets the token of this generation, after a 401. A newer one stays. Says whether one was forgotten.
    pub fn invalidate(&self, installation: i64, generation: u64) -> bool {
        self.known(installation).is_some_and(|state| {
            let mut state = lock(&state);
            let slot = state
                .slots
                .iter_mut()
                .find(|slot| slot.held.as_ref().is_some_and(|held| held.lease.generation == generation));
            slot.and_then(|slot| slot.held.take()).is_some()
        })
    }

    /// Forgets everything about the installation, also what is being asked for: after a suspension, a change of
    /// permissions, a rollback.
    pub fn invalidate_all(&self, installation: i64) {
        // Flights that still run settle into the state dropped here, where nobody looks.
        lock(&self.0.installations).pop(&installation);
    }

    /// How each known installation stands, by id.
    pub fn status(&self) -> Vec<TokenStatus> {
        let now = self.0.minter.exchange.time.now();
        let known: Vec<_> =
            lock(&self.0.installations).iter().map(|(id, state)| (*id, Arc::clone(state))).collect();
        let mut all: Vec<TokenStatus> =
            known.into_iter().map(|(installation, state)| lock(&state).status(installation, now)).collect();
        all.sort_by_key(|status| status.installation);
        all
    }

    /// An API answer showed that the installation is suspended.
    pub(crate) fn note_suspended(&self, installation: i64) {
        let state = self.installation(installation);
        let mut state = lock(&state);
        state.slots.clear();
        state.last_error = Some(MintError::Suspended);
    }

    fn held(
        &self,
        installation: i64,
        scope: &Scope,
        is_wanted: fn(&Slot, Millis) -> Option<Leased>,
    ) -> Option<Leased> {
        let now = self.0.minter.exchange.time.now();
        let state = self.known(installation)?;
        let mut state = lock(&state);
        is_wanted(state.slot(scope), now)
    }

    fn join(&self, installation: i64, scope: &Scope, deadline: Duration, held_will_do: bool) -> Flight {
        let now = self.0.minter.exchange.time.now();
        let state = self.installation(installation);
        let mut open = lock(&state);
        let slot = open.slot(scope);
        if held_will_do && let Some(lease) = slot.good(now) {
            return watch::channel(Some(Ok(lease))).1;
        }
        if let Some(flight) = slot.flight() {
            return flight;
        }
        let (landing, flight) = watch::channel(None);
        slot.flight = Some(flight.clone());
        drop(open);
        let (service, scope) = (self.clone(), scope.clone());
        tokio::spawn(async move {
            let exchange = &service.0.minter.exchange;
            let began = exchange.time.clock().monotonic();
            let minted = service.0.minter.mint(installation, &scope, deadline).await;
            if minted.is_ok() {
                exchange.metrics.token_minted(exchange.time.clock().monotonic().saturating_sub(began));
            }
            // Settled before it is told: whoever hears of it finds the state already right.
            let result = service.settle(&state, &scope, minted);
            landing.send_replace(Some(result));
        });
        flight
    }

    fn settle(
        &self,
        state: &Mutex<Installation>,
        scope: &Scope,
        minted: Result<mint::Minted, MintError>,
    ) -> Result<Leased, MintError> {
        let mut open = lock(state);
        match minted {
            Ok(minted) => {
                let lease = Leased {
                    token: minted.token,
                    generation: self.0.generation.fetch_add(1, Ordering::Relaxed) + 1,
                    expires_at: minted.expires_at,
                    minted_at: minted.minted_at,
                };
                open.last_error = None;
                let slot = open.slot(scope);
                slot.flight = None;
                slot.held = Some(Held { renew_at: self.renew_at(&lease), lease: lease.clone() });
                Ok(lease)
            }
            Err(error) => {
                open.last_error = Some(error.clone());
                if matches!(error, MintError::Suspended | MintError::Gone) {
                    open.slots.clear();
                    return Err(error);
                }
                open.slot(scope).flight = None;
                Err(error)
            }
        }
    }

    /// Short-lived tokens keep three quarters of their life, else a margin longer than the life would mint for
    /// every call.
    fn renew_at(&self, lease: &Leased) -> Millis {
        let jitter = rand::random_range(0..=MARGIN_JITTER_MS);
        let life = lease.expires_at.saturating_sub(lease.minted_at).max(0);
        let margin = self.0.margin_ms.saturating_add(jitter).min(life / 4);
        lease.expires_at.saturating_sub(margin)
    }

    async fn wait(&self, mut flight: Flight, deadline: Duration) -> Result<Leased, MintError> {
        let clock = self.0.minter.exchange.time.clock();
        let left = deadline.saturating_sub(clock.monotonic());
        let timed_out = MintError::Unavailable { cause: Outage::Timeout };
        match clock.timeout(left, flight.wait_for(Option::is_some)).await {
            Ok(Ok(result)) => result.clone().unwrap_or(Err(timed_out)),
            // The task is gone without a result: the runtime is being shut down.
            Ok(Err(_)) | Err(_) => Err(timed_out),
        }
    }

    fn known(&self, installation: i64) -> Option<Arc<Mutex<Installation>>> {
        lock(&self.0.installations).get(&installation).cloned()
    }

    fn installation(&self, installation: i64) -> Arc<Mutex<Installation>> {
        Arc::clone(lock(&self.0.installations).get_or_insert(installation, Arc::default))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
