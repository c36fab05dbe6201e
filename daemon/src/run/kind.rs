//! What a kind of run has to say for itself.

use async_trait::async_trait;
use cutover_shared::ids::RunId;
use cutover_shared::run::{EffectClass, Reversibility};
use futures::StreamExt as _;

use super::chain::Chained;
use crate::store::{Op, RunRow, StoredItem};

/// Which way a pass goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Apply,
    Undo,
}

impl Direction {
    /// The word in the store.
    pub fn word(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Undo => "undo",
        }
    }

    /// The direction of a stored word.
    pub fn from_word(word: &str) -> Self {
        if word == "undo" { Self::Undo } else { Self::Apply }
    }
}

/// The kind can't go on now. The engine tries again, then pauses the run with this as the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{doing}: {cause}")]
pub struct KindError {
    pub doing: &'static str,
    pub cause: String,
}

impl KindError {
    /// Something else failed while this was being done.
    pub fn new(doing: &'static str, cause: impl std::fmt::Display) -> Self {
        Self { doing, cause: cause.to_string() }
    }
}

/// A kind of run.
#[async_trait]
pub trait Kind: Send + Sync {
    /// The word that names it.
    fn name(&self) -> &'static str;

    /// What undo can do for it.
    fn reversibility(&self) -> Reversibility;

    /// Whether its undo leads back to what legacy needs, so that a person may begin one while the kill switch is pulled.
    fn undo_serves_legacy(&self) -> bool {
        false
    }

    /// Where its effects land.
    fn effect(&self) -> Effect<'_>;

    /// Why this run can't be undone at all, asked before anything is touched.
    async fn no_undo(&self, run: &RunRow) -> Result<Option<String>, KindError> {
        let _ = run;
        Ok(None)
    }

    /// Reads the world and names the items (by place) whose effect is not there, with what is there instead.
    /// After an undo it names those that do not hold their before-image.
    async fn verify(
        &self,
        run: &RunId,
        direction: Direction,
        items: &[StoredItem],
    ) -> Result<Vec<(i64, String)>, KindError>;
}

/// How the effects of a kind are made.
pub enum Effect<'a> {
    /// In our store, in one unit with the state of the items.
    Local(&'a dyn Local),
    /// Somewhere else: intent first, then the effect, then its outcome.
    Outside(&'a dyn Outside),
    /// Somewhere else, in chains: one item of a chain after the other, chains side by side.
    Chained(&'a dyn Chained),
}

impl<'a> Effect<'a> {
    /// The class that people see.
    pub fn class(&self) -> EffectClass {
        self.elsewhere().map_or(EffectClass::Local, Elsewhere::class)
    }

    /// Who can be asked what became of an intent; none where effects are our own.
    pub fn elsewhere(&self) -> Option<&'a dyn Elsewhere> {
        match self {
            Self::Local(_) => None,
            Self::Outside(outside) => Some(*outside),
            Self::Chained(chained) => Some(*chained),
        }
    }
}

/// What becomes of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The effect is there (or taken back); the sealed before-image, where one was taken.
    Done { before: Option<String> },
    /// The world moved. Undo calls it `superseded`.
    Stale(String),
    /// Nothing to do.
    Skipped(String),
    /// It was refused.
    Failed(String),
}

/// A chunk of a Local kind, ready to be written.
#[derive(Debug, Default)]
pub struct Prepared {
    /// The effects with their preconditions.
    pub ops: Vec<Op>,
    /// One outcome for each item, in order.
    pub outcomes: Vec<Outcome>,
}

/// Effects in our own store.
#[async_trait]
pub trait Local: Send + Sync {
    /// Reads what the items touch and says what to write. Called again when a precondition did not hold.
    async fn prepare(
        &self,
        run: &RunId,
        direction: Direction,
        items: &[StoredItem],
        at: i64,
    ) -> Result<Prepared, KindError>;
}

/// What an item of an outside kind looks like just before its effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// Go on; the sealed before-image becomes durable before the effect is tried.
    Ready {
        before: Option<String>,
    },
    Stale(String),
    Skip(String),
}

/// How an outside effect went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acted {
    Done,
    Stale(String),
    Failed(String),
    /// No answer: [`Elsewhere::resolve`] finds out.
    Ambiguous(String),
}

/// What the other side says about an effect that was intended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    Done,
    NotDone,
    /// It can't be found out; a person decides.
    Unknown(String),
}

/// Effects that land outside our store: what became of them can be asked.
#[async_trait]
pub trait Elsewhere: Send + Sync {
    /// `Marked` or `Remote`.
    fn class(&self) -> EffectClass;

    /// Finds out what became of an intent.
    async fn resolve(
        &self,
        run: &RunId,
        direction: Direction,
        item: &StoredItem,
    ) -> Result<Resolved, KindError>;

    /// The same for many, answered in their order; `parallel` at once. Kinds whose items share something over there ask it once.
    async fn resolve_all(
        &self,
        run: &RunId,
        direction: Direction,
        items: &[StoredItem],
        parallel: usize,
    ) -> Vec<Result<Resolved, KindError>> {
        let questions: Vec<_> = items.iter().map(|item| self.resolve(run, direction, item)).collect();
        futures::stream::iter(questions).buffered(parallel.max(1)).collect().await
    }

    /// What our store keeps about an effect that is there; committed with the state of the item.
    fn record(&self, run: &RunId, direction: Direction, item: &StoredItem, at: i64) -> Vec<Op>;

    /// What our store keeps about an intent without an effect, or of which nothing can be found out.
    fn unrecord(
        &self,
        run: &RunId,
        direction: Direction,
        item: &StoredItem,
        why: Option<&str>,
        at: i64,
    ) -> Vec<Op> {
        let _ = (run, direction, item, why, at);
        Vec::new()
    }
}

/// Effects outside our store, each by itself.
#[async_trait]
pub trait Outside: Elsewhere {
    /// Looks at the other side; one answer for each item, in order.
    async fn look(
        &self,
        run: &RunId,
        direction: Direction,
        items: &[StoredItem],
    ) -> Result<Vec<Look>, KindError>;

    /// Makes the effect of one item, whose intent is durable.
    async fn act(&self, run: &RunId, direction: Direction, item: &StoredItem) -> Acted;
}
