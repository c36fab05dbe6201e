//! Sending dispatches again, all of a filter.

use serde_json::json;

use super::Outbox;
use crate::audit::Who;
use crate::gateway::replay::{BATCH, MOST, length, places, subject};
use crate::store::{Lane, OutboxOp, ReadError, Select, Unit, WriteError};

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
        let more = |after| self.db.dispatches_replayable_seqs(select, after, BATCH);
        let seqs = places(expected, more).await?;
        // Asked again, since dispatches end between the count and the list of their places.
        agree(expected, length(&seqs))?;
        let mut done = 0;
        for seqs in seqs.chunks(BATCH as usize) {
            let detail = json!({ "filter": filter, "expected": expected, "before": done, "count": seqs.len(), "seqs": seqs });
            let record = who.did(self.clock.now(), "workflow.replay", subject(filter), detail);
            let unit = Unit::new().with(OutboxOp::Replay { seqs: seqs.to_vec() }).with(record);
            let written = self.db.write(Lane::Handler, unit).await;
            written.map_err(|cause| ReplayError::Write { done, total: expected, cause })?;
            done += length(seqs);
            self.wake();
        }
        Ok(done)
    }
}

/// Whether what a filter takes is what was agreed to, and not too much.
fn agree(expected: u64, found: u64) -> Result<(), ReplayError> {
    if found != expected {
        return Err(ReplayError::Changed { expected, found });
    }
    if found > MOST { Err(ReplayError::TooMany(found)) } else { Ok(()) }
}
