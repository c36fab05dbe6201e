//! Calls that were made elsewhere and are reported in batches (C12). They count like those that were routed here.

use std::sync::Arc;
use std::time::Duration;

use cutover_shared::rollout::{Operation, OutcomeRejected, OutcomeReport, OutcomesReceipt};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::buckets::LONGEST_US;
use super::counters::{Outcome, Recorder, Sample};
use crate::clock::{Clock, Millis};
use crate::hex::hex;
use crate::store::{ActOp, Db, Lane, ReadError, Unit, WriteError};

/// Reports in one batch.
pub const MOST: usize = 1_000;

/// Bytes of a batch's id, of a tenant's.
const ID_MOST: usize = 128;
const TENANT_MOST: usize = 256;

/// How long the first answer to a batch is kept.
const KEEP_MS: i64 = 24 * 60 * 60 * 1_000;

/// A call counts when it is reported; what is much older or younger would count in a window of another time.
const OLDEST_MS: i64 = 15 * 60 * 1_000;
const YOUNGEST_MS: i64 = 60 * 1_000;

/// Why a batch was refused as a whole. Nothing of it was counted.
#[derive(Debug, thiserror::Error)]
pub enum OutcomesError {
    #[error("a batch has 1 to {MOST} outcomes")]
    Size,
    #[error("a batch has an id of 1 to {ID_MOST} bytes")]
    Id,
    #[error("batch {0} was another one")]
    OtherBatch(String),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Takes batches. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Outcomes(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Clock,
    recorder: Recorder,
    /// One batch at a time: the same one that comes twice at once counts once.
    one: Mutex<()>,
}

impl Outcomes {
    /// Counts with `recorder`.
    pub fn new(db: Db, clock: Clock, recorder: Recorder) -> Self {
        Self(Arc::new(Inner { db, clock, recorder, one: Mutex::new(()) }))
    }

    /// Counts a batch, and answers a repeated one as the first time. A report that could not be read is given as the reason why.
    pub async fn take(
        &self,
        id: &str,
        outcomes: Vec<Result<OutcomeReport, String>>,
    ) -> Result<OutcomesReceipt, OutcomesError> {
        if id.is_empty() || id.len() > ID_MOST {
            return Err(OutcomesError::Id);
        }
        if outcomes.is_empty() || outcomes.len() > MOST {
            return Err(OutcomesError::Size);
        }
        // In a task of its own: a sender that hangs up would cut off the counting of what the store has taken already, and a
        // repeated batch counts nothing.
        let (inner, id) = (self.0.clone(), id.to_owned());
        let counting = tokio::spawn(async move { inner.count(&id, &outcomes).await });
        counting.await.unwrap_or_else(|error| Err(WriteError::Unavailable(error.to_string()).into()))
    }
}

impl Inner {
    async fn count(
        &self,
        id: &str,
        outcomes: &[Result<OutcomeReport, String>],
    ) -> Result<OutcomesReceipt, OutcomesError> {
        let key = format!("outcomes {id}");
        let request = fingerprint(outcomes);
        let _one = self.one.lock().await;
        if let Some(first) = self.db.act_receipt(&key).await? {
            if first.request != request {
                return Err(OutcomesError::OtherBatch(id.to_owned()));
            }
            let receipt: OutcomesReceipt = serde_json::from_str(&first.receipt).map_err(|error| {
                ReadError::Corrupt { what: "receipt of a batch", cause: error.to_string() }
            })?;
            return Ok(OutcomesReceipt { repeated: true, ..receipt });
        }
        let now = self.clock.now();
        let mut good = Vec::with_capacity(outcomes.len());
        let mut rejected = Vec::new();
        for (index, outcome) in (0_u64..).zip(outcomes) {
            let checked = outcome.as_ref().map_err(Clone::clone).and_then(|report| checked(report, now));
            match checked {
                Ok(sample) => good.push(sample),
                Err(reason) => {
                    let id = outcome.as_ref().ok().and_then(|report| report.id.clone());
                    rejected.push(OutcomeRejected { index, id, reason });
                }
            }
        }
        let counted = u64::try_from(good.len()).unwrap_or(u64::MAX);
        let receipt = OutcomesReceipt { id: id.to_owned(), counted, rejected, repeated: false };
        let remember = ActOp::Remember {
            key,
            at: now,
            operator: "outcomes".to_owned(),
            request,
            receipt: json!(receipt).to_string(),
        };
        let before = now.saturating_sub(KEEP_MS);
        let unit = Unit::new().with(ActOp::Forget { before }).with(remember);
        // Durable before it counts: a crash in between loses a batch, as it loses a flush; the other way it would count twice.
        self.db.write(Lane::Handler, unit).await?;
        for sample in &good {
            self.recorder.record(sample);
        }
        Ok(receipt)
    }
}

fn fingerprint(outcomes: &[Result<OutcomeReport, String>]) -> String {
    let mut digest = Sha256::new();
    for outcome in outcomes {
        digest.update(json!(outcome).to_string().as_bytes());
        digest.update([0]);
    }
    hex(&digest.finalize())
}

fn checked(report: &OutcomeReport, now: Millis) -> Result<Sample<'_>, String> {
    let of_flag = match report.flag.as_deref() {
        None => None,
        Some(flag) => Some(Operation::of_flag(flag).ok_or("there is no flag of this name")?),
    };
    let operation = match (of_flag, report.operation) {
        (Some(one), Some(other)) if one != other => return Err("flag and operation differ".to_owned()),
        (Some(operation), _) | (None, Some(operation)) => operation,
        (None, None) => return Err("flag or operation is needed".to_owned()),
    };
    if report.tenant.is_empty() || report.tenant.len() > TENANT_MOST {
        return Err(format!("tenant has 1 to {TENANT_MOST} bytes"));
    }
    let outcome = match (report.ok, report.gross) {
        (true, false) => Outcome::Ok,
        (false, false) => Outcome::Error,
        (false, true) => Outcome::Gross,
        (true, true) => return Err("ok and gross exclude each other".to_owned()),
    };
    if report.duration_ms > LONGEST_US / 1_000 {
        return Err(format!("duration_ms is at most {}", LONGEST_US / 1_000));
    }
    let ago = now.saturating_sub(report.at.unwrap_or(now));
    if !(-YOUNGEST_MS..=OLDEST_MS).contains(&ago) {
        return Err("at is more than 15 minutes ago, or in the future".to_owned());
    }
    Ok(Sample {
        operation,
        side: report.side,
        tenant: &report.tenant,
        outcome,
        latency: Duration::from_millis(report.duration_ms),
        answered: true,
    })
}

#[cfg(test)]
mod tests;
