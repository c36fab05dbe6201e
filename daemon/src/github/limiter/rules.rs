//! When a credential may speak: a pure account of what GitHub said and of what was spent.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Millis;
use crate::github::server_time::Moment;

/// Without `Retry-After` GitHub asks for at least a minute, doubled each time.
const FIRST_PENALTY: Duration = Duration::from_secs(60);
/// The longest self-imposed penalty.
const LONGEST_PENALTY: Duration = Duration::from_secs(15 * 60);
/// No header makes us wait longer than this: a broken server must not stop the daemon for ever.
const LONGEST_ASKED: Duration = Duration::from_secs(24 * 3600);
/// The secondary limit counts points over a minute; one second more, because we count whole seconds.
const WINDOW_S: u64 = 61;

/// Who may use the last of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Traffic {
    /// A person or an event is waiting.
    Live,
    /// Sweeps and runs: leave a reserve to live traffic.
    Background,
}

/// The tunables of one client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) reserve_permille: u16,
    pub(crate) points_per_minute: u32,
}

/// What the `x-ratelimit-*` headers of one answer say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rates {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    pub(crate) reset: Millis,
}

/// Go, or how long to wait before asking again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    Now,
    Wait(Duration),
}

/// The account of one credential.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) rates: Option<Rates>,
    pub(crate) waiting: u32,
    blocked_until: Duration,
    strikes: u32,
    in_flight: u32,
    spent: VecDeque<(u64, u32)>,
    spent_sum: u32,
}

impl Account {
    /// Whether a call of `points` may go now. A call alone is always let through an empty window, whatever it costs.
    pub(crate) fn admission(
        &mut self,
        rules: Rules,
        now: Moment,
        traffic: Traffic,
        points: u32,
    ) -> Admission {
        let mut wait = self.blocked_until.saturating_sub(now.mono);
        if let Some(rates) = self.rates {
            let until_reset = millis_until(now.wall, rates.reset);
            if until_reset.is_zero() {
                self.rates = None;
            } else if rates.remaining.saturating_sub(self.in_flight) <= floor(rules, rates, traffic) {
                wait = wait.max(until_reset.min(LONGEST_ASKED));
            }
        }
        wait = wait.max(self.pace(rules, now, traffic, points));
        if wait.is_zero() { Admission::Now } else { Admission::Wait(wait) }
    }

    /// Books an admitted call.
    pub(crate) fn take(&mut self, now: Moment, points: u32) {
        let second = now.mono.as_secs();
        match self.spent.back_mut() {
            Some((at, sum)) if *at == second => *sum += points,
            _ => self.spent.push_back((second, points)),
        }
        self.spent_sum += points;
        self.in_flight += 1;
    }

    /// The call is over, with or without an answer.
    pub(crate) fn done(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Books an answer that was no refusal for speed.
    pub(crate) fn answered(&mut self, rates: Option<Rates>) {
        self.strikes = 0;
        self.rates = rates.or(self.rates);
    }

    /// Books a refusal for speed. Gives how long nothing may be sent.
    pub(crate) fn refused(
        &mut self,
        now: Moment,
        rates: Option<Rates>,
        retry_after: Option<Duration>,
    ) -> Duration {
        self.rates = rates.or(self.rates);
        let spent = rates.filter(|rates| rates.remaining == 0 && rates.reset > now.wall);
        let wait = match (retry_after, spent) {
            (Some(asked), _) => asked,
            (None, Some(rates)) => millis_until(now.wall, rates.reset),
            (None, None) => {
                let penalty = FIRST_PENALTY * 2_u32.saturating_pow(self.strikes.min(8));
                self.strikes += 1;
                penalty.min(LONGEST_PENALTY)
            }
        }
        .min(LONGEST_ASKED);
        self.blocked_until = self.blocked_until.max(now.mono + wait);
        wait
    }

    fn pace(&mut self, rules: Rules, now: Moment, traffic: Traffic, points: u32) -> Duration {
        let second = now.mono.as_secs();
        while let Some((at, sum)) = self.spent.front().copied()
            && at + WINDOW_S <= second
        {
            self.spent_sum -= sum;
            self.spent.pop_front();
        }
        let cap = match traffic {
            Traffic::Live => rules.points_per_minute,
            Traffic::Background => share(rules.points_per_minute, 1000 - rules.reserve_permille),
        };
        let mut left = self.spent_sum;
        for (at, sum) in &self.spent {
            if left + points <= cap {
                return Duration::ZERO;
            }
            left -= sum;
            if left + points <= cap || left == 0 {
                return Duration::from_secs(at + WINDOW_S).saturating_sub(now.mono);
            }
        }
        Duration::ZERO
    }
}

fn floor(rules: Rules, rates: Rates, traffic: Traffic) -> u32 {
    match traffic {
        Traffic::Live => 0,
        Traffic::Background => share(rates.limit, rules.reserve_permille),
    }
}

fn share(of: u32, permille: u16) -> u32 {
    u32::try_from(u64::from(of) * u64::from(permille) / 1000).unwrap_or(u32::MAX)
}

fn millis_until(now: Millis, then: Millis) -> Duration {
    Duration::from_millis(u64::try_from(then.saturating_sub(now)).unwrap_or(0))
}

#[cfg(test)]
mod tests;
