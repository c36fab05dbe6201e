//! Feeds the judge with each window, and goes back when it says so (C6). What is judged stands in memory while the process lives, because
//! a full disk is when a rollback is wanted most; it is stored as soon as the store takes it, and goes on from there after a restart. A
//! freeze stops it from acting, never from judging.

mod arm;
mod fed;
mod judged;
mod kept;
mod outside;
mod save;

use std::time::Duration;

use cutover_shared::rollout::{CriterionState, RolloutName, Stage};
use cutover_shared::verdict::{Judgement, Trigger, Verdict};
use serde_json::json;

use self::fed::{RUN_TENANTS, row_of};
use self::judged::Word;
pub use self::judged::{Judged, JudgedEvidence, said};
use self::kept::{Cursors, Kept};
use self::save::{Owed, Saving};
use super::book::{RolloutError, Rollouts, Way};
use super::criteria::Proof;
use super::judge::{ArmError, GrossRow, Outside, Settings};
use super::metrics::{Recorder, Windows};
use super::state::State;
use crate::audit::Who;
use crate::clock::{Clock, Millis};
use crate::store::{Db, ReadError, RecordKind};

/// Windows of an earlier process that are read at once.
const CAUGHT_UP: usize = 720;

/// Between tries while the store does not answer.
const RETRY: Duration = Duration::from_secs(1);

/// Why judging failed for now.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Rollout(#[from] RolloutError),
    #[error("the judge can't be armed: {0}")]
    Arm(#[from] ArmError),
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
    /// By [`RolloutName::index`].
    pub settings: [Settings; RolloutName::ALL.len()],
}

impl Automation {
    /// Judges one rollout until it is dropped. The composition root spawns one for each.
    pub async fn work(self, name: RolloutName) {
        let (mut told, mut gross) = (self.windows.told(name), self.recorder.gross_runs(name));
        let mut changes = self.rollouts.router().changes();
        let mut sitting = Sitting::new(self, name);
        loop {
            if let Err(error) = sitting.judge().await {
                tracing::warn!(%error, rollout = %name, "a rollout was not judged");
                sitting.of.clock.sleep(RETRY).await;
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
}

/// The judge of one rollout at work. The store is read once, and told when it takes it.
struct Sitting {
    of: Automation,
    name: RolloutName,
    /// None: it is not read yet.
    kept: Option<Kept>,
    /// The next window that is told.
    next: u64,
    /// Where the windows of earlier processes are to be read on from; none: all are.
    behind: Option<Cursors>,
    /// Tenants that a failure can come from, as far as they are known.
    tenants: u64,
    outside: Outside,
    /// The last proof.
    proven: Option<Proof>,
    owed: Owed,
    saving: Option<Saving>,
}

impl Sitting {
    fn new(of: Automation, name: RolloutName) -> Self {
        Self {
            of,
            name,
            kept: None,
            next: 0,
            behind: None,
            // Until they are counted there are enough for a failure of all.
            tenants: RUN_TENANTS,
            outside: Outside::default(),
            proven: None,
            owed: Owed::default(),
            saving: None,
        }
    }

    /// Feeds what is new, and acts on the verdict.
    async fn judge(&mut self) -> Result<(), Trouble> {
        let (_, state) = self.of.rollouts.state(self.name)?;
        if !state.stage.compares() {
            self.of.judged.set(self.name, None);
            // What is told meanwhile is nobody's.
            self.next = self.of.windows.recent(self.name, self.next).next;
            return Ok(());
        }
        let now = self.of.clock.now();
        let mut kept = match self.kept.take() {
            Some(kept) => kept,
            None => self.read(&state, now).await?,
        };
        let done = self.pass(&mut kept, &state, now).await;
        self.kept = Some(kept);
        done
    }

    async fn pass(&mut self, kept: &mut Kept, state: &State, now: Millis) -> Result<(), Trouble> {
        kept.mend_times(now);
        if kept.is_of(state) {
            self.renew(kept, now).await?;
        } else {
            self.turn(kept, state, now).await?;
            self.owed.kept = true;
        }
        // What is not known stays as it was, and the calls are judged all the same.
        let counted = self.of.clock.timeout(RETRY, self.of.rollouts.inside(self.name)).await;
        if let Ok(Ok(tenants)) = counted {
            self.tenants = tenants;
        }
        let row = row_of(self.of.recorder.gross_run(self.name), self.tenants);
        let is_new = self.feed(kept, row).await;
        kept.judge.observe_gross(row, now);
        self.look(kept, now).await;
        kept.judge.observe_outside(self.outside.clone(), now);
        let judgement = kept.judge.judgement(now);
        let breach = judgement.verdict == Verdict::Breach;
        let word = Word { judgement: judgement.clone(), incomplete: kept.judge.incomplete() };
        self.of.judged.set(self.name, Some(word));
        let (_, state) = self.of.rollouts.state(self.name)?;
        // Nobody is on the target: what fired keeps the next stage shut, and there is nothing to go back from. What is in effect
        // and waits for the store is not begun again.
        let opens = state.stage.opens_target() && state.killed.is_none();
        let is_held = self.of.rollouts.router().held(self.name).is_some();
        let back = if breach && kept.is_of(&state) && opens && !is_held {
            self.go_back(&state, &judgement).await
        } else {
            Ok(())
        };
        self.owed.kept |= is_new || breach;
        let (said, text) = said(&judgement);
        if state.stage == Stage::Live && said == CriterionState::Fails && (is_new || breach) {
            self.owed.red = Some(Proof { at: now, ok: false, text });
        }
        // After the way back, which does not wait for a store that takes nothing.
        self.save(kept, now).await;
        back
    }

    async fn go_back(&self, state: &State, judgement: &Judgement) -> Result<(), Trouble> {
        let (name, Some(firing)) = (self.name, &judgement.fired) else { return Ok(()) };
        if let Some(freeze) = &state.freeze {
            tracing::error!(rollout = %name, reason = freeze.reason, trigger = %firing.reading.trigger,
                "a breach, and the rollout is frozen: only a person may roll it back");
            return Ok(());
        }
        let reason = firing.reading.text();
        let rollouts = &self.of.rollouts;
        let back =
            rollouts.back(name, Way::Stage(None), &reason, json!(judgement), true, &Who::daemon()).await;
        self.of.recorder.forget_runs(name);
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

    /// Feeds what was told since the last time, and once what earlier processes left; whether there was any.
    async fn feed(&mut self, kept: &mut Kept, row: GrossRow) -> bool {
        let mut is_new = false;
        while let Some(mut behind) = self.behind {
            let windows = &self.of.windows;
            let after = |source| behind.of(source);
            match self.soon(windows.earlier(self.name, after, CAUGHT_UP)).await {
                Ok(found) => {
                    for figures in &found {
                        behind.set(figures.source, figures.start_at);
                        is_new |= kept.take(figures, row);
                    }
                    self.behind = (found.len() == CAUGHT_UP).then_some(behind);
                }
                Err(error) => {
                    tracing::warn!(%error, rollout = %self.name, "windows before the start are not judged yet");
                    break;
                }
            }
        }
        let recent = self.of.windows.recent(self.name, self.next);
        kept.miss(recent.missed);
        for figures in &recent.windows {
            is_new |= kept.take(figures, row);
        }
        self.next = recent.next;
        is_new
    }

    /// The judge as it was stored, or a new one.
    async fn read(&mut self, state: &State, now: Millis) -> Result<Kept, Trouble> {
        let (db, name) = (&self.of.db, self.name);
        let proven = self.soon(db.rollout_record(name, RecordKind::Armed)).await?;
        self.proven = proven.and_then(|(_, body)| serde_json::from_str(&body).ok());
        if let Some((_, body)) = self.soon(self.of.db.rollout_record(name, RecordKind::Judge)).await? {
            match serde_json::from_str::<Kept>(&body) {
                Ok(kept) => {
                    let mut kept = kept.taken_up(state);
                    kept.mend_times(now);
                    self.behind = Some(kept.cursors);
                    return Ok(kept);
                }
                Err(error) => {
                    tracing::error!(%error, rollout = %name, "the judge can't be read: it begins anew");
                }
            }
        }
        let arms = self.arms().await?;
        let (judge, armed_for) = self.armed(arms, None, now)?;
        let since = state.shadow_since.unwrap_or(state.stage_since);
        let kept = Kept::begin(judge, armed_for, state, since);
        self.behind = Some(kept.cursors);
        self.owed.kept = true;
        Ok(kept)
    }

    /// Another stage or ring: the tests go on. After a firing, and when shadow began anew, they begin anew; what was compared
    /// since shadow began counts on then, unless it was what fired.
    async fn turn(&mut self, kept: &mut Kept, state: &State, now: Millis) -> Result<(), Trouble> {
        self.outside = Outside::default();
        let fired = kept.judge.fired().map(|firing| firing.reading.trigger);
        let is_same_shadow = kept.shadow_since == state.shadow_since;
        if fired.is_none() && is_same_shadow {
            kept.enter(state);
            return Ok(());
        }
        let is_of_answers = matches!(fired, Some(Trigger::Consistency | Trigger::WrongData));
        let before = (is_same_shadow && !is_of_answers).then_some(&kept.judge);
        let arms = match self.arms().await {
            Ok(arms) => arms,
            Err(_) => self.arms_of(&kept.judge, kept.armed_for.as_ref()),
        };
        let (judge, armed_for) = self.armed(arms, before, now)?;
        let wrong_since = match (is_same_shadow, is_of_answers) {
            (true, false) => kept.wrong_since,
            // What was the reason of a way back is no reason for another one.
            (true, true) => state.stage_since,
            // Another target, for all that anybody knows.
            (false, _) => state.shadow_since.unwrap_or(state.stage_since),
        };
        *kept = Kept::begin(judge, armed_for, state, state.stage_since);
        kept.wrong_since = wrong_since;
        kept.mend_times(now);
        Ok(())
    }

    /// Another baseline, or other settings: armed with them, it goes on.
    async fn renew(&mut self, kept: &mut Kept, now: Millis) -> Result<(), Trouble> {
        let Ok(arms) = self.arms().await else { return Ok(()) };
        if let Some((judge, armed_for)) = self.renewed(arms, &kept.judge, kept.armed_for.as_ref(), now)? {
            (kept.judge, kept.armed_for) = (judge, Some(armed_for));
            self.owed.kept = true;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
