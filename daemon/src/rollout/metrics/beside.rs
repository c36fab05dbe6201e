//! What else the target is held against (C5): imports by themselves, how long tokens take, webhooks that are given up. A figure that
//! nobody has is none, never 0.

use cutover_shared::rollout::{BaselineMeasure, Measured, Operation, RolloutName, Side};

use super::buckets::Histogram;
use super::windows::{SideFigures, Windows};
use crate::clock::Millis;
use crate::store::ReadError;

/// A figure that stands on fewer samples is not compared.
pub const MEASURED_FLOOR: u64 = 200;

/// How long what was looked up is good: the judge asks with each window.
const KEPT_MS: i64 = 60_000;

/// The newest answer.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    since: Millis,
    at: Millis,
    measures: Vec<Measured>,
}

impl Windows {
    /// The target's figures since a moment, at most a minute old; empty for a rollout that none of them is about.
    pub async fn measured(&self, name: RolloutName, since: Millis) -> Result<Vec<Measured>, ReadError> {
        if name != RolloutName::GithubAuth {
            return Ok(Vec::new());
        }
        let now = self.clock.now();
        let mut kept = self.beside.lock().await;
        // From both sides: a clock that was set back makes nothing good for longer.
        let is_good = |kept: &&Kept| kept.since == since && (0..KEPT_MS).contains(&(now - kept.at));
        if let Some(kept) = kept.as_ref().filter(is_good) {
            return Ok(kept.measures.clone());
        }
        let sums = self.sums(name, since).await?;
        let target = sums.get(&Operation::Import).map(|of| &of.sides[Side::Target.index()]);
        let measures = self.beside(target, since, i64::MAX).await?;
        *kept = Some(Kept { since, at: now, measures: measures.clone() });
        Ok(measures)
    }

    /// Each measure in `[from, to)`; `imports` is the arm's.
    pub(super) async fn beside(
        &self,
        imports: Option<&SideFigures>,
        from: Millis,
        to: Millis,
    ) -> Result<Vec<Measured>, ReadError> {
        let mut issued = Histogram::default();
        for bytes in self.db.issuance(from, to).await? {
            let read = Histogram::decode(&bytes);
            issued.merge(&read.map_err(|error| ReadError::Corrupt {
                what: "histogram of issued tokens",
                cause: error.to_string(),
            })?);
        }
        let (ended, dead) = self.db.deliveries_ended(from, to).await?;
        let import = imports.map(|of| (of.calls, of.calls.saturating_sub(of.errors)));
        let (calls, good) = import.unwrap_or_default();
        let latency = imports.map(|of| of.histogram.clone()).unwrap_or_default();
        Ok(vec![
            // The middle, not the tail: the P95 of a few hundred calls moves by more than a tenth by chance.
            measured(BaselineMeasure::ImportLatency, latency.quantile(500), latency.total()),
            measured(BaselineMeasure::ImportSuccess, ppm(good, calls), calls),
            measured(BaselineMeasure::TokenIssuance, issued.quantile(500), issued.total()),
            measured(BaselineMeasure::WebhookFailure, ppm(dead, ended), ended),
        ])
    }
}

fn measured(measure: BaselineMeasure, value: Option<u64>, sample: u64) -> Measured {
    Measured { measure, value, sample }
}

/// None: of nothing there is no share.
fn ppm(part: u64, whole: u64) -> Option<u64> {
    let ppm = (u128::from(part) * 1_000_000).checked_div(u128::from(whole))?;
    Some(u64::try_from(ppm).unwrap_or(u64::MAX))
}
