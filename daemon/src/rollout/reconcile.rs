//! Whether both books agree (C4): two streams in the order of their keys, merged as they come.

use std::cmp::Ordering;
use std::collections::VecDeque;

use cutover_shared::rollout::Side;
use cutover_shared::status::Health;

/// Mismatches in a million above which it is an alert: 0.1 %.
pub const ALERT_PPM: u64 = 1_000;

/// Half of that: a warning.
pub const WARNING_PPM: u64 = ALERT_PPM / 2;

/// A record, as far as the rule looks at it. `K` is its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<K> {
    pub key: K,
    pub digest: String,
    /// Epoch milliseconds, as all times here.
    pub at: i64,
    /// A write of this key is owed since then and on its way.
    pub owed_since: Option<i64>,
}

/// What is compared, and what counts as on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Records since this moment.
    pub since: i64,
    /// When the comparison began: what moved afterwards is the next one's.
    pub began: i64,
    /// What is owed for less is lag, milliseconds.
    pub lag_ms: i64,
}

/// What a pair shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Finding {
    Agree,
    /// Legacy has it, the target has not.
    Missing,
    /// The target has it, legacy has not.
    Extra,
    Different,
    /// On its way.
    Lagging,
    /// Written since the comparison began: the next one's.
    Later,
}

/// What one key shows; none where it is of a time that is not compared.
pub fn finding<K>(legacy: Option<&Entry<K>>, target: Option<&Entry<K>>, bounds: Bounds) -> Option<Finding> {
    let both = || legacy.into_iter().chain(target);
    let newest = both().map(|entry| entry.at).max()?;
    // The two books are not read in one moment: what was written in between looks different in each.
    if newest >= bounds.began {
        return Some(Finding::Later);
    }
    if newest < bounds.since {
        return None;
    }
    let found = match (legacy, target) {
        (Some(legacy), Some(target)) if legacy.digest == target.digest => return Some(Finding::Agree),
        (Some(_), Some(_)) => Finding::Different,
        (Some(_), None) => Finding::Missing,
        (None, _) => Finding::Extra,
    };
    let owed = both().filter_map(|entry| entry.owed_since).min();
    let is_lag = owed.is_some_and(|since| bounds.began.saturating_sub(since) < bounds.lag_ms);
    Some(if is_lag { Finding::Lagging } else { found })
}

/// One book as it is read, page by page.
#[derive(Debug)]
struct Stream<T> {
    waiting: VecDeque<T>,
    ended: bool,
}

impl<T> Default for Stream<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), ended: false }
    }
}

/// Both books beside each other: holds no more than a page of each.
#[derive(Debug)]
pub struct Merge<T> {
    legacy: Stream<T>,
    target: Stream<T>,
}

impl<T> Default for Merge<T> {
    fn default() -> Self {
        Self { legacy: Stream::default(), target: Stream::default() }
    }
}

/// What a merge needs or gives next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<T> {
    /// The next page of this book.
    Wants(Side),
    /// The next key, in either book or in both.
    Pair(Option<T>, Option<T>),
    End,
}

impl<T> Merge<T> {
    /// The next page of a book, in the order of its keys; `ended`: there is none after it.
    pub fn feed(&mut self, side: Side, page: impl IntoIterator<Item = T>, ended: bool) {
        let stream = match side {
            Side::Legacy => &mut self.legacy,
            Side::Target => &mut self.target,
        };
        stream.waiting.extend(page);
        stream.ended = ended;
    }

    /// What comes next. `key` reads the key that both books are ordered by.
    pub fn step<K: Ord>(&mut self, key: impl Fn(&T) -> &K) -> Step<T> {
        for (side, stream) in [(Side::Legacy, &self.legacy), (Side::Target, &self.target)] {
            if stream.waiting.is_empty() && !stream.ended {
                return Step::Wants(side);
            }
        }
        let order = match (self.legacy.waiting.front(), self.target.waiting.front()) {
            (None, None) => return Step::End,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(legacy), Some(target)) => key(legacy).cmp(key(target)),
        };
        let legacy = (order != Ordering::Greater).then(|| self.legacy.waiting.pop_front()).flatten();
        let target = (order != Ordering::Less).then(|| self.target.waiting.pop_front()).flatten();
        Step::Pair(legacy, target)
    }
}

/// What was counted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub agreed: u64,
    pub missing: u64,
    pub extra: u64,
    pub different: u64,
    pub lagging: u64,
    pub later: u64,
}

impl Tally {
    /// One more.
    pub fn add(&mut self, finding: Finding) {
        let count = match finding {
            Finding::Agree => &mut self.agreed,
            Finding::Missing => &mut self.missing,
            Finding::Extra => &mut self.extra,
            Finding::Different => &mut self.different,
            Finding::Lagging => &mut self.lagging,
            Finding::Later => &mut self.later,
        };
        *count += 1;
    }

    /// Keys that were compared, those on their way left out.
    pub fn compared(&self) -> u64 {
        self.agreed + self.mismatched()
    }

    /// Keys that do not agree.
    pub fn mismatched(&self) -> u64 {
        self.missing + self.extra + self.different
    }

    /// In a million compared, rounded up: a mismatch is never rounded away.
    pub fn ppm(&self) -> u64 {
        self.mismatched().saturating_mul(1_000_000).div_ceil(self.compared().max(1))
    }

    /// What that is.
    pub fn health(&self) -> Health {
        match self.ppm() {
            ppm if ppm > ALERT_PPM => Health::Bad,
            ppm if ppm > WARNING_PPM => Health::Warning,
            _ => Health::Ok,
        }
    }
}

#[cfg(test)]
mod tests;
