//! Alerts of a monitor as critical incidents (C6). The way back comes first, as with a person's word; what is known of the alerts is
//! stored together with the incidents, so that deliveries may come twice, late, and in any order.

pub mod ledger;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use cutover_shared::page::PageAsk;
use cutover_shared::rollout::RolloutName;
use futures::future::join_all;
use serde_json::json;

use self::ledger::{Alert, Ledger, Step};
use super::incident::{Incidents, closed, declared, row};
use crate::audit::Who;
use crate::rollout::book::RolloutError;
use crate::store::{Lane, ReadError, SettingOp, Unit};

/// Where the store keeps the ledger.
const SETTING: &str = "alerts";

/// Alerts of one delivery that are taken: all of them are one unit.
pub const TAKEN_MOST: usize = 80;

/// Ways back that are remembered while the store does not take their incident.
const WENT_MOST: usize = 1_000;

/// Changes that are looked through for a way back of the same incident.
const CHANGES: u32 = 50;

/// What became of a delivery. All of it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Ids of incidents.
    pub declared: Vec<String>,
    pub closed: Vec<String>,
    /// Alerts that told nothing new.
    pub known: usize,
}

/// Takes alerts. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Alerts(Arc<Inner>);

struct Inner {
    incidents: Incidents,
    /// One delivery at a time: the next stands on what this one left.
    turn: tokio::sync::Mutex<()>,
    /// Incidents that a rollout has gone back for, while the store may not know it: a delivery that is repeated goes back no further.
    went: Mutex<BTreeSet<(String, RolloutName)>>,
}

impl Alerts {
    /// Nothing is read yet.
    pub fn new(incidents: Incidents) -> Self {
        Self(Arc::new(Inner { incidents, turn: tokio::sync::Mutex::default(), went: Mutex::default() }))
    }

    /// Takes at most [`TAKEN_MOST`] alerts. What is answered is stored.
    ///
    /// # Errors
    /// As the store's. What had to go back has gone back all the same, and the same delivery may be sent again.
    pub async fn take(&self, alerts: &[Alert], who: &Who) -> Result<Taken, RolloutError> {
        let _one = self.0.turn.lock().await;
        let incidents = &self.0.incidents;
        let alerts = &alerts[..alerts.len().min(TAKEN_MOST)];
        let now = incidents.clock.now();
        let (mut ledger, open, unread) = match self.known(alerts).await {
            Ok((ledger, open)) => (ledger, open, None),
            // Legacy in every doubt: it may be news.
            Err(error) => (Ledger::default(), BTreeSet::new(), Some(error)),
        };
        let before = ledger.clone();
        let (mut taken, mut unit, mut news) = (Taken::default(), Unit::new(), Vec::new());
        for alert in alerts {
            match ledger.take(alert, &open, now) {
                Step::Known => taken.known += 1,
                Step::Declare(id) => {
                    news.push((id.clone(), alert));
                    let row = row(&id, alert.rollout, &alert.text, now, who);
                    unit = unit.joined(declared(&row, who));
                    taken.declared.push(id);
                }
                Step::Close(id) => {
                    unit = unit.joined(closed(&id, alert.rollout, now, who));
                    taken.closed.push(id);
                }
            }
        }
        // Together: what one alert names does not wait for what another does.
        let went = join_all(news.iter().map(|(id, alert)| self.go_back(id, alert, who))).await;
        went.into_iter().collect::<Result<(), _>>()?;
        if let Some(error) = unread {
            return Err(error.into());
        }
        if ledger != before {
            let (value, by) = (json!(ledger).to_string(), who.operator.0.clone());
            let unit = unit.with(SettingOp::Set { name: SETTING.to_owned(), value, at: now, by });
            incidents.db.write(Lane::Urgent, unit).await?;
        }
        Ok(taken)
    }

    /// The ledger, and which of the incidents that these alerts declared are open.
    async fn known(&self, alerts: &[Alert]) -> Result<(Ledger, BTreeSet<String>), ReadError> {
        let db = &self.0.incidents.db;
        let stored = db.setting(SETTING).await?;
        let ledger = stored.map(|(value, ..)| serde_json::from_str(&value)).transpose();
        let ledger = ledger
            .map_err(|error| ReadError::Corrupt { what: "ledger of alerts", cause: error.to_string() })?;
        let ledger: Ledger = ledger.unwrap_or_default();
        let open = db.incidents_open_among(&ledger.declared_by(alerts)).await?;
        Ok((ledger, open.into_iter().collect()))
    }

    /// Brings back what the alert names, once for each incident.
    async fn go_back(&self, id: &str, alert: &Alert, who: &Who) -> Result<(), RolloutError> {
        let named =
            RolloutName::ALL.iter().copied().filter(|name| alert.rollout.is_none_or(|of| of == *name));
        let went = join_all(named.map(|name| self.one_back(id, name, alert, who))).await;
        went.into_iter().collect()
    }

    async fn one_back(
        &self,
        id: &str,
        name: RolloutName,
        alert: &Alert,
        who: &Who,
    ) -> Result<(), RolloutError> {
        if self.has_gone(id, name).await {
            return Ok(());
        }
        self.0.incidents.go_back(name, id, &alert.text, who).await?;
        let mut went = self.0.went.lock().unwrap_or_else(PoisonError::into_inner);
        if went.len() >= WENT_MOST {
            went.pop_first();
        }
        went.insert((id.to_owned(), name));
        Ok(())
    }

    async fn has_gone(&self, id: &str, name: RolloutName) -> bool {
        let key = (id.to_owned(), name);
        if self.0.went.lock().unwrap_or_else(PoisonError::into_inner).contains(&key) {
            return true;
        }
        // A process before this one may have gone back, and ended before it had stored the incident.
        let changes = self.0.incidents.rollouts.changes(name, &PageAsk::first(CHANGES)).await;
        changes.is_ok_and(|page| page.rows.iter().any(|row| row.detail["evidence"]["incident"] == id))
    }
}

#[cfg(test)]
mod tests;
