//! The locks of one process: who has to agree, how Redis is, which are out.

mod take;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::RwLock;

use super::arbiter::Arbiter;
use super::memory::Memory;
use super::{Arbiters, LockError, LockName, Party};
use crate::clock::{Clock, Millis};
use crate::store::lock_rule::may_switch;
use crate::store::{Db, Lane, LockOp, Unit, WriteError};

/// While Redis does not answer, how often it is asked; in between nobody waits for it.
const AGAIN: Duration = Duration::from_secs(2);

/// What is done about a lock while Redis does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnPartition {
    /// Nobody gets one: [`LockError::Unavailable`].
    FailFast,
    /// The store gives it, with a fence above every one that was seen.
    FallBack,
}

/// How locks are decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockSettings {
    /// Who has to agree beside the store.
    pub arbiters: Arbiters,
    pub on_partition: OnPartition,
}

/// How Redis is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedisReport {
    NotAsked,
    Answers,
    Failing { since: Millis, cause: String },
}

/// How locks are, from memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockReport {
    pub arbiters: Arbiters,
    pub on_partition: OnPartition,
    /// None where no server is configured.
    pub redis: Option<RedisReport>,
    /// Since when the store gives the locks that Redis should give; none while it does not.
    pub degraded_since: Option<Millis>,
    /// Locks that this process has.
    pub out: usize,
}

#[derive(Debug, Default)]
struct State {
    answered: bool,
    failing: Option<(Millis, String)>,
    /// Monotonic: before it Redis is not asked by whoever wants a lock.
    again: Duration,
    /// Locks of this process, by name and fence, with their arbiters and monotonic end.
    out: BTreeMap<(LockName, u64), (Arbiters, Duration)>,
}

/// The locks of one process.
pub struct LockService {
    db: Db,
    clock: Clock,
    memory: Memory,
    redis: Option<Arc<dyn Arbiter>>,
    on_partition: OnPartition,
    /// Read for as long as a lock is being taken, so that a switch knows of all that are out.
    arbiters: RwLock<Arbiters>,
    /// The same, for whoever only looks.
    shown: Mutex<Arbiters>,
    state: Mutex<State>,
}

impl LockService {
    /// # Errors
    /// Redis has to agree, and there is none.
    pub fn new(
        db: Db,
        clock: Clock,
        redis: Option<Arc<dyn Arbiter>>,
        settings: LockSettings,
    ) -> Result<Arc<Self>, LockError> {
        if settings.arbiters.redis && redis.is_none() {
            return Err(LockError::NoRedis);
        }
        Ok(Arc::new(Self {
            memory: Memory::new(clock.clone()),
            db,
            clock,
            redis,
            on_partition: settings.on_partition,
            arbiters: RwLock::new(settings.arbiters),
            shown: Mutex::new(settings.arbiters),
            state: Mutex::default(),
        }))
    }

    /// Ends what an earlier life of this process left, where the store is its alone.
    ///
    /// # Errors
    /// The store does not take it.
    pub async fn take_up(&self) -> Result<(), WriteError> {
        if !self.db.is_exclusive() {
            return Ok(());
        }
        self.db.write(Lane::Handler, Unit::new().with(LockOp::EndAll)).await
    }

    /// Asks Redis from time to time, so that its state is known and its return is seen. Ends at once where there is none.
    pub async fn watch(self: Arc<Self>) {
        let Some(redis) = self.redis.clone() else { return };
        loop {
            let found = redis.ping().await;
            self.heard(&found);
            self.clock.sleep(AGAIN).await;
        }
    }

    /// Goes on with other arbiters, as in a hand-over: memory, both, Redis. Locks that are out stay with those who gave them.
    ///
    /// # Errors
    /// A lock that is out has no arbiter in common with `next`, so it could be taken a second time. There is no Redis.
    pub async fn switch(&self, next: Arbiters) -> Result<(), LockError> {
        if next.redis && self.redis.is_none() {
            return Err(LockError::NoRedis);
        }
        let mut arbiters = self.arbiters.write().await;
        let out: Vec<Arbiters> = self.with(|state, now| {
            state.out.retain(|_, (_, ends)| *ends > now);
            state.out.values().map(|(by, _)| *by).collect()
        });
        if !may_switch(out.iter().copied(), next) {
            return Err(LockError::Switch { out: out.iter().filter(|by| !by.share(next)).count() });
        }
        *arbiters = next;
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = next;
        tracing::info!(arbiters = next.word(), "locks are decided anew");
        Ok(())
    }

    /// How locks are.
    pub fn report(&self) -> LockReport {
        let arbiters = *self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        self.with(|state, now| {
            state.out.retain(|_, (_, ends)| *ends > now);
            let failing = state.failing.clone();
            let falls_back = arbiters.redis && self.on_partition == OnPartition::FallBack;
            LockReport {
                arbiters,
                on_partition: self.on_partition,
                degraded_since: failing.as_ref().filter(|_| falls_back).map(|(since, _)| *since),
                redis: self.redis.as_ref().map(|_| match failing {
                    Some((since, cause)) => RedisReport::Failing { since, cause },
                    None if state.answered => RedisReport::Answers,
                    None => RedisReport::NotAsked,
                }),
                out: state.out.len(),
            }
        })
    }

    /// Until when this process has a lock, in monotonic time.
    #[cfg(test)]
    pub(super) fn ends(&self, proof: &super::LockProof) -> Option<Duration> {
        self.with(|state, _| Some(state.out.get(&(proof.name.clone(), proof.fence))?.1))
    }

    fn with<T>(&self, step: impl FnOnce(&mut State, Duration) -> T) -> T {
        let now = self.clock.monotonic();
        step(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner), now)
    }

    /// Notes how Redis answered.
    fn heard<T>(&self, answer: &Result<T, LockError>) {
        let cause = match answer {
            Err(LockError::Unavailable { party: Party::Redis, cause }) => Some(cause),
            _ => None,
        };
        let (at, changed) = (self.clock.now(), |word| tracing::warn!(word, "Redis and its locks"));
        self.with(|state, now| match cause {
            Some(cause) => {
                if state.failing.is_none() {
                    changed("does not answer");
                }
                let since = state.failing.as_ref().map_or(at, |(since, _)| *since);
                state.failing = Some((since, cause.clone()));
                state.again = now.saturating_add(AGAIN);
            }
            None => {
                state.answered = true;
                if state.failing.take().is_some() {
                    changed("answers again");
                }
            }
        });
    }

    /// Why Redis is not asked now.
    fn silent(&self) -> Option<LockError> {
        self.with(|state, now| {
            let (_, cause) = state.failing.as_ref().filter(|_| now < state.again)?;
            Some(LockError::Unavailable { party: Party::Redis, cause: cause.clone() })
        })
    }
}
