//! The rule that scope `all` waits for a verified canary run and its observation time (B4). Until gates exist it is a
//! check with an override that is audited.

use std::time::Duration;

use async_trait::async_trait;
use cutover_shared::run::RunState;

use super::kind::MAP;
use crate::run::{GateCheck, GateEvidence};
use crate::store::{Db, ReadError, RunRow};

/// How many of the newest mapping runs are looked at.
const LOOK_BACK: u32 = 200;

/// Asks the store for a canary run that is done.
pub struct CanaryFirst {
    db: Db,
    observation: Duration,
}

impl CanaryFirst {
    /// A canary run must have been done for `observation`.
    pub fn new(db: Db, observation: Duration) -> Self {
        Self { db, observation }
    }
}

#[async_trait]
impl GateCheck for CanaryFirst {
    async fn check(&self, run: &RunRow, now: i64) -> Result<Result<GateEvidence, String>, ReadError> {
        if run.kind != MAP || run.scope != "all" {
            return Ok(Ok(GateEvidence::default()));
        }
        let runs = self.db.runs(Some(RunState::Done), Some(MAP), None, LOOK_BACK).await?;
        Ok(canary_first(&runs, now, self.observation))
    }
}

/// The rule itself. Verified is what `done` says: a run whose verification failed is `failed`.
fn canary_first(done: &[RunRow], now: i64, observation: Duration) -> Result<GateEvidence, String> {
    let oldest = done
        .iter()
        .filter(|run| run.scope == "canary" && run.counts.done > 0)
        .filter_map(|run| run.ended_at.map(|at| (at, run)))
        .min_by_key(|(at, _)| *at);
    let Some((ended, run)) = oldest else {
        return Err("scope all needs a canary run that is done and verified, and there is none".to_owned());
    };
    let seen = Duration::from_millis(u64::try_from(now.saturating_sub(ended)).unwrap_or(0));
    if seen < observation {
        let left = observation.saturating_sub(seen).as_secs().div_ceil(60);
        return Err(format!(
            "the canary run {} is done, but its observation time has {left} minutes to go",
            run.id
        ));
    }
    Ok(GateEvidence { facts: vec![format!("canary run {} is done since {} ms", run.id, ended)] })
}
