//! Takes what was counted, each second, into the window that runs, tells windows that are over, and stores both. Telling does not wait
//! for storing: whoever judges must judge while the disk is full.

mod held;
mod thin;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cutover_shared::rollout::RolloutName;
use tokio::sync::Notify;

use self::held::Held;
use super::counters::Recorder;
use super::windows::{WindowFigures, Windows};
use super::{FLUSH_EVERY, WINDOW_MS};
use crate::clock::{Clock, Millis};
use crate::metrics::Metrics;
use crate::store::{Db, Lane, MetricRow, RolloutMetricOp, Source, Unit, WriteError};

/// Rows of windows in one unit.
const WINDOW_ROWS: usize = 64;

/// Rows of tenants in one unit.
const TENANT_ROWS: usize = 256;

/// How often a process that counts nothing says that it lives. A crash makes the time since then incomplete.
const ALIVE_MS: i64 = 60_000;

/// How long the store may take to say what was compared in a window that is over.
const PATIENCE: Duration = Duration::from_secs(1);

/// What was counted is not stored. It is kept and tried again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what rollouts counted is not stored: {0}")]
pub struct FlushError(#[from] pub WriteError);

/// Times at which something began anew for a rollout: hours with such a moment are not merged.
pub type Moments = Arc<dyn Fn(RolloutName) -> Vec<Millis> + Send + Sync>;

/// The flush. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Flush(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Clock,
    recorder: Recorder,
    windows: Windows,
    metrics: Metrics,
    moments: Moments,
    held: Mutex<Held>,
    /// One at a time stores, so that none overtakes another.
    storing: tokio::sync::Mutex<()>,
    due: Notify,
}

/// How the flush stands, for the doctor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlushStanding {
    /// Windows that are over and not stored.
    pub waiting: usize,
    /// Rows that were given up because too many waited.
    pub dropped: u64,
    /// Why the last flush was not stored.
    pub trouble: Option<String>,
}

impl Flush {
    /// Counts for nobody yet: [`Flush::begin`] comes first.
    pub fn new(
        db: Db,
        clock: Clock,
        recorder: Recorder,
        windows: Windows,
        metrics: Metrics,
        moments: Moments,
    ) -> Self {
        let held = Held::new(clock.now());
        windows.counts_as(held.process);
        let inner = Inner {
            db,
            clock,
            recorder,
            windows,
            metrics,
            moments,
            held: Mutex::new(held),
            storing: tokio::sync::Mutex::default(),
            due: Notify::new(),
        };
        Self(Arc::new(inner))
    }

    /// What counts here.
    pub fn recorder(&self) -> &Recorder {
        &self.0.recorder
    }

    /// What is read of it.
    pub fn windows(&self) -> &Windows {
        &self.0.windows
    }

    /// Marks what the process before left open, and names this one as the one that counts.
    pub async fn begin(&self) -> Result<(), FlushError> {
        let at = self.0.clock.now();
        let writer = self.held().process;
        let op = RolloutMetricOp::Begin { writer, at, window_ms: WINDOW_MS };
        Ok(self.0.db.write(Lane::Handler, Unit::new().with(op)).await?)
    }

    /// Flushes each second until it is dropped, and merges old windows each hour.
    pub async fn work(self) {
        let ticks = async {
            loop {
                self.0.clock.sleep(FLUSH_EVERY).await;
                self.tick(false).await;
                self.0.due.notify_one();
            }
        };
        let stores = async {
            loop {
                self.0.due.notified().await;
                // In a task of its own: a stop that drops this one must not leave a unit of which nobody knows the end.
                let flush = self.clone();
                match tokio::spawn(async move { flush.store(false).await }).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::warn!(%error, "it is kept and tried again"),
                    Err(error) => tracing::error!(%error, "a flush ended badly"),
                }
            }
        };
        tokio::join!(ticks, stores, self.thin_hourly());
    }

    /// Takes what was counted, and stores all that is to be stored.
    pub async fn flush(&self) -> Result<(), FlushError> {
        self.tick(false).await;
        self.store(false).await
    }

    /// The last flush: ends the window that runs, and says that nothing is left.
    pub async fn stop(&self) -> Result<(), FlushError> {
        self.tick(true).await;
        self.store(true).await
    }

    /// How it stands.
    pub fn standing(&self) -> FlushStanding {
        self.held().standing()
    }

    /// Adds figures that were measured elsewhere, as a window of its own, and tells it.
    pub fn outside(&self, window: WindowFigures, rows: Vec<MetricRow>) {
        self.held().add_outside(rows);
        self.0.windows.tell(window);
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn tick(&self, is_last: bool) {
        let now = self.0.clock.now();
        let deltas = self.0.recorder.take();
        for delta in &deltas {
            self.0.metrics.rollout_calls(delta.operation, delta.side, delta.counts());
        }
        let ended = {
            let mut held = self.held();
            held.turn(now);
            held.add(deltas);
            self.0.recorder.take_tenants(|operation, side, tenant, sum| {
                held.add_tenant(operation, side, tenant, sum);
            });
            held.end(now, is_last)
        };
        for window in ended {
            let window = self.compared(window).await;
            self.0.windows.tell(window);
        }
    }

    /// Adds the comparisons that others stored with their differences.
    async fn compared(&self, mut window: WindowFigures) -> WindowFigures {
        let (from, to) = (window.start_at, window.start_at.saturating_add(window.length_ms));
        let ask = self.0.db.rollout_windows(window.rollout, from, to, 256);
        let Ok(Ok(rows)) = self.0.clock.timeout(PATIENCE, ask).await else {
            window.complete = false;
            return window;
        };
        let is_beside = |row: &&MetricRow| row.writer == 0 && row.source == Source::Own;
        for row in rows.iter().filter(is_beside) {
            if window.add(row).is_err() {
                window.complete = false;
            }
        }
        window
    }

    async fn store(&self, is_last: bool) -> Result<(), FlushError> {
        let _one = self.0.storing.lock().await;
        let stored = self.store_all(is_last).await;
        self.held().trouble = stored.as_ref().err().map(ToString::to_string);
        stored
    }

    async fn store_all(&self, is_last: bool) -> Result<(), FlushError> {
        let now = self.0.clock.now();
        loop {
            let (rows, writer, is_due) = {
                let mut held = self.held();
                (held.due(WINDOW_ROWS), held.process, held.is_alive_due(now, ALIVE_MS))
            };
            if rows.is_empty() && !is_due {
                break;
            }
            let is_late = rows.iter().any(|row| self.0.windows.is_settled(row.row.start_at));
            let op = RolloutMetricOp::Windows { rows: rows.iter().map(|due| due.row.clone()).collect() };
            let alive = RolloutMetricOp::Alive { writer, at: now, stopped: false };
            let unit = if rows.is_empty() { Unit::new() } else { Unit::new().with(op) };
            self.0.db.write(Lane::Handler, unit.with(alive)).await?;
            self.held().stored(&rows, now);
            if is_late {
                self.0.windows.unsettle().await;
            }
        }
        loop {
            let rows = self.held().take_tenants(TENANT_ROWS);
            if rows.is_empty() {
                break;
            }
            let unit = Unit::new().with(RolloutMetricOp::Tenants { rows: rows.clone() });
            if let Err(error) = self.0.db.write(Lane::Handler, unit).await {
                self.held().give_back(rows);
                return Err(error.into());
            }
        }
        if is_last {
            let op = RolloutMetricOp::Alive { writer: self.held().process, at: now, stopped: true };
            self.0.db.write(Lane::Handler, Unit::new().with(op)).await?;
        }
        Ok(())
    }
}

/// The begin of the span of `length` that a moment lies in.
pub(super) fn floor(at: Millis, length: i64) -> Millis {
    at.saturating_sub(at.rem_euclid(length))
}

#[cfg(test)]
mod tests;
