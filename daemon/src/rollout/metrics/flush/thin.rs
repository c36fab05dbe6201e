//! Old windows become hours, and old hours are forgotten.

use std::collections::BTreeMap;
use std::time::Duration;

use cutover_shared::rollout::RolloutName;

use super::{Flush, floor};
use crate::clock::Millis;
use crate::rollout::metrics::buckets::Histogram;
use crate::rollout::metrics::windows::histogram;
use crate::store::{Lane, MetricRow, ReadError, RolloutMetricOp, Unit, WriteError};

const EVERY: Duration = Duration::from_secs(60 * 60);

pub(super) const HOUR_MS: i64 = 60 * 60 * 1_000;

/// Windows are kept as they are for so long: a day's soak, and some.
const FINE_MS: i64 = 26 * HOUR_MS;

/// Hours, and days of tenants.
const KEEP_MS: i64 = 90 * 24 * HOUR_MS;

/// Hours that are merged in one go.
const MOST: usize = 64;

#[derive(Debug, thiserror::Error)]
enum ThinError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl Flush {
    pub(super) async fn thin_hourly(&self) {
        loop {
            self.0.clock.sleep(EVERY).await;
            for name in RolloutName::ALL.iter().copied() {
                if let Err(error) = self.thin(name).await {
                    tracing::warn!(rollout = %name, %error, "old windows stay as they are");
                }
            }
            let before = self.0.clock.now().saturating_sub(KEEP_MS);
            let forget = RolloutMetricOp::Forget { before, day: before.div_euclid(24 * HOUR_MS) };
            if let Err(error) = self.0.db.write(Lane::Run, Unit::new().with(forget)).await {
                tracing::warn!(%error, "old figures of rollouts stay");
            }
        }
    }

    /// Merges what is old enough, hour by hour.
    async fn thin(&self, name: RolloutName) -> Result<(), ThinError> {
        let (mut from, last) = (Millis::MIN, self.0.clock.now().saturating_sub(FINE_MS));
        let moments = (self.0.moments)(name);
        for _ in 0..MOST {
            let Some(oldest) = self.0.db.rollout_window_oldest(name, from, HOUR_MS).await? else { break };
            let hour = floor(oldest, HOUR_MS);
            from = hour.saturating_add(HOUR_MS);
            if from > last {
                break;
            }
            // What is asked since such a moment must not find an hour of which half is before it.
            if moments.iter().any(|moment| floor(*moment, HOUR_MS) == hour) {
                continue;
            }
            let mut merged = BTreeMap::new();
            self.0
                .windows
                .each(name, hour, from, |rows| {
                    for row in rows {
                        merge(&mut merged, row, hour)?;
                    }
                    Ok(true)
                })
                .await?;
            let rows = merged
                .into_values()
                .map(|(mut row, histogram): (MetricRow, Histogram)| {
                    row.histogram = histogram.encode();
                    row
                })
                .collect();
            let unit = Unit::new().with(RolloutMetricOp::Merge { name, from: hour, to: from, rows });
            self.0.db.write(Lane::Run, unit).await?;
        }
        Ok(())
    }
}

type Merged = BTreeMap<
    (cutover_shared::rollout::Operation, cutover_shared::rollout::Side, crate::store::Source),
    (MetricRow, Histogram),
>;

fn merge(merged: &mut Merged, row: &MetricRow, hour: Millis) -> Result<(), ReadError> {
    let one = histogram(row)?;
    let (sum, all) = merged.entry((row.operation, row.side, row.source)).or_insert_with(|| {
        let mut sum = MetricRow::empty(row.operation, row.side, hour, HOUR_MS);
        (sum.source, sum.complete) = (row.source, crate::store::Wholeness::Whole);
        (sum, Histogram::default())
    });
    sum.length_ms = sum.length_ms.max(row.length_ms);
    sum.calls = sum.calls.saturating_add(row.calls);
    sum.errors = sum.errors.saturating_add(row.errors);
    sum.gross = sum.gross.saturating_add(row.gross);
    sum.answered = sum.answered.saturating_add(row.answered);
    sum.p95_us = sum.p95_us.max(row.p95_us);
    sum.compared = sum.compared.saturating_add(row.compared);
    sum.mismatched = sum.mismatched.saturating_add(row.mismatched);
    sum.shed = sum.shed.saturating_add(row.shed);
    sum.over_budget = sum.over_budget.saturating_add(row.over_budget);
    sum.complete = sum.complete.max(row.complete);
    all.merge(&one);
    Ok(())
}
