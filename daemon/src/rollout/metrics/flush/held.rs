//! What was counted and is not stored yet.

use std::collections::BTreeMap;

use cutover_shared::rollout::{Operation, RolloutName, Side};

use super::{FlushStanding, floor};
use crate::clock::Millis;
use crate::rollout::metrics::WINDOW_MS;
use crate::rollout::metrics::buckets::Histogram;
use crate::rollout::metrics::counters::Delta;
use crate::rollout::metrics::tenants::TenantSum;
use crate::rollout::metrics::windows::WindowFigures;
use crate::store::{MetricRow, Source, TenantDay, Wholeness};

/// Rows that wait for a store that does not take them: at five seconds a window and ten rows each, more than half an hour.
const MOST_ROWS: usize = 4_096;

/// The same for tenants.
const MOST_TENANTS: usize = 1 << 17;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

type Place = (Millis, Operation, Side, Source, i64);

struct Cell {
    row: MetricRow,
    histogram: Histogram,
    /// Raised by each change.
    revision: u64,
    /// The revision that is stored.
    stored: u64,
}

/// A row that is to be stored.
pub(super) struct Due {
    pub(super) row: MetricRow,
    place: Place,
    revision: u64,
}

pub(super) struct Held {
    /// Names this process.
    pub(super) process: i64,
    /// Names its rows: another after the clock went back.
    writer: i64,
    pub(super) trouble: Option<String>,
    window: Millis,
    cells: BTreeMap<Place, Cell>,
    tenants: BTreeMap<(i64, Operation, Side, String), TenantSum>,
    alive_at: Millis,
    dropped: u64,
}

impl Held {
    pub(super) fn new(now: Millis) -> Self {
        Self {
            process: now.max(1),
            writer: now.max(1),
            trouble: None,
            window: floor(now, WINDOW_MS),
            cells: BTreeMap::new(),
            tenants: BTreeMap::new(),
            alive_at: now,
            dropped: 0,
        }
    }

    pub(super) fn standing(&self) -> FlushStanding {
        let waiting = self.cells.values().filter(|cell| cell.row.complete != Wholeness::Open).count();
        FlushStanding { waiting, dropped: self.dropped, trouble: self.trouble.clone() }
    }

    /// A clock that was set back begins a new row of each window, so that none that is stored is replaced.
    pub(super) fn turn(&mut self, now: Millis) {
        if now < self.window {
            self.writer += 1;
            self.finish(WINDOW_MS);
            self.window = floor(now, WINDOW_MS);
        }
    }

    /// What was counted since the last time belongs to the window that ran then.
    pub(super) fn add(&mut self, deltas: Vec<Delta>) {
        for delta in deltas {
            let place = (self.window, delta.operation, delta.side, Source::Own, self.writer);
            let cell = self.cells.entry(place).or_insert_with(|| {
                let mut row = MetricRow::empty(delta.operation, delta.side, place.0, WINDOW_MS);
                row.writer = place.4;
                Cell { row, histogram: Histogram::default(), revision: 0, stored: 0 }
            });
            cell.row.calls = cell.row.calls.saturating_add(delta.histogram.total());
            cell.row.errors = cell.row.errors.saturating_add(delta.errors);
            cell.row.gross = cell.row.gross.saturating_add(delta.gross);
            cell.row.answered = cell.row.answered.saturating_add(delta.answered);
            cell.row.compared = cell.row.compared.saturating_add(delta.compared);
            cell.row.mismatched = cell.row.mismatched.saturating_add(delta.mismatched);
            cell.row.shed = cell.row.shed.saturating_add(delta.shed);
            cell.row.over_budget = cell.row.over_budget.saturating_add(delta.over_budget);
            cell.histogram.merge(&delta.histogram);
            cell.revision += 1;
        }
        self.bound();
    }

    pub(super) fn add_tenant(&mut self, operation: Operation, side: Side, tenant: &str, sum: TenantSum) {
        let key = (self.window.div_euclid(DAY_MS), operation, side, tenant.to_owned());
        if self.tenants.len() >= MOST_TENANTS && !self.tenants.contains_key(&key) {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        self.tenants.entry(key).or_default().add(sum);
    }

    pub(super) fn add_outside(&mut self, rows: Vec<MetricRow>) {
        for mut row in rows {
            row.writer = self.writer;
            let place = (row.start_at, row.operation, row.side, row.source, row.writer);
            let cell = Cell { row, histogram: Histogram::default(), revision: 1, stored: 0 };
            self.cells.insert(place, cell);
        }
        self.bound();
    }

    /// Ends the window that ran when its time is over, or when there is no next. One for each rollout, then.
    pub(super) fn end(&mut self, now: Millis, is_last: bool) -> Vec<WindowFigures> {
        let next = floor(now, WINDOW_MS);
        if next <= self.window && !is_last {
            return Vec::new();
        }
        // A machine that slept made it longer: what was counted at its end is in it.
        let length = (next - self.window).max(WINDOW_MS);
        let mut ended: Vec<WindowFigures> = RolloutName::ALL
            .iter()
            .map(|name| WindowFigures::empty(*name, Source::Own, self.window, length))
            .collect();
        for (_, cell) in self.own() {
            let mut row = cell.row.clone();
            row.histogram = cell.histogram.encode();
            let of = &mut ended[row.operation.rollout().index()];
            if of.add(&row).is_err() {
                of.complete = false;
            }
        }
        self.finish(length);
        // After the last one nothing is counted; if it is, it has a row of its own.
        self.window = next.max(self.window);
        if is_last {
            self.writer += 1;
        }
        ended
    }

    fn own(&mut self) -> impl Iterator<Item = (&Place, &mut Cell)> {
        let window = self.window;
        self.cells.iter_mut().filter(move |((at, .., source, _), cell)| {
            *at == window && *source == Source::Own && cell.row.complete == Wholeness::Open
        })
    }

    fn finish(&mut self, length: i64) {
        for (_, cell) in self.own() {
            cell.row.length_ms = length;
            cell.row.complete = Wholeness::Whole;
            cell.revision += 1;
        }
    }

    /// The oldest rows that have changed since they were stored.
    pub(super) fn due(&mut self, most: usize) -> Vec<Due> {
        let changed = self.cells.iter().filter(|(_, cell)| cell.revision > cell.stored);
        changed
            .take(most)
            .map(|(place, cell)| {
                let mut row = cell.row.clone();
                row.histogram = cell.histogram.encode();
                Due { row, place: *place, revision: cell.revision }
            })
            .collect()
    }

    pub(super) fn is_alive_due(&self, now: Millis, every: i64) -> bool {
        now.saturating_sub(self.alive_at).saturating_abs() >= every
    }

    pub(super) fn stored(&mut self, rows: &[Due], now: Millis) {
        self.alive_at = now;
        for due in rows {
            let Some(cell) = self.cells.get_mut(&due.place) else { continue };
            cell.stored = due.revision;
            if cell.revision == cell.stored && cell.row.complete != Wholeness::Open {
                self.cells.remove(&due.place);
            }
        }
    }

    /// Removes and hands over some.
    pub(super) fn take_tenants(&mut self, most: usize) -> Vec<TenantDay> {
        let mut rows = Vec::new();
        while rows.len() < most
            && let Some(((day, operation, side, tenant), sum)) = self.tenants.pop_first()
        {
            let TenantSum { calls, errors, slowest_us } = sum;
            rows.push(TenantDay { day, tenant, operation, side, calls, errors, slowest_us });
        }
        rows
    }

    /// They were not stored.
    pub(super) fn give_back(&mut self, rows: Vec<TenantDay>) {
        for TenantDay { day, tenant, operation, side, calls, errors, slowest_us } in rows {
            let sum = TenantSum { calls, errors, slowest_us };
            self.tenants.entry((day, operation, side, tenant)).or_default().add(sum);
        }
    }

    /// Too many rows wait: the oldest is given up, and what is left of it says so.
    fn bound(&mut self) {
        while self.cells.len() > MOST_ROWS {
            let Some((_, gone)) = self.cells.pop_first() else { return };
            self.dropped = self.dropped.saturating_add(1);
            // One row for each rollout says that all until now may lack something; it grows, so that it stays one.
            let lost = |row: &MetricRow| row.complete == Wholeness::Incomplete && row.writer < 0;
            if lost(&gone.row) {
                self.dropped -= 1;
            }
            let name = gone.row.operation.rollout();
            let end = gone.row.start_at.saturating_add(gone.row.length_ms);
            let Some(operation) = name.operations().next() else { return };
            let mark = self
                .cells
                .iter_mut()
                .find(|(_, cell)| lost(&cell.row) && cell.row.operation.rollout() == name);
            if let Some((_, cell)) = mark {
                cell.row.length_ms = cell.row.length_ms.max(end.saturating_sub(cell.row.start_at));
                cell.revision += 1;
                continue;
            }
            let mut row = MetricRow::empty(operation, Side::Legacy, gone.row.start_at, gone.row.length_ms);
            (row.writer, row.complete) = (self.writer.saturating_neg(), Wholeness::Incomplete);
            // Kept at the end of the order, so that it is not the next to be given up.
            let place = (Millis::MAX, operation, Side::Legacy, Source::Own, row.writer);
            self.cells.insert(place, Cell { row, histogram: Histogram::default(), revision: 1, stored: 0 });
        }
    }
}
