//! Puts together what decides, measures and judges rollouts.

use std::sync::Arc;

use super::Failure;
use super::arms::Arms;
use super::measured::Measured;
use super::second::repair_limits;
use super::settings::{judge_settings, rollout_settings};
use crate::clock::Clock;
use crate::config::Config;
use crate::rollout::automation::{Automation, Judged, JudgedEvidence};
use crate::rollout::book::Rollouts;
use crate::rollout::evidence::Recorded;
use crate::rollout::metrics::Tallied;
use crate::rollout::router::Router;
use crate::run::Brake;
use crate::store::Db;

/// What every routed operation stands on.
pub(super) struct Routed {
    pub(super) rollouts: Rollouts,
    pub(super) measured: Measured,
    pub(super) arms: Arms,
    pub(super) automation: Automation,
}

impl Routed {
    pub(super) fn new(config: &Config, brake: &Brake, db: &Db, clock: &Clock) -> Result<Self, Failure> {
        let (router, judged) = (Router::new(brake.clone()), Judged::default());
        let recorded = Recorded { db: db.clone(), clock: clock.clone(), limits: repair_limits(config) };
        let evidence = Arc::new(JudgedEvidence { recorded, judged: judged.clone() });
        let settings = rollout_settings(config)?;
        let rollouts =
            Rollouts::new(db.clone(), clock.clone(), router.clone(), settings, evidence, &config.state_dir);
        let measured = Measured::new(config, db, clock, &rollouts)?;
        let (recorder, windows) = (measured.flush.recorder().clone(), measured.flush.windows().clone());
        let tally = Arc::new(Tallied { recorder: recorder.clone(), clock: clock.clone() });
        let arms = Arms::new(config, &router, db, clock, tally);
        let automation = Automation {
            db: db.clone(),
            clock: clock.clone(),
            rollouts: rollouts.clone(),
            windows,
            recorder,
            judged,
            settings: judge_settings(config),
        };
        Ok(Self { rollouts, measured, arms, automation })
    }
}
