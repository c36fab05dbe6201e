//! Takes, keeps and gives back: asks whoever has to agree, in order, then enters the lock into the store, and gives everything back
//! when one refuses.

use std::time::Duration;

use async_trait::async_trait;

use super::{LockService, OnPartition};
use crate::clock::Millis;
use crate::locks::arbiter::{Arbiter, Ask};
use crate::locks::{Arbiters, Held, Inspected, LONGEST_TTL, LockError, LockName, Locks, Party};
use crate::store::lock_rule::{Holding, Standing, is_held};
use crate::store::{Lane, LockOp, ReadError, Unit, WriteError};

/// Tries of one acquisition. Another follows only when somebody else was given a fence in between.
const TRIES: u32 = 3;

/// How long the store may take. Whoever wants a lock must not wait for a disk that hangs.
const STORE_PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
enum StoreError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

fn millis(length: Duration) -> Millis {
    Millis::try_from(length.as_millis()).unwrap_or(Millis::MAX)
}

impl LockService {
    /// Memory before Redis, always: two that ask in another order would each give up what they have.
    fn asked(&self, by: Arbiters) -> Vec<&dyn Arbiter> {
        let memory = by.memory.then_some(&self.memory as &dyn Arbiter);
        let redis = self.redis.as_deref().filter(|_| by.redis).map(|redis| redis as &dyn Arbiter);
        memory.into_iter().chain(redis).collect()
    }

    /// A refused step is [`LockError::Lost`].
    async fn store<T: Send>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, LockError> {
        let unavailable = |cause: String| LockError::Unavailable { party: Party::Store, cause };
        match self.clock.timeout(STORE_PATIENCE, work).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(StoreError::Write(WriteError::Precondition { .. }))) => Err(LockError::Lost),
            Ok(Err(error)) => Err(unavailable(error.to_string())),
            Err(_) => Err(unavailable("no answer in time".to_owned())),
        }
    }

    async fn standing(&self, name: &LockName) -> Result<Standing, LockError> {
        self.store(async { Ok(self.db.lock(name.as_str()).await?) }).await
    }

    async fn write(&self, op: LockOp) -> Result<(), LockError> {
        self.store(async { Ok(self.db.write(Lane::Handler, Unit::new().with(op)).await?) }).await
    }

    fn forget(&self, held: &Held) {
        self.with(|state, _| state.out.remove(&(held.name.clone(), held.fence)));
    }

    /// Asks everybody; each must give a fence above the one before.
    async fn granted(&self, held: &mut Held, above: u64) -> Result<(), LockError> {
        held.fence = above;
        for arbiter in self.asked(held.by) {
            let ask = Ask { name: &held.name, holder: &held.holder, ttl: held.ttl, above: held.fence };
            let grant = arbiter.grant(ask).await;
            if held.by.redis {
                self.heard(&grant);
            }
            let grant = grant?;
            held.fence = grant.fence;
            held.grants.push(grant);
        }
        if held.grants.is_empty() {
            held.fence = above.saturating_add(1);
        }
        Ok(())
    }

    /// Gives back what the arbiters gave; the first that does not answer is told.
    async fn give_back(&self, held: &Held) -> Result<(), LockError> {
        let mut first = Ok(());
        for (arbiter, grant) in self.asked(held.by).into_iter().zip(&held.grants).rev() {
            let freed = arbiter.free(&held.name, grant).await;
            first = first.and(freed);
        }
        first
    }

    async fn take(&self, name: &LockName, who: &str, ttl: Duration, by: Arbiters) -> Result<Held, LockError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let standing = self.standing(name).await?;
            // Its time counts from before it is asked for: whoever gives it counts from later.
            let (now, began) = (self.clock.now(), self.clock.monotonic());
            if let Some(other) = standing.held.as_ref().filter(|_| is_held(&standing, by, now)) {
                return Err(LockError::Busy { holder: other.holder.clone(), until: Some(other.until) });
            }
            let mut held = Held {
                name: name.clone(),
                fence: 0,
                holder: format!("{who}#{}", uuid::Uuid::now_v7()),
                ttl,
                expires_at: now.saturating_add(millis(ttl)),
                ends: began.saturating_add(ttl),
                by,
                grants: Vec::new(),
            };
            let taken = match self.granted(&mut held, standing.fence).await {
                Ok(()) => self.admit(&held, now).await,
                Err(error) => Err(error),
            };
            let Err(error) = taken else { return Ok(held) };
            // What is not given back expires by itself.
            let _ = self.give_back(&held).await;
            match error {
                // Another was given a fence in between, or has it by the store alone: the next look tells which.
                LockError::Lost if tries < TRIES => {}
                LockError::Lost => return Err(LockError::Busy { holder: "another".to_owned(), until: None }),
                error => return Err(error),
            }
        }
    }

    async fn admit(&self, held: &Held, now: Millis) -> Result<(), LockError> {
        let holding = Holding { holder: held.holder.clone(), until: held.expires_at, by: held.by };
        let name = held.name.as_str().to_owned();
        self.write(LockOp::Admit { name, fence: held.fence, holding, now }).await?;
        self.with(|state, _| state.out.insert((held.name.clone(), held.fence), (held.by, held.ends)));
        Ok(())
    }
}

#[async_trait]
impl Locks for LockService {
    async fn acquire(&self, name: &LockName, holder: &str, ttl: Duration) -> Result<Held, LockError> {
        if ttl < Duration::from_millis(1) || ttl > LONGEST_TTL {
            return Err(LockError::Ttl);
        }
        let arbiters = self.arbiters.read().await;
        let by = *arbiters;
        let taken = match self.silent().filter(|_| by.redis) {
            Some(error) => Err(error),
            None => self.take(name, holder, ttl, by).await,
        };
        match taken {
            Err(LockError::Unavailable { party: Party::Redis, .. })
                if by.redis && self.on_partition == OnPartition::FallBack =>
            {
                self.take(name, holder, ttl, Arbiters { redis: false, ..by }).await
            }
            taken => taken,
        }
    }

    async fn renew(&self, held: &mut Held) -> Result<(), LockError> {
        let (now, began) = (self.clock.now(), self.clock.monotonic());
        let kept = if began < held.ends && now < held.expires_at {
            self.keep(held, now).await
        } else {
            Err(LockError::Lost)
        };
        match kept {
            Ok(until) => {
                held.expires_at = until;
                held.ends = began.saturating_add(held.ttl);
                self.with(|state, _| state.out.insert((held.name.clone(), held.fence), (held.by, held.ends)));
                Ok(())
            }
            Err(LockError::Lost) => {
                self.forget(held);
                Err(LockError::Lost)
            }
            Err(error) => Err(error),
        }
    }

    async fn release(&self, held: Held) -> Result<(), LockError> {
        // The row first: while an arbiter still keeps it nobody else is let in.
        let name = held.name.as_str().to_owned();
        let row = self.write(LockOp::Release { name, fence: held.fence }).await;
        let given = self.give_back(&held).await;
        self.forget(&held);
        row.and(given)
    }

    async fn inspect(&self, name: &LockName) -> Result<Inspected, LockError> {
        let standing = self.standing(name).await?;
        let now = self.clock.now();
        let held = standing.held.filter(|held| held.until > now);
        let held = held.map(|held| (held.holder, held.until, held.by));
        Ok(Inspected { fence: standing.fence, held })
    }
}

impl LockService {
    /// Everybody keeps it, or it is not kept.
    async fn keep(&self, held: &Held, now: Millis) -> Result<Millis, LockError> {
        for (arbiter, grant) in self.asked(held.by).into_iter().zip(&held.grants) {
            let kept = arbiter.extend(&held.name, grant, held.ttl).await;
            if held.by.redis {
                self.heard(&kept);
            }
            kept?;
        }
        let until = now.saturating_add(millis(held.ttl));
        let name = held.name.as_str().to_owned();
        self.write(LockOp::Renew { name, fence: held.fence, until, now }).await?;
        Ok(until)
    }
}
