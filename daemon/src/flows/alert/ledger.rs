//! What alerts mean, whatever the order in which they are delivered: from what was known of one and what is told now to an incident that
//! begins or ends. An alert that fires twice in a row is one; one that was resolved before it was told of never was.

use std::collections::{BTreeMap, BTreeSet};

use cutover_shared::rollout::RolloutName;
use serde::{Deserialize, Serialize};

/// Alerts that are remembered; those that were told of longest ago give way, resolved ones first.
pub const MOST: usize = 1_000;

/// An alert as it was delivered. Times are epoch milliseconds of whoever sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// What tells it from others.
    pub fingerprint: String,
    /// None: all.
    pub rollout: Option<RolloutName>,
    pub starts_at: i64,
    /// None: it fires.
    pub resolved_at: Option<i64>,
    /// For people.
    pub text: String,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing that is not known.
    Known,
    /// An incident of this id.
    Declare(String),
    /// The end of the incident of this id.
    Close(String),
}

/// What is known of one alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// The last time it began.
    starts_at: i64,
    /// The last time it ended; none: it fires.
    resolved_at: Option<i64>,
    /// What it declared last.
    incident: Option<String>,
    /// When something new was told of it last.
    told_at: i64,
}

/// What is known of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger(BTreeMap<String, Entry>);

impl Ledger {
    /// Takes what is told of one. `open` are the incidents that are open: a person may have closed one, and what goes on firing does
    /// not open it again.
    pub fn take(&mut self, alert: &Alert, open: &BTreeSet<String>, now: i64) -> Step {
        // A time to come would hold off every alert until then.
        let starts_at = alert.starts_at.min(now);
        let step = match (alert.resolved_at.map(|at| at.min(now)), self.0.get_mut(&alert.fingerprint)) {
            (None, None) => self.begin(alert, starts_at, now),
            (None, Some(entry)) => match entry.resolved_at {
                // Told late: it was over before.
                Some(resolved) if starts_at < resolved => Step::Known,
                Some(_) => self.begin(alert, starts_at, now),
                None if starts_at <= entry.starts_at => Step::Known,
                // It ended and began again, and nobody told of the end.
                None if entry.incident.as_ref().is_none_or(|id| !open.contains(id)) => {
                    self.begin(alert, starts_at, now)
                }
                None => {
                    (entry.starts_at, entry.told_at) = (starts_at, now);
                    Step::Known
                }
            },
            (Some(resolved), None) => {
                let entry = Entry { starts_at, resolved_at: Some(resolved), incident: None, told_at: now };
                self.0.insert(alert.fingerprint.clone(), entry);
                Step::Known
            }
            (Some(resolved), Some(entry)) => match entry.resolved_at {
                Some(before) => {
                    if resolved > before {
                        (entry.resolved_at, entry.told_at) = (Some(resolved), now);
                    }
                    Step::Known
                }
                // The end of an earlier time, told late.
                None if resolved <= entry.starts_at && starts_at < entry.starts_at => Step::Known,
                None => {
                    (entry.resolved_at, entry.told_at) = (Some(resolved), now);
                    entry.incident.clone().map_or(Step::Known, Step::Close)
                }
            },
        };
        self.bound();
        step
    }

    /// The incidents that these alerts declared last.
    pub fn declared_by(&self, alerts: &[Alert]) -> Vec<String> {
        let entries = alerts.iter().filter_map(|alert| self.0.get(&alert.fingerprint));
        entries.filter_map(|entry| entry.incident.clone()).collect()
    }

    fn begin(&mut self, alert: &Alert, starts_at: i64, now: i64) -> Step {
        let id = format!("alert-{}-{starts_at}", alert.fingerprint);
        let entry = Entry { starts_at, resolved_at: None, incident: Some(id.clone()), told_at: now };
        self.0.insert(alert.fingerprint.clone(), entry);
        Step::Declare(id)
    }

    fn bound(&mut self) {
        while self.0.len() > MOST {
            let oldest = self.0.iter().min_by_key(|(_, entry)| (entry.resolved_at.is_none(), entry.told_at));
            let Some(key) = oldest.map(|(key, _)| key.clone()) else { return };
            self.0.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests;
