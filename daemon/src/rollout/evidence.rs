//! What is recorded of a rollout in the store: proofs and baseline. What is measured comes on top of it.

use async_trait::async_trait;
use cutover_shared::rollout::{ReverseView, RolloutName};
use serde::de::DeserializeOwned;

use super::book::Evidence;
use super::criteria::{Facts, Proof};
use super::state::State;
use crate::store::{Db, ReadError, RecordKind};

/// Evidence that is read from the store at each question, so that it outlives a restart.
pub struct Recorded {
    pub db: Db,
}

#[async_trait]
impl Evidence for Recorded {
    async fn facts(&self, name: RolloutName, _state: &State) -> Result<Facts, ReadError> {
        let open = self.db.incidents_open().await?;
        let incident = open.into_iter().find(|one| one.rollout.is_none_or(|of| of == name));
        Ok(Facts {
            reverse: self.record::<ReverseView>(name, RecordKind::Reverse).await?,
            armed: self.record::<Proof>(name, RecordKind::Armed).await?,
            preflight: self.record::<Proof>(name, RecordKind::Preflight).await?,
            baseline_at: self.db.rollout_record(name, RecordKind::Baseline).await?.map(|(at, _)| at),
            incident: incident.map(|one| one.text),
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
