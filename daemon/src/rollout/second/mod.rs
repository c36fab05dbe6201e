//! Dual-write (C3): each answered call leaves a record in the answering arm's book, and the other arm is written behind it,
//! durably and never in the caller's way.

mod compare;
pub(super) mod note;
mod repair;
mod retain;
mod settle;
pub mod tries;
mod work;

use std::collections::HashSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use cutover_shared::ids::TenantId;
use cutover_shared::rollout::{Operation, RepairView, RolloutName, Side};
use tokio::sync::{Semaphore, watch};

pub use self::compare::CompareError;
pub use self::note::{Pending, Unrecorded};
pub use self::repair::RepairError;
use super::decide::Decision;
use super::router::Router;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::store::{ArmRecord, Db, NewSecond, RecordKey, SecondCounts};

/// Every place where a crash must be survivable, in the order of a call.
pub const CRASH_POINTS: &[&str] = &[
    "second.intended",
    "second.worked",
    "second.answered",
    "second.tried",
    "second.effect",
    "second.recorded",
    "second.compared",
];

/// Answers whose records the store has not taken yet.
const UNDER_WAY: usize = 1_024;

/// Writes of one arm of one rollout that are under way at once.
const PARALLEL: usize = 4;

/// What is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepairLimits {
    /// A write that is owed for longer is a person's, and stops every advance.
    pub age: Duration,
    /// So many that wait or failed are the most.
    pub most: u64,
}

impl RepairLimits {
    /// What is owed, as criteria and people see it.
    pub fn view(&self, counts: SecondCounts, now: i64) -> RepairView {
        let oldest_ms = counts.oldest.map_or(0, |at| now.saturating_sub(at).max(0));
        let age = i64::try_from(self.age.as_millis()).unwrap_or(i64::MAX);
        RepairView {
            waiting: counts.waiting,
            failed: counts.failed,
            oldest_ms,
            blocks: oldest_ms > age || counts.waiting.saturating_add(counts.failed) >= self.most,
        }
    }
}

/// A call that is about to be answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    pub operation: Operation,
    pub tenant: TenantId,
    /// As much of the record's key as is known before the answer.
    pub key: String,
    pub decision: Decision,
    /// What to do it by; without a secret.
    pub body: serde_json::Value,
}

/// What an arm did.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Stable for the thing that was done, the same whichever arm does it; without a secret.
    pub key: String,
    /// SHA-256 over what must be the same in both arms, lower-case hex.
    pub digest: String,
    /// What to do it again by; without a secret.
    pub body: serde_json::Value,
}

/// A write that an arm owes.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    pub operation: Operation,
    pub tenant: TenantId,
    /// Of the record that is to be in its book afterwards.
    pub key: String,
    /// The arm that owes it.
    pub side: Side,
    pub body: serde_json::Value,
    /// Tries that failed.
    pub attempts: u32,
}

/// Why an arm could not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecondError {
    /// It may go well later; not before `wait` where that is known.
    #[error("{why}")]
    Transient { why: String, wait: Option<Duration> },
    /// It goes the same way each time.
    #[error("{0}")]
    Permanent(String),
}

/// The arm that did not answer. Writing the same twice must be the same as writing it once: after a crash it is done again.
#[async_trait]
pub trait SecondArm: Send + Sync + 'static {
    /// Does it in the arm that owes it, and says what is in its book then.
    async fn write(&self, intent: &Intent) -> Result<Record, SecondError>;

    /// What became of a call whose process ended before it was answered. None: nothing happened, or nothing that has to be in the
    /// other arm as well. For calls that change nothing outside that is so.
    async fn became(&self, _intent: &Intent) -> Result<Option<Record>, SecondError> {
        Ok(None)
    }
}

/// What a [`Second`] stands on.
pub struct SecondParts {
    pub db: Db,
    pub clock: Clock,
    pub faults: Faults,
    pub router: Router,
    pub limits: RepairLimits,
    /// How often both books are compared.
    pub every: Duration,
    /// By [`Operation::index`]; without one, what is owed waits.
    pub arms: [Option<Arc<dyn SecondArm>>; Operation::ALL.len()],
}

/// Second writes of all rollouts. Cheap to clone.
#[derive(Clone)]
pub struct Second(Arc<Inner>);

struct Inner {
    parts: SecondParts,
    /// Something may be there to be written: rises.
    news: watch::Sender<u64>,
    /// Intents of calls that are under way in this process.
    live: Mutex<HashSet<String>>,
    /// By [`RolloutName::index`]: the queue takes no more.
    full: [std::sync::atomic::AtomicBool; RolloutName::ALL.len()],
    /// Answers without a record that the store has not been told of.
    lost: [AtomicU64; RolloutName::ALL.len()],
    under_way: Arc<Semaphore>,
    /// A comparison and the retention do not see each other's halves.
    comparing: tokio::sync::Mutex<()>,
}

impl Second {
    /// Nothing is read or written yet.
    pub fn new(parts: SecondParts) -> Self {
        Self(Arc::new(Inner {
            parts,
            news: watch::Sender::new(0),
            live: Mutex::default(),
            full: Default::default(),
            lost: Default::default(),
            under_way: Arc::new(Semaphore::new(UNDER_WAY)),
            comparing: tokio::sync::Mutex::default(),
        }))
    }

    fn parts(&self) -> &SecondParts {
        &self.0.parts
    }

    fn live(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.0.news.send_modify(|n| *n += 1);
    }

    /// What is owed of a rollout.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn view(&self, name: RolloutName) -> Result<RepairView, crate::store::ReadError> {
        let counts = self.parts().db.second_counts(name).await?;
        Ok(self.parts().limits.view(counts, self.parts().clock.now()))
    }

    /// What one arm owes.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn owed(&self, name: RolloutName, side: Side) -> Result<RepairView, crate::store::ReadError> {
        let counts = self.parts().db.second_owed(name, side).await?;
        Ok(self.parts().limits.view(counts, self.parts().clock.now()))
    }
}

/// The row of a write, and the record that it stands on.
fn rows(id: &str, asked: &Asked, record: &Record, at: i64) -> (NewSecond, ArmRecord) {
    let of = RecordKey { operation: asked.operation, tenant: asked.tenant.clone(), key: record.key.clone() };
    let body = record.body.to_string();
    let write = NewSecond {
        id: id.to_owned(),
        of: of.clone(),
        side: asked.decision.side.other(),
        version: asked.decision.version,
        body: body.clone(),
        at,
    };
    let record =
        ArmRecord { of, side: asked.decision.side, digest: record.digest.clone(), answered: true, body, at };
    (write, record)
}

#[cfg(test)]
mod tests;
