//! Walks the whole chain, page by page, and holds it against the newest signed head.

use cutover_shared::audit::AuditCheck;
use sha2::{Digest as _, Sha256};

use super::head::Head;
use crate::hex::hex;
use crate::store::{AuditRow, Db, ReadError};

/// Records read at a time.
const PAGE: u32 = 1_000;

/// Checks every record. `signed` is the newest signed head, if there is one.
pub async fn verify(db: &Db, signed: Option<&Head>) -> Result<AuditCheck, ReadError> {
    let mut walk = Walk { signed, seq: 0, hash: String::new(), seen_signed: false, problem: None };
    loop {
        let rows = db.audit_oldest(Some(walk.seq), PAGE).await?;
        if rows.is_empty() || !rows.iter().all(|row| walk.step(row)) {
            break;
        }
    }
    Ok(walk.end())
}

struct Walk<'a> {
    signed: Option<&'a Head>,
    seq: i64,
    hash: String,
    seen_signed: bool,
    problem: Option<String>,
}

impl Walk<'_> {
    /// Takes one record; false when the chain is broken there.
    fn step(&mut self, row: &AuditRow) -> bool {
        let hash = hex(&Sha256::new().chain_update(&self.hash).chain_update(&row.bytes).finalize());
        let stored_seq = serde_json::from_str::<serde_json::Value>(&row.bytes)
            .ok()
            .and_then(|value| value.get("seq").and_then(serde_json::Value::as_i64));
        self.problem = if row.seq != self.seq + 1 {
            Some(format!("record {} is missing", self.seq + 1))
        } else if row.prev != self.hash {
            Some(format!("record {} does not follow record {}", row.seq, self.seq))
        } else if row.hash != hash || stored_seq != Some(row.seq) {
            Some(format!("record {} was changed", row.seq))
        } else if self.signed.is_some_and(|head| head.seq == row.seq && head.hash != row.hash) {
            Some(format!("record {} is not the one that was signed", row.seq))
        } else {
            None
        };
        if self.problem.is_some() {
            return false;
        }
        self.seen_signed |= self.signed.is_some_and(|head| head.seq == row.seq);
        self.seq = row.seq;
        self.hash.clone_from(&row.hash);
        true
    }

    fn end(mut self) -> AuditCheck {
        if let (None, Some(head), false) = (&self.problem, self.signed, self.seen_signed) {
            self.problem =
                Some(format!("the log ends at record {}, but record {} was signed", self.seq, head.seq));
        }
        AuditCheck {
            records: u64::try_from(self.seq).unwrap_or(0),
            intact: self.problem.is_none(),
            problem: self.problem,
            signed_head_seq: self.signed.map(|head| head.seq),
            head: self.hash,
        }
    }
}
