//! The life of the demo's daemon: killed on request, dark for a while, started again.

use std::path::PathBuf;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::tour::Answer;
use crate::harness::{Daemon, Ended, HarnessError, Home};

/// Where the daemon is in its life.
enum Life {
    Serving(Daemon),
    /// Killed on request; it starts again at this time of the clock.
    Dark(Duration),
    Starting(BoxFuture<'static, Result<Daemon, HarnessError>>),
    /// It ended by itself, or did not start. Why, as it was told.
    Down(Answer),
}

/// Keeps one daemon. Dropping it kills the daemon.
pub(super) struct Keeper {
    exe: PathBuf,
    home: Home,
    clock: Clock,
    darkness: Duration,
    life: Life,
}

impl Keeper {
    /// Keeps a daemon that serves. After a kill it is away for `darkness`.
    pub(super) fn of(daemon: Daemon, exe: PathBuf, home: Home, darkness: Duration) -> Self {
        Self { exe, home, clock: Clock::system(), darkness, life: Life::Serving(daemon) }
    }

    /// The next that happens to it without being asked for. Cancelling loses nothing.
    pub(super) async fn news(&mut self) -> Answer {
        loop {
            match &mut self.life {
                Life::Serving(daemon) => match daemon.end().await {
                    Ok(ended) => return self.down(Answer::Died(ended)),
                    // The harness asks again after a while; a daemon that serves may do so for hours.
                    Err(HarnessError::TooLong(_)) => {}
                    Err(error) => return self.down(Answer::Failed(error.to_string())),
                },
                Life::Dark(until) => {
                    self.clock.sleep_until(*until).await;
                    self.begin();
                }
                Life::Starting(start) => match start.await {
                    Ok(daemon) => {
                        self.life = Life::Serving(daemon);
                        return Answer::Restarted;
                    }
                    Err(error) => return self.down(Answer::Failed(error.to_string())),
                },
                Life::Down(_) => std::future::pending().await,
            }
        }
    }

    /// Ends it as a power cut would; it starts again after the darkness. Nothing is done where none serves.
    pub(super) async fn kill(&mut self) -> Result<(), HarnessError> {
        let dark = Life::Dark(self.clock.monotonic().saturating_add(self.darkness));
        match std::mem::replace(&mut self.life, dark) {
            Life::Serving(daemon) => daemon.kill().await.map(drop),
            other => {
                self.life = other;
                Ok(())
            }
        }
    }

    /// Starts it now if it is away; false if it is there.
    pub(super) fn restart(&mut self) -> bool {
        match self.life {
            Life::Serving(_) => return false,
            Life::Starting(_) => {}
            Life::Dark(_) | Life::Down(_) => self.begin(),
        }
        true
    }

    /// Why none serves, as it was told; none while one does.
    pub(super) fn absence(&self) -> Option<Answer> {
        match &self.life {
            Life::Serving(_) => None,
            Life::Dark(_) | Life::Starting(_) => Some(Answer::Killed),
            Life::Down(why) => Some(why.clone()),
        }
    }

    /// Stops it gracefully; none when there was none to stop.
    pub(super) async fn stop(self) -> Result<Option<Ended>, HarnessError> {
        match self.life {
            Life::Serving(daemon) => daemon.stop().await.map(Some),
            Life::Dark(_) | Life::Starting(_) | Life::Down(_) => Ok(None),
        }
    }

    fn begin(&mut self) {
        let (exe, home) = (self.exe.clone(), self.home.clone());
        self.life = Life::Starting(async move { Daemon::start(&exe, &home, None).await }.boxed());
    }

    fn down(&mut self, why: Answer) -> Answer {
        self.life = Life::Down(why.clone());
        why
    }
}
