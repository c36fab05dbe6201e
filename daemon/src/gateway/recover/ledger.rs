//! What GitHub's list of deliveries and the inbox say of each other. A rule: fed page by page, newest first, it holds only what
//! is missing and what came several times, however long the list.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Attempts of one delivery that are kept: its payload is the same in each.
const ATTEMPTS: usize = 8;

/// Deliveries with several attempts that are told apart; beyond it one may count twice, but is taken once all the same.
const REPEATED: usize = 200_000;

/// One attempt to deliver, as GitHub logged it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub id: i64,
    pub guid: String,
    pub event: String,
    /// Milliseconds since the epoch, UTC.
    pub at: i64,
    /// It was asked for after a first attempt.
    pub redelivery: bool,
}

/// Which deliveries are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Milliseconds since the epoch, UTC.
    pub since: i64,
    /// Only these events; all when empty.
    pub events: BTreeSet<String>,
}

/// A delivery that is not in the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    pub guid: String,
    pub event: String,
    /// When the first attempt was made that the list has.
    pub first: i64,
    /// The same in the order of the list: how new its facts are.
    pub at: i64,
    /// Newest first, at least one.
    pub attempts: Vec<i64>,
}

/// How many deliveries were met; each counts once, however often it was attempted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub logged: u64,
    /// Of those, of events that are not wanted.
    pub unwanted: u64,
    /// Of those that are wanted, in the inbox.
    pub here: u64,
}

impl Counts {
    /// Wanted and not in the inbox.
    pub fn missing(&self) -> u64 {
        self.logged.saturating_sub(self.unwanted).saturating_sub(self.here)
    }
}

/// One walk through the list.
#[derive(Debug)]
pub struct Ledger<'s> {
    scope: &'s Scope,
    /// Deliveries that nothing more is to be tried for.
    settled: &'s BTreeSet<String>,
    most: usize,
    /// Deliveries whose newest attempt, met first, is not their only one.
    repeated: HashSet<String>,
    /// By the order of meeting: the newest first.
    missing: BTreeMap<u64, Missing>,
    places: HashMap<String, u64>,
    met: u64,
    /// The moment that was met last, and how many attempts were met of it.
    moment: (i64, i64),
    overflowed: bool,
    counts: Counts,
}

impl<'s> Ledger<'s> {
    /// A walk that remembers `most` missing deliveries, the oldest; those of `settled` are counted and not remembered.
    pub fn new(scope: &'s Scope, settled: &'s BTreeSet<String>, most: usize) -> Self {
        Self {
            scope,
            settled,
            most: most.max(1),
            repeated: HashSet::new(),
            missing: BTreeMap::new(),
            places: HashMap::new(),
            met: 0,
            moment: (i64::MIN, 0),
            overflowed: false,
            counts: Counts::default(),
        }
    }

    /// GUIDs of a page that the inbox has to be asked for.
    pub fn asked(&self, page: &[Attempt]) -> Vec<String> {
        let asked = page.iter().filter(|attempt| self.is_within(attempt) && self.is_wanted(attempt));
        asked.map(|attempt| attempt.guid.clone()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Takes a page; `here` are those of [`Ledger::asked`] that are in the inbox.
    pub fn page(&mut self, page: &[Attempt], here: &HashSet<String>) {
        let mut on_page = HashSet::new();
        for attempt in page {
            let at = self.placed(attempt.at);
            if !on_page.insert(attempt.guid.as_str()) || self.repeated.contains(&attempt.guid) {
                self.earlier(attempt, at);
            } else if self.is_within(attempt) {
                if attempt.redelivery && self.repeated.len() < REPEATED {
                    self.repeated.insert(attempt.guid.clone());
                }
                self.first(attempt, at, here);
            }
        }
    }

    /// Whether all further pages are older than what is compared.
    pub fn is_past(&self, page: &[Attempt]) -> bool {
        page.last().is_some_and(|last| !self.is_within(last))
    }

    /// More were missing than are remembered: the newest of them need another walk.
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// What was met so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What is missing, oldest first, so that it is handled in its order.
    pub fn into_missing(self) -> Vec<Missing> {
        let mut missing: Vec<Missing> = self.missing.into_values().rev().collect();
        missing.sort_by_key(|missing| (missing.at, missing.attempts.last().copied()));
        missing
    }

    /// A delivery is met for the first time.
    fn first(&mut self, attempt: &Attempt, at: i64, here: &HashSet<String>) {
        self.counts.logged += 1;
        if !self.is_wanted(attempt) {
            self.counts.unwanted += 1;
        } else if here.contains(&attempt.guid) {
            self.counts.here += 1;
        } else if !self.settled.contains(&attempt.guid) {
            let missing = Missing {
                guid: attempt.guid.clone(),
                event: attempt.event.clone(),
                first: attempt.at,
                at,
                attempts: vec![attempt.id],
            };
            self.places.insert(attempt.guid.clone(), self.met);
            self.missing.insert(self.met, missing);
            self.met += 1;
            if self.missing.len() > self.most
                && let Some((_, newest)) = self.missing.pop_first()
            {
                self.places.remove(&newest.guid);
                self.overflowed = true;
            }
        }
    }

    /// An earlier attempt of one that was met.
    fn earlier(&mut self, attempt: &Attempt, at: i64) {
        let place = self.places.get(&attempt.guid);
        let Some(missing) = place.and_then(|place| self.missing.get_mut(place)) else { return };
        missing.first = missing.first.min(attempt.at);
        missing.at = missing.at.min(at);
        if missing.attempts.len() < ATTEMPTS && !missing.attempts.contains(&attempt.id) {
            missing.attempts.push(attempt.id);
        }
    }

    /// GitHub tells whole seconds, and two facts of one second must not be as new as each other: the list says which came
    /// first. Counted from the end of the second, so that what is logged later moves no earlier one.
    fn placed(&mut self, at: i64) -> i64 {
        let (moment, count) = self.moment;
        self.moment = (at, if moment == at { count + 1 } else { 0 });
        if at % 1_000 == 0 { at + (999 - self.moment.1).max(0) } else { at }
    }

    fn is_within(&self, attempt: &Attempt) -> bool {
        attempt.at >= self.scope.since
    }

    fn is_wanted(&self, attempt: &Attempt) -> bool {
        self.scope.events.is_empty() || self.scope.events.contains(&attempt.event)
    }
}

#[cfg(test)]
mod tests;
