//! The caller's part: the intent before, the record after. Both are durable before the caller has its answer while the store
//! takes them; a store that does not never fails or holds up a caller.

use std::sync::atomic::Ordering;
use std::time::Duration;

use cutover_shared::rollout::RolloutName;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::{Asked, Record, Second, rows};
use crate::store::{Lane, NewSecond, RecordKey, RecordKind, RolloutOp, SecondOp, Unit, Waits, WriteError};

/// How long a caller waits for the store at most, each time.
const PATIENCE: Duration = Duration::from_secs(2);

/// Tries to write a record that the store did not take at once.
const TRIES: u32 = 6;

/// Answers that left no record, as they are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unrecorded {
    pub count: u64,
    /// Epoch milliseconds of the last of them, as it was noted.
    pub last_at: i64,
}

/// A call that is under way. Dropped without a word, its intent is settled later: nothing was answered then.
pub struct Pending {
    second: Second,
    id: String,
    asked: Asked,
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.second.live().remove(&self.id);
    }
}

impl Second {
    /// Writes the intent of a call, before its arm works. None where the decision asks for no second write. Fails nobody: what
    /// the store did not take is made up for by the record.
    pub async fn intend(&self, asked: Asked) -> Option<Pending> {
        if !asked.decision.second_write {
            return None;
        }
        let id = format!("{:032x}", rand::random::<u128>());
        self.live().insert(id.clone());
        let pending = Pending { second: self.clone(), id, asked };
        let parts = self.parts();
        let write = NewSecond {
            id: pending.id.clone(),
            of: RecordKey {
                operation: pending.asked.operation,
                tenant: pending.asked.tenant.clone(),
                key: pending.asked.key.clone(),
            },
            side: pending.asked.decision.side.other(),
            version: pending.asked.decision.version,
            body: pending.asked.body.to_string(),
            at: parts.clock.now(),
        };
        let unit = Unit::new().with(SecondOp::Intend(Box::new(write)));
        let why = match parts.clock.timeout(PATIENCE, parts.db.write(Lane::Urgent, unit)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(why) = why {
            tracing::warn!(why, operation = %pending.asked.operation, tenant = %pending.asked.tenant,
                "the intent of a second write is not durable; the call goes on");
        }
        parts.faults.point("second.intended").await;
        Some(pending)
    }

    /// Does a call with its intent before and its record after. The answer is the arm's own, whatever becomes of the writes.
    pub async fn around<T, E>(
        &self,
        asked: Asked,
        work: impl Future<Output = Result<T, E>> + Send,
        record: impl FnOnce(&T) -> Option<Record> + Send,
    ) -> Result<T, E> {
        let pending = self.intend(asked).await;
        let answer = work.await;
        if let Some(pending) = pending {
            self.parts().faults.point("second.worked").await;
            match answer.as_ref().ok().and_then(record) {
                Some(record) => pending.answered(record).await,
                None => pending.withdrawn().await,
            }
        }
        answer
    }

    /// Notes an answer that left no record.
    pub(super) fn lost(&self, asked: &Asked, key: &str, why: &str) {
        let name = asked.operation.rollout();
        self.0.lost[name.index()].fetch_add(1, Ordering::SeqCst);
        tracing::error!(rollout = %name, operation = %asked.operation, tenant = %asked.tenant, key, why,
            "an answer left no record and owes no second write: the store did not take it");
        self.tell();
    }

    /// Tells the store of answers that left no record, as soon as it takes anything again.
    pub(super) async fn tell_lost(&self, name: RolloutName) {
        let parts = self.parts();
        let more = self.0.lost[name.index()].swap(0, Ordering::SeqCst);
        if more == 0 {
            return;
        }
        let told = async {
            let before = unrecorded(parts.db.rollout_record(name, RecordKind::Unrecorded).await.ok()?);
            let (count, last_at) = (before.count.saturating_add(more), parts.clock.now());
            let body = serde_json::to_string(&Unrecorded { count, last_at }).ok()?;
            let op = RolloutOp::Record { name, kind: RecordKind::Unrecorded, at: last_at, body };
            parts.db.write(Lane::Handler, Unit::new().with(op)).await.ok()
        };
        if told.await.is_none() {
            self.0.lost[name.index()].fetch_add(more, Ordering::SeqCst);
        }
    }
}

/// What is stored of answers without a record; nothing where it can't be read.
pub(in crate::rollout) fn unrecorded(stored: Option<(i64, String)>) -> Unrecorded {
    stored.and_then(|(_, body)| serde_json::from_str(&body).ok()).unwrap_or_default()
}

impl Pending {
    /// The arm has answered: its record, and what the other arm owes from now on, as one unit. Comes back when both are durable,
    /// when the store refused, or when the caller has waited long enough; in the latter two it goes on being tried for a while.
    pub async fn answered(self, record: Record) {
        let second = self.second.clone();
        let Ok(place) = second.0.under_way.clone().try_acquire_owned() else {
            second.lost(&self.asked, &record.key, "too many answers wait for the store");
            return;
        };
        let (told, first) = oneshot::channel();
        // A task of its own: a caller that hangs up takes nothing with it.
        tokio::spawn(async move {
            self.store(&record, told).await;
            drop(place);
        });
        let parts = second.parts();
        if parts.clock.timeout(PATIENCE, first).await.is_err() {
            tracing::warn!("the store is slow: a caller has its answer before its record is durable");
        }
        parts.faults.point("second.answered").await;
    }

    async fn store(self, record: &Record, told: oneshot::Sender<()>) {
        let parts = self.second.parts();
        let name = self.asked.operation.rollout();
        let (write, row) = rows(&self.id, &self.asked, record, parts.clock.now());
        let owe = !self.second.0.full[name.index()].load(Ordering::SeqCst);
        if !owe {
            tracing::warn!(rollout = %name, key = record.key,
                "the repair queue is full: a second write is left to the reconciliation");
        }
        let (mut told, mut waits, mut tries) = (Some(told), Waits::default(), 0);
        loop {
            let op =
                SecondOp::Answered { write: Box::new(write.clone()), record: Box::new(row.clone()), owe };
            let written = parts.db.write(Lane::Urgent, Unit::new().with(op)).await;
            if let Some(told) = told.take() {
                let _ = told.send(());
            }
            tries += 1;
            match written {
                Ok(()) => return self.second.tell(),
                Err(error) if tries >= TRIES || error == WriteError::Closed => {
                    return self.second.lost(&self.asked, &record.key, &error.to_string());
                }
                Err(_) => parts.clock.sleep(waits.longer()).await,
            }
        }
    }

    /// The arm has not done it.
    pub async fn withdrawn(self) {
        let parts = self.second.parts();
        let unit = Unit::new().with(SecondOp::Withdraw { id: self.id.clone() });
        // What the store does not take now is settled later: nothing of it is alive then.
        let _ = parts.clock.timeout(PATIENCE, parts.db.write(Lane::Handler, unit)).await;
    }
}
