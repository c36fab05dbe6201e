//! What routed operations go through, whichever rollout they are of.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Config;
use crate::rollout::router::Router;
use crate::rollout::shadow::{Shadow, ShadowParts, ShadowSettings};
use crate::rollout::tally::Tally;
use crate::store::Db;

/// What every operation of a rollout goes through.
#[derive(Clone)]
pub(super) struct Arms {
    pub(super) router: Router,
    pub(super) shadow: Shadow,
    pub(super) tally: Arc<dyn Tally>,
}

impl Arms {
    pub(super) fn new(
        config: &Config,
        router: &Router,
        db: &Db,
        clock: &Clock,
        tally: Arc<dyn Tally>,
    ) -> Self {
        let shadow = Shadow::new(ShadowParts {
            router: router.clone(),
            clock: clock.clone(),
            db: db.clone(),
            tally: tally.clone(),
            settings: shadow_settings(config),
        });
        Self { router: router.clone(), shadow, tally }
    }
}

fn shadow_settings(config: &Config) -> ShadowSettings {
    let set = &config.rollout;
    ShadowSettings {
        timeout: set.shadow_timeout,
        parallel: set.shadow_parallel,
        calls_per_hour: set.shadow_calls_per_hour,
    }
}
