//! Drills the kill switch of each rollout by the clock (C7): the same walk that `rollout drill` is, on a copy of what decides. Nobody is
//! moved by it.

pub mod due;

use std::time::Duration;

use cutover_shared::rollout::{RolloutName, Stage};
use serde_json::json;

use self::due::{DrillStanding, Rule, Schedule, Turn, Walked, is_drilled, turn};
use super::proof::Proofs;
use crate::audit::Who;
use crate::rollout::book::RolloutError;
use crate::store::{Lane, ReadError, RecordKind, RolloutOp, Unit};

/// How often it is looked whether one is due. Between two looks the clock may jump as it likes.
const LOOK: Duration = Duration::from_secs(60);

/// The schedule. Cheap to clone.
#[derive(Clone)]
pub struct Drills {
    proofs: Proofs,
    every: Duration,
}

impl Drills {
    /// Drills each rollout every so long; zero: never.
    pub fn new(proofs: Proofs, every: Duration) -> Self {
        Self { proofs, every }
    }

    /// Drills for as long as it is polled.
    pub async fn work(self) {
        if self.every.is_zero() {
            return;
        }
        loop {
            for name in RolloutName::ALL.iter().copied() {
                if let Err(error) = self.look(name).await {
                    tracing::warn!(%error, rollout = %name, "the drill of the kill switch did not come to its end");
                }
            }
            self.proofs.clock.sleep(LOOK).await;
        }
    }

    /// Does what is due now. True: it drilled.
    async fn look(&self, name: RolloutName) -> Result<bool, RolloutError> {
        let (_, state) = self.proofs.rollouts.state(name)?;
        let kept = self.kept(name).await?;
        if !is_drilled(state.stage) {
            if kept.is_some() {
                self.write(RolloutOp::Forget { name, kind: RecordKind::Drill }).await?;
            }
            return Ok(false);
        }
        let walked = self.proofs.walked(name).await?.map(|view| Walked { at: view.at, ok: view.ok });
        let now = self.proofs.clock.now();
        match turn(kept, walked, now, &self.rule()) {
            Turn::Wait => Ok(false),
            Turn::Store(schedule) => {
                self.keep(name, schedule, now).await?;
                Ok(false)
            }
            Turn::Drill(schedule) => {
                // Durable before it begins: who is started again meanwhile does not drill again.
                self.keep(name, schedule, now).await?;
                let view = self.proofs.drill(name, &Who::daemon()).await?;
                if view.ok {
                    tracing::info!(rollout = %name, text = view.text, "the kill switch was drilled");
                } else {
                    tracing::error!(rollout = %name, text = view.text, "the drill of the kill switch FAILED");
                }
                Ok(true)
            }
        }
    }

    /// How a rollout stands.
    ///
    /// # Errors
    /// As the store's.
    pub async fn standing(&self, name: RolloutName) -> Result<DrillStanding, ReadError> {
        // Before the rollouts are read nothing is known of their stage.
        let stage = self.proofs.rollouts.state(name).map_or(Stage::Off, |(_, state)| state.stage);
        if !is_drilled(stage) {
            return Ok(DrillStanding { name, open: stage.opens_target(), next: None, failed: None });
        }
        let next = if self.every.is_zero() { None } else { self.kept(name).await? };
        let failed = self.proofs.walked(name).await?.filter(|view| !view.ok);
        Ok(DrillStanding {
            name,
            open: stage.opens_target(),
            next: next.map(|kept| due::view(kept, self.proofs.clock.now())),
            failed: failed.map(|view| (view.at, view.text)),
        })
    }

    fn rule(&self) -> Rule {
        let every = i64::try_from(self.every.as_millis()).unwrap_or(i64::MAX);
        Rule { every, hours: self.proofs.rollouts.settings().rules.hours }
    }

    async fn kept(&self, name: RolloutName) -> Result<Option<Schedule>, ReadError> {
        let Some((_, body)) = self.proofs.db.rollout_record(name, RecordKind::Drill).await? else {
            return Ok(None);
        };
        // One that can't be read is made anew.
        Ok(serde_json::from_str(&body).ok())
    }

    async fn keep(&self, name: RolloutName, schedule: Schedule, at: i64) -> Result<(), RolloutError> {
        let body = json!(schedule).to_string();
        self.write(RolloutOp::Record { name, kind: RecordKind::Drill, at, body }).await
    }

    async fn write(&self, op: RolloutOp) -> Result<(), RolloutError> {
        Ok(self.proofs.db.write(Lane::Handler, Unit::new().with(op)).await?)
    }
}

#[cfg(test)]
mod tests;
