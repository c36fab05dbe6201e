//! Locks between the tasks of one process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::arbiter::{Arbiter, Ask, Grant};
use super::{LockError, LockName};
use crate::clock::Clock;
use crate::store::lock_rule::{Arbiters, Holding, Refusal, Standing, admit, is_held, release, renew};

/// Decides within this process, by monotonic time: a jump of the machine's clock neither frees nor holds a lock.
#[derive(Debug)]
pub struct Memory {
    clock: Clock,
    locks: Mutex<HashMap<LockName, Standing>>,
}

impl Memory {
    /// Nobody has anything.
    pub fn new(clock: Clock) -> Self {
        Self { clock, locks: Mutex::default() }
    }

    fn now(&self) -> i64 {
        i64::try_from(self.clock.monotonic().as_millis()).unwrap_or(i64::MAX)
    }

    fn until(&self, ttl: Duration) -> i64 {
        self.now().saturating_add(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX))
    }

    fn step<T>(&self, name: &LockName, step: impl FnOnce(&mut Standing) -> T) -> T {
        step(self.locks.lock().unwrap_or_else(PoisonError::into_inner).entry(name.clone()).or_default())
    }
}

#[async_trait]
impl Arbiter for Memory {
    async fn grant(&self, ask: Ask<'_>) -> Result<Grant, LockError> {
        let (now, until) = (self.now(), self.until(ask.ttl));
        self.step(ask.name, |standing| {
            if let Some(held) = standing.held.as_ref().filter(|_| is_held(standing, Arbiters::MEMORY, now)) {
                return Err(LockError::Busy { holder: held.holder.clone(), until: None });
            }
            let fence = standing.fence.max(ask.above).saturating_add(1);
            let holding = Holding { holder: ask.holder.to_owned(), until, by: Arbiters::MEMORY };
            *standing = admit(standing, fence, holding, now)
                .map_err(|refusal: Refusal| LockError::Busy { holder: refusal.to_string(), until: None })?;
            Ok(Grant { fence, holder: ask.holder.to_owned() })
        })
    }

    async fn extend(&self, name: &LockName, grant: &Grant, ttl: Duration) -> Result<(), LockError> {
        let (now, until) = (self.now(), self.until(ttl));
        self.step(name, |standing| {
            *standing = renew(standing, grant.fence, until, now).map_err(|_| LockError::Lost)?;
            Ok(())
        })
    }

    async fn free(&self, name: &LockName, grant: &Grant) -> Result<(), LockError> {
        self.step(name, |standing| *standing = release(standing, grant.fence));
        Ok(())
    }

    async fn ping(&self) -> Result<(), LockError> {
        Ok(())
    }
}
