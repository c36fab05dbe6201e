//! Every interleaving of a few holders that take, keep, give back, pause and die, by Redis and by the store alone: a model of the
//! steps that `locks` makes, one at a time, over the rule itself.

use std::collections::{HashSet, VecDeque};

use super::*;

/// How long a lock is had, and how long the model runs.
const TTL: i64 = 2;

/// How far a holder has come. What it knows of time is from before it asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    Idle,
    /// It has read the fence that the store saw last.
    Read {
        above: u64,
        began: i64,
        by: Arbiters,
    },
    /// Redis gave it; the store does not know yet.
    Given {
        fence: u64,
        began: i64,
    },
    Had {
        fence: u64,
        ends: i64,
        by: Arbiters,
    },
    /// Redis keeps it for longer; the store does not know yet.
    Kept {
        fence: u64,
        ends: i64,
        began: i64,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    now: i64,
    row: Standing,
    /// Holder, fence, until.
    redis: Option<(usize, u64, i64)>,
    redis_fence: u64,
    redis_lost_all: bool,
    holders: Vec<Step>,
    /// The fence of the last write that the resource took.
    written: u64,
}

struct Model {
    holders: usize,
    /// The last moment.
    end: i64,
    /// No more fences than these: the space stays finite.
    fences: u64,
    /// Redis may start with nothing, once.
    forgets: bool,
    /// Some holder can't reach Redis, and goes to the store.
    falls_back: bool,
}

fn holding(who: usize, until: i64, by: Arbiters) -> Holding {
    Holding { holder: who.to_string(), until, by }
}

impl World {
    fn new(holders: usize) -> Self {
        Self {
            now: 0,
            row: Standing::default(),
            redis: None,
            redis_fence: 0,
            redis_lost_all: false,
            holders: vec![Step::Idle; holders],
            written: 0,
        }
    }

    fn with(&self, who: usize, step: Step) -> Self {
        let mut next = self.clone();
        next.holders[who] = step;
        next
    }

    fn redis_is_free(&self) -> bool {
        self.redis.is_none_or(|(_, _, until)| until <= self.now)
    }

    fn freed(mut self, who: usize, fence: u64) -> Self {
        self.redis = self.redis.filter(|(holder, given, _)| (*holder, *given) != (who, fence));
        self
    }

    /// Enters the lock into the row, or gives it back.
    fn admitted(&self, who: usize, fence: u64, began: i64, by: Arbiters) -> Self {
        match admit(&self.row, fence, holding(who, began + TTL, by), self.now) {
            Ok(row) => {
                assert!(row.fence > self.row.fence, "a fence went back: {self:?}");
                let mut next = self.with(who, Step::Had { fence, ends: began + TTL, by });
                next.row = row;
                next
            }
            Err(_) => self.with(who, Step::Idle).freed(who, fence),
        }
    }

    /// All that one holder can do next.
    fn steps(&self, who: usize, model: &Model) -> Vec<Self> {
        let mut all = Vec::new();
        match &self.holders[who] {
            Step::Idle => {
                let by = [Arbiters::REDIS, Arbiters::NONE];
                for by in by.into_iter().take(if model.falls_back { 2 } else { 1 }) {
                    if self.row.fence < model.fences && !is_held(&self.row, by, self.now) {
                        all.push(self.with(who, Step::Read { above: self.row.fence, began: self.now, by }));
                    }
                }
            }
            Step::Read { above, began, by } if by.redis => {
                if !self.redis_is_free() {
                    all.push(self.with(who, Step::Idle));
                } else if self.redis_fence.max(*above) < model.fences {
                    let fence = self.redis_fence.max(*above) + 1;
                    let mut next = self.with(who, Step::Given { fence, began: *began });
                    (next.redis, next.redis_fence) = (Some((who, fence, self.now + TTL)), fence);
                    all.push(next);
                }
            }
            Step::Read { above, began, by } => all.push(self.admitted(who, above + 1, *began, *by)),
            Step::Given { fence, began } => all.push(self.admitted(who, *fence, *began, Arbiters::REDIS)),
            Step::Had { fence, ends, by } => {
                if let Ok(row) = expect(&self.row, *fence) {
                    assert!(*fence >= self.written, "an old fence was taken: {self:?}");
                    let mut next = self.clone();
                    (next.row, next.written) = (row, *fence);
                    all.push(next);
                }
                let mut back = self.with(who, Step::Idle).freed(who, *fence);
                back.row = release(&self.row, *fence);
                all.push(back);
                // It dies: its lock stays where it is.
                all.push(self.with(who, Step::Idle));
                if self.now < *ends {
                    all.push(self.renewing(who, *fence, *ends, *by));
                }
            }
            Step::Kept { fence, ends, began } => match renew(&self.row, *fence, began + TTL, self.now) {
                Ok(row) => {
                    let had =
                        Step::Had { fence: *fence, ends: (*ends).max(began + TTL), by: Arbiters::REDIS };
                    let mut next = self.with(who, had);
                    next.row = row;
                    all.push(next);
                }
                Err(_) => all.push(self.with(who, Step::Idle)),
            },
        }
        all
    }

    fn renewing(&self, who: usize, fence: u64, ends: i64, by: Arbiters) -> Self {
        if !by.redis {
            return match renew(&self.row, fence, self.now + TTL, self.now) {
                Ok(row) => {
                    let mut next = self.with(who, Step::Had { fence, ends: self.now + TTL, by });
                    next.row = row;
                    next
                }
                Err(_) => self.with(who, Step::Idle),
            };
        }
        match self.redis {
            Some((holder, given, until)) if (holder, given) == (who, fence) && until > self.now => {
                let mut next = self.with(who, Step::Kept { fence, ends, began: self.now });
                next.redis = Some((who, fence, self.now + TTL));
                next
            }
            _ => self.with(who, Step::Idle),
        }
    }

    fn next(&self, model: &Model) -> Vec<Self> {
        let mut all: Vec<Self> = (0..self.holders.len()).flat_map(|who| self.steps(who, model)).collect();
        if self.now < model.end {
            let mut later = self.clone();
            later.now += 1;
            all.push(later);
        }
        if model.forgets && !self.redis_lost_all {
            let mut empty = self.clone();
            (empty.redis, empty.redis_fence, empty.redis_lost_all) = (None, 0, true);
            all.push(empty);
        }
        all
    }

    fn check(&self) {
        let had = self.holders.iter().filter_map(|step| match step {
            Step::Had { fence, ends, .. } | Step::Kept { fence, ends, .. } => Some((*fence, *ends)),
            _ => None,
        });
        let had: Vec<_> = had.collect();
        let accepted = had.iter().filter(|(fence, _)| expect(&self.row, *fence).is_ok()).count();
        assert!(accepted <= 1, "two holders may write: {self:?}");
        let believe = had.iter().filter(|(_, ends)| self.now < *ends).count();
        // A server that lost its memory gives what it gave before; then only the fence keeps them apart.
        assert!(believe <= 1 || self.redis_lost_all, "two holders at the same time: {self:?}");
    }
}

fn explore(model: &Model) -> (usize, HashSet<&'static str>) {
    let first = World::new(model.holders);
    let (mut seen, mut queue) = (HashSet::from([first.clone()]), VecDeque::from([first]));
    let mut met = HashSet::new();
    while let Some(world) = queue.pop_front() {
        world.check();
        let stale = world.holders.iter().any(|step| match step {
            Step::Had { fence, .. } => expect(&world.row, *fence).is_err(),
            _ => false,
        });
        if stale {
            met.insert("a stale holder that is refused");
        }
        if world.row.held.as_ref().is_some_and(|held| held.by == Arbiters::NONE) {
            met.insert("a lock by the store alone");
        }
        for next in world.next(model) {
            if !seen.contains(&next) {
                seen.insert(next.clone());
                queue.push_back(next);
            }
        }
    }
    (seen.len(), met)
}

#[test]
fn no_interleaving_of_two_holders_lets_two_write_or_a_fence_go_back() {
    let (worlds, met) = explore(&Model { holders: 2, end: 4, fences: 3, forgets: true, falls_back: true });
    assert!(worlds > 10_000, "only {worlds} worlds");
    assert_eq!(met.len(), 2, "what is promised was never put to the test: {met:?}");
}

#[test]
fn nor_of_three_holders_by_one_server() {
    let (worlds, _) = explore(&Model { holders: 3, end: 3, fences: 3, forgets: false, falls_back: false });
    assert!(worlds > 10_000, "only {worlds} worlds");
}

#[test]
fn a_lock_that_expired_is_not_brought_back_although_nobody_took_it() {
    let standing = admit(&Standing::default(), 1, holding(0, 10, Arbiters::NONE), 0).unwrap();
    assert_eq!(renew(&standing, 1, 30, 10), Err(Refusal::Over));
    assert_eq!(renew(&standing, 1, 30, 9).unwrap().held, Some(holding(0, 30, Arbiters::NONE)));
    assert_eq!(renew(&standing, 2, 30, 9), Err(Refusal::Over));
    // What was written under it still counts: nobody has a higher fence.
    assert!(expect(&standing, 1).is_ok());
}

#[test]
fn a_higher_fence_is_remembered_and_ends_who_has_a_lower_one() {
    let standing = admit(&Standing::default(), 1, holding(0, 10, Arbiters::NONE), 0).unwrap();
    let seen = expect(&standing, 5).unwrap();
    assert_eq!((seen.fence, &seen.held), (5, &None));
    assert_eq!(expect(&seen, 4), Err(Refusal::Stale { highest: 5 }));
    assert_eq!(expect(&seen, MAX_FENCE + 1), Err(Refusal::Exhausted));
}

#[test]
fn only_redis_ends_by_its_own_clock_what_it_gave() {
    let of = |by| admit(&Standing::default(), 1, holding(0, 10, by), 0).unwrap();
    for (held, asked, free) in [
        (Arbiters::REDIS, Arbiters::REDIS, true),
        (Arbiters::BOTH, Arbiters::REDIS, true),
        (Arbiters::REDIS, Arbiters::BOTH, true),
        (Arbiters::REDIS, Arbiters::NONE, false),
        (Arbiters::NONE, Arbiters::REDIS, false),
        (Arbiters::MEMORY, Arbiters::BOTH, false),
        (Arbiters::MEMORY, Arbiters::MEMORY, false),
    ] {
        assert_eq!(!is_held(&of(held), asked, 5), free, "{held:?}, then {asked:?}");
        assert!(!is_held(&of(held), asked, 10));
    }
}

#[test]
fn a_switch_leaves_no_lock_that_could_be_taken_twice() {
    let all = [Arbiters::NONE, Arbiters::MEMORY, Arbiters::REDIS, Arbiters::BOTH];
    let may = |out: Arbiters, next| may_switch([out].into_iter(), next);
    assert!(all.into_iter().all(|next| may(Arbiters::NONE, next) && may_switch([].into_iter(), next)));
    assert!(may(Arbiters::MEMORY, Arbiters::BOTH) && may(Arbiters::BOTH, Arbiters::REDIS));
    assert!(!may(Arbiters::MEMORY, Arbiters::REDIS) && !may(Arbiters::REDIS, Arbiters::MEMORY));
    assert!(!may_switch([Arbiters::BOTH, Arbiters::MEMORY].into_iter(), Arbiters::REDIS));
    for one in all {
        assert_eq!(Arbiters::from_word(one.word()), Some(one));
    }
}
