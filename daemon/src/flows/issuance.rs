//! Keeps how long GitHub took to give installation tokens: a rollout's target is held against it.

use std::time::Duration;

use crate::clock::{Clock, Millis};
use crate::metrics::Metrics;
use crate::rollout::metrics::Histogram;
use crate::store::{Db, Lane, RolloutMetricOp, Unit};

/// How often is looked: the most that a crash loses.
const EVERY: Duration = Duration::from_secs(10);

/// Length of a span.
const SPAN_MS: i64 = 5 * 60 * 1_000;

/// Longer than a rollout stays in its stages: a baseline of before its start is compared with its last one.
const KEEP_MS: i64 = 100 * 24 * 60 * 60 * 1_000;

/// The keeper.
pub struct Issuance {
    pub db: Db,
    pub clock: Clock,
    pub metrics: Metrics,
}

/// The span that runs.
struct Span {
    start: Millis,
    histogram: Histogram,
    /// It has what is not stored.
    owed: bool,
}

impl Issuance {
    /// Keeps until it is dropped.
    pub async fn work(self) {
        // No other process writes the rows of this one.
        let writer = self.clock.now();
        let mut span = Span { start: floor(writer), histogram: Histogram::default(), owed: false };
        loop {
            self.clock.sleep(EVERY).await;
            if let Err(error) = self.turn(writer, &mut span).await {
                tracing::warn!(%error, "how long tokens took is not stored yet");
            }
        }
    }

    async fn turn(&self, writer: i64, span: &mut Span) -> Result<(), crate::store::WriteError> {
        for took in self.metrics.take_issued() {
            span.histogram.add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), 1);
            span.owed = true;
        }
        if span.owed {
            let issued = RolloutMetricOp::Issued {
                start_at: span.start,
                writer,
                histogram: span.histogram.encode(),
                before: span.start.saturating_sub(KEEP_MS),
            };
            self.db.write(Lane::Handler, Unit::new().with(issued)).await?;
            span.owed = false;
        }
        let start = floor(self.clock.now());
        if start != span.start {
            *span = Span { start, histogram: Histogram::default(), owed: false };
        }
        Ok(())
    }
}

fn floor(at: Millis) -> Millis {
    at.saturating_sub(at.rem_euclid(SPAN_MS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Faults;
    use crate::store::open;

    #[tokio::test]
    async fn what_github_took_is_kept_by_span_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let db = open(&format!("sqlite:{}/cutover.db", dir.path().display()), Faults::none()).await.unwrap();
        let start = 1_750_000_200_000;
        let (clock, metrics) = (Clock::manual(start), Metrics::new());
        let keeper = Issuance { db: db.clone(), clock: clock.clone(), metrics: metrics.clone() };
        let mut span = Span { start, histogram: Histogram::default(), owed: false };
        for (ms, mints) in [(0, 3), (10_000, 2), (SPAN_MS, 0), (SPAN_MS, 4)] {
            clock.advance(Duration::from_millis(ms.unsigned_abs()));
            (0..mints).for_each(|_| metrics.token_minted(Duration::from_millis(100)));
            keeper.turn(7, &mut span).await.unwrap();
        }
        // Asked for again, nothing is counted twice.
        keeper.turn(7, &mut span).await.unwrap();
        let rows = db.issuance(0, i64::MAX).await.unwrap();
        let totals: Vec<u64> = rows.iter().map(|row| Histogram::decode(row).unwrap().total()).collect();
        assert_eq!(totals, [5, 4]);
        assert_eq!(db.issuance(start, start + 1).await.unwrap().len(), 1);
    }
}
