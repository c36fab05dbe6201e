//! Whether to migrate at all, as a daemon would tell it: one rollout that is worth it, one that was closed and is to be looked at again.

use cutover_shared::ids::OperatorName;
use cutover_shared::rollout::{Decided, RolloutName, WorthDecision, WorthView};
use cutover_shared::verdict::{Exceeded, Worth, WorthMeasure, WorthOutcome, WorthReading};

/// 2026-08-21 14:03:05Z.
const NOW: i64 = 1_787_320_985_000;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

pub fn views(name: Option<RolloutName>) -> Vec<WorthView> {
    let all = [exceeded(), closed()];
    all.into_iter().filter(|view| name.is_none_or(|name| name == view.rollout)).collect()
}

fn kept(measure: WorthMeasure, value: u64, threshold: u64) -> WorthReading {
    WorthReading {
        measure,
        threshold,
        source: Some("recorded calls of the last 24 h".into()),
        value: Some(value),
        exceeded: None,
        missing_ms: 14 * DAY,
        last_dip_ms: Some(NOW - HOUR / 4),
        last_hole_ms: None,
    }
}

fn exceeded() -> WorthView {
    let over = |since_ms, samples, least, most| {
        Some(Exceeded { since_ms, until_ms: NOW - HOUR / 4, samples, least, most })
    };
    let readings = vec![
        WorthReading {
            exceeded: over(NOW - 15 * DAY, 1_440, 10_240, 14_900),
            missing_ms: 0,
            last_dip_ms: None,
            ..kept(WorthMeasure::P95, 12_400, 10_000)
        },
        kept(WorthMeasure::ErrorRate, 1_250, 50_000),
        WorthReading {
            exceeded: over(NOW - 3 * DAY, 288, 51, 77),
            missing_ms: 11 * DAY,
            last_hole_ms: Some(NOW - 3 * DAY),
            ..kept(WorthMeasure::Concurrency, 64, 50)
        },
        WorthReading { value: None, last_dip_ms: None, ..kept(WorthMeasure::PoolWait, 0, 5_000) },
        WorthReading {
            value: None,
            source: None,
            last_dip_ms: None,
            ..kept(WorthMeasure::CostPerCall, 0, 100_000)
        },
    ];
    WorthView {
        rollout: RolloutName::GithubAuth,
        worth: Worth { outcome: WorthOutcome::Migrate, readings, review_ms: NOW + 76 * DAY },
        decided: None,
        due: false,
        sampled_at: Some(NOW - HOUR / 4),
    }
}

fn closed() -> WorthView {
    let readings = vec![kept(WorthMeasure::CostPerCall, 35_000, 100_000)];
    WorthView {
        rollout: RolloutName::GitSandbox,
        worth: Worth { outcome: WorthOutcome::Watching, readings, review_ms: NOW - 2 * DAY },
        decided: Some(Decided {
            decision: WorthDecision::NotNeeded,
            reason: "the old pool will do".into(),
            by: OperatorName::from("alice"),
            at: NOW - 93 * DAY,
            outcome: WorthOutcome::Watching,
        }),
        due: true,
        sampled_at: Some(NOW - HOUR / 4),
    }
}
