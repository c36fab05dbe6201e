//! Intents whose call is not under way any more: the process ended, or the caller hung up.

use cutover_shared::rollout::{RepairState, RolloutName};

use super::{Intent, Record, Second, SecondError};
use crate::store::{ArmRecord, Lane, NewSecond, ReadError, RecordKey, SecondOp, SecondRow, Unit};

/// Intents read at once.
const PAGE: u32 = 256;

impl Second {
    /// Settles what no call of this process is under way for. What the answering arm did becomes owed, the rest is forgotten.
    pub(super) async fn settle(&self, name: RolloutName) -> Result<(), ReadError> {
        let mut after = 0;
        loop {
            let page = self.parts().db.second_intents(name, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.seq;
            for row in page {
                // Asked row by row: what began in the meantime is alive.
                if !self.live().contains(&row.id) {
                    self.settle_one(&row).await?;
                }
            }
        }
    }

    pub(super) async fn settle_one(&self, row: &SecondRow) -> Result<(), ReadError> {
        let parts = self.parts();
        // It was read before it was seen to be under way no more: what was answered in between has settled itself, and to settle
        // it again would take what a newer answer owes.
        let now = parts.db.second_write(row.seq).await?;
        if now.is_none_or(|now| now.state != RepairState::Intent) {
            return Ok(());
        }
        let answering = row.side.other();
        let record = match parts.db.arm_record(answering, &row.of).await? {
            // Of this very call, or of one after it: then the other arm owes what the newest says.
            Some(found) if found.answered && found.at >= row.created_at => Some(Record {
                key: found.of.key,
                digest: found.digest,
                body: serde_json::from_str(&found.body).unwrap_or_default(),
            }),
            _ => match self.asked_arm(row).await {
                Ok(record) => record,
                Err(why) => {
                    tracing::warn!(operation = %row.of.operation, key = row.of.key, why = %why,
                        "whether a call had an effect can't be told now; asked again later");
                    return Ok(());
                }
            },
        };
        let unit = match record {
            None => Unit::new().with(SecondOp::Withdraw { id: row.id.clone() }),
            Some(record) => {
                let of = RecordKey { key: record.key.clone(), ..row.of.clone() };
                let (body, at) = (record.body.to_string(), parts.clock.now());
                let write = NewSecond {
                    id: row.id.clone(),
                    of: of.clone(),
                    side: row.side,
                    version: row.version,
                    body: body.clone(),
                    at,
                };
                let record =
                    ArmRecord { of, side: answering, digest: record.digest, answered: true, body, at };
                Unit::new().with(SecondOp::Answered {
                    write: Box::new(write),
                    record: Box::new(record),
                    owe: true,
                })
            }
        };
        tracing::info!(operation = %row.of.operation, key = row.of.key, "a call that nobody answered was settled");
        if let Err(error) = parts.db.write(Lane::Handler, unit).await {
            tracing::warn!(%error, "it is settled again later");
        }
        self.tell();
        Ok(())
    }

    async fn asked_arm(&self, row: &SecondRow) -> Result<Option<Record>, SecondError> {
        match &self.parts().arms[row.of.operation.index()] {
            Some(arm) => arm.became(&intent(row)).await,
            None if row.of.operation.is_read() => Ok(None),
            None => Err(SecondError::Transient { why: "no arm is registered".to_owned(), wait: None }),
        }
    }
}

/// A stored write as its arm sees it.
pub(super) fn intent(row: &SecondRow) -> Intent {
    Intent {
        operation: row.of.operation,
        tenant: row.of.tenant.clone(),
        key: row.of.key.clone(),
        side: row.side,
        body: serde_json::from_str(&row.body).unwrap_or_default(),
        attempts: row.attempts,
    }
}
