//! The rule that scope `all` waits for a verified canary run and its observation time (B4). Until gates exist it is a
//! check with an override that is audited.

use std::time::Duration;

use async_trait::async_trait;
use cutover_shared::ids::RunId;
use cutover_shared::run::RunState;

use super::kind::MAP;
use crate::run::{GateCheck, GateEvidence};
use crate::store::{Db, ReadError, RunRow};

/// How many of the newest mapping runs are looked at.
const LOOK_BACK: u32 = 200;

/// Asks the store for a canary run that is done.
#[derive(Clone)]
pub struct CanaryFirst {
    db: Db,
    observation: Duration,
}

/// How far the canary is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CanaryStage {
    /// No canary run is done and verified.
    None,
    /// One is, and its observation time has this much to go.
    Observed { run: RunId, left: Duration },
    /// One is, since this moment, and was observed.
    Proven { run: RunId, ended: i64 },
}

impl CanaryFirst {
    /// A canary run must have been done for `observation`.
    pub fn new(db: Db, observation: Duration) -> Self {
        Self { db, observation }
    }

    /// How far the canary is.
    pub async fn stage(&self, now: i64) -> Result<CanaryStage, ReadError> {
        let runs = self.db.runs(Some(RunState::Done), Some(MAP), None, LOOK_BACK).await?;
        Ok(stage(&runs, now, self.observation))
    }
}

#[async_trait]
impl GateCheck for CanaryFirst {
    async fn check(&self, run: &RunRow, now: i64) -> Result<Result<GateEvidence, String>, ReadError> {
        if run.kind != MAP || run.scope != "all" {
            return Ok(Ok(GateEvidence::default()));
        }
        Ok(canary_first(self.stage(now).await?))
    }
}

/// The rule itself. Verified is what `done` says: a run whose verification failed is `failed`.
fn stage(done: &[RunRow], now: i64, observation: Duration) -> CanaryStage {
    let oldest = done
        .iter()
        .filter(|run| run.scope == "canary" && run.counts.done > 0)
        .filter_map(|run| run.ended_at.map(|at| (at, run)))
        .min_by_key(|(at, _)| *at);
    let Some((ended, run)) = oldest else { return CanaryStage::None };
    let seen = Duration::from_millis(u64::try_from(now.saturating_sub(ended)).unwrap_or(0));
    if seen < observation {
        CanaryStage::Observed { run: run.id.clone(), left: observation.saturating_sub(seen) }
    } else {
        CanaryStage::Proven { run: run.id.clone(), ended }
    }
}

fn canary_first(stage: CanaryStage) -> Result<GateEvidence, String> {
    match stage {
        CanaryStage::None => {
            Err("scope all needs a canary run that is done and verified, and there is none".to_owned())
        }
        CanaryStage::Observed { run, left } => {
            let left = left.as_secs().div_ceil(60);
            Err(format!("the canary run {run} is done, but its observation time has {left} minutes to go"))
        }
        CanaryStage::Proven { run, ended } => {
            Ok(GateEvidence { facts: vec![format!("canary run {run} is done since {ended} ms")] })
        }
    }
}
