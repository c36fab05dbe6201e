//! Puts together what watches whether to migrate at all.

use std::sync::Arc;
use std::time::Duration;

use cutover_shared::verdict::WorthMeasure;

use crate::clock::Clock;
use crate::config::Config;
use crate::git::Git;
use crate::rollout::book::Rollouts;
use crate::rollout::metrics::Windows;
use crate::rollout::metrics::prometheus::Prometheus;
use crate::rollout::watch::{Cost, Watch, WatchParts};
use crate::rollout::worth::WorthSettings;
use crate::store::Db;

/// `git` is where imports wait for their turn.
pub(super) fn watch(
    config: &Config,
    db: &Db,
    clock: &Clock,
    rollouts: &Rollouts,
    windows: &Windows,
    prometheus: Option<&Prometheus>,
    git: &Git,
) -> Watch {
    let set = &config.worth;
    let cost = match (&set.cost_query, prometheus, set.cost_per_call_micros) {
        (Some(query), Some(prometheus), _) => Cost::Asked(prometheus.clone(), query.clone()),
        (_, _, Some(micros)) => Cost::Fixed(micros),
        _ => Cost::Unknown,
    };
    let git = git.clone();
    Watch::new(WatchParts {
        db: db.clone(),
        clock: clock.clone(),
        rollouts: rollouts.clone(),
        windows: windows.clone(),
        settings: settings(config),
        every: set.every,
        cost,
        // In the order of `RolloutName::ALL`: sandboxes have no queue that is asked yet.
        waits: [Some(Arc::new(move || git.take_longest_wait())), None],
    })
}

fn settings(config: &Config) -> WorthSettings {
    let set = &config.worth;
    let whole = |length: Duration| u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    let ms = |length: Duration| i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
    WorthSettings {
        thresholds: [
            (WorthMeasure::P95, whole(set.p95)),
            (WorthMeasure::ErrorRate, set.errors_ppm),
            (WorthMeasure::Concurrency, set.concurrency),
            (WorthMeasure::PoolWait, whole(set.pool_wait)),
            (WorthMeasure::CostPerCall, set.cost_micros),
        ]
        .into(),
        long_enough_ms: ms(set.long_enough),
        review_ms: ms(set.review),
        ..WorthSettings::default()
    }
}
