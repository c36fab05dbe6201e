//! Calls in an hour.

use std::time::Duration;

const HOUR: u64 = 60 * 60;

/// Counts by whole hours of monotonic time.
#[derive(Debug, Default)]
pub(super) struct Hourly {
    hour: u64,
    taken: u64,
}

impl Hourly {
    /// Takes one of `most`; false when none is left in this hour.
    pub(super) fn take(&mut self, most: u64, now: Duration) -> bool {
        let hour = now.as_secs() / HOUR;
        if hour != self.hour {
            *self = Self { hour, taken: 0 };
        }
        let left = self.taken < most;
        self.taken += u64::from(left);
        left
    }
}
