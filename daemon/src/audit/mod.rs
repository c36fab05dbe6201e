//! The audit log (F4): who did what, from where, why, before and after. Append-only and hash-chained; heads are
//! signed to a file, so that a tail cut off in the database shows.

mod head;
mod verify;

use cutover_shared::audit::AuditView;
use cutover_shared::ids::OperatorName;

pub use self::head::{HeadError, HeadFile};
pub use self::verify::verify;
use crate::store::{AuditDraft, AuditRow};

/// Who acts, and through which door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    pub operator: OperatorName,
    /// `rpc uid 1000`, `cli --local`, `daemon`.
    pub origin: String,
}

impl Who {
    /// The daemon itself: resuming, expiring, replaying a marker.
    pub fn daemon() -> Self {
        Self { operator: "daemon".into(), origin: "daemon".to_owned() }
    }

    /// A record of what this person did.
    pub fn did(
        &self,
        at: i64,
        act: impl Into<String>,
        subject: impl Into<String>,
        detail: serde_json::Value,
    ) -> AuditDraft {
        AuditDraft {
            at,
            actor: self.operator.0.clone(),
            origin: self.origin.clone(),
            act: act.into(),
            subject: subject.into(),
            detail,
        }
    }
}

/// A stored record as people see it. A record that can't be read shows as such and breaks no list.
pub fn view(row: &AuditRow) -> AuditView {
    let mut value: serde_json::Value = serde_json::from_str(&row.bytes).unwrap_or_default();
    let text = |field: &str| value.get(field).and_then(|v| v.as_str()).unwrap_or("unreadable").to_owned();
    let (actor, origin, act, subject) = (text("actor"), text("origin"), text("act"), text("subject"));
    AuditView {
        seq: row.seq,
        at: value.get("at").and_then(serde_json::Value::as_i64).unwrap_or(0),
        actor,
        origin,
        act,
        subject,
        detail: value.get_mut("detail").map(serde_json::Value::take).unwrap_or_default(),
        prev: row.prev.clone(),
        hash: row.hash.clone(),
    }
}

#[cfg(test)]
mod tests;
