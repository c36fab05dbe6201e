//! Critical incidents (C6): a person or an alert declares one, and what it names goes back at once.

use std::sync::Arc;

use cutover_shared::rollout::{
    ChangeView, IncidentEffect, IncidentOutcome, IncidentView, Operation, RolloutName, Stage,
};
use futures::future::join_all;
use serde_json::json;

use crate::audit::Who;
use crate::clock::Clock;
use crate::rollout::book::{RolloutError, Rollouts, Way};
use crate::rollout::decide::Plan;
use crate::store::{Db, IncidentRow, Lane, ReadError, RolloutOp, Unit};

/// Why a rollout stays where it is.
const NOBODY: &str = "in this stage the target answers for nobody";

/// Letters of an incident's text that are kept.
const TEXT_MOST: usize = 2_000;

/// Declares, closes and lists incidents.
#[derive(Clone)]
pub struct Incidents {
    pub db: Db,
    pub clock: Clock,
    pub rollouts: Rollouts,
}

/// A new incident with all that followed at once.
#[derive(Clone, Debug)]
pub struct Declared {
    pub incident: IncidentView,
    /// Ways back that are stored.
    pub changes: Vec<ChangeView>,
    /// What it did, one for each rollout that there is.
    pub effects: Vec<IncidentEffect>,
}

/// What became of an incident that was to be closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    Now(IncidentView),
    /// Somebody had closed it.
    Before,
    /// There was never one of this id.
    Unknown,
}

/// Where a rollout was, and whether it went back from there.
pub(super) struct Went {
    rollout: RolloutName,
    /// What decided before; none before the rollouts are read.
    before: Option<Arc<Plan>>,
    how: How,
}

enum How {
    Back(Box<ChangeView>),
    /// In effect, and stored as soon as the store takes it.
    Owed(Stage),
    /// In this stage the target answers for nobody.
    Stayed(Stage),
    Failed(RolloutError),
}

impl Incidents {
    /// Goes back first, then writes the incident down: the way back does not wait for the store. A frozen rollout goes back, too:
    /// a person or a named alert says so, not the judge. One that can't go back holds up no other.
    ///
    /// # Errors
    /// As the store's: [`RolloutError::Undeclared`] says what has gone back by then, and it stays so.
    pub async fn declare(
        &self,
        name: Option<RolloutName>,
        text: &str,
        who: &Who,
    ) -> Result<Declared, RolloutError> {
        let id = uuid::Uuid::now_v7().to_string();
        // Refused by nobody: an empty text must not hold up a way back.
        let text = if text.trim().is_empty() { "no text was given" } else { text };
        let named = RolloutName::ALL.iter().copied().filter(|of| name.is_none_or(|name| name == *of));
        // Together: each holds in memory before any of them waits for disk or store. What fails keeps none of the others.
        let all = join_all(named.map(|rollout| self.went(rollout, &id, text, who))).await;
        let row = row(&id, name, text, self.clock.now(), who);
        if let Err(cause) = self.db.write(Lane::Urgent, declared(&row, who)).await {
            return Err(RolloutError::Undeclared { went: told(&all), cause });
        }
        let mut effects = Vec::new();
        for rollout in RolloutName::ALL.iter().copied() {
            let outcome = match all.iter().find(|went| went.rollout == rollout) {
                Some(went) => self.outcome(went).await,
                None => self.unnamed(rollout),
            };
            effects.push(IncidentEffect { rollout, outcome });
        }
        let changes = all.into_iter().filter_map(|went| match went.how {
            How::Back(change) => Some(*change),
            _ => None,
        });
        Ok(Declared { incident: view(row), changes: changes.collect(), effects })
    }

    async fn went(&self, rollout: RolloutName, id: &str, text: &str, who: &Who) -> Went {
        let before = self.rollouts.router().plan(rollout);
        let went = self.go_back(rollout, id, text, who).await;
        went.unwrap_or_else(|error| {
            tracing::error!(%error, %rollout, "an incident could not roll back");
            Went { rollout, before, how: How::Failed(error) }
        })
    }

    /// Brings a rollout back from where the target answers for somebody.
    pub(super) async fn go_back(
        &self,
        rollout: RolloutName,
        id: &str,
        text: &str,
        who: &Who,
    ) -> Result<Went, RolloutError> {
        let before = self.rollouts.router().plan(rollout);
        let (_, state) = self.rollouts.state(rollout)?;
        if !state.stage.opens_target() {
            return Ok(Went { rollout, before, how: How::Stayed(state.stage) });
        }
        let reason = format!("critical incident: {}", cut(text));
        let evidence = json!({ "incident": id });
        let how = match self.rollouts.back(rollout, Way::Stage(None), &reason, evidence, true, who).await {
            Ok(change) => How::Back(Box::new(change)),
            Err(RolloutError::Owed(error)) => {
                tracing::warn!(%error, %rollout, "rolled back by an incident");
                How::Owed(self.rollouts.router().plan(rollout).map_or(Stage::Off, |plan| plan.stage))
            }
            Err(error) => return Err(error),
        };
        Ok(Went { rollout, before, how })
    }

    /// What it did to a rollout that it names.
    async fn outcome(&self, went: &Went) -> IncidentOutcome {
        let (from, to, stored) = match (&went.how, &went.before) {
            (How::Back(change), _) => (change.from, change.to, true),
            (How::Owed(to), Some(before)) => (before.stage, *to, false),
            (How::Owed(to), None) => (*to, *to, false),
            (How::Stayed(stage), _) => {
                return IncidentOutcome::Left { stage: *stage, why: NOBODY.to_owned() };
            }
            (How::Failed(error), _) => return IncidentOutcome::Failed { why: error.to_string() },
        };
        let is_on = |of: &Operation| went.before.as_ref().is_some_and(|plan| plan.flags[of.index()]);
        let (operations, off) = went.rollout.operations().partition(is_on);
        let tenants = match &went.before {
            // Counted after all else, and left out rather than waited for.
            Some(before) => self.rollouts.left_target(before).await.ok(),
            None => None,
        };
        IncidentOutcome::RolledBack { from, to, operations, off, tenants, stored }
    }

    fn unnamed(&self, rollout: RolloutName) -> IncidentOutcome {
        match self.rollouts.state(rollout) {
            Ok((_, state)) => {
                IncidentOutcome::Left { stage: state.stage, why: "the incident does not name it".to_owned() }
            }
            Err(error) => IncidentOutcome::Failed { why: error.to_string() },
        }
    }

    /// Ends an incident.
    ///
    /// # Errors
    /// As the store's.
    pub async fn close(&self, id: &str, who: &Who) -> Result<Closed, RolloutError> {
        let row = match self.db.incident(id).await? {
            None => return Ok(Closed::Unknown),
            Some((_, Some(_))) => return Ok(Closed::Before),
            Some((row, None)) => row,
        };
        let at = self.clock.now();
        let close = RolloutOp::Close { id: row.id.clone(), at, by: who.operator.0.clone() };
        let record =
            who.did(at, "incident.close", row.rollout.map_or("all", RolloutName::word), json!({ "id": id }));
        self.db.write(Lane::Handler, Unit::new().with(close).with(record)).await?;
        Ok(Closed::Now(view(row)))
    }

    /// Those that are open, the oldest first.
    ///
    /// # Errors
    /// As the store's.
    pub async fn open(&self) -> Result<Vec<IncidentView>, ReadError> {
        Ok(self.db.incidents_open().await?.into_iter().map(view).collect())
    }
}

/// What has gone back, in words, for whoever gets no receipt.
fn told(all: &[Went]) -> String {
    let words = all.iter().map(|Went { rollout, how, .. }| match how {
        How::Back(change) => format!("{rollout} went back from {} to {}", change.from, change.to),
        How::Owed(to) => format!("{rollout} went back to {to}"),
        How::Stayed(stage) => format!("{rollout} stays in {stage}, where the target answers for nobody"),
        How::Failed(error) => format!("{rollout} DID NOT GO BACK: {error}"),
    });
    words.collect::<Vec<_>>().join("; ")
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
