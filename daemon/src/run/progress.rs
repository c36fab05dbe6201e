//! Rate, time left and pacing. Pure.

use std::time::Duration;

use cutover_shared::run::{Counts, Progress};

/// How much a new observation weighs against the smoothed rate, for each second that it covers.
const WEIGHT: f64 = 0.3;

/// A rate that was not fed for this long has ended.
const SILENCE: Duration = Duration::from_secs(10);

/// Shorter stretches say nothing of a rate: the first chunk of a paced run comes at once.
const STRETCH: Duration = Duration::from_millis(600);

/// Smooths how fast items go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Meter {
    since: Duration,
    items: usize,
    per_second: Option<f64>,
}

impl Meter {
    pub(super) fn starting(now: Duration) -> Self {
        Self { since: now, items: 0, per_second: None }
    }

    /// `n` more items ended by `now`.
    pub(super) fn feed(&mut self, now: Duration, n: usize) {
        self.items += n;
        let stretch = now.saturating_sub(self.since);
        if stretch < STRETCH {
            return;
        }
        let seconds = stretch.as_secs_f64();
        let rate = f64::from(u32::try_from(self.items).unwrap_or(u32::MAX)) / seconds;
        let weight = 1.0 - (1.0 - WEIGHT).powf(seconds);
        self.per_second = Some(self.per_second.map_or(rate, |old| old + weight * (rate - old)));
        (self.since, self.items) = (now, 0);
    }

    /// Items a second at `now`.
    pub(super) fn rate(&self, now: Duration) -> f64 {
        if now.saturating_sub(self.since) > SILENCE { 0.0 } else { self.per_second.unwrap_or(0.0) }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and bounded just before"
)]
/// Progress out of counts and a rate; `left` items are still to be touched.
pub(super) fn progress(counts: Counts, left: u64, per_second: f64) -> Progress {
    let seconds_left = (per_second > 0.0 && left > 0).then(|| {
        let seconds = left as f64 / per_second;
        if seconds >= 1e15 { u64::MAX } else { seconds.ceil() as u64 }
    });
    Progress { counts, per_second, seconds_left }
}

/// How long to wait after `done` items in `elapsed`, so that no more than `rate` items a second go.
pub(super) fn pace(done: u64, elapsed: Duration, rate: u32) -> Duration {
    let due = Duration::from_secs_f64(done as f64 / f64::from(rate.max(1)));
    due.saturating_sub(elapsed)
}

/// How many items to take at once: a fifth of a second's worth, so that a paced run moves evenly.
pub(super) fn chunk(rate: Option<u32>, most: usize) -> usize {
    rate.map_or(most, |rate| (rate as usize / 5).clamp(1, most))
}
