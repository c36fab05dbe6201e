//! How long to wait for a store that does not answer.

use std::time::Duration;

use backon::BackoffBuilder as _;

/// The longest of the waits.
const LONGEST: Duration = Duration::from_secs(30);

/// Waits that grow, with jitter; there is always a next one.
pub struct Waits(backon::ExponentialBackoff);

impl Default for Waits {
    fn default() -> Self {
        Self(
            backon::ExponentialBuilder::default()
                .with_min_delay(Duration::from_millis(200))
                .with_max_delay(LONGEST)
                .without_max_times()
                .with_jitter()
                .build(),
        )
    }
}

impl Waits {
    /// The next one.
    pub fn longer(&mut self) -> Duration {
        self.0.next().unwrap_or(LONGEST)
    }
}

impl Iterator for Waits {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(self.longer())
    }
}
