//! What the judge has to say to the store: said when the store takes it, and never waited for longer than a moment.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinHandle;

use super::Sitting;
use super::kept::Kept;
use crate::audit::Who;
use crate::clock::Millis;
use crate::rollout::criteria::Proof;
use crate::store::{Lane, ReadError, RecordKind, RolloutOp, Unit, WriteError};

/// How long the store may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is not stored yet.
#[derive(Default)]
pub(super) struct Owed {
    pub(super) kept: bool,
    pub(super) proof: Option<Proof>,
    /// The newest no in `live`: legacy is let go after two weeks without one.
    pub(super) red: Option<Proof>,
}

/// A unit that the store has not answered yet.
pub(super) type Saving = JoinHandle<Result<(), WriteError>>;

impl Sitting {
    /// Reads, for a moment: a store that hangs must not keep the judge from judging.
    pub(super) async fn soon<T>(
        &self,
        work: impl Future<Output = Result<T, ReadError>>,
    ) -> Result<T, ReadError> {
        let late = |_| ReadError::Unavailable { doing: "judging", cause: "it does not answer".to_owned() };
        self.of.clock.timeout(PATIENCE, work).await.map_err(late)?
    }

    /// Stores what is owed. What the store does not take is kept in memory and stored with the next window.
    pub(super) async fn save(&mut self, kept: &Kept, now: Millis) {
        // One at a time: a disk that hangs gets no heap of units.
        if self.saving.as_ref().is_some_and(|saving| !saving.is_finished()) {
            return;
        }
        let Owed { kept: is_new, proof, red } = &self.owed;
        if !is_new && proof.is_none() && red.is_none() {
            return;
        }
        let name = self.name;
        let record = |kind, at, body| RolloutOp::Record { name, kind, at, body };
        let mut unit = Unit::new().with(record(RecordKind::Judge, now, json!(kept).to_string()));
        if let Some(proof) = proof {
            unit = unit
                .with(record(RecordKind::Armed, proof.at, json!(proof).to_string()))
                .with(Who::daemon().did(proof.at, "rollout.arm", name.word(), json!(proof)));
        }
        if let Some(red) = red {
            unit = unit.with(record(RecordKind::Red, red.at, json!(red).to_string()));
        }
        let db = self.of.db.clone();
        // In a task of its own: a unit that is no longer waited for is written all the same.
        let mut saving = tokio::spawn(async move { db.write(Lane::Handler, unit).await });
        match self.of.clock.timeout(PATIENCE, &mut saving).await {
            Ok(Ok(Ok(()))) => self.owed = Owed::default(),
            Ok(Ok(Err(error))) => {
                tracing::warn!(%error, rollout = %name, "the judge goes on and is not stored");
            }
            Ok(Err(error)) => tracing::error!(%error, rollout = %name, "storing the judge ended badly"),
            Err(_) => {
                tracing::warn!(rollout = %name, "the judge goes on, and the store does not answer");
                self.saving = Some(saving);
            }
        }
    }
}
