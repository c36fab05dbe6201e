//! What people do with the repair queue: look, have it tried again, give one up.

use cutover_shared::page::{Page, PageAsk};
use cutover_shared::rollout::{RepairLine, RepairState, RolloutName};
use serde_json::json;

use super::Second;
use crate::audit::Who;
use crate::store::{Lane, ReadError, SecondOp, SecondRow, Unit, WriteError};

/// Writes that are tried again in one unit.
const BATCH: u32 = 256;

/// Letters of a reason that are kept.
const REASON_MOST: usize = 2_000;

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    #[error("no second write {0} of this rollout waits or has failed")]
    Unknown(i64),
    #[error("a write is given up with its number and a reason")]
    Reason,
    #[error("`{0}` is no place in this list")]
    Place(String),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl Second {
    /// A page of what waits or failed, the oldest first.
    pub async fn repairs(&self, name: RolloutName, page: &PageAsk) -> Result<Page<RepairLine>, RepairError> {
        let after = match &page.after {
            None => 0,
            Some(after) => after.parse().map_err(|_| RepairError::Place(after.clone()))?,
        };
        let limit = page.rows();
        let rows = self.parts().db.second_open(name, after, limit).await?;
        let is_full = u32::try_from(rows.len()).is_ok_and(|rows| rows == limit);
        let next = rows.last().filter(|_| is_full).map(|row| row.seq.to_string());
        Ok(Page { rows: rows.into_iter().map(line).collect(), next })
    }

    /// Has what failed tried again: one, or all. How many it was.
    pub async fn again(&self, name: RolloutName, seq: Option<i64>, who: &Who) -> Result<u64, RepairError> {
        let mut done = 0;
        if let Some(seq) = seq {
            self.open_one(name, seq).await?;
            done = self.again_batch(name, vec![seq], who).await?;
        } else {
            let mut after = 0;
            loop {
                let rows = self.parts().db.second_open(name, after, BATCH).await?;
                let Some(last) = rows.last() else { break };
                after = last.seq;
                let failed = rows.iter().filter(|row| row.state == RepairState::Failed);
                done += self.again_batch(name, failed.map(|row| row.seq).collect(), who).await?;
            }
        }
        self.tell();
        Ok(done)
    }

    async fn again_batch(&self, name: RolloutName, seqs: Vec<i64>, who: &Who) -> Result<u64, RepairError> {
        if seqs.is_empty() {
            return Ok(0);
        }
        let (at, count) = (self.parts().clock.now(), u64::try_from(seqs.len()).unwrap_or(u64::MAX));
        let record = who.did(at, "rollout.repair", name.word(), json!({ "again": count, "seqs": seqs }));
        let unit = Unit::new().with(SecondOp::Again { seqs, at }).with(record);
        self.parts().db.write(Lane::Handler, unit).await?;
        Ok(count)
    }

    /// Gives one up, with the record that it stands on: neither book is asked for it any more.
    pub async fn drop_one(
        &self,
        name: RolloutName,
        seq: Option<i64>,
        reason: &str,
        who: &Who,
    ) -> Result<u64, RepairError> {
        let (Some(seq), false) = (seq, reason.trim().is_empty()) else { return Err(RepairError::Reason) };
        let row = self.open_one(name, seq).await?;
        let reason: String = reason.chars().take(REASON_MOST).collect();
        let at = self.parts().clock.now();
        let detail = json!({
            "drop": seq, "operation": row.of.operation, "tenant": row.of.tenant, "key": row.of.key,
            "side": row.side, "reason": reason, "why": row.note,
        });
        let note = format!("dropped by {}: {reason}", who.operator);
        let unit = Unit::new().with(SecondOp::Drop { seq, at, note }).with(who.did(
            at,
            "rollout.repair",
            name.word(),
            detail,
        ));
        self.parts().db.write(Lane::Handler, unit).await?;
        self.tell();
        Ok(1)
    }

    async fn open_one(&self, name: RolloutName, seq: i64) -> Result<SecondRow, RepairError> {
        let row = self.parts().db.second_write(seq).await?;
        let is_open = |row: &SecondRow| {
            row.of.operation.rollout() == name
                && matches!(row.state, RepairState::Pending | RepairState::Failed)
        };
        row.filter(is_open).ok_or(RepairError::Unknown(seq))
    }
}

fn line(row: SecondRow) -> RepairLine {
    RepairLine {
        seq: row.seq,
        operation: row.of.operation,
        tenant: row.of.tenant,
        key: row.of.key,
        side: row.side,
        state: row.state,
        created_at: row.created_at,
        attempts: row.attempts,
        due_at: row.due_at,
        note: row.note,
    }
}
