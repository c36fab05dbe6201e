use proptest::prelude::*;

use super::*;

const DAY: i64 = 24 * HOUR_MS;
const WEEK: i64 = 7 * DAY;
/// A midnight.
const NOW: i64 = 20_000 * DAY;
const ANY: Rule = Rule { every: WEEK, hours: None };

fn schedule(due_at: i64) -> Schedule {
    Schedule { due_at, walked_at: None, begun_at: None }
}

fn night() -> Rule {
    Rule { every: WEEK, hours: Some(Hours { from: 120, to: 360 }) }
}

#[test]
fn the_first_drill_is_a_whole_interval_away_or_follows_the_last_walk() {
    assert_eq!(turn(None, None, NOW, &ANY), Turn::Store(schedule(NOW + WEEK)));
    let walked = |at, ok| turn(None, Some(Walked { at, ok }), NOW, &ANY);
    let due = |turn| match turn {
        Turn::Store(schedule) => schedule.due_at,
        other => panic!("{other:?}"),
    };
    assert_eq!(due(walked(NOW - DAY, true)), NOW + 6 * DAY);
    assert_eq!(due(walked(NOW - 30 * DAY, true)), NOW, "and not overdue by three weeks");
    assert_eq!(
        due(walked(NOW - HOUR_MS, false)),
        NOW + 23 * HOUR_MS,
        "what failed is tried again after a day"
    );
    assert_eq!(due(walked(NOW + DAY, true)), NOW + WEEK, "a walk of tomorrow was walked now");
}

#[test]
fn it_is_drilled_when_due_in_the_allowed_hours() {
    let kept = Some(schedule(NOW - 1));
    assert_eq!(turn(kept, None, NOW, &night()), Turn::Wait, "midnight is none of them");
    let two = NOW + 2 * HOUR_MS;
    let begun = Schedule { begun_at: Some(two), ..schedule(NOW - 1) };
    assert_eq!(turn(kept, None, two, &night()), Turn::Drill(begun));
    assert_eq!(turn(kept, None, NOW + 6 * HOUR_MS, &night()), Turn::Wait, "the end is outside");
    assert_eq!(turn(Some(schedule(NOW + 1)), None, NOW, &ANY), Turn::Wait);
}

#[test]
fn one_that_began_is_not_begun_again_at_once() {
    let begun = Schedule { begun_at: Some(NOW), ..schedule(NOW - 1) };
    for later in [0, 1, AGAIN_MS - 1] {
        assert_eq!(turn(Some(begun), None, NOW + later, &ANY), Turn::Wait);
    }
    assert!(matches!(turn(Some(begun), None, NOW + AGAIN_MS, &ANY), Turn::Drill(_)));
    // Its result ends it.
    let walked = Walked { at: NOW + 5, ok: true };
    let next = Schedule { due_at: NOW + 5 + WEEK, walked_at: Some(NOW + 5), begun_at: None };
    assert_eq!(turn(Some(begun), Some(walked), NOW + 9, &ANY), Turn::Store(next));
    assert_eq!(turn(Some(next), Some(walked), NOW + 9, &ANY), Turn::Wait);
}

#[test]
fn a_day_after_it_was_due_it_is_overdue() {
    assert!(!view(schedule(NOW), NOW + DAY).overdue);
    assert!(view(schedule(NOW), NOW + DAY + 1).overdue);
    assert!(!view(schedule(NOW + DAY), NOW).overdue);
}

/// A daemon's life on one store: what it is told is done, and each drill leaves its walk.
struct Life {
    kept: Option<Schedule>,
    walked: Option<Walked>,
    drills: Vec<i64>,
}

impl Life {
    fn look(&mut self, now: i64, rule: &Rule, lost: bool) {
        for _ in 0..3 {
            match turn(self.kept, self.walked, now, rule) {
                Turn::Wait => return,
                Turn::Store(schedule) => self.kept = Some(schedule),
                Turn::Drill(schedule) => {
                    self.kept = Some(schedule);
                    self.drills.push(now);
                    if lost {
                        return;
                    }
                    self.walked = Some(Walked { at: now, ok: true });
                }
            }
        }
        panic!("it does not come to rest: {:?}", self.kept);
    }
}

proptest! {
    /// Wherever the clock jumps, and whoever is killed in the middle: two drills are never close together while time only goes on,
    /// each is in the allowed hours, and one comes at last once the clock stands right.
    #[test]
    fn drills_come_and_never_twice(
        steps in proptest::collection::vec((-30 * DAY..30 * DAY, any::<bool>()), 1..40),
        forward in any::<bool>(),
    ) {
        let (mut life, rule, mut now) = (Life { kept: None, walked: None, drills: Vec::new() }, night(), NOW);
        for (step, lost) in steps {
            now += if forward { step.abs() } else { step };
            life.look(now, &rule, lost);
        }
        for at in &life.drills {
            prop_assert!(rule.hours.unwrap().contains(*at));
        }
        if forward {
            for pair in life.drills.windows(2) {
                prop_assert!(pair[1] - pair[0] >= AGAIN_MS, "{:?}", life.drills);
            }
        }
        // From here on the clock is right: within an interval and a day it is drilled.
        let before = life.drills.len();
        for _ in 0..=(WEEK + DAY) / (10 * 60_000) {
            now += 10 * 60_000;
            life.look(now, &rule, false);
        }
        prop_assert!(life.drills.len() > before);
        prop_assert!(life.drills.len() <= before + 3, "{:?}", life.drills);
    }
}
