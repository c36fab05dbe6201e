//! Kinds whose items go in chains: the items of one chain one after the other, on one connection; chains side by side, stage by
//! stage. A failure ends its own chain and no other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::kind::{Direction, Elsewhere, KindError};
use crate::store::{Op, RunRow, StoredItem};

/// How the reason of an item begins that was left out because one before it in its chain is not there. A retry takes it along.
pub const BLOCKED: &str = "blocked: ";

/// Where an item stands among the chains of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub chain: String,
    /// No chain of a later stage begins before every chain of the earlier ones has ended.
    pub stage: u32,
    /// Chains that wait for the same limits: those of one lane never hold up another's.
    pub lane: String,
}

/// Some items of one chain, in the order in which they are taken.
#[derive(Clone, Debug)]
pub struct Chain {
    pub key: String,
    pub stage: u32,
    pub lane: String,
    /// Never empty.
    pub items: Vec<StoredItem>,
}

/// How an item ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    Done,
    Stale(String),
    /// It could not be tried; what comes after it is not tried either.
    Skipped(String),
    /// There is nothing to do for it; the chain goes on.
    Unneeded(String),
    Failed(String),
    /// It stays an intent, and [`Elsewhere::resolve`] finds out.
    Unclear(String),
}

/// An item with its end.
#[derive(Clone, Debug)]
pub struct End {
    pub item: StoredItem,
    pub how: Ended,
}

/// A kind whose items go in chains.
#[async_trait]
pub trait Chained: Elsewhere {
    /// Where an item stands. In a plan the items of a chain stand together, and stages rise.
    fn place(&self, item: &StoredItem) -> Result<Place, KindError>;

    /// What one pass over a run works with.
    async fn pass(&self, run: &RunRow, direction: Direction) -> Result<Arc<dyn Pass>, KindError>;
}

/// One pass over a run.
#[async_trait]
pub trait Pass: Send + Sync {
    /// Reads what these chains will need; asked before their intents are written, so not long before they begin.
    async fn prepare(&self, chains: &[Chain]) -> Result<(), KindError>;

    /// A place for this chain now; it is free again when the ticket is dropped. None: not now.
    fn admit(&self, chain: &Chain) -> Option<Box<dyn Send>>;

    /// Whether it is its lane that a chain waits for, and not a place among all: such a chain keeps nobody of another lane from being ready.
    fn is_held(&self, chain: &Chain) -> bool {
        let _ = chain;
        false
    }

    /// Ends when [`Pass::admit`] may answer otherwise without any chain having ended.
    async fn freed(&self);

    /// Why no further chain of this stage may begin: by what happened in it, and in those before it.
    fn halt(&self, stage: u32) -> Option<String>;

    /// What our store keeps about items that were begun; written soon after.
    fn begun(&self, items: &[StoredItem], at: i64) -> Vec<Op>;

    /// Works through a chain and tells how each item ended, in order. Items that it does not tell of were not begun.
    async fn work(&self, chain: &Chain, told: &Told);

    /// What our store keeps about items that were not come to, or not ended, when the run was told to stand.
    fn left(&self, items: &[StoredItem], at: i64) -> Vec<Op>;

    /// What our store keeps about ends; committed with the states of the items.
    fn ended(&self, ends: &[End], at: i64) -> Vec<Op>;
}

/// What a chain says to its pass.
pub(super) enum Word {
    Begin(StoredItem),
    End(End),
    /// The chain has ended; these items were not told of. `broken`: because one before them did not get its effect.
    Over {
        rest: Vec<StoredItem>,
        broken: bool,
    },
    /// It broke off: nobody knows what it had begun, so that what it did not tell of stays an intent.
    Lost {
        chain: String,
    },
}

/// Where a chain tells how far it is. Its items come in order, each begun and ended.
pub struct Told {
    words: mpsc::Sender<Word>,
    stop: CancellationToken,
    ended: AtomicUsize,
    broken: AtomicBool,
}

impl Told {
    pub(super) fn new(words: mpsc::Sender<Word>, stop: CancellationToken) -> Self {
        Self { words, stop, ended: AtomicUsize::new(0), broken: AtomicBool::new(false) }
    }

    /// The next item of the chain is begun. Waits while too much is still to be written down.
    pub async fn begin(&self, item: &StoredItem) {
        self.say(Word::Begin(item.clone())).await;
    }

    /// The next item of the chain has ended.
    pub async fn end(&self, item: &StoredItem, how: Ended) {
        if !matches!(how, Ended::Done | Ended::Unneeded(_)) {
            self.broken.store(true, Ordering::SeqCst);
        }
        self.ended.fetch_add(1, Ordering::SeqCst);
        self.say(Word::End(End { item: item.clone(), how })).await;
    }

    pub(super) async fn over(&self, chain: &Chain) {
        let rest = chain.items.get(self.ended.load(Ordering::SeqCst)..).unwrap_or_default().to_vec();
        self.say(Word::Over { rest, broken: self.broken.load(Ordering::SeqCst) }).await;
    }

    pub(super) async fn lost(&self, chain: &Chain) {
        self.say(Word::Lost { chain: chain.key.clone() }).await;
    }

    async fn say(&self, word: Word) {
        // The pass listens until every chain has ended; when it does not, the store has gone, and intents are asked about later.
        let _ = self.words.send(word).await;
    }

    /// Cancelled when the run is to stand: end after what is under way.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}
