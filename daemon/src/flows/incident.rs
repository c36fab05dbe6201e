//! Critical incidents (C6): a person or an alert declares one, and what it names goes back at once.

use cutover_shared::rollout::{ChangeView, IncidentView, RolloutName};
use futures::future::join_all;
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
        let id = uuid::Uuid::now_v7().to_string();
        let went = self.go_back(name, &id, text, who).await;
        let row = row(&id, name, text, self.clock.now(), who);
        let written = self.db.write(Lane::Urgent, declared(&row, who)).await;
        let changes = went?;
        written?;
        Ok((view(row), changes))
    }

    /// Brings back one rollout, or all, from where the target answers for somebody. What fails keeps none of the others.
    pub(super) async fn go_back(
        &self,
        name: Option<RolloutName>,
        id: &str,
        text: &str,
        who: &Who,
    ) -> Result<Vec<ChangeView>, RolloutError> {
        let named = RolloutName::ALL.iter().copied().filter(|of| name.is_none_or(|name| name == *of));
        // Together: each holds in memory before any of them waits for disk or store.
        let went = join_all(named.map(|of| self.one_back(of, id, text, who))).await;
        let went: Result<Vec<_>, _> = went.into_iter().collect();
        Ok(went?.into_iter().flatten().collect())
    }

    async fn one_back(
        &self,
        of: RolloutName,
        id: &str,
        text: &str,
        who: &Who,
    ) -> Result<Option<ChangeView>, RolloutError> {
        let (_, state) = self.rollouts.state(of)?;
        if !state.stage.opens_target() {
            return Ok(None);
        }
        let reason = format!("critical incident: {}", cut(text));
        let evidence = json!({ "incident": id });
        match self.rollouts.back(of, Way::Stage(None), &reason, evidence, true, who).await {
            Ok(change) => Ok(Some(change)),
            // In effect, and stored as soon as the store takes it.
            Err(RolloutError::Owed(error)) => {
                tracing::warn!(%error, rollout = %of, "rolled back by an incident");
                Ok(None)
            }
            Err(error) => {
                tracing::error!(%error, rollout = %of, "an incident could not roll back");
                Err(error)
            }
        }
    }

    /// Ends an incident; none: there is no open one of this id.
    ///
    /// # Errors
    /// As the store's.
    pub async fn close(&self, id: &str, who: &Who) -> Result<Option<IncidentView>, RolloutError> {
        let Some((row, None)) = self.db.incident(id).await? else { return Ok(None) };
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

fn cut(text: &str) -> String {
    text.chars().take(TEXT_MOST).collect()
}

/// A new incident.
pub(super) fn row(id: &str, rollout: Option<RolloutName>, text: &str, at: i64, who: &Who) -> IncidentRow {
    let (id, opened_by) = (id.to_owned(), who.operator.0.clone());
    IncidentRow { id, opened_at: at, opened_by, rollout, text: cut(text) }
}

/// Writes an incident down.
pub(super) fn declared(row: &IncidentRow, who: &Who) -> Unit {
    let detail = json!({ "id": row.id, "text": row.text });
    let subject = row.rollout.map_or("all", RolloutName::word);
    let record = who.did(row.opened_at, "incident.declare", subject, detail);
    Unit::new().with(RolloutOp::Declare(row.clone())).with(record)
}

/// Writes down that an incident is over, if nobody has yet.
pub(super) fn closed(id: &str, rollout: Option<RolloutName>, at: i64, who: &Who) -> Unit {
    let subject = rollout.map_or("all", RolloutName::word);
    let record = who.did(at, "incident.close", subject, json!({ "id": id }));
    let end = RolloutOp::End { id: id.to_owned(), at, by: who.operator.0.clone() };
    Unit::new().with(end).with(record)
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
