//! Whoever decides about a lock beside the store.

use std::time::Duration;

use async_trait::async_trait;

use super::{LockError, LockName};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    pub name: &'a LockName,
    /// Differs for each time that a lock is asked for: the same ask twice is one grant.
    pub holder: &'a str,
    pub ttl: Duration,
    /// The fence must be higher.
    pub above: u64,
}

/// What an arbiter gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub fence: u64,
    pub holder: String,
}

/// Gives each lock to one holder at a time, by its own clock. Every call ends within a bounded time.
#[async_trait]
pub trait Arbiter: Send + Sync {
    /// Gives the lock.
    ///
    /// # Errors
    /// Another has it, or the arbiter does not answer.
    async fn grant(&self, ask: Ask<'_>) -> Result<Grant, LockError>;

    /// Gives it for `ttl` from now.
    ///
    /// # Errors
    /// [`LockError::Lost`], or the arbiter does not answer.
    async fn extend(&self, name: &LockName, grant: &Grant, ttl: Duration) -> Result<(), LockError>;

    /// Takes it back; nothing happens when another has it.
    ///
    /// # Errors
    /// The arbiter does not answer.
    async fn free(&self, name: &LockName, grant: &Grant) -> Result<(), LockError>;

    /// Whether it answers at all.
    ///
    /// # Errors
    /// It does not.
    async fn ping(&self) -> Result<(), LockError>;
}
