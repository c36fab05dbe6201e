//! A sequential test of "the share of hits is at most the threshold" that may be looked at after every call, for ever.
//!
//! It is a bet against that statement. For an alternative share `q` above the threshold `p` the capital grows by `q / p` with each
//! hit and shrinks by `(1 - q) / (1 - p)` with each other call. As long as the chance of the next call to be a hit is at most `p`, whatever
//! happened before, the capital is not expected to grow, so it ever reaches `1 / alpha` with a probability of at most `alpha`
//! (Ville). No distribution is assumed, and calls need not be alike.
//!
//! The capital is spread over several alternatives, so that no share above the threshold escapes, and over time: a part of what is left
//! begins anew at each restart. A long good history therefore costs only what was staked in it. All parts together are still one capital
//! of 1, so the guarantee is for the whole time and for all restarts at once.

use serde::{Deserialize, Serialize};

use super::number::signed;

#[cfg(test)]
mod tests;

/// A natural logarithm in billionths. Rounding is always down: whoever rounds a bet down can't win by it, and whole numbers come
/// back from a store as they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nats(i64);

/// Beyond this no logarithm matters: nothing is that certain.
const UTMOST: f64 = 1e6;
const BILLION: f64 = 1e9;

impl Nats {
    /// Of nothing at all.
    const NOTHING: Self = Self(-1_000_000_000_000_000);

    fn of(value: f64) -> Self {
        if value.is_nan() { Self::NOTHING } else { Self(signed(value.clamp(-UTMOST, UTMOST) * BILLION)) }
    }

    fn value(self) -> f64 {
        self.0 as f64 / BILLION
    }

    /// In thousandths, rounded down.
    pub fn millinats(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

/// Alternatives as odds in units of the threshold's odds, with their parts of the capital. Most lies near twice the threshold, which is what a
/// fault that is hard to see looks like; what is larger is seen at once with any stake.
const ALTERNATIVES: [(f64, f64); ODDS] = [(1.43, 0.1), (2.1, 0.6), (3.4, 0.1), (8.0, 0.1), (45.0, 0.1)];
const ODDS: usize = 5;

/// A restart comes after at least so many calls, so that little traffic does not spend the capital on restarts.
const RESTART_AFTER: u64 = 50;

/// The test's state. Only counts go in, so windows may be of any length.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detector {
    /// What the bets of each alternative have become, all restarts together.
    grown: [Nats; ODDS],
    restarts: u64,
    /// Calls since the last restart.
    since: u64,
}

impl Default for Detector {
    fn default() -> Self {
        Self { grown: [Nats::NOTHING; ODDS], restarts: 0, since: 0 }
    }
}

/// What is left of the capital before the restart of this number, counted from 1: `1 / (1 + ln n)`. It ends so slowly that a fault after a
/// day of windows costs 15 nats, seven windows of 100 calls at twice the threshold of 5 %.
fn left_before(restart: f64) -> f64 {
    1.0 / (1.0 + restart.ln())
}

/// What is staked at that restart: the difference between what is left before it and before the next one.
fn stake(restart: f64) -> f64 {
    (1.0 / restart).ln_1p() * left_before(restart) * left_before(restart + 1.0)
}

/// The logarithm of the sum of two numbers of which the logarithms are given.
fn log_sum(a: f64, b: f64) -> f64 {
    let (high, low) = if a >= b { (a, b) } else { (b, a) };
    high + (low - high).exp().ln_1p()
}

impl Detector {
    /// Takes a number of calls of which some are hits (more hits than calls count as all). `threshold` lies between 0 and 1 and is
    /// the same for the detector's whole life.
    pub fn observe(&mut self, calls: u64, hits: u64, threshold: f64) {
        if calls == 0 {
            return;
        }
        // Whether it restarts depends on calls before this window only, never on what they were.
        let fresh = (self.restarts == 0 || self.since >= RESTART_AFTER).then(|| {
            self.restarts = self.restarts.saturating_add(1);
            self.since = 0;
            stake(self.restarts as f64)
        });
        self.since = self.since.saturating_add(calls);
        let hits = hits.min(calls);
        let (hit, other) = (hits as f64, (calls - hits) as f64);
        for (grown, (odds, part)) in self.grown.iter_mut().zip(ALTERNATIVES) {
            let capital = match fresh {
                Some(stake) => log_sum(grown.value(), (stake * part).ln()),
                None => grown.value(),
            };
            // Odds o for p are the share q = o p / (1 - p + o p), so q / p = o / (1 - p + o p), (1 - q) / (1 - p) = 1 / (1 - p + o p).
            let scale = (threshold * (odds - 1.0)).ln_1p();
            *grown = Nats::of(capital + hit * (odds.ln() - scale) - other * scale);
        }
    }

    /// The logarithm of the capital now, what is not staked yet included.
    pub fn log_e(&self) -> Nats {
        let left = left_before(self.restarts.saturating_add(1) as f64).ln();
        Nats::of(self.grown.iter().fold(left, |sum, grown| log_sum(sum, grown.value())))
    }
}

/// The logarithm from which on the test decides, when at most `false_alarms` (between 0 and 1) may ever be wrong. Rounded up.
pub fn limit(false_alarms: f64) -> Nats {
    let Nats(below) = Nats::of(-false_alarms.ln());
    Nats(below.saturating_add(1))
}
