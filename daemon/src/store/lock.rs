//! Locks, as the store knows them: for each the highest fence that was seen, and who has it. The row stays for good: a fence
//! outlives every holder.

use async_trait::async_trait;

use super::ReadError;

pub mod rule;

use rule::{Holding, Standing};

/// Operations on locks. A step that [`rule`] refuses fails the whole unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockOp {
    /// Enters who took a lock, with a fence above every one before.
    Admit { name: String, fence: u64, holding: Holding, now: i64 },
    /// Keeps it until later.
    Renew { name: String, fence: u64, until: i64, now: i64 },
    /// Gives it back; does nothing once another has it.
    Release { name: String, fence: u64 },
    /// Demands that no higher fence was seen, and remembers this one.
    Expect { name: String, fence: u64 },
    /// Ends every lock that is out: for a store that only this process writes, at its start.
    EndAll,
}

type Read<T> = Result<T, ReadError>;

/// What locks read.
#[async_trait]
pub trait LockRead {
    /// What is known of one; nothing known is fence 0, held by nobody.
    async fn lock(&self, name: &str) -> Read<Standing>;
    /// Those that somebody has, expired or not, by name.
    async fn locks_out(&self, limit: u32) -> Read<Vec<(String, Standing)>>;
}
