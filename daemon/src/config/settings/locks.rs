use std::time::Duration;

use secrecy::SecretString;

/// Locks.
#[derive(Clone, Debug)]
pub struct Locks {
    pub backend: LockBackend,
    /// For one question to Redis, 50 ms to 30 s.
    pub redis_timeout: Duration,
    pub on_partition: OnPartition,
    /// Counts with Redis only.
    pub phase: LockPhase,
    /// 1 s to 1 h.
    pub ttl: Duration,
}

/// Who decides.
#[derive(Clone, Debug)]
pub enum LockBackend {
    Memory,
    Database,
    /// With its address, which may hold a password.
    Redis(SecretString),
}

/// What is done while Redis does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnPartition {
    FailFast,
    FallBack,
}

/// How far the hand-over from memory to Redis is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockPhase {
    Memory,
    Both,
    Redis,
}
