//! Feeds the judge with each window, and goes back when it says so (C6). What is judged is durable: after a restart it goes on
//! where it stood. A freeze stops it from acting, never from judging.

mod fed;
mod outside;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use cutover_shared::rollout::{CriterionState, RolloutName, Stage};
use cutover_shared::verdict::{Judgement, ReadingState, Trigger, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::fed::{Disruption, Fed, measures_of, row_of, window_of};
use super::book::{Evidence, RolloutError, Rollouts, Way};
use super::criteria::{Facts, Proof};
use super::evidence::Recorded;
use super::judge::{ArmError, Baseline, Judge, Settings};
use super::metrics::{Recorder, Windows};
use super::state::State;
use crate::audit::Who;
use crate::clock::{Clock, Millis};
use crate::store::{Db, Lane, ReadError, RecordKind, RolloutOp, Unit, WriteError};

/// Windows that are caught up on at once, after a stop.
const CAUGHT_UP: usize = 720;

/// Between tries while the store does not answer.
const RETRY: Duration = Duration::from_secs(1);

/// Figures of the baseline that stand on fewer calls say nothing of its latency.
const BASELINE_FLOOR: u64 = 200;

/// Triggers that nothing is fed to here, and a trigger that can't fire must not look armed. A declared incident goes back by itself,
/// once, without the judge, which would go back one stage after the other while it is open. What was made and not counted nobody
/// knows: where it may have happened, a window is incomplete.
const UNFED: &[Trigger] = &[Trigger::CriticalIncident, Trigger::RecordsLost];

/// Why judging failed for now.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Rollout(#[from] RolloutError),
    #[error("the judge can't be armed: {0}")]
    Arm(#[from] ArmError),
}

/// What the judge said last of each rollout. Cheap to clone; clones share it.
#[derive(Clone, Default)]
pub struct Judged(Arc<[Mutex<Option<Judgement>>; RolloutName::ALL.len()]>);

impl Judged {
    /// None: it is in no stage that is judged, or was not yet.
    pub fn of(&self, name: RolloutName) -> Option<Judgement> {
        self.0[name.index()].lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, name: RolloutName, judgement: Option<Judgement>) {
        *self.0[name.index()].lock().unwrap_or_else(PoisonError::into_inner) = judgement;
    }
}

/// What is recorded, and what the judge says.
pub struct JudgedEvidence {
    pub recorded: Recorded,
    pub judged: Judged,
}

#[async_trait]
impl Evidence for JudgedEvidence {
    async fn facts(&self, name: RolloutName, state: &State) -> Result<Facts, ReadError> {
        let verdict = self.judged.of(name).map(|judgement| said(&judgement));
        Ok(Facts { verdict, ..self.recorded.facts(name, state).await? })
    }
}

/// A verdict as a criterion: its state and its words.
pub fn said(judgement: &Judgement) -> (CriterionState, String) {
    let state = match judgement.verdict {
        Verdict::Pass => CriterionState::Holds,
        Verdict::NotEnoughData => CriterionState::Unknown,
        Verdict::GateFailed | Verdict::Breach => CriterionState::Fails,
    };
    let fired = judgement.fired.as_ref().map(|firing| &firing.reading);
    let worst = fired.into_iter().chain(&judgement.readings).max_by_key(|reading| rank(reading.state));
    let text = match (judgement.verdict, worst) {
        (Verdict::Pass, _) | (_, None) => {
            judgement.claim.map_or_else(|| "pass".to_owned(), |claim| format!("pass: {claim}"))
        }
        (_, Some(reading)) => reading.text(),
    };
    (state, text)
}

fn rank(state: ReadingState) -> u8 {
    match state {
        ReadingState::Clear => 0,
        ReadingState::Warning => 1,
        ReadingState::Undecided => 2,
        ReadingState::NotEnoughData => 3,
        ReadingState::Fired => 4,
    }
}

/// The judge of one rollout as it is stored.
#[derive(Serialize, Deserialize)]
struct Kept {
    judge: Judge,
    stage: Stage,
    /// When the stage began: who goes back and forward again is in the same stage, and in another one.
    #[serde(default)]
    stage_since: Millis,
    /// Of the last window that was fed, by begin.
    last_start: Millis,
    /// Of the last window that was fed: they are numbered without gaps, because nothing happened where none is.
    number: u64,
    #[serde(default)]
    disruption: Disruption,
    /// Differences from then on count as wrong data.
    #[serde(default)]
    wrong_since: Millis,
    /// How many tenants were seen, and when that was counted.
    #[serde(default)]
    seen: Option<(Millis, u64)>,
}

impl Kept {
    /// It judges this very stay in a stage.
    fn is_of(&self, state: &State) -> bool {
        (self.stage, self.stage_since) == (state.stage, state.stage_since)
    }
}

/// Judges, and goes back. Cheap to clone.
#[derive(Clone)]
pub struct Automation {
    pub db: Db,
    pub clock: Clock,
    pub rollouts: Rollouts,
    pub windows: Windows,
    pub recorder: Recorder,
    pub judged: Judged,
    pub settings: Settings,
}

impl Automation {
    /// Judges one rollout until it is dropped. The composition root spawns one for each.
    pub async fn work(self, name: RolloutName) {
        let (mut told, mut gross) = (self.windows.told(name), self.recorder.gross_runs(name));
        let mut changes = self.rollouts.router().changes();
        loop {
            if let Err(error) = self.judge(name).await {
                tracing::warn!(%error, rollout = %name, "a rollout was not judged");
                self.clock.sleep(RETRY).await;
                continue;
            }
            let ended = tokio::select! {
                told = told.changed() => told.is_err(),
                gross = gross.changed() => gross.is_err(),
                change = changes.changed() => change.is_err(),
            };
            if ended {
                return;
            }
        }
    }

    /// Feeds what is new, and acts on the verdict.
    async fn judge(&self, name: RolloutName) -> Result<(), Trouble> {
        let (_, state) = self.rollouts.state(name)?;
        if !state.stage.compares() {
            self.judged.set(name, None);
            return Ok(());
        }
        let mut kept = self.kept(name, &state).await?;
        let mut is_new = !kept.is_of(&state);
        if is_new {
            kept = self.next_stage(name, kept, &state).await?;
        }
        let tenants = self.rollouts.inside(name).await?;
        let limits = kept.judge.limits();
        let row = row_of(self.recorder.gross_run(name), tenants);
        for figures in self.windows.closed(name, kept.last_start + 1, CAUGHT_UP).await? {
            kept.number += 1;
            kept.last_start = figures.start_at;
            let fed = Fed { number: kept.number, limits, gross: row };
            let window = window_of(&figures, &fed);
            kept.disruption.add(figures.start_at, window.to_ms, window.calls, window.errors);
            kept.judge.observe(&window);
            is_new = true;
        }
        let now = self.clock.now();
        kept.judge.observe_gross(row, now);
        match self.outside(name, &state, &mut kept, tenants, now).await {
            Ok(outside) => kept.judge.observe_outside(outside, now),
            // What is not known stays as it was, and the calls are judged all the same.
            Err(error) => {
                tracing::warn!(%error, rollout = %name, "what else the target is held against is not known");
            }
        }
        let judgement = kept.judge.judgement(now);
        let breach = judgement.verdict == Verdict::Breach;
        self.judged.set(name, Some(judgement.clone()));
        let (_, state) = self.rollouts.state(name)?;
        // Nobody is on the target: what fired keeps the next stage shut, and there is nothing to go back from. What is in effect
        // and waits for the store is not begun again.
        let opens = state.stage.opens_target() && state.killed.is_none();
        let is_held = self.rollouts.router().held(name).is_some();
        let back = if breach && kept.is_of(&state) && opens && !is_held {
            self.go_back(name, &state, &judgement).await
        } else {
            Ok(())
        };
        // After the way back, which does not wait for a store that takes nothing.
        if is_new || breach {
            self.keep(name, &kept, now).await?;
            let (said, text) = said(&judgement);
            // Legacy is let go after two weeks without such a moment.
            if state.stage == Stage::Live && said == CriterionState::Fails {
                let body = json!(Proof { at: now, ok: false, text }).to_string();
                let record = RolloutOp::Record { name, kind: RecordKind::Red, at: now, body };
                self.db.write(Lane::Handler, Unit::new().with(record)).await?;
            }
        }
        back
    }

    async fn go_back(&self, name: RolloutName, state: &State, judgement: &Judgement) -> Result<(), Trouble> {
        let Some(firing) = &judgement.fired else { return Ok(()) };
        if let Some(freeze) = &state.freeze {
            tracing::error!(rollout = %name, reason = freeze.reason, trigger = %firing.reading.trigger,
                "a breach, and the rollout is frozen: only a person may roll it back");
            return Ok(());
        }
        let reason = firing.reading.text();
        let back =
            self.rollouts.back(name, Way::Stage(None), &reason, json!(judgement), true, &Who::daemon()).await;
        self.recorder.forget_runs(name);
        match back {
            Ok(change) => {
                tracing::error!(rollout = %name, from = %change.from, to = %change.to, reason, "ROLLED BACK");
                Ok(())
            }
            // In effect, and stored as soon as the store takes it.
            Err(RolloutError::Owed(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The judge as it was kept, or a new one.
    async fn kept(&self, name: RolloutName, state: &State) -> Result<Kept, Trouble> {
        if let Some((_, body)) = self.db.rollout_record(name, RecordKind::Judge).await? {
            match serde_json::from_str(&body) {
                Ok(kept) => return Ok(kept),
                Err(error) => {
                    tracing::error!(%error, rollout = %name, "the judge can't be read: it begins anew");
                }
            }
        }
        self.arm(name, state, None, state.shadow_since.unwrap_or(state.stage_since)).await
    }

    /// Forward the tests go on; after a way back they begin anew, and what was compared counts on unless it was what fired.
    async fn next_stage(&self, name: RolloutName, mut kept: Kept, state: &State) -> Result<Kept, Trouble> {
        let fired = kept.judge.fired().map(|firing| firing.reading.trigger);
        if fired.is_none() && state.stage > kept.stage {
            kept.judge.begin_stage(state.stage_since);
            (kept.stage, kept.stage_since) = (state.stage, state.stage_since);
            return Ok(kept);
        }
        let pool = (fired != Some(Trigger::Consistency)).then_some(&kept.judge);
        let mut fresh = self.arm(name, state, pool, kept.last_start.max(state.stage_since)).await?;
        fresh.number = 0;
        // What was the reason of a way back is no reason for another one.
        if !matches!(fired, Some(Trigger::Consistency | Trigger::WrongData)) {
            fresh.wrong_since = kept.wrong_since;
        }
        Ok(fresh)
    }

    async fn arm(
        &self,
        name: RolloutName,
        state: &State,
        before: Option<&Judge>,
        last_start: Millis,
    ) -> Result<Kept, Trouble> {
        let now = self.clock.now();
        let baseline = self.baseline(name).await?;
        let mut settings = self.settings.clone();
        settings.armed.retain(|trigger| !UNFED.contains(trigger));
        settings.critical_functions.retain(|word| name.operations().any(|of| of.word() == word));
        if settings.critical_functions.is_empty() {
            settings.armed.remove(&Trigger::CriticalFunction);
        } else {
            settings.armed.insert(Trigger::CriticalFunction);
        }
        let has_latency = baseline.as_ref().is_some_and(|baseline| baseline.calls >= BASELINE_FLOOR);
        if !has_latency {
            settings.armed.retain(|trigger| {
                !matches!(trigger, Trigger::LatencyP50 | Trigger::LatencyP95 | Trigger::LatencyP99)
            });
        }
        // What nobody measures can't be watched: those need names or measures that a baseline brings.
        if baseline.as_ref().is_none_or(|baseline| baseline.measures.is_empty()) {
            settings.armed.retain(|trigger| !matches!(trigger, Trigger::Performance | Trigger::Regression));
        }
        let armed = Judge::arm(settings, baseline.unwrap_or_default(), before, now);
        let proof = match &armed {
            Ok(armed) => {
                let fired: Vec<_> = armed.proofs.iter().map(|proof| proof.trigger.word()).collect();
                let missing = if has_latency { "" } else { "; no baseline, so slowness is not watched" };
                let text = format!("a synthetic breach fired {}{missing}", fired.join(", "));
                Proof { at: now, ok: has_latency, text }
            }
            Err(error) => Proof { at: now, ok: false, text: error.to_string() },
        };
        let unit = Unit::new()
            .with(RolloutOp::Record {
                name,
                kind: RecordKind::Armed,
                at: now,
                body: json!(proof).to_string(),
            })
            .with(Who::daemon().did(now, "rollout.arm", name.word(), json!(proof)));
        self.db.write(Lane::Handler, unit).await?;
        let kept = Kept {
            judge: armed?.judge,
            stage: state.stage,
            stage_since: state.stage_since,
            last_start,
            number: 0,
            disruption: Disruption::default(),
            wrong_since: last_start,
            seen: None,
        };
        self.keep(name, &kept, now).await?;
        Ok(kept)
    }

    async fn keep(&self, name: RolloutName, kept: &Kept, at: Millis) -> Result<(), WriteError> {
        let body = json!(kept).to_string();
        let unit = Unit::new().with(RolloutOp::Record { name, kind: RecordKind::Judge, at, body });
        self.db.write(Lane::Handler, unit).await
    }

    /// The legacy arm's latencies, all operations together; none: nothing is recorded.
    async fn baseline(&self, name: RolloutName) -> Result<Option<Baseline>, ReadError> {
        let Some(recorded) = self.windows.baseline(name).await? else { return Ok(None) };
        let whole = recorded.operations.iter().find(|figures| figures.operation.is_none());
        Ok(whole.map(|figures| Baseline {
            calls: figures.figures.calls,
            p50_us: figures.figures.p50_us.unwrap_or_default(),
            p95_us: figures.figures.p95_us.unwrap_or_default(),
            p99_us: figures.figures.p99_us.unwrap_or_default(),
            measures: measures_of(&recorded.measures, self.settings.measure_floor),
        }))
    }
}

#[cfg(test)]
mod tests;
