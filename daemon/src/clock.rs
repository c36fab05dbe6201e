//! The only source of time. Everything else is given a [`Clock`]; tests own a virtual one.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// Milliseconds since the Unix epoch, UTC.
pub type Millis = i64;

/// Wall and monotonic time, and waiting. Cheap to clone; clones share one time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System { origin: std::time::Instant },
    Virtual(Arc<Hands>),
}

#[derive(Debug)]
struct Hands {
    state: Mutex<HandState>,
    moved: Notify,
}

#[derive(Debug, Clone, Copy)]
struct HandState {
    wall: Millis,
    monotonic: Duration,
}

/// The wait ended because the time was up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("timed out")]
pub struct Elapsed;

impl Clock {
    /// The machine's clock.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn system() -> Self {
        Self(Source::System { origin: std::time::Instant::now() })
    }

    /// A clock that stands still at `start` (milliseconds since the epoch) until it is moved.
    pub fn manual(start: Millis) -> Self {
        Self(Source::Virtual(Arc::new(Hands {
            state: Mutex::new(HandState { wall: start, monotonic: Duration::ZERO }),
            moved: Notify::new(),
        })))
    }

    /// Wall time. It may jump; never measure a duration with it.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn now(&self) -> Millis {
        match &self.0 {
            Source::System { .. } => std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
            Source::Virtual(hands) => hands.read().wall,
        }
    }

    /// Time since this clock was made. It never goes back.
    pub fn monotonic(&self) -> Duration {
        match &self.0 {
            Source::System { origin } => origin.elapsed(),
            Source::Virtual(hands) => hands.read().monotonic,
        }
    }

    /// Waits until [`Clock::monotonic`] has reached `at`.
    #[expect(clippy::disallowed_methods, reason = "the one place that waits")]
    pub async fn sleep_until(&self, at: Duration) {
        match &self.0 {
            Source::System { .. } => {
                tokio::time::sleep(at.saturating_sub(self.monotonic())).await;
            }
            Source::Virtual(hands) => loop {
                let moved = hands.moved.notified();
                tokio::pin!(moved);
                moved.as_mut().enable();
                if hands.read().monotonic >= at {
                    return;
                }
                moved.await;
            },
        }
    }

    /// Waits for `length`.
    pub async fn sleep(&self, length: Duration) {
        self.sleep_until(self.monotonic().saturating_add(length)).await;
    }

    /// Runs `work`, but gives up once `length` has passed.
    pub async fn timeout<T>(&self, length: Duration, work: impl Future<Output = T>) -> Result<T, Elapsed> {
        tokio::select! {
            biased;
            out = work => Ok(out),
            () = self.sleep(length) => Err(Elapsed),
        }
    }

    /// Moves a manual clock forward and wakes whoever waits. Does nothing to the machine's clock.
    pub fn advance(&self, by: Duration) {
        if let Source::Virtual(hands) = &self.0 {
            hands.change(|state| {
                state.wall += i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
                state.monotonic += by;
            });
        }
    }

    /// Makes a manual clock's wall time jump, as NTP or an operator may; monotonic time stays.
    pub fn jump_wall(&self, to: Millis) {
        if let Source::Virtual(hands) = &self.0 {
            hands.change(|state| state.wall = to);
        }
    }
}

impl Hands {
    fn read(&self) -> HandState {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, f: impl FnOnce(&mut HandState)) {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.moved.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
