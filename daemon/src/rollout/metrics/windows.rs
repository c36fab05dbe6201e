//! Windows as they are read: what several rows say of one window, added up.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use cutover_shared::rollout::{Operation, RolloutName, Side};
use tokio::sync::{Mutex, watch};

use super::WINDOW_MS;
use super::beside::Kept;
use super::buckets::Histogram;
use super::figures::Sums;
use super::flush::floor;
pub use super::recent::Recent;
use super::recent::Told;
use crate::clock::{Clock, Millis};
use crate::store::{Db, MetricRow, ReadError, Source, Wholeness};

/// Rows of one question to the store.
const PAGE: u32 = 4_096;

/// Names that a process may give its rows: its own, and one more whenever the clock is set back.
const WRITERS: i64 = 1_000;

/// One arm's figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SideFigures {
    pub calls: u64,
    /// Calls that failed, the gross ones among them.
    pub errors: u64,
    pub gross: u64,
    /// Calls whose answer the caller got; the others ran beside it.
    pub answered: u64,
    /// Latencies of all calls that were counted here; those of a Prometheus server are not in it.
    pub histogram: Histogram,
    /// P95 of a source without a histogram, microseconds: the greatest of those that were added.
    pub outside_p95_us: Option<u64>,
}

/// Both arms in one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationWindow {
    pub operation: Operation,
    /// By [`Side::index`].
    pub sides: [SideFigures; 2],
    pub compared: u64,
    pub mismatched: u64,
    pub shed: u64,
    pub over_budget: u64,
}

/// A window that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowFigures {
    pub rollout: RolloutName,
    pub source: Source,
    /// Epoch milliseconds.
    pub start_at: Millis,
    pub length_ms: i64,
    /// All operations together, by [`Side::index`].
    pub sides: [SideFigures; 2],
    pub compared: u64,
    pub mismatched: u64,
    pub shed: u64,
    pub over_budget: u64,
    /// False: something of it was lost, or could not be had. It proves nothing.
    pub complete: bool,
    /// Those with figures, in the order of [`Operation::ALL`].
    pub operations: Vec<OperationWindow>,
}

impl SideFigures {
    pub(super) fn add(&mut self, row: &MetricRow, histogram: &Histogram) {
        self.calls = self.calls.saturating_add(row.calls);
        self.errors = self.errors.saturating_add(row.errors);
        self.gross = self.gross.saturating_add(row.gross);
        self.answered = self.answered.saturating_add(row.answered);
        self.histogram.merge(histogram);
        self.outside_p95_us = self.outside_p95_us.max(row.p95_us);
    }
}

impl OperationWindow {
    pub(super) fn empty(operation: Operation) -> Self {
        Self { operation, sides: Default::default(), compared: 0, mismatched: 0, shed: 0, over_budget: 0 }
    }

    pub(super) fn add(&mut self, row: &MetricRow, histogram: &Histogram) {
        self.sides[row.side.index()].add(row, histogram);
        self.compared = self.compared.saturating_add(row.compared);
        self.mismatched = self.mismatched.saturating_add(row.mismatched);
        self.shed = self.shed.saturating_add(row.shed);
        self.over_budget = self.over_budget.saturating_add(row.over_budget);
    }
}

impl WindowFigures {
    /// Nothing happened in it.
    pub fn empty(rollout: RolloutName, source: Source, start_at: Millis, length_ms: i64) -> Self {
        Self {
            rollout,
            source,
            start_at,
            length_ms,
            sides: Default::default(),
            compared: 0,
            mismatched: 0,
            shed: 0,
            over_budget: 0,
            complete: true,
            operations: Vec::new(),
        }
    }

    /// One arm, all operations together.
    pub fn side(&self, side: Side) -> &SideFigures {
        &self.sides[side.index()]
    }

    /// Nothing happened, as far as it is known, and it is known whole.
    pub fn is_empty(&self) -> bool {
        let quiet = self.sides.iter().all(|side| side.calls == 0);
        quiet && self.complete && self.compared == 0 && self.shed == 0
    }

    pub(in crate::rollout) fn add(&mut self, row: &MetricRow) -> Result<(), ReadError> {
        let histogram = histogram(row)?;
        self.length_ms = self.length_ms.max(row.length_ms);
        self.complete &= row.complete != Wholeness::Incomplete;
        self.sides[row.side.index()].add(row, &histogram);
        self.compared = self.compared.saturating_add(row.compared);
        self.mismatched = self.mismatched.saturating_add(row.mismatched);
        self.shed = self.shed.saturating_add(row.shed);
        self.over_budget = self.over_budget.saturating_add(row.over_budget);
        let at = match self.operations.binary_search_by_key(&row.operation, |of| of.operation) {
            Ok(at) => at,
            Err(at) => {
                self.operations.insert(at, OperationWindow::empty(row.operation));
                at
            }
        };
        self.operations[at].add(row, &histogram);
        Ok(())
    }
}

pub(in crate::rollout) fn histogram(row: &MetricRow) -> Result<Histogram, ReadError> {
    Histogram::decode(&row.histogram)
        .map_err(|error| ReadError::Corrupt { what: "histogram", cause: error.to_string() })
}

/// What was measured, for whoever judges and shows it. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Windows {
    pub(super) db: Db,
    pub(super) clock: Clock,
    /// By [`RolloutName::index`].
    told: Arc<[Told; RolloutName::ALL.len()]>,
    /// Names the rows of this process; 0: it counts nothing.
    process: Arc<AtomicI64>,
    pub(super) sums: Arc<Mutex<Vec<Sums>>>,
    pub(super) beside: Arc<Mutex<Option<Kept>>>,
}

impl Windows {
    /// Nothing was told yet.
    pub fn new(db: Db, clock: Clock) -> Self {
        Self {
            db,
            clock,
            told: Arc::default(),
            process: Arc::default(),
            sums: Arc::default(),
            beside: Arc::default(),
        }
    }

    /// Names the rows of this process from now on.
    pub(super) fn counts_as(&self, process: i64) {
        self.process.store(process, Ordering::SeqCst);
    }

    /// Tells each window of a rollout as it ends, empty ones too. Whoever is slower than windows end sees the newest, and asks
    /// [`Windows::recent`] for those between.
    pub fn told(&self, name: RolloutName) -> watch::Receiver<Option<Arc<WindowFigures>>> {
        self.told[name.index()].subscribe()
    }

    pub(super) fn tell(&self, window: WindowFigures) {
        self.told[window.rollout.index()].tell(window);
    }

    /// What this process told from window number `from` on, from memory: the store may take nothing, and may have a part of a window.
    pub fn recent(&self, name: RolloutName, from: u64) -> Recent {
        self.told[name.index()].recent(from)
    }

    /// Windows of earlier processes that are over and have figures, for each source from those on that begin after `after`, by
    /// begin; at most `most`. Those that are older than a day are hours.
    pub async fn earlier(
        &self,
        name: RolloutName,
        after: impl Fn(Source) -> Millis + Send + Sync,
        most: usize,
    ) -> Result<Vec<WindowFigures>, ReadError> {
        let process = self.process.load(Ordering::SeqCst);
        let begun = floor(process, WINDOW_MS);
        let is_earlier = |row: &MetricRow| match row.writer {
            // Differences are stored by whoever finds them; this process tells those of its own windows.
            0 => row.start_at < begun,
            writer => !(process..process.saturating_add(WRITERS)).contains(&writer),
        };
        let since = after(Source::Own).min(after(Source::Prometheus));
        let keep = |row: &MetricRow| row.start_at > after(row.source) && is_earlier(row);
        self.over(name, since, most, keep).await
    }

    /// All that is stored of windows that are over, from those that begin at `since` on.
    #[cfg(test)]
    pub(in crate::rollout) async fn closed(
        &self,
        name: RolloutName,
        since: Millis,
        most: usize,
    ) -> Result<Vec<WindowFigures>, ReadError> {
        self.over(name, since, most, |_| true).await
    }

    async fn over(
        &self,
        name: RolloutName,
        since: Millis,
        most: usize,
        keep: impl Fn(&MetricRow) -> bool + Send + Sync,
    ) -> Result<Vec<WindowFigures>, ReadError> {
        let (mut all, now) = (Vec::new(), self.clock.now());
        self.each(name, since, i64::MAX, |rows| {
            for source in [Source::Own, Source::Prometheus] {
                let mut of = rows.iter().filter(|row| row.source == source && keep(row)).peekable();
                let Some(first) = of.peek() else { continue };
                let mut window = WindowFigures::empty(name, source, first.start_at, first.length_ms);
                let mut is_open = false;
                for row in of {
                    is_open |= row.complete == Wholeness::Open;
                    window.add(row)?;
                }
                if !is_open && window.start_at.saturating_add(window.length_ms) <= now {
                    all.push(window);
                }
            }
            Ok(all.len() < most)
        })
        .await?;
        all.truncate(most);
        Ok(all)
    }

    /// Hands over the rows of each window that begins in `[from, to)`, until `take` wants no more.
    pub(in crate::rollout) async fn each(
        &self,
        name: RolloutName,
        mut from: Millis,
        to: Millis,
        mut take: impl FnMut(&[MetricRow]) -> Result<bool, ReadError> + Send,
    ) -> Result<(), ReadError> {
        loop {
            let mut rows = self.db.rollout_windows(name, from, to, PAGE).await?;
            let is_last = rows.len() < PAGE as usize;
            let Some(last) = rows.last().map(|row| row.start_at) else { return Ok(()) };
            let begun = rows.partition_point(|row| row.start_at < last);
            // The window at the end of a page may go on in the next.
            if !is_last && begun > 0 {
                rows.truncate(begun);
                from = last;
            } else {
                from = last.saturating_add(1);
            }
            for window in rows.chunk_by(|one, other| one.start_at == other.start_at) {
                if !take(window)? {
                    return Ok(());
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests;
