//! GitHub's time as far as we know it: the daemon's clock, corrected once a refusal has proven it wrong.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::clock::{Clock, Millis};

/// A JWT backdated by a minute tolerates less than this, so a smaller difference can't be the reason of a refusal.
const TOLERATED: Millis = 30_000;

#[derive(Debug)]
pub(crate) struct ServerTime {
    clock: Clock,
    ahead: AtomicI64,
}

/// One look at both kinds of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// GitHub's wall time, for instants that GitHub names.
    pub(crate) wall: Millis,
    /// For waits: it never jumps.
    pub(crate) mono: Duration,
}

impl ServerTime {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, ahead: AtomicI64::new(0) }
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// GitHub's wall time.
    pub(crate) fn now(&self) -> Millis {
        self.clock.now().saturating_add(self.ahead.load(Ordering::Relaxed))
    }

    pub(crate) fn moment(&self) -> Moment {
        Moment { wall: self.now(), mono: self.clock.monotonic() }
    }

    /// How far GitHub's clock is ahead of ours, when that had to be corrected.
    pub(crate) fn skew(&self) -> Option<Millis> {
        match self.ahead.load(Ordering::Relaxed) {
            0 => None,
            ahead => Some(ahead),
        }
    }

    /// Learns from the `Date` of a refused JWT. Gives the difference to the time that the JWT was made with, if it
    /// is big enough to be the reason.
    pub(crate) fn learn(&self, date: Option<Millis>) -> Option<Millis> {
        let date = date?;
        let off = date.saturating_sub(self.now());
        if off.saturating_abs() <= TOLERATED {
            return None;
        }
        self.ahead.store(date.saturating_sub(self.clock.now()), Ordering::Relaxed);
        Some(off)
    }

    /// Drops a correction once the machine's clock agrees with GitHub's again.
    pub(crate) fn observe(&self, date: Option<Millis>) {
        if let Some(date) = date
            && self.skew().is_some()
            && date.saturating_sub(self.clock.now()).saturating_abs() <= TOLERATED / 10
        {
            self.ahead.store(0, Ordering::Relaxed);
        }
    }
}

/// Epoch milliseconds of an HTTP date.
pub(crate) fn http_date(text: &str) -> Option<Millis> {
    chrono::DateTime::parse_from_rfc2822(text).ok().map(|time| time.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_learned_only_when_it_can_matter_and_dropped_when_it_is_over() {
        let clock = Clock::manual(1_000_000);
        let time = ServerTime::new(clock.clone());
        assert_eq!(time.learn(Some(1_020_000)), None);
        assert_eq!(time.learn(None), None);
        assert_eq!(time.learn(Some(1_700_000)), Some(700_000));
        assert_eq!((time.now(), time.skew()), (1_700_000, Some(700_000)));
        assert_eq!(time.learn(Some(1_700_500)), None, "already corrected: it is not the clock");
        time.observe(Some(1_700_000));
        assert_eq!(time.skew(), Some(700_000));
        clock.jump_wall(1_700_000);
        time.observe(Some(1_700_000));
        assert_eq!(time.skew(), None);
    }

    #[test]
    fn http_dates_are_read() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        assert_eq!(http_date("yesterday"), None);
    }
}
