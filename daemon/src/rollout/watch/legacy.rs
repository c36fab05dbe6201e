//! What the legacy arm did in a span, all operations together.

use std::collections::BTreeMap;

use cutover_shared::rollout::{RolloutName, Side};

use crate::clock::Millis;
use crate::rollout::metrics::windows::histogram;
use crate::rollout::metrics::{Histogram, Windows};
use crate::store::{ReadError, Wholeness};

const HOUR_MS: i64 = 60 * 60 * 1_000;

/// Without calls nothing is known; a figure that only sources without latencies brought is not known either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Legacy {
    pub(super) p95_ms: Option<u64>,
    pub(super) errors_ppm: Option<u64>,
    /// Calls at once in the busiest hour, on average, rounded up: its calls' time by its length.
    pub(super) concurrency: Option<u64>,
}

/// Of the whole windows that begin in `[from, to)`.
pub(super) async fn legacy(
    windows: &Windows,
    name: RolloutName,
    from: Millis,
    to: Millis,
) -> Result<Legacy, ReadError> {
    let (mut calls, mut errors, mut all) = (0_u64, 0_u64, Histogram::default());
    let mut outside_p95: Option<u64> = None;
    let mut hours: BTreeMap<i64, u128> = BTreeMap::new();
    windows
        .each(name, from, to, |rows| {
            if rows.iter().any(|row| row.complete == Wholeness::Incomplete) {
                return Ok(true);
            }
            for row in rows.iter().filter(|row| row.side == Side::Legacy) {
                let histogram = histogram(row)?;
                calls = calls.saturating_add(row.calls);
                errors = errors.saturating_add(row.errors);
                outside_p95 = outside_p95.max(row.p95_us);
                // Counted back from now, so that each is a whole one.
                *hours.entry(to.saturating_sub(row.start_at) / HOUR_MS).or_default() += histogram.time_us();
                all.merge(&histogram);
            }
            Ok(true)
        })
        .await?;
    let ms = |us: u64| us.div_ceil(1_000);
    let at_once = |us: &u128| us.div_ceil(u128::from(HOUR_MS.unsigned_abs()) * 1_000);
    let busiest = hours.values().map(at_once).max().filter(|_| all.total() > 0);
    Ok(Legacy {
        p95_ms: all.quantile(950).or(outside_p95).map(ms),
        errors_ppm: share(errors, calls),
        concurrency: busiest.map(|busiest| u64::try_from(busiest).unwrap_or(u64::MAX)),
    })
}

fn share(errors: u64, calls: u64) -> Option<u64> {
    let ppm = (u128::from(errors) * 1_000_000).checked_div(u128::from(calls))?;
    Some(u64::try_from(ppm).unwrap_or(u64::MAX))
}
