//! Locks with fencing tokens. A lock alone can't keep two holders apart: whoever is paused past its time goes on writing
//! afterwards. So each lock comes with a fence, higher than every one before, and the store checks it with the write itself
//! ([`LockProof::demand`]).
//!
//! Whoever decides about a lock beside the store is an [`Arbiter`]: this process, a Redis server, both, or nobody. Every lock is
//! entered into the store before it is had, so that the next fence is higher whoever gives it, also after an arbiter lost its memory.

mod arbiter;
mod keeper;
mod memory;
mod redis;
mod service;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

pub use self::arbiter::{Arbiter, Ask, Grant};
pub use self::keeper::Keeper;
pub use self::memory::Memory;
pub use self::redis::{RedisArbiter, RedisUrlError};
pub use self::service::{LockReport, LockService, LockSettings, OnPartition, RedisReport};
use crate::clock::Millis;
pub use crate::store::lock_rule::Arbiters;
use crate::store::{LockOp, Op};

/// The longest time that a lock may be had without being renewed.
pub const LONGEST_TTL: Duration = Duration::from_secs(60 * 60);

/// What is locked: 1 to 100 of `a` to `z`, `0` to `9`, `.`, `_`, `:` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LockName(String);

impl LockName {
    /// # Errors
    /// It is empty, too long, or has another character.
    pub fn new(name: impl Into<String>) -> Result<Self, LockError> {
        let name = name.into();
        let fits = (1..=100).contains(&name.len())
            && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b':' | b'-'));
        if fits { Ok(Self(name)) } else { Err(LockError::Name) }
    }

    /// As it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LockName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A lock that was taken. Until when it is had is known by [`Held::ends`]; its fence counts for longer.
#[derive(Debug)]
pub struct Held {
    name: LockName,
    fence: u64,
    holder: String,
    ttl: Duration,
    expires_at: Millis,
    ends: Duration,
    by: Arbiters,
    /// What each arbiter gave, in the order in which they were asked.
    grants: Vec<Grant>,
}

impl Held {
    /// What is locked.
    pub fn name(&self) -> &LockName {
        &self.name
    }

    /// Strictly higher than each one before of the same name.
    pub fn fence(&self) -> u64 {
        self.fence
    }

    /// Milliseconds since the epoch, UTC.
    pub fn expires_at(&self) -> Millis {
        self.expires_at
    }

    /// The same in the monotonic time of the clock, counted from before the lock was asked for.
    pub fn ends(&self) -> Duration {
        self.ends
    }

    /// Who agreed beside the store.
    pub fn by(&self) -> Arbiters {
        self.by
    }

    /// What a write shows.
    pub fn proof(&self) -> LockProof {
        LockProof { name: self.name.clone(), fence: self.fence }
    }
}

/// That a lock was taken. It says nothing of now: the store decides whether it still counts, with each write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockProof {
    name: LockName,
    fence: u64,
}

impl LockProof {
    /// What is locked.
    pub fn name(&self) -> &LockName {
        &self.name
    }

    /// The fence.
    pub fn fence(&self) -> u64 {
        self.fence
    }

    /// For the unit that only a holder may write: it fails as a whole, with `WriteError::Precondition`, once a higher fence was seen.
    pub fn demand(&self) -> Op {
        LockOp::Expect { name: self.name.0.clone(), fence: self.fence }.into()
    }
}

/// Who does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    Redis,
    Store,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Redis => "Redis",
            Self::Store => "the store",
        })
    }
}

/// Why a lock is not had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// Another has it.
    #[error("held by {holder}")]
    Busy {
        holder: String,
        /// Milliseconds since the epoch, UTC, when it is not renewed; none when that is not known.
        until: Option<Millis>,
    },
    /// It expired, was given back, or another has it since.
    #[error("the lock is not held any more")]
    Lost,
    /// Whoever decides does not answer in time, or answers nonsense. Whether the lock was taken is not known; it expires by itself.
    #[error("{party} can't decide about the lock: {cause}")]
    Unavailable { party: Party, cause: String },
    /// The name is none.
    #[error("a lock's name has 1 to 100 of a to z, 0 to 9, `.`, `_`, `:` and `-`")]
    Name,
    /// The time is none that a lock may have.
    #[error("a lock is held for 1 ms to 1 h between renewals")]
    Ttl,
    /// Locks that are out could be taken a second time.
    #[error("{out} locks are still held by the rule before; the switch waits for them")]
    Switch { out: usize },
    /// No such arbiter is configured.
    #[error("no Redis server is configured")]
    NoRedis,
}

/// What is known of a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// The highest fence that was given or seen.
    pub fence: u64,
    /// Who has it, until when, and who agreed; none when nobody has it.
    pub held: Option<(String, Millis, Arbiters)>,
}

/// Locks, whoever decides about them.
#[async_trait]
pub trait Locks: Send + Sync {
    /// Takes the lock for `ttl`. It is not re-entrant: whoever has it is refused, too.
    ///
    /// # Errors
    /// Another has it; nobody can decide, said within a bounded time.
    async fn acquire(&self, name: &LockName, holder: &str, ttl: Duration) -> Result<Held, LockError>;

    /// Has it for its time again, counted from now.
    ///
    /// # Errors
    /// [`LockError::Lost`] is final. After any other it is still had until [`Held::ends`].
    async fn renew(&self, held: &mut Held) -> Result<(), LockError>;

    /// Gives it back. Does nothing to a lock that another has by now.
    ///
    /// # Errors
    /// Somebody does not answer; the lock expires by itself then.
    async fn release(&self, held: Held) -> Result<(), LockError>;

    /// Looks at it.
    ///
    /// # Errors
    /// The store does not answer.
    async fn inspect(&self, name: &LockName) -> Result<Inspected, LockError>;
}

#[cfg(test)]
mod tests;
