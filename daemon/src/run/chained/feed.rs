//! Chains out of the store, in the order of the plan.

use super::super::chain::{Chain, Chained, Place};
use super::super::drive::{Halt, states};
use super::super::engine::Inner;
use super::super::kind::Direction;
use crate::store::{RunRow, StoredItem};

/// Items read at a time.
const PAGE: u32 = 500;

pub(super) struct Feed<'a> {
    inner: &'a Inner,
    row: &'a RunRow,
    kind: &'a dyn Chained,
    direction: Direction,
    after: Option<i64>,
    /// The last chain that was read: more of it may follow.
    open: Option<Chain>,
    ended: bool,
}

impl<'a> Feed<'a> {
    pub(super) fn new(
        inner: &'a Inner,
        row: &'a RunRow,
        kind: &'a dyn Chained,
        direction: Direction,
    ) -> Self {
        Self { inner, row, kind, direction, after: None, open: None, ended: false }
    }

    /// Every chain was given out.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Some of the next chains, each whole.
    pub(super) async fn next(&mut self) -> Result<Vec<Chain>, Halt> {
        let (_, from) = states(self.direction);
        let items = self.inner.db.items(&self.row.id, Some(from), self.after, PAGE).await?;
        let mut whole = Vec::new();
        let Some(last) = items.last() else {
            self.ended = true;
            whole.extend(self.open.take().map(|chain| self.turned(chain)));
            return Ok(whole);
        };
        self.after = Some(last.ord);
        for item in items {
            whole.extend(self.add(item)?.map(|chain| self.turned(chain)));
        }
        Ok(whole)
    }

    /// Adds an item; the chain before it, when this one begins another.
    fn add(&mut self, item: StoredItem) -> Result<Option<Chain>, Halt> {
        let place = self.kind.place(&item)?;
        match &mut self.open {
            Some(chain) if chain.key == place.chain => {
                chain.items.push(item);
                Ok(None)
            }
            open => {
                let Place { chain: key, stage, lane } = place;
                let next = Chain { key, stage, lane, items: vec![item] };
                Ok(open.replace(next))
            }
        }
    }

    /// What was done last is taken back first.
    fn turned(&self, mut chain: Chain) -> Chain {
        if self.direction == Direction::Undo {
            chain.items.reverse();
        }
        chain
    }
}
