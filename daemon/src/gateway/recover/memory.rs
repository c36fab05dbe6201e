//! What is remembered from one comparison to the next, in one setting.

use cutover_shared::webhook::Recovery;
use serde::{Deserialize, Serialize};

use super::ledger::Scope;
use crate::store::{Db, ReadError};

/// Clocks differ, and GitHub logs an attempt only when it has ended.
const MARGIN_MS: i64 = 10 * 60 * 1_000;

/// The setting's name.
pub(super) const NAME: &str = "inbox.recovery";

/// What the comparisons so far have shown. Times are milliseconds since the epoch, UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The newest result.
    #[serde(default)]
    pub last: Option<Recovery>,
    /// Everything until then was compared.
    #[serde(default)]
    pub compared_until: Option<i64>,
    /// The oldest delivery that was not in the inbox after that; it is looked at again.
    #[serde(default)]
    pub owed_since: Option<i64>,
    /// How many of them are lost.
    #[serde(default)]
    pub lost: u64,
    /// The newest gap.
    #[serde(default)]
    pub gap: Option<Gap>,
}

/// A time that nothing can be proven of: GitHub's list did not reach back so far when it could be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    pub from: i64,
    pub to: i64,
    pub found_at: i64,
}

impl Memory {
    /// Since when the next comparison has to look; none is the whole horizon.
    pub(super) fn next_since(&self) -> Option<i64> {
        let since = self.compared_until?.saturating_sub(MARGIN_MS);
        Some(self.owed_since.map_or(since, |owed| owed.min(since)))
    }

    /// What is remembered after a comparison of this scope. Only one that looked at everything that was owed proves anything.
    pub(super) fn after(
        self,
        recovery: &Recovery,
        scope: &Scope,
        owed: Option<i64>,
        gap: Option<Gap>,
    ) -> Self {
        let last = Some(recovery.clone());
        let due = self.next_since().unwrap_or(recovery.horizon).max(recovery.horizon);
        if !scope.events.is_empty() || scope.since > due {
            return Self { last, ..self };
        }
        Self {
            last,
            compared_until: Some(recovery.at),
            owed_since: owed,
            lost: recovery.lost,
            gap: gap.or(self.gap),
        }
    }
}

/// What is remembered; nothing before the first comparison.
pub async fn memory(db: &Db) -> Result<Memory, ReadError> {
    let Some((value, _, _)) = db.setting(NAME).await? else { return Ok(Memory::default()) };
    serde_json::from_str(&value)
        .map_err(|error| ReadError::Corrupt { what: "result of a comparison", cause: error.to_string() })
}

/// The newest comparison's result.
pub async fn last_recovery(db: &Db) -> Result<Option<Recovery>, ReadError> {
    Ok(memory(db).await?.last)
}
