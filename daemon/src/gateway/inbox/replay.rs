//! Handling deliveries again, one or all of a filter.

use cutover_shared::webhook::DeliveryState;
use serde_json::json;

use super::Inbox;
use crate::audit::Who;
use crate::gateway::replay::{BATCH, MOST, length, places, subject};
use crate::store::{DeliveryRow, InboxOp, Lane, ReadError, Select, Unit, WriteError};

/// Why deliveries were not replayed. Nothing was done, except where the variant says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    #[error("there is no delivery {0}")]
    Unknown(String),
    #[error("delivery {0} is waiting to be handled already")]
    Waiting(String),
    #[error("the body of delivery {0} is not kept any more, so it can't be handled again")]
    NotKept(String),
    /// What the filter takes is not what was agreed to.
    #[error("the filter takes {found} deliveries now, and {expected} were agreed to; none was replayed")]
    Changed { expected: u64, found: u64 },
    #[error("{0} deliveries are more than the {MOST} that one replay takes")]
    TooMany(u64),
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The first `done` wait to be handled again; the others are as they were.
    #[error("{done} of {total} deliveries wait to be handled again, the others do not: {cause}")]
    Write { done: u64, total: u64, cause: WriteError },
}

impl Inbox {
    /// Handles one delivery again. Answers how many wait because of it.
    ///
    /// # Errors
    /// There is none, it waits already, its body is gone, or the store failed.
    pub async fn replay_one(&self, guid: &str, who: &Who) -> Result<u64, ReplayError> {
        let found = self.db.delivery(guid).await?;
        let row = found.ok_or_else(|| ReplayError::Unknown(guid.to_owned()))?;
        allow(&row)?;
        let detail = json!({ "seq": row.seq, "event": row.event, "was": row.state.word() });
        let record = who.did(self.clock.now(), "webhook.replay", guid, detail);
        let unit = Unit::new().with(InboxOp::Replay { seqs: vec![row.seq] }).with(record);
        let written = self.db.write(Lane::Handler, unit).await;
        written.map_err(|cause| ReplayError::Write { done: 0, total: 1, cause })?;
        self.wake();
        Ok(1)
    }

    /// Handles all deliveries again that `select` takes, if they are as many as `expected`; `filter` is its text, for the
    /// audit. Answers how many wait because of it.
    ///
    /// # Errors
    /// Another number now, too many, or the store failed, which may be after some batches.
    pub async fn replay_all(
        &self,
        select: &Select,
        filter: &str,
        expected: u64,
        who: &Who,
    ) -> Result<u64, ReplayError> {
        agree(expected, self.db.replayable(select).await?)?;
        let more = |after| self.db.replayable_seqs(select, after, BATCH);
        let seqs = places(expected, more).await?;
        // Asked again, since deliveries end between the count and the list of their places.
        agree(expected, length(&seqs))?;
        let mut done = 0;
        for seqs in seqs.chunks(BATCH as usize) {
            let detail = json!({ "filter": filter, "expected": expected, "before": done, "count": seqs.len(), "seqs": seqs });
            let record = who.did(self.clock.now(), "webhook.replay-all", subject(filter), detail);
            let unit = Unit::new().with(InboxOp::Replay { seqs: seqs.to_vec() }).with(record);
            let written = self.db.write(Lane::Handler, unit).await;
            written.map_err(|cause| ReplayError::Write { done, total: expected, cause })?;
            done += length(seqs);
            self.wake();
        }
        Ok(done)
    }

    /// Says that deliveries wait again.
    pub(super) fn wake(&self) {
        self.news.notify_one();
    }
}

/// Whether a delivery can be handled again.
fn allow(row: &DeliveryRow) -> Result<(), ReplayError> {
    match row.state {
        DeliveryState::Waiting => Err(ReplayError::Waiting(row.guid.clone())),
        _ if !row.kept => Err(ReplayError::NotKept(row.guid.clone())),
        DeliveryState::Handled | DeliveryState::Ignored | DeliveryState::Dead => Ok(()),
    }
}

/// Whether what a filter takes is what was agreed to, and not too much.
fn agree(expected: u64, found: u64) -> Result<(), ReplayError> {
    if found != expected {
        return Err(ReplayError::Changed { expected, found });
    }
    if found > MOST { Err(ReplayError::TooMany(found)) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
