//! What rollouts measure (C5, C12): each routed call is counted once, in memory without a lock, and each second what was counted
//! goes into the store as part of a window of five seconds.

pub mod baseline;
pub mod beside;
pub mod buckets;
pub mod counters;
pub mod figures;
pub mod flush;
pub mod gross;
pub mod outside;
pub mod prometheus;
mod recent;
mod tallied;
mod tenants;
pub mod windows;

use std::time::Duration;

pub use self::buckets::Histogram;
pub use self::counters::{Outcome, Recorder, Sample};
pub use self::flush::{Flush, FlushError};
pub use self::gross::GrossRun;
pub use self::tallied::Tallied;
pub use self::windows::{OperationWindow, SideFigures, WindowFigures, Windows};

/// How often what was counted is stored: the most that a crash loses.
pub const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// Length of a window.
pub const WINDOW: Duration = Duration::from_millis(cutover_shared::rollout::SPARK_WINDOW_MS);

/// [`WINDOW`] in milliseconds.
pub const WINDOW_MS: i64 = 5_000;
