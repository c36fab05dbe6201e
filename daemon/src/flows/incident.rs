//! Critical incidents (C6): a person or an alert declares one, and what it names goes back at once.

use cutover_shared::rollout::{ChangeView, IncidentView, RolloutName};
use serde_json::json;

use crate::audit::Who;
use crate::clock::Clock;
use crate::rollout::book::{RolloutError, Rollouts, Way};
use crate::store::{Db, IncidentRow, Lane, ReadError, RolloutOp, Unit};

/// Letters of an incident's text that are kept.
const TEXT_MOST: usize = 2_000;

/// Declares, closes and lists incidents.
#[derive(Clone)]
pub struct Incidents {
    pub db: Db,
    pub clock: Clock,
    pub rollouts: Rollouts,
}

impl Incidents {
    /// Goes back first, then writes the incident down: the way back does not wait for the store. A frozen rollout goes back, too:
    /// a person or a named alert says so, not the judge.
    ///
    /// # Errors
    /// As the store's; what has gone back by then stays so.
    pub async fn declare(
        &self,
        name: Option<RolloutName>,
        text: &str,
        who: &Who,
    ) -> Result<(IncidentView, Vec<ChangeView>), RolloutError> {
        let text: String = text.chars().take(TEXT_MOST).collect();
        let id = uuid::Uuid::now_v7().to_string();
        let mut changes = Vec::new();
        for of in RolloutName::ALL.iter().copied().filter(|of| name.is_none_or(|name| name == *of)) {
            let (_, state) = self.rollouts.state(of)?;
            if !state.stage.opens_target() {
                continue;
            }
            let reason = format!("critical incident: {text}");
            let back =
                self.rollouts.back(of, Way::Stage(None), &reason, json!({ "incident": id }), true, who).await;
            match back {
                Ok(change) => changes.push(change),
                // In effect, and stored as soon as the store takes it.
                Err(RolloutError::Owed(error)) => {
                    tracing::warn!(%error, rollout = %of, "rolled back by an incident");
                }
                Err(error) => return Err(error),
            }
        }
        let at = self.clock.now();
        let row = IncidentRow {
            id: id.clone(),
            opened_at: at,
            opened_by: who.operator.0.clone(),
            rollout: name,
            text: text.clone(),
        };
        let detail = json!({ "id": id, "text": text });
        let subject = name.map_or("all", RolloutName::word);
        let unit = Unit::new().with(RolloutOp::Declare(row.clone())).with(who.did(
            at,
            "incident.declare",
            subject,
            detail,
        ));
        self.db.write(Lane::Urgent, unit).await?;
        Ok((view(row), changes))
    }

    /// Ends an incident; none: there is no open one of this id.
    ///
    /// # Errors
    /// As the store's.
    pub async fn close(&self, id: &str, who: &Who) -> Result<Option<IncidentView>, RolloutError> {
        let Some(row) = self.db.incidents_open().await?.into_iter().find(|row| row.id == id) else {
            return Ok(None);
        };
        let at = self.clock.now();
        let close = RolloutOp::Close { id: row.id.clone(), at, by: who.operator.0.clone() };
        let record =
            who.did(at, "incident.close", row.rollout.map_or("all", RolloutName::word), json!({ "id": id }));
        self.db.write(Lane::Handler, Unit::new().with(close).with(record)).await?;
        Ok(Some(view(row)))
    }

    /// Those that are open, the oldest first.
    ///
    /// # Errors
    /// As the store's.
    pub async fn open(&self) -> Result<Vec<IncidentView>, ReadError> {
        Ok(self.db.incidents_open().await?.into_iter().map(view).collect())
    }
}

fn view(row: IncidentRow) -> IncidentView {
    IncidentView {
        id: row.id,
        opened_at: row.opened_at,
        opened_by: row.opened_by.into(),
        rollout: row.rollout,
        text: row.text,
    }
}

#[cfg(test)]
mod tests;
