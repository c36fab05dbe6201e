//! When the kill switch is drilled next: from what is stored and the time to what is to be done. Wall time is compared with what was
//! stored and never added up, so a clock that jumps costs a drill too many or a wait of one interval, and no more.

use cutover_shared::rollout::{DrillView, RolloutName, Stage};
use serde::{Deserialize, Serialize};

use crate::rollout::criteria::Hours;

const HOUR_MS: i64 = 60 * 60 * 1_000;

/// A drill that began and left no result is not begun again before this: a daemon that is started again and again drills once.
pub const AGAIN_MS: i64 = HOUR_MS;

/// One that failed is tried again after a day, or after the interval where that is shorter.
const FAILED_MS: i64 = 24 * HOUR_MS;

/// A whole day has each hour in it, so the hours of rollouts have come and gone.
const OVERDUE_MS: i64 = 24 * HOUR_MS;

/// What is stored of one rollout. Epoch milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    pub due_at: i64,
    /// The walk that `due_at` follows, by its time; none: there was none yet.
    #[serde(default)]
    pub walked_at: Option<i64>,
    /// A drill was begun, and its result is not known.
    #[serde(default)]
    pub begun_at: Option<i64>,
}

/// The last time the way back was walked, by the clock or by a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walked {
    pub at: i64,
    pub ok: bool,
}

/// What is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Milliseconds between two drills, more than 0.
    pub every: i64,
    /// None: at any time.
    pub hours: Option<Hours>,
}

/// How a rollout stands with its drills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillStanding {
    pub name: RolloutName,
    /// Tenants can be on the target.
    pub open: bool,
    /// None: none is to come.
    pub next: Option<DrillView>,
    /// When the last walk failed, and why.
    pub failed: Option<(i64, String)>,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing.
    Wait,
    /// Store this, and ask again.
    Store(Schedule),
    /// Store this, then drill.
    Drill(Schedule),
}

/// A stage that tenants can be brought back from. In `off` there is nothing to kill, in `complete` no arm to go back to.
pub fn is_drilled(stage: Stage) -> bool {
    stage.writes_both()
}

/// The next step.
pub fn turn(kept: Option<Schedule>, walked: Option<Walked>, now: i64, rule: &Rule) -> Turn {
    let latest = now.saturating_add(rule.every);
    let after = |walked: Walked| {
        let pause = if walked.ok { rule.every } else { rule.every.min(FAILED_MS) };
        walked.at.min(now).saturating_add(pause)
    };
    let walked_at = walked.map(|walked| walked.at);
    let Some(kept) = kept else {
        // A walk of long ago does not make the first drill overdue.
        let due_at = walked.map_or(latest, after).max(now);
        return Turn::Store(Schedule { due_at, walked_at, begun_at: None });
    };
    if kept.walked_at != walked_at {
        let due_at = walked.map_or(latest, after);
        return Turn::Store(Schedule { due_at, walked_at, begun_at: None });
    }
    // Later than any drill that could have been meant: the clock was ahead, or the interval was longer.
    if kept.due_at > latest {
        return Turn::Store(Schedule { due_at: latest, ..kept });
    }
    let is_under_way = kept.begun_at.is_some_and(|begun| (0..AGAIN_MS).contains(&now.saturating_sub(begun)));
    let is_hour = rule.hours.is_none_or(|hours| hours.contains(now));
    if now < kept.due_at || is_under_way || !is_hour {
        return Turn::Wait;
    }
    Turn::Drill(Schedule { begun_at: Some(now), ..kept })
}

/// As people see it.
pub fn view(kept: Schedule, now: i64) -> DrillView {
    DrillView { due_at: kept.due_at, overdue: now.saturating_sub(kept.due_at) > OVERDUE_MS }
}

#[cfg(test)]
mod tests;
