//! Keeps a lock while work goes on, and tells when it is lost: before its time is over, also when nobody answers.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Held, LockError, LockName, LockProof, Locks};
use crate::clock::Clock;

/// A lock is renewed after a third of its time, a fifth of that sooner or later: not all at the same moment.
const RENEW: u32 = 3;
const JITTER: f64 = 0.2;

/// Wait after a renewal that nobody answered, as a share of the lock's time.
const AGAIN: u32 = 12;

/// The holder is told that the lock is lost when this share of its time is left, so that it can stop before another starts.
const MARGIN: u32 = 5;

/// A lock that is renewed in the background. Dropped, it is renewed no more, and expires by itself.
#[derive(Debug)]
pub struct Keeper {
    proof: LockProof,
    lost: CancellationToken,
    release: Option<oneshot::Sender<oneshot::Sender<Result<(), LockError>>>>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// Takes the lock and keeps it.
    ///
    /// # Errors
    /// As [`Locks::acquire`].
    pub async fn take(
        locks: Arc<dyn Locks>,
        clock: Clock,
        name: &LockName,
        holder: &str,
        ttl: Duration,
    ) -> Result<Self, LockError> {
        let held = locks.acquire(name, holder, ttl).await?;
        Ok(Self::of(locks, clock, held))
    }

    /// Keeps a lock that was taken.
    pub fn of(locks: Arc<dyn Locks>, clock: Clock, held: Held) -> Self {
        let (proof, lost) = (held.proof(), CancellationToken::new());
        let (release, asked) = oneshot::channel();
        let task = tokio::spawn(keep(locks, clock, held, lost.clone(), asked));
        Self { proof, lost, release: Some(release), task }
    }

    /// What a write shows.
    pub fn proof(&self) -> &LockProof {
        &self.proof
    }

    /// Cancelled once the lock is lost, before its time is over. A write that is under way then is the store's to refuse.
    pub fn lost(&self) -> CancellationToken {
        self.lost.clone()
    }

    /// Does `work` while the lock is had, and gives it back. None when it was lost: the work was dropped where it was.
    pub async fn during<T>(self, work: impl Future<Output = T>) -> Option<T> {
        let lost = self.lost.clone();
        let done = tokio::select! {
            biased;
            () = lost.cancelled() => return None,
            done = work => done,
        };
        if let Err(error) = self.release().await {
            tracing::debug!(%error, "a lock was not given back; it expires by itself");
        }
        Some(done)
    }

    /// Gives the lock back.
    ///
    /// # Errors
    /// It was lost; or somebody does not answer, and it expires by itself.
    pub async fn release(mut self) -> Result<(), LockError> {
        let (done, answer) = oneshot::channel();
        let asked = self.release.take().is_some_and(|release| release.send(done).is_ok());
        if !asked {
            return Err(LockError::Lost);
        }
        answer.await.unwrap_or(Err(LockError::Lost))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.lost.cancel();
        // A release that was asked for goes on.
        if self.release.is_some() {
            self.task.abort();
        }
    }
}

async fn keep(
    locks: Arc<dyn Locks>,
    clock: Clock,
    mut held: Held,
    lost: CancellationToken,
    mut asked: oneshot::Receiver<oneshot::Sender<Result<(), LockError>>>,
) {
    let (ttl, name) = (held.ttl, held.name.clone());
    let mut renew_at = after(&held);
    loop {
        let end = held.ends.saturating_sub(ttl / MARGIN);
        let woken = tokio::select! {
            biased;
            done = &mut asked => Woken::Release(done),
            () = clock.sleep_until(end) => Woken::End,
            () = clock.sleep_until(renew_at) => Woken::Renew,
        };
        match woken {
            Woken::Release(Ok(done)) => {
                // Whoever asked may have gone.
                let _ = done.send(locks.release(held).await);
                return;
            }
            Woken::Release(Err(_)) => return,
            Woken::End => break,
            Woken::Renew => {}
        }
        let renewed = tokio::select! {
            biased;
            renewed = locks.renew(&mut held) => renewed,
            () = clock.sleep_until(end) => break,
        };
        renew_at = match renewed {
            Ok(()) => after(&held),
            Err(LockError::Lost) => break,
            Err(error) => {
                tracing::warn!(lock = %name, %error, "a lock was not renewed; it is tried again while it lasts");
                clock.monotonic().saturating_add(ttl / AGAIN)
            }
        };
    }
    tracing::warn!(lock = %name, "a lock was lost");
    lost.cancel();
}

enum Woken {
    Release(Result<oneshot::Sender<Result<(), LockError>>, oneshot::error::RecvError>),
    End,
    Renew,
}

/// When it is renewed next, counted from when it was asked for.
fn after(held: &Held) -> Duration {
    let wait = (held.ttl / RENEW).mul_f64(1.0 + JITTER * (2.0 * rand::random::<f64>() - 1.0));
    held.ends.saturating_sub(held.ttl).saturating_add(wait)
}
