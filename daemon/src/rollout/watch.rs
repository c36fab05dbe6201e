//! Watches whether to migrate at all (C11): samples the legacy arm of each rollout from what is recorded of it, keeps what follows in
//! the store, and lets a person decide. What has no source is said to have none; it is never taken for not exceeded.

mod legacy;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cutover_shared::rollout::{ChangeView, Decided, RolloutName, Stage, WorthDecision, WorthView};
use cutover_shared::verdict::{Worth, WorthMeasure};
use serde_json::json;

use self::legacy::{Legacy, legacy};
use super::book::{RolloutError, Rollouts};
use super::metrics::Windows;
use super::metrics::prometheus::Prometheus;
use super::worth::{WorthSettings, WorthWatch};
use crate::audit::Who;
use crate::clock::{Clock, Millis};
use crate::store::{Db, Lane, ReadError, RolloutOp, Unit, WriteError};

/// What a sample looks back on: a quiet night is no dip, and no hole.
pub const SPAN_MS: i64 = 24 * 60 * 60 * 1_000;

/// Between tries while the store does not answer.
const RETRY: Duration = Duration::from_secs(5);

/// Waits of the last span that are kept: more than samples can be in it.
const WAITS: usize = 100_000;

/// The longest wait for a turn since it was asked last; none: nobody waited or worked.
pub type LongestWait = Arc<dyn Fn() -> Option<Duration> + Send + Sync>;

/// Where the cost of a call is known from.
#[derive(Clone)]
pub enum Cost {
    Unknown,
    /// Millionths of the currency's unit.
    Fixed(u64),
    /// A query that gives it in the currency's unit.
    Asked(Prometheus, String),
}

/// What it stands on.
pub struct WatchParts {
    pub db: Db,
    pub clock: Clock,
    pub rollouts: Rollouts,
    pub windows: Windows,
    pub settings: WorthSettings,
    /// How often is sampled.
    pub every: Duration,
    pub cost: Cost,
    /// By [`RolloutName::index`]; none: nothing there waits for a turn.
    pub waits: [Option<LongestWait>; RolloutName::ALL.len()],
}

/// Why a sample was not taken or not kept.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Rollout(#[from] RolloutError),
}

/// When one rollout is to be looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Review {
    pub name: RolloutName,
    /// Since when it is overdue.
    pub since: Millis,
    /// It was decided that it is not needed.
    pub closed: bool,
}

/// The watch. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Watch(Arc<Inner>);

struct Inner {
    parts: WatchParts,
    /// By [`RolloutName::index`]; none: not read yet.
    seen: [Mutex<Option<Seen>>; RolloutName::ALL.len()],
}

struct Seen {
    watch: WorthWatch,
    /// The longest waits of the last span, oldest first. They begin with the process.
    waits: VecDeque<(Millis, Duration)>,
}

impl Watch {
    /// Nothing is read yet.
    pub fn new(parts: WatchParts) -> Self {
        Self(Arc::new(Inner { parts, seen: Default::default() }))
    }

    /// Goes on where the last process stood, with the settings of this one. What can't be read begins anew, and says so.
    ///
    /// # Errors
    /// As the store's.
    pub async fn load(&self) -> Result<(), WatchError> {
        let WatchParts { db, clock, rollouts, settings, .. } = &self.0.parts;
        for name in RolloutName::ALL.iter().copied() {
            let mut watch = match db.worth(name).await?.map(|text| serde_json::from_str(&text)) {
                Some(Ok(watch)) => watch,
                None => WorthWatch::begin(settings.clone(), clock.now()),
                Some(Err(error)) => {
                    tracing::error!(%error, rollout = %name, "what was seen of whether to migrate can't be read: it begins anew");
                    WorthWatch::begin(settings.clone(), clock.now())
                }
            };
            watch.adopt(settings.clone());
            // A crash between a decision and what follows from it here.
            if let Some(decided) = rollouts.state(name)?.1.decided {
                watch.review(decided.at);
            }
            *self.seen(name) = Some(Seen { watch, waits: VecDeque::new() });
            self.keep(name).await?;
        }
        Ok(())
    }

    /// Samples until it is dropped.
    pub async fn work(self) {
        while let Err(error) = self.load().await {
            tracing::warn!(%error, "whether to migrate is not watched yet");
            self.0.parts.clock.sleep(RETRY).await;
        }
        loop {
            for name in RolloutName::ALL.iter().copied() {
                if let Err(error) = self.sample(name).await {
                    tracing::warn!(%error, rollout = %name, "a sample of whether to migrate is missing");
                }
            }
            self.0.parts.clock.sleep(self.0.parts.every).await;
        }
    }

    /// Takes one sample of each measure that there is one of, and keeps what follows.
    ///
    /// # Errors
    /// As the store's; what could be sampled counts all the same, and is stored with the next one.
    pub async fn sample(&self, name: RolloutName) -> Result<(), WatchError> {
        let now = self.0.parts.clock.now();
        let wait = self.wait(name, now);
        let cost = self.cost(name, now).await;
        let found = legacy(&self.0.parts.windows, name, now.saturating_sub(SPAN_MS), now).await;
        if let Some(seen) = self.seen(name).as_mut() {
            let Legacy { p95_ms, errors_ppm, concurrency } = *found.as_ref().unwrap_or(&Legacy::default());
            for (measure, value) in [
                (WorthMeasure::P95, p95_ms),
                (WorthMeasure::ErrorRate, errors_ppm),
                (WorthMeasure::Concurrency, concurrency),
                (WorthMeasure::PoolWait, wait),
                (WorthMeasure::CostPerCall, cost),
            ] {
                if let Some(value) = value {
                    seen.watch.observe(measure, value, now);
                }
            }
        }
        self.keep(name).await?;
        found?;
        Ok(())
    }

    /// Thresholds, evidence and decision.
    ///
    /// # Errors
    /// [`RolloutError::Unread`] before it is read.
    pub fn view(&self, name: RolloutName) -> Result<WorthView, RolloutError> {
        let now = self.0.parts.clock.now();
        let (_, state) = self.0.parts.rollouts.state(name)?;
        let guard = self.seen(name);
        let seen = guard.as_ref().ok_or(RolloutError::Unread)?;
        let mut worth = seen.watch.worth(now);
        for reading in &mut worth.readings {
            reading.source = self.source(name, reading.measure);
        }
        let due = is_due(&worth, state.stage, state.decided.as_ref(), now);
        Ok(WorthView {
            rollout: name,
            worth,
            decided: state.decided,
            due,
            sampled_at: seen.watch.sampled_ms(),
        })
    }

    /// Rollouts whose review is overdue; those that are not read yet are left out.
    pub fn overdue(&self) -> Vec<Review> {
        let views = RolloutName::ALL.iter().filter_map(|name| self.view(*name).ok());
        let review = |view: WorthView| Review {
            name: view.rollout,
            since: view.worth.review_ms,
            closed: is_closed(view.decided.as_ref()),
        };
        views.filter(|view| view.due).map(review).collect()
    }

    /// A person's word, kept with the evidence of this moment. The next review is a whole period away.
    ///
    /// # Errors
    /// As [`Rollouts::decide`].
    pub async fn decide(
        &self,
        name: RolloutName,
        decision: WorthDecision,
        reason: &str,
        who: &Who,
    ) -> Result<Option<ChangeView>, RolloutError> {
        let worth = self.view(name)?.worth;
        let decided = Decided {
            decision,
            reason: reason.to_owned(),
            by: who.operator.clone(),
            at: self.0.parts.clock.now(),
            outcome: worth.outcome,
        };
        let at = decided.at;
        let change = self.0.parts.rollouts.decide(name, decided, json!(worth), who).await?;
        if let Some(seen) = self.seen(name).as_mut() {
            seen.watch.review(at);
        }
        // The decision stands, and a start reads this out of it.
        if let Err(error) = self.keep(name).await {
            tracing::warn!(%error, rollout = %name, "the review is stored with the next sample");
        }
        Ok(change)
    }

    async fn keep(&self, name: RolloutName) -> Result<(), WriteError> {
        let at = self.0.parts.clock.now();
        let Some(watch) = self.seen(name).as_ref().map(|seen| json!(seen.watch).to_string()) else {
            return Ok(());
        };
        let unit = Unit::new().with(RolloutOp::Worth { name, at, watch });
        self.0.parts.db.write(Lane::Handler, unit).await
    }

    /// The longest wait of the last span, milliseconds.
    fn wait(&self, name: RolloutName, now: Millis) -> Option<u64> {
        let longest = self.0.parts.waits[name.index()].as_ref()?();
        let mut guard = self.seen(name);
        let waits = &mut guard.as_mut()?.waits;
        waits.extend(longest.map(|longest| (now, longest)));
        while waits.len() > WAITS || waits.front().is_some_and(|(at, _)| now.saturating_sub(*at) > SPAN_MS) {
            waits.pop_front();
        }
        let longest = waits.iter().map(|(_, longest)| *longest).max()?;
        Some(u64::try_from(longest.as_millis()).unwrap_or(u64::MAX))
    }

    /// Millionths of the currency's unit; none: nobody knows.
    async fn cost(&self, name: RolloutName, now: Millis) -> Option<u64> {
        match &self.0.parts.cost {
            Cost::Unknown => None,
            Cost::Fixed(micros) => Some(*micros),
            Cost::Asked(prometheus, query) => {
                let query = query.replace("$rollout", name.word());
                let asked = prometheus.figure(&query, now).await;
                asked
                    .inspect_err(
                        |error| tracing::warn!(error, rollout = %name, "the cost of a call is not known"),
                    )
                    .ok()
                    .flatten()
                    .and_then(micros)
            }
        }
    }

    /// In words where a measure's samples come from; none: there is no source.
    fn source(&self, name: RolloutName, measure: WorthMeasure) -> Option<String> {
        let source = match measure {
            WorthMeasure::P95 | WorthMeasure::ErrorRate => "recorded calls of the last 24 h",
            WorthMeasure::Concurrency => "the busiest hour of the last 24 h",
            WorthMeasure::PoolWait => {
                self.0.parts.waits[name.index()].as_ref()?;
                "waits of this process in the last 24 h"
            }
            WorthMeasure::CostPerCall => match &self.0.parts.cost {
                Cost::Unknown => return None,
                Cost::Fixed(_) => "worth.cost_per_call_micros",
                Cost::Asked(..) => "worth.cost_query",
            },
        };
        Some(source.to_owned())
    }

    fn seen(&self, name: RolloutName) -> MutexGuard<'_, Option<Seen>> {
        self.0.seen[name.index()].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_closed(decided: Option<&Decided>) -> bool {
    decided.is_some_and(|decided| decided.decision == WorthDecision::NotNeeded)
}

/// Whoever has decided to migrate, or is through, has nothing to look at again.
fn is_due(worth: &Worth, stage: Stage, decided: Option<&Decided>, now: Millis) -> bool {
    let is_open = decided.is_some_and(|decided| decided.decision == WorthDecision::Migrate);
    now >= worth.review_ms && !is_open && stage != Stage::Complete
}

/// A Prometheus server gives 0 to 10^12, so that this fits.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be no less than 0 and to fit"
)]
fn micros(units: f64) -> Option<u64> {
    let micros = (units * 1e6).round();
    (0.0..=1e18).contains(&micros).then_some(micros as u64)
}

#[cfg(test)]
mod tests;
