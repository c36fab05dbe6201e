//! What rollouts measured: windows, sums by tenant, and who counts.

use async_trait::async_trait;
use cutover_shared::rollout::{Operation, RolloutName, Side};

use super::ReadError;

/// Where figures come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Counted here.
    Own,
    /// Read from a Prometheus server.
    Prometheus,
}

impl Source {
    /// As it is stored.
    pub fn word(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Prometheus => "prometheus",
        }
    }

    /// The source of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Own, Self::Prometheus].into_iter().find(|source| source.word() == word)
    }
}

/// Whether a window has all that happened in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wholeness {
    /// It is not over.
    Open,
    Whole,
    /// Something of it was lost.
    Incomplete,
}

impl Wholeness {
    /// As it is stored.
    pub fn number(self) -> i64 {
        match self {
            Self::Open => 0,
            Self::Whole => 1,
            Self::Incomplete => 2,
        }
    }

    /// What a stored number says; one that nobody writes is no whole window.
    pub fn of(number: i64) -> Self {
        match number {
            0 => Self::Open,
            1 => Self::Whole,
            _ => Self::Incomplete,
        }
    }
}

/// One arm's figures of one operation in one window, as one process counted them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricRow {
    pub operation: Operation,
    pub side: Side,
    pub source: Source,
    /// The process; 0 for what was added or merged.
    pub writer: i64,
    pub start_at: i64,
    pub length_ms: i64,
    pub calls: u64,
    /// The gross ones are among them.
    pub errors: u64,
    pub gross: u64,
    pub answered: u64,
    pub histogram: Vec<u8>,
    /// Of figures without a histogram, microseconds.
    pub p95_us: Option<u64>,
    pub compared: u64,
    pub mismatched: u64,
    /// Comparisons that were lost, and those that the budget left out.
    pub shed: u64,
    pub over_budget: u64,
    pub complete: Wholeness,
}

impl MetricRow {
    /// Without a call.
    pub fn empty(operation: Operation, side: Side, start_at: i64, length_ms: i64) -> Self {
        Self {
            operation,
            side,
            source: Source::Own,
            writer: 0,
            start_at,
            length_ms,
            calls: 0,
            errors: 0,
            gross: 0,
            answered: 0,
            // An empty histogram of the first format.
            histogram: vec![1],
            p95_us: None,
            compared: 0,
            mismatched: 0,
            shed: 0,
            over_budget: 0,
            complete: Wholeness::Open,
        }
    }
}

/// One tenant's figures in one operation and arm, of one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantDay {
    /// Days since 1970, UTC.
    pub day: i64,
    pub tenant: String,
    pub operation: Operation,
    pub side: Side,
    pub calls: u64,
    pub errors: u64,
    pub slowest_us: u64,
}

/// Operations on what is measured.
#[derive(Clone, Debug)]
pub enum RolloutMetricOp {
    /// A process begins to count: what one before it left open is incomplete, and so is the time since it was last seen unless it
    /// had stopped by itself.
    Begin { writer: i64, at: i64, window_ms: i64 },
    /// It is alive, or stopped with everything stored.
    Alive { writer: i64, at: i64, stopped: bool },
    /// Replaces the rows of the same window, operation, side, source and writer.
    Windows { rows: Vec<MetricRow> },
    /// Adds to the tenants' days.
    Tenants { rows: Vec<TenantDay> },
    /// Answers that were compared, to be put into the unit that stores their difference. `at` is the time of the comparison.
    Compared { operation: Operation, at: i64, window_ms: i64, compared: u64, mismatched: u64 },
    /// Replaces all rows of a rollout that begin in `[from, to)` by these.
    Merge { name: RolloutName, from: i64, to: i64, rows: Vec<MetricRow> },
    /// Replaces one process's span of issued tokens, and forgets spans that begin before `before`.
    Issued { start_at: i64, writer: i64, histogram: Vec<u8>, before: i64 },
    /// Forgets windows that begin before, and days before its day.
    Forget { before: i64, day: i64 },
}

type Read<T> = Result<T, ReadError>;

/// What is read of them.
#[async_trait]
pub trait RolloutMetricRead {
    /// Rows of windows that begin in `[from, to)`, by begin; at most `limit`.
    async fn rollout_windows(
        &self,
        name: RolloutName,
        from: i64,
        to: i64,
        limit: u32,
    ) -> Read<Vec<MetricRow>>;
    /// When the oldest window begins, not before `from`, that is shorter than this; none without one.
    async fn rollout_window_oldest(
        &self,
        name: RolloutName,
        from: i64,
        shorter_than: i64,
    ) -> Read<Option<i64>>;
    /// How many tenants called this arm since `day`.
    async fn rollout_tenants_seen(&self, name: RolloutName, day: i64, side: Side) -> Read<u64>;
    /// Histograms of what GitHub took to give tokens, of the spans that begin in `[from, to)`, by begin.
    async fn issuance(&self, from: i64, to: i64) -> Read<Vec<Vec<u8>>>;
    /// Webhooks that ended in `[from, to)`, and those of them that were given up.
    async fn deliveries_ended(&self, from: i64, to: i64) -> Read<(u64, u64)>;
    /// Days since `day`, those with the most errors first.
    async fn rollout_tenants(&self, name: RolloutName, day: i64, limit: u32) -> Read<Vec<TenantDay>>;
}
