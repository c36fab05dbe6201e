//! Puts together what measures rollouts.

use std::sync::Arc;

use super::Failure;
use super::settings::prometheus_settings;
use crate::client::Client;
use crate::clock::Clock;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::rollout::book::Rollouts;
use crate::rollout::metrics::flush::Moments;
use crate::rollout::metrics::outside::Outcomes;
use crate::rollout::metrics::prometheus::Prometheus;
use crate::rollout::metrics::{Flush, Recorder, Windows};
use crate::store::Db;

/// One recorder, and what stands on it.
pub(super) struct Measured {
    pub(super) outcomes: Outcomes,
    /// Has recorder and windows.
    pub(super) flush: Flush,
    /// None: no Prometheus server is asked.
    pub(super) prometheus: Option<Prometheus>,
}

impl Measured {
    pub(super) fn new(config: &Config, db: &Db, clock: &Clock, rollouts: &Rollouts) -> Result<Self, Failure> {
        let recorder = Recorder::new();
        let outcomes = Outcomes::new(db.clone(), clock.clone(), recorder.clone());
        let windows = Windows::new(db.clone(), clock.clone());
        let (metrics, moments) = (Metrics::process(), moments(rollouts));
        let flush = Flush::new(db.clone(), clock.clone(), recorder, windows, metrics, moments);
        let prometheus = match prometheus_settings(config)? {
            None => None,
            Some(settings) => Some(Prometheus::new(Client::new()?, clock.clone(), flush.clone(), settings)),
        };
        Ok(Self { outcomes, flush, prometheus })
    }
}

/// When stage and shadow of each rollout began: what is asked since then stays exact.
fn moments(rollouts: &Rollouts) -> Moments {
    let rollouts = rollouts.clone();
    Arc::new(move |name| {
        let Ok((_, state)) = rollouts.state(name) else { return Vec::new() };
        state.shadow_since.into_iter().chain([state.stage_since]).collect()
    })
}
