//! What the judge said last, and what follows from it for a step forward.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cutover_shared::rollout::{CriterionState, RolloutName};
use cutover_shared::verdict::{Judgement, ReadingState, Verdict};

use crate::rollout::book::Evidence;
use crate::rollout::criteria::Facts;
use crate::rollout::evidence::Recorded;
use crate::rollout::state::State;
use crate::store::ReadError;

/// What was said of one rollout.
#[derive(Clone)]
pub(super) struct Word {
    pub(super) judgement: Judgement,
    /// Windows of the stage that are not whole.
    pub(super) incomplete: u64,
}

/// What the judge said last of each rollout. Cheap to clone; clones share it.
#[derive(Clone, Default)]
pub struct Judged(Arc<[Mutex<Option<Word>>; RolloutName::ALL.len()]>);

impl Judged {
    /// None: it is in no stage that is judged, or was not yet.
    pub fn of(&self, name: RolloutName) -> Option<Judgement> {
        self.word(name).map(|word| word.judgement)
    }

    fn word(&self, name: RolloutName) -> Option<Word> {
        self.0[name.index()].lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, name: RolloutName, word: Option<Word>) {
        *self.0[name.index()].lock().unwrap_or_else(PoisonError::into_inner) = word;
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
        let recorded = self.recorded.facts(name, state).await?;
        let word = self.judged.word(name);
        let incomplete = recorded.incomplete + word.as_ref().map_or(0, |word| word.incomplete);
        Ok(Facts { verdict: word.map(|word| said(&word.judgement)), incomplete, ..recorded })
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
