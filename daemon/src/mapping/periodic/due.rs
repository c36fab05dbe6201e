//! When the next sweep is due.

use std::time::Duration;

/// What was swept so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// A sweep was begun and not ended.
    HalfDone,
    /// The last whole one ended then; milliseconds since the epoch, UTC, as all times here.
    Swept(i64),
    /// None ever ended; the process began then. The first plan reads the lists anyway.
    Never { began: i64 },
}

/// How long to wait from `now`; none when it is due. `spread`, 0 to 1, puts it off by up to a tenth of `every`, so that daemons
/// that were started together don't sweep together.
pub fn due(first: &First, now: i64, every: Duration, spread: f64) -> Option<Duration> {
    let since = match first {
        First::HalfDone => return None,
        First::Swept(at) | First::Never { began: at } => *at,
    };
    let every = every + every.mul_f64(0.1 * spread.clamp(0.0, 1.0));
    // A clock that was set back makes nothing due later than one whole interval from now.
    let age = Duration::from_millis(u64::try_from(now.saturating_sub(since)).unwrap_or(0));
    (age < every).then(|| every - age)
}

#[cfg(test)]
mod tests;
