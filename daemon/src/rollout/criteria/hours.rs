//! The hours of the day in which a rollout may advance.

use cutover_shared::rollout::{Criterion, CriterionState};

use super::{MINUTE_MS, holds, one};

const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// When a rollout may advance, in minutes of the day (UTC). A start after the end spans midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    pub from: u16,
    pub to: u16,
}

impl Hours {
    /// Whether this moment, epoch milliseconds, is one of them.
    pub fn contains(self, now: i64) -> bool {
        let (minute, start, end) = (minute(now), i64::from(self.from), i64::from(self.to));
        if start <= end { (start..end).contains(&minute) } else { minute >= start || minute < end }
    }
}

/// The first moment from `from` on in which it may advance, epoch milliseconds. None: at any time.
pub fn opens(hours: Option<Hours>, from: i64) -> i64 {
    let Some(hours) = hours else { return from };
    if hours.contains(from) {
        return from;
    }
    let start = i64::from(hours.from) * MINUTE_MS;
    let today = from.saturating_sub(from.rem_euclid(DAY_MS)).saturating_add(start);
    if today >= from { today } else { today.saturating_add(DAY_MS) }
}

pub(super) fn criterion(hours: Option<Hours>, now: i64) -> Criterion {
    let Some(hours) = hours else {
        return one("window", CriterionState::Holds, true, "at any time");
    };
    let (Hours { from, to }, minute) = (hours, minute(now));
    let text = format!(
        "{:02}:{:02} to {:02}:{:02} UTC, now {:02}:{:02}",
        from / 60,
        from % 60,
        to / 60,
        to % 60,
        minute / 60,
        minute % 60,
    );
    one("window", holds(hours.contains(now)), true, text)
}

/// The minute of the day in UTC.
fn minute(now: i64) -> i64 {
    now.rem_euclid(DAY_MS) / MINUTE_MS
}
