//! What is recorded of a rollout in the store: proofs and baseline. What is measured comes on top of it.

use async_trait::async_trait;
use cutover_shared::rollout::{Baseline, BaselineMeasure, Measured, ReconcileView, ReverseView, RolloutName};
use serde::de::DeserializeOwned;

use super::book::Evidence;
use super::criteria::{Facts, Proof};
use super::metrics::beside::MEASURED_FLOOR;
use super::second::RepairLimits;
use super::second::note::unrecorded;
use super::state::State;
use crate::clock::Clock;
use crate::store::{Db, ReadError, RecordKind};

/// Evidence that is read from the store at each question, so that it outlives a restart.
pub struct Recorded {
    pub db: Db,
    pub clock: Clock,
    pub limits: RepairLimits,
}

#[async_trait]
impl Evidence for Recorded {
    async fn facts(&self, name: RolloutName, state: &State) -> Result<Facts, ReadError> {
        let incident = self.db.open_incident(name).await?;
        let lost = unrecorded(self.db.rollout_record(name, RecordKind::Unrecorded).await?);
        let baseline = self.record::<Baseline>(name, RecordKind::Baseline).await?;
        Ok(Facts {
            repair: self.limits.view(self.db.second_counts(name).await?, self.clock.now()),
            reconciled: self.record::<ReconcileView>(name, RecordKind::Reconcile).await?,
            // The window in which an answer left no record in either book.
            incomplete: u64::from(lost.count > 0 && lost.last_at >= state.stage_since),
            reverse: self.record::<ReverseView>(name, RecordKind::Reverse).await?,
            armed: self.record::<Proof>(name, RecordKind::Armed).await?,
            preflight: self.record::<Proof>(name, RecordKind::Preflight).await?,
            baseline_at: baseline.as_ref().map(|baseline| baseline.at),
            baseline_lacks: baseline.map(|baseline| lacks(name, &baseline.measures)).unwrap_or_default(),
            incident: incident.map(|(_, text)| text),
            red: self.record::<Proof>(name, RecordKind::Red).await?,
            ..Facts::default()
        })
    }
}

impl Recorded {
    async fn record<T: DeserializeOwned>(
        &self,
        name: RolloutName,
        kind: RecordKind,
    ) -> Result<Option<T>, ReadError> {
        let Some((_, body)) = self.db.rollout_record(name, kind).await? else { return Ok(None) };
        let read = serde_json::from_str(&body);
        read.map(Some)
            .map_err(|error| ReadError::Corrupt { what: "record of a rollout", cause: error.to_string() })
    }
}

/// What a rollout should be held against and the baseline has not enough of.
fn lacks(name: RolloutName, recorded: &[Measured]) -> Vec<BaselineMeasure> {
    let has = |wanted: &BaselineMeasure| {
        recorded
            .iter()
            .any(|one| one.measure == *wanted && one.value.is_some() && one.sample >= MEASURED_FLOOR)
    };
    match name {
        RolloutName::GithubAuth => BaselineMeasure::ALL.iter().copied().filter(|one| !has(one)).collect(),
        RolloutName::GitSandbox => Vec::new(),
    }
}
