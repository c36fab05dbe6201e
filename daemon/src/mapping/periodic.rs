//! Keeps the index fresh: sweeps by the clock, and goes on with a sweep that a stop or a failure interrupted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::locks::{Keeper, LockError, LockName, LockService};
use crate::store::{Db, ReadError};

use super::sweep::{SweepError, Sweeper};

pub use due::{First, due};

mod due;

/// After a sweep that stopped, the first wait; each next one is twice as long.
const AGAIN: Duration = Duration::from_secs(60);

/// The longest of these waits.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// How often it is looked again while another daemon sweeps.
const BUSY: Duration = Duration::from_secs(15);

/// What the clock is for.
#[derive(Clone)]
pub struct Periodic {
    sweeper: Sweeper,
    db: Db,
    clock: Clock,
    host: String,
    every: Duration,
    next: Arc<Mutex<Option<i64>>>,
    turn: Option<Turn>,
}

/// Who of several daemons sweeps.
#[derive(Clone)]
struct Turn {
    locks: Arc<LockService>,
    holder: String,
    ttl: Duration,
}

/// Why a round ended without a fresh index.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error(transparent)]
    Sweep(#[from] SweepError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("the lock of the sweep was lost")]
    Lost,
}

impl Periodic {
    /// Sweeps `host` when its last whole sweep is older than `every`; zero: never.
    pub fn new(sweeper: Sweeper, db: Db, clock: Clock, host: &str, every: Duration) -> Self {
        Self { sweeper, db, clock, host: host.to_owned(), every, next: Arc::default(), turn: None }
    }

    /// Sweeps only while it has the lock `sweep:HOST`, so that of several daemons one does.
    #[must_use]
    pub fn in_turn(mut self, locks: Arc<LockService>, holder: &str, ttl: Duration) -> Self {
        self.turn = Some(Turn { locks, holder: holder.to_owned(), ttl });
        self
    }

    /// When the next sweep begins, milliseconds since the epoch, UTC; none while one goes on, or when there is to be none.
    pub fn next(&self) -> Option<i64> {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the newest sweep stopped, whoever asked for it; none when it came to its end.
    pub fn trouble(&self) -> Option<super::sweep::Trouble> {
        self.sweeper.trouble()
    }

    /// Sweeps for as long as it is polled. A sweep that is dropped half-way is gone on with by the next life.
    pub async fn work(self) {
        if self.every.is_zero() {
            return;
        }
        let (began, mut failures) = (self.clock.now(), 0_u32);
        loop {
            match self.round(began).await {
                Ok(()) => failures = 0,
                Err(error) => {
                    failures = failures.saturating_add(1);
                    tracing::warn!(%error, failures, "the sweep of GitHub's lists stopped; it goes on where it is");
                    let wait = AGAIN.saturating_mul(1 << failures.saturating_sub(1).min(8));
                    self.sleep(wait.min(LONGEST).min(self.every)).await;
                }
            }
        }
    }

    /// Waits until a sweep is due, and sweeps.
    async fn round(&self, began: i64) -> Result<(), RoundError> {
        let spread = rand::random();
        loop {
            let half_done = self.db.sweep_open(&self.host).await?.is_some();
            let first = match self.db.index_view(&self.host).await?.swept_at {
                _ if half_done => First::HalfDone,
                Some(at) => First::Swept(at),
                None => First::Never { began },
            };
            match due(&first, self.clock.now(), self.every, spread) {
                // A plan may have swept meanwhile.
                Some(wait) => self.sleep(wait).await,
                None => match self.turn().await {
                    Some(turn) => return self.sweep(turn).await,
                    None => self.sleep(BUSY).await,
                },
            }
        }
    }

    /// None while another daemon has the lock; nothing inside when it can't be had.
    async fn turn(&self) -> Option<Option<Keeper>> {
        let Some(turn) = &self.turn else { return Some(None) };
        let taken = match LockName::new(format!("sweep:{}", self.host)) {
            Ok(name) => {
                Keeper::take(turn.locks.clone(), self.clock.clone(), &name, &turn.holder, turn.ttl).await
            }
            Err(error) => Err(error),
        };
        match taken {
            Ok(keeper) => Some(Some(keeper)),
            Err(LockError::Busy { holder, .. }) => {
                tracing::debug!(holder, "another daemon sweeps");
                None
            }
            // Two sweeps at once cost calls and harm nothing; an index that nobody keeps fresh does harm.
            Err(error) => {
                tracing::warn!(%error, "sweeps without its lock");
                Some(None)
            }
        }
    }

    async fn sweep(&self, turn: Option<Keeper>) -> Result<(), RoundError> {
        let sweep = self.sweeper.sweep_and_owe();
        let swept = match turn {
            Some(keeper) => keeper.during(sweep).await.ok_or(RoundError::Lost)?,
            None => sweep.await,
        };
        Ok(swept?)
    }

    async fn sleep(&self, wait: Duration) {
        let millis = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        self.set_next(Some(self.clock.now().saturating_add(millis)));
        self.clock.sleep(wait).await;
        self.set_next(None);
    }

    fn set_next(&self, at: Option<i64>) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}
