//! Stopping: the first signal asks everybody to finish, the second (or the deadline) cuts them off. A run that is
//! cut off is taken up at the next start, so cutting is safe; it is only slower for whoever waits.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;

/// How long a cut task may take to let go; one that is inside a blocking call can't.
const LET_GO: Duration = Duration::from_secs(1);

/// How far stopping has come. It never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Running,
    /// Take nothing new, finish what is under way.
    Graceful,
    /// Tasks are dropped where they stand.
    Forced,
}

/// The way to stop, and to hear of it. Clones are one and the same.
#[derive(Clone, Debug)]
pub struct Shutdown(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    stage: watch::Sender<Stage>,
    reloads: watch::Sender<u64>,
    tracker: TaskTracker,
    running: Mutex<BTreeMap<u64, &'static str>>,
    next: AtomicU64,
}

/// How stopping ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Everybody finished.
    Clean,
    /// These were cut off, by the deadline or by the second signal.
    Cut { tasks: Vec<&'static str> },
    /// These did not even let go when they were cut off.
    Stuck { tasks: Vec<&'static str> },
}

impl Shutdown {
    /// Running, with nothing registered.
    pub fn new(clock: Clock) -> Self {
        Self(Arc::new(Inner {
            clock,
            stage: watch::Sender::new(Stage::Running),
            reloads: watch::Sender::new(0),
            tracker: TaskTracker::new(),
            running: Mutex::new(BTreeMap::new()),
            next: AtomicU64::new(0),
        }))
    }

    /// How far it has come.
    pub fn stage(&self) -> Stage {
        *self.0.stage.borrow()
    }

    /// One step on: the first call is a graceful stop, the second a forced one. Answers the stage afterwards.
    pub fn ask(&self) -> Stage {
        let mut now = Stage::Running;
        self.0.stage.send_modify(|stage| {
            *stage = match *stage {
                Stage::Running => Stage::Graceful,
                Stage::Graceful | Stage::Forced => Stage::Forced,
            };
            now = *stage;
        });
        now
    }

    /// Straight to the forced stop.
    pub fn force(&self) {
        self.0.stage.send_replace(Stage::Forced);
    }

    /// Waits until a stop is asked for, graceful or forced.
    pub async fn graceful(&self) {
        self.reached(Stage::Graceful).await;
    }

    /// Waits until the stop is forced.
    pub async fn forced(&self) {
        self.reached(Stage::Forced).await;
    }

    async fn reached(&self, wanted: Stage) {
        // The sender lives in self, so the channel can't close while somebody waits.
        let _ = self.0.stage.subscribe().wait_for(|stage| *stage >= wanted).await;
    }

    /// Starts a task that a stop waits for. Its name is what people read when it doesn't end. The handle answers
    /// none when the task was cut off.
    pub fn spawn<F>(&self, name: &'static str, task: F) -> JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let entry = Entry::new(self.clone(), name);
        let shutdown = self.clone();
        self.0.tracker.spawn(async move {
            let _entry = entry;
            tokio::select! {
                biased;
                () = shutdown.forced() => None,
                out = task => Some(out),
            }
        })
    }

    /// Waits for the registered tasks, for `deadline` at most, then cuts off the rest. Call it once the stop was asked.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        let tracker = &self.0.tracker;
        tracker.close();
        tokio::select! {
            biased;
            () = tracker.wait() => return Drained::Clean,
            () = self.forced() => {}
            () = self.0.clock.sleep(deadline) => {}
        }
        let tasks = self.running();
        self.force();
        match self.0.clock.timeout(LET_GO, tracker.wait()).await {
            Ok(()) if tasks.is_empty() => Drained::Clean,
            Ok(()) => Drained::Cut { tasks },
            Err(_) => Drained::Stuck { tasks: self.running() },
        }
    }

    /// The names of the registered tasks that have not ended, sorted, each once.
    pub fn running(&self) -> Vec<&'static str> {
        let running = self.0.running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<_> = running.values().copied().collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Asks for what can be read again while running: today the log's level.
    pub fn reload(&self) {
        self.0.reloads.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Changes with every [`Shutdown::reload`].
    pub fn reloads(&self) -> watch::Receiver<u64> {
        self.0.reloads.subscribe()
    }

    /// Listens from now on: SIGTERM and SIGINT are [`Shutdown::ask`], SIGHUP is [`Shutdown::reload`].
    ///
    /// # Errors
    /// When the system does not let the process listen.
    pub fn listen(&self) -> io::Result<JoinHandle<()>> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        let shutdown = self.clone();
        Ok(tokio::spawn(async move {
            loop {
                let name = tokio::select! {
                    Some(()) = terminate.recv() => "SIGTERM",
                    Some(()) = interrupt.recv() => "SIGINT",
                    Some(()) = hang_up.recv() => {
                        tracing::info!("SIGHUP: reloading");
                        shutdown.reload();
                        continue;
                    }
                    else => return,
                };
                match shutdown.ask() {
                    Stage::Forced => tracing::warn!(signal = name, "stopping at once"),
                    Stage::Graceful | Stage::Running => {
                        tracing::info!(signal = name, "stopping; once more to stop at once");
                    }
                }
            }
        }))
    }
}

/// A task's line in the list of those that run; it goes when the task does, also by panic.
struct Entry {
    shutdown: Shutdown,
    id: u64,
}

impl Entry {
    fn new(shutdown: Shutdown, name: &'static str) -> Self {
        let id = shutdown.0.next.fetch_add(1, Ordering::Relaxed);
        shutdown.0.running.lock().unwrap_or_else(PoisonError::into_inner).insert(id, name);
        Self { shutdown, id }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.shutdown.0.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

#[cfg(test)]
mod tests;
