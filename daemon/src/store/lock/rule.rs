//! The rule of locks, from values to values: who may have one, which fence counts, when it is over. The writer, locks in
//! memory and the model check all go by it.

/// The highest fence. Above it a script's floating-point number would skip whole numbers.
pub const MAX_FENCE: u64 = (1 << 53) - 1;

/// Who, beside the store, has to agree to a lock. With nobody the store alone decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Arbiters {
    /// The process itself.
    pub memory: bool,
    /// A Redis server.
    pub redis: bool,
}

impl Arbiters {
    /// The store alone.
    pub const NONE: Self = Self { memory: false, redis: false };
    pub const MEMORY: Self = Self { memory: true, redis: false };
    pub const REDIS: Self = Self { memory: false, redis: true };
    /// While locks are handed over from memory to Redis.
    pub const BOTH: Self = Self { memory: true, redis: true };

    /// As it is stored.
    pub fn word(self) -> &'static str {
        match (self.memory, self.redis) {
            (false, false) => "database",
            (true, false) => "memory",
            (false, true) => "redis",
            (true, true) => "memory+redis",
        }
    }

    /// The one with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::NONE, Self::MEMORY, Self::REDIS, Self::BOTH].into_iter().find(|one| one.word() == word)
    }

    /// Some arbiter has to agree to both: then no two holders can have one each.
    pub fn share(self, other: Self) -> bool {
        (self.memory && other.memory) || (self.redis && other.redis)
    }
}

/// Who has a lock.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Holding {
    /// Differs for each time that the lock is taken.
    pub holder: String,
    /// Milliseconds since the epoch, UTC.
    pub until: i64,
    pub by: Arbiters,
}

/// What is known of one lock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Standing {
    /// The highest fence that was ever given or seen; 0 before the first.
    pub fence: u64,
    /// Who has it with that fence, expired or not; none when nobody took it, or it was given back.
    pub held: Option<Holding>,
}

/// Why a step is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Somebody has the lock.
    #[error("held by another")]
    Held,
    /// A fence as high or higher was given to somebody else.
    #[error("fence {highest} was given")]
    Stale {
        /// The highest given.
        highest: u64,
    },
    /// The lock is over: expired or given back.
    #[error("not held any more")]
    Over,
    /// No fence is left above this one.
    #[error("the fence is out of range")]
    Exhausted,
}

/// Whether somebody has the lock and keeps out whoever comes with the agreement of `by`.
///
/// Redis decides by its own clock when a lock that it gave is over: that it gives it again says that the last one is, whatever
/// the clocks of the daemons say.
pub fn is_held(standing: &Standing, by: Arbiters, now: i64) -> bool {
    standing.held.as_ref().is_some_and(|held| held.until > now && !(held.by.redis && by.redis))
}

/// Takes the lock with a fence above every one before.
///
/// # Errors
/// Somebody has it, or the fence is not higher.
pub fn admit(standing: &Standing, fence: u64, holding: Holding, now: i64) -> Result<Standing, Refusal> {
    if fence > MAX_FENCE {
        return Err(Refusal::Exhausted);
    }
    if fence <= standing.fence {
        return Err(Refusal::Stale { highest: standing.fence });
    }
    if is_held(standing, holding.by, now) {
        return Err(Refusal::Held);
    }
    Ok(Standing { fence, held: Some(holding) })
}

/// Keeps the lock until later. One that has expired is not brought back, even while nobody else took it.
///
/// # Errors
/// It is over.
pub fn renew(standing: &Standing, fence: u64, until: i64, now: i64) -> Result<Standing, Refusal> {
    let held = standing.held.as_ref().filter(|held| standing.fence == fence && held.until > now);
    let held = held.ok_or(Refusal::Over)?;
    Ok(Standing { fence, held: Some(Holding { until: until.max(held.until), ..held.clone() }) })
}

/// Gives the lock back; whoever has another fence changes nothing.
pub fn release(standing: &Standing, fence: u64) -> Standing {
    let held = standing.held.clone().filter(|_| standing.fence != fence);
    Standing { fence: standing.fence, held }
}

/// What the resource checks with every write: no higher fence was seen. A higher one is remembered, and ends whoever has the
/// lock with a lower one.
///
/// # Errors
/// A higher one was seen.
pub fn expect(standing: &Standing, fence: u64) -> Result<Standing, Refusal> {
    if fence > MAX_FENCE {
        return Err(Refusal::Exhausted);
    }
    match fence.cmp(&standing.fence) {
        std::cmp::Ordering::Less => Err(Refusal::Stale { highest: standing.fence }),
        std::cmp::Ordering::Equal => Ok(standing.clone()),
        std::cmp::Ordering::Greater => Ok(Standing { fence, held: None }),
    }
}

/// Whether locks that are taken from now on by the agreement of `next` can't be had beside those that are out. Those of the store
/// alone keep everybody out.
pub fn may_switch(mut out: impl Iterator<Item = Arbiters>, next: Arbiters) -> bool {
    out.all(|by| by == Arbiters::NONE || by.share(next))
}

#[cfg(test)]
mod tests;
