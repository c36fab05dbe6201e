//! A circuit breaker: what does not answer is left alone for a while, then tried by one call. Pure; times are monotonic.

use std::time::Duration;

/// Failures in a row that open it.
const FAILURES: u32 = 5;

/// How long it stays open: doubled each time the one call fails, too.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Calls go through; so many have failed in a row.
    Closed { failed: u32 },
    /// None goes through before this moment. `wait`: how long it was opened for.
    Open { until: Duration, wait: Duration },
    /// One call is under way, and its end decides.
    HalfOpen { wait: Duration },
}

/// A breaker that is closed at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Breaker(State);

/// Whether a call may go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    Go,
    /// Not before this moment.
    Shut(Duration),
    /// Not before the call under way has ended.
    Trying,
}

impl Default for Breaker {
    fn default() -> Self {
        Self(State::Closed { failed: 0 })
    }
}

impl Breaker {
    /// Whether a call may go through now; asking changes nothing.
    pub(super) fn gate(&self, now: Duration) -> Gate {
        match self.0 {
            State::Closed { .. } => Gate::Go,
            State::Open { until, .. } if until > now => Gate::Shut(until),
            State::Open { .. } => Gate::Go,
            State::HalfOpen { .. } => Gate::Trying,
        }
    }

    /// Takes leave for a call. With [`Gate::Go`] its end must be told.
    pub(super) fn enter(&mut self, now: Duration) -> Gate {
        let gate = self.gate(now);
        if let (Gate::Go, State::Open { wait, .. }) = (gate, self.0) {
            self.0 = State::HalfOpen { wait };
        }
        gate
    }

    /// A call was answered, whatever it was answered.
    pub(super) fn answered(&mut self) {
        self.0 = State::Closed { failed: 0 };
    }

    /// A call found nobody, or somebody who is sick.
    pub(super) fn failed(&mut self, now: Duration) {
        let wait = match self.0 {
            State::Closed { failed } if failed.saturating_add(1) < FAILURES => {
                self.0 = State::Closed { failed: failed.saturating_add(1) };
                return;
            }
            State::Closed { .. } => FIRST,
            State::HalfOpen { wait } => wait.saturating_mul(2).min(LONGEST),
            // Begun before it opened.
            State::Open { .. } => return,
        };
        self.0 = State::Open { until: now.saturating_add(wait), wait };
    }

    /// The other side asks to be left alone for so long.
    pub(super) fn hold(&mut self, now: Duration, length: Duration) {
        let asked = now.saturating_add(length);
        let (until, wait) = match self.0 {
            State::Open { until, wait } => (until.max(asked), wait),
            State::HalfOpen { wait } => (asked, wait),
            State::Closed { .. } => (asked, FIRST),
        };
        self.0 = State::Open { until, wait };
    }

    /// The call did not happen after all.
    pub(super) fn left(&mut self, now: Duration) {
        if let State::HalfOpen { wait } = self.0 {
            self.0 = State::Open { until: now, wait };
        }
    }
}
