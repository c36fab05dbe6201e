//! What the judge is fed: windows of the target arm's calls, and what is known from elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Counts of the target arm over one window, for all operations together or for one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Windows are numbered one by one, also those without calls. One that was seen before is not counted again; one that is missing counts
    /// as incomplete.
    pub number: u64,
    /// When the window ended.
    pub to_ms: i64,
    pub calls: u64,
    pub errors: u64,
    /// Calls that took longer than each of the judge's limits, failed ones included.
    pub slower: Slower,
    /// Calls of which nobody knows how long each took: they say nothing of slowness.
    pub untimed: u64,
    /// P95 of those, where their source has one, microseconds.
    pub untimed_p95_us: Option<u64>,
    /// Answers of both arms that were compared.
    pub compared: u64,
    pub mismatches: u64,
    /// Shadow calls that were lost. What a budget leaves out is none of them.
    pub shed: u64,
    /// The longest row of gross failures that lies in this window or reaches into it.
    pub gross: GrossRow,
    /// Calls that were made and not counted.
    pub lost: u64,
    /// A crash cut it short.
    pub incomplete: bool,
}

/// Calls slower than the limits that belong to the baseline's quantiles. 0 where there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slower {
    pub p50: u64,
    pub p95: u64,
    pub p99: u64,
}

/// Gross failures one after the other, without a success between. Gross is what the legacy arm would not have done: the target could not be
/// reached, ran out of time, broke, or its answer was compared and differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrossRow {
    pub length: u64,
    /// Different tenants in the row.
    pub tenants: u64,
    /// Tenants that the target arm serves.
    pub of: u64,
}

/// What the judge is told besides windows: always the present state of everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outside {
    /// Critical incidents that are open.
    pub critical_incidents: u64,
    /// How long the present disruption has lasted; 0 when there is none.
    pub disruption_ms: u64,
    /// Users, and those of them who have wrong data.
    pub users: u64,
    pub users_wrong: u64,
    /// Critical functions that fail, by the names that the settings give them.
    pub failing: BTreeSet<String>,
    /// The measures of the baseline as they are now, by name.
    pub measures: BTreeMap<String, Seen>,
}

/// A measure's value and how many samples it stands on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub value: u64,
    pub sample: u64,
}

impl Window {
    /// Whether its figures can be true together.
    pub(super) fn is_possible(&self) -> bool {
        let Slower { p50, p95, p99 } = self.slower;
        let timed = self.calls.saturating_sub(self.untimed);
        [self.errors, self.untimed].iter().all(|part| *part <= self.calls)
            && [p50, p95, p99].iter().all(|part| *part <= timed)
            && self.mismatches <= self.compared
            && self.gross.tenants <= self.gross.length
            && self.gross.tenants <= self.gross.of
    }
}

impl GrossRow {
    /// Whether the row is as long as `length` and comes from `tenants` tenants, or from all if there are fewer.
    pub fn reaches(&self, length: u64, tenants: u64) -> bool {
        self.length >= length && self.tenants >= self.tenants_needed(tenants)
    }

    /// How many tenants are enough.
    pub(super) fn tenants_needed(&self, tenants: u64) -> u64 {
        tenants.min(self.of).max(1)
    }
}
