//! Sending dispatches again, all of a filter.

use serde_json::json;

use super::Outbox;
use crate::audit::Who;
use crate::store::{Lane, OutboxOp, ReadError, Select, UNIT_ROWS, Unit, WriteError};

/// Dispatches of one act. Their places are held in memory, so that what is replayed is what was counted.
pub const MOST: u64 = 1_000_000;

/// Places that one question to the store answers, and one unit takes.
const BATCH: u32 = 256;
const _: () = assert!(BATCH as usize <= UNIT_ROWS);

/// Why dispatches were not replayed. Nothing was done, except where the variant says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// What the filter takes is not what was agreed to.
    #[error("the filter takes {found} dispatches now, and {expected} were agreed to; none was replayed")]
    Changed { expected: u64, found: u64 },
    #[error("{0} dispatches are more than the {MOST} that one replay takes")]
    TooMany(u64),
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The first `done` wait to be sent again; the others are as they were.
    #[error("{done} of {total} dispatches wait to be sent again, the others do not: {cause}")]
    Write { done: u64, total: u64, cause: WriteError },
}

impl Outbox {
    /// Sends all dispatches again that `select` takes and that have ended, if they are as many as `expected`; `filter` is its
    /// text, for the audit. Answers how many wait because of it.
    ///
    /// # Errors
    /// Another number now, too many, or the store failed, which may be after some batches.
    pub async fn replay(
        &self,
        select: &Select,
        filter: &str,
        expected: u64,
        who: &Who,
    ) -> Result<u64, ReplayError> {
        agree(expected, self.db.dispatches_replayable(select).await?)?;
        let seqs = self.places(select, expected).await?;
        // Asked again, since dispatches end between the count and the list of their places.
        agree(expected, length(&seqs))?;
        let mut done = 0;
        for seqs in seqs.chunks(BATCH as usize) {
            let detail = json!({ "filter": filter, "expected": expected, "before": done, "count": seqs.len(), "seqs": seqs });
            let subject = if filter.trim().is_empty() { "all" } else { filter.trim() };
            let record = who.did(self.clock.now(), "workflow.replay", subject, detail);
            let unit = Unit::new().with(OutboxOp::Replay { seqs: seqs.to_vec() }).with(record);
            let written = self.db.write(Lane::Handler, unit).await;
            written.map_err(|cause| ReplayError::Write { done, total: expected, cause })?;
            done += length(seqs);
            self.wake();
        }
        Ok(done)
    }

    /// The places of what a filter takes, one more than `expected` at most: enough to see that there are more.
    async fn places(&self, select: &Select, expected: u64) -> Result<Vec<i64>, ReplayError> {
        let (mut seqs, mut after) = (Vec::new(), 0);
        while length(&seqs) <= expected {
            let more = self.db.dispatches_replayable_seqs(select, after, BATCH).await?;
            let Some(last) = more.last().copied().filter(|last| *last > after) else { break };
            after = last;
            seqs.extend(more);
        }
        Ok(seqs)
    }
}

/// Whether what a filter takes is what was agreed to, and not too much.
fn agree(expected: u64, found: u64) -> Result<(), ReplayError> {
    if found != expected {
        return Err(ReplayError::Changed { expected, found });
    }
    if found > MOST { Err(ReplayError::TooMany(found)) } else { Ok(()) }
}

fn length(seqs: &[i64]) -> u64 {
    u64::try_from(seqs.len()).unwrap_or(u64::MAX)
}
