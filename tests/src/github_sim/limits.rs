//! GitHub's primary and secondary rate limits.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use cutover_daemon::clock::{Clock, Millis};

/// Who a call is charged to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Principal {
    /// The App itself, by JWT.
    App,
    /// An installation, by id; all its tokens share one budget.
    Installation(i64),
    /// A user, by account id; all the user's tokens share one budget.
    User(i64),
    /// Nobody known.
    Anonymous,
}

/// Secondary limits, as GitHub documents them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecondaryLimits {
    /// Calls in flight, over all credentials.
    pub concurrent: usize,
    /// Points in any minute for one credential; a GET costs 1, a POST 5.
    pub points_a_minute: u32,
    /// 403 or 429; GitHub answers either.
    pub status: u16,
    /// `Retry-After`, seconds; GitHub doesn't always send it.
    pub retry_after: Option<u64>,
}

impl Default for SecondaryLimits {
    fn default() -> Self {
        Self { concurrent: 100, points_a_minute: 900, status: 403, retry_after: Some(60) }
    }
}

/// Calls an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrimaryLimits {
    /// For an installation.
    pub installation: u32,
    /// For a user.
    pub user: u32,
    /// For the App's own calls. GitHub publishes none, and big Apps mint far more than 5,000 tokens an hour.
    pub app: u32,
    /// Without credential.
    pub anonymous: u32,
}

impl Default for PrimaryLimits {
    fn default() -> Self {
        Self { installation: 5_000, user: 5_000, app: 1_000_000, anonymous: 60 }
    }
}

/// A primary budget as the headers show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget {
    pub(super) limit: u32,
    pub(super) used: u32,
    /// Seconds since the epoch.
    pub(super) reset: i64,
}

impl Budget {
    pub(super) fn remaining(&self) -> u32 {
        self.limit.saturating_sub(self.used)
    }
}

#[derive(Debug, Clone, Copy)]
struct Window {
    used: u32,
    ends: Millis,
    limit: Option<u32>,
}

#[derive(Debug)]
pub(super) struct Limits {
    primary: PrimaryLimits,
    pub(super) secondary: Option<SecondaryLimits>,
    windows: HashMap<Principal, Window>,
    points: HashMap<Principal, VecDeque<(Duration, u32)>>,
}

const HOUR: Millis = 3_600_000;
const MINUTE: Duration = Duration::from_secs(60);

impl Limits {
    pub(super) fn new(primary: PrimaryLimits, secondary: Option<SecondaryLimits>) -> Self {
        Self { primary, secondary, windows: HashMap::new(), points: HashMap::new() }
    }

    fn window(&mut self, who: Principal, clock: &Clock) -> &mut Window {
        let now = clock.now();
        let window = self.windows.entry(who).or_insert(Window { used: 0, ends: now + HOUR, limit: None });
        // A wall clock that was set back must not freeze a budget.
        if now >= window.ends || window.ends > now + HOUR {
            window.used = 0;
            window.ends = now + HOUR;
        }
        window
    }

    pub(super) fn budget(&mut self, who: Principal, clock: &Clock) -> Budget {
        let standard = match who {
            Principal::App => self.primary.app,
            Principal::Installation(_) => self.primary.installation,
            Principal::User(_) => self.primary.user,
            Principal::Anonymous => self.primary.anonymous,
        };
        let window = self.window(who, clock);
        Budget {
            limit: window.limit.unwrap_or(standard),
            used: window.used,
            reset: window.ends.div_euclid(1_000),
        }
    }

    /// Charges one call; false when the budget is used up.
    pub(super) fn charge(&mut self, who: Principal, clock: &Clock) -> bool {
        if self.budget(who, clock).remaining() == 0 {
            return false;
        }
        self.window(who, clock).used += 1;
        true
    }

    /// Gives one call back: a 304 is free.
    pub(super) fn refund(&mut self, who: Principal, clock: &Clock) {
        let window = self.window(who, clock);
        window.used = window.used.saturating_sub(1);
    }

    pub(super) fn set_limit(&mut self, who: Principal, limit: u32, clock: &Clock) {
        self.window(who, clock).limit = Some(limit);
    }

    pub(super) fn set_remaining(&mut self, who: Principal, remaining: u32, clock: &Clock) {
        let limit = self.budget(who, clock).limit;
        self.window(who, clock).used = limit.saturating_sub(remaining);
    }

    /// Whether the secondary limit refuses this call; if not, its points are counted.
    pub(super) fn secondary(
        &mut self,
        who: Principal,
        points: u32,
        in_flight: usize,
        clock: &Clock,
    ) -> Option<SecondaryLimits> {
        let limits = self.secondary?;
        if in_flight > limits.concurrent {
            return Some(limits);
        }
        let now = clock.monotonic();
        let spent = self.points.entry(who).or_default();
        while spent.front().is_some_and(|(at, _)| *at + MINUTE <= now) {
            spent.pop_front();
        }
        let sum: u32 = spent.iter().map(|(_, points)| points).sum();
        if sum + points > limits.points_a_minute {
            return Some(limits);
        }
        spent.push_back((now, points));
        None
    }
}
