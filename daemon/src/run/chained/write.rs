//! What a pass writes down: intents before, begins and ends after.

use std::time::Duration;

use cutover_shared::run::ItemState;

use super::super::chain::{BLOCKED, Chain, End, Ended, Word};
use super::super::drive::{Again, Halt, chunk_record, lease, states};
use super::super::kind::{Direction, Outcome};
use super::super::local::settled;
use super::Desk;
use crate::audit::Who;
use crate::store::{ItemChange, Lane, RunOp, StoredItem, UNIT_ROWS, Unit};

/// How long ends are kept back for others that end at the same time: each unit costs a wait for the disk, and a free place does not
/// wait for it.
const ENDS: Duration = Duration::from_millis(60);

/// Likewise for what was begun: of most chains the end is there by then, and their begin need not be written.
const BEGINS: Duration = Duration::from_millis(200);

/// What chains have said and is not written yet.
#[derive(Default)]
pub(super) struct Heard {
    /// When the first of them was heard, and the first that is more than a begin.
    since: Option<Duration>,
    since_end: Option<Duration>,
    begun: Vec<StoredItem>,
    ends: Vec<End>,
    /// Items that no chain has come to, and whether one before them did not get its effect.
    rest: Vec<(StoredItem, bool)>,
    /// Some ends are unclear.
    pub(super) unclear: bool,
}

impl Heard {
    pub(super) fn is_empty(&self) -> bool {
        self.begun.is_empty() && self.ends.is_empty() && self.rest.is_empty()
    }

    /// How long from now until it is written. Nothing is waited for where no chain is under way, or no more fits in.
    pub(super) fn due(&self, now: Duration, alone: bool) -> Option<Duration> {
        if self.is_empty() {
            return None;
        }
        if alone || !self.has_room() {
            return Some(Duration::ZERO);
        }
        let ends = self.since_end.map(|since| since.saturating_add(ENDS));
        let begins = self.since.map(|since| since.saturating_add(BEGINS));
        ends.into_iter().chain(begins).min().map(|at| at.saturating_sub(now))
    }

    /// Whether one unit can hold more; chains wait where it can't.
    pub(super) fn has_room(&self) -> bool {
        self.ends.len() < UNIT_ROWS && self.begun.len() < UNIT_ROWS && self.rest.len() < UNIT_ROWS
    }

    pub(super) fn take(&mut self, word: Word, now: Duration) {
        self.since.get_or_insert(now);
        if !matches!(word, Word::Begin(_)) {
            self.since_end.get_or_insert(now);
        }
        match word {
            Word::Begin(item) => self.begun.push(item),
            Word::End(end) => {
                // Nobody saw it begin.
                self.begun.retain(|item| item.ord != end.item.ord);
                self.unclear |= matches!(end.how, Ended::Unclear(_));
                self.ends.push(end);
            }
            Word::Lost { .. } => self.unclear = true,
            Word::Over { rest, broken } => self.rest.extend(rest.into_iter().map(|item| (item, broken))),
        }
    }
}

/// Reads what chains will need, makes their intents durable, and gives the chains back.
pub(super) async fn intents(desk: Desk<'_>, chains: Vec<Chain>) -> Result<Vec<Chain>, Halt> {
    let mut again = Again::default();
    while let Err(error) = desk.pass.prepare(&chains).await {
        again.after(desk.inner, desk.plan, error).await?;
    }
    let (state, from) = states(desk.direction);
    let items: Vec<StoredItem> = chains.iter().flat_map(|chain| chain.items.iter().cloned()).collect();
    desk.inner.faults.point("run.chunk.before").await;
    // Only a single chain can be longer than a unit.
    for items in items.chunks(UNIT_ROWS) {
        let (run, at) = (desk.plan.run().clone(), desk.inner.clock.now());
        let changes: Vec<_> = items.iter().map(|item| moved(item, from, ItemState::Leased, None)).collect();
        let unit = Unit::new()
            .with(RunOp::Expect { run: run.clone(), states: vec![state] })
            .with(chunk_record(&Who::daemon(), at, desk.plan, desk.direction, items, &changes))
            .with(RunOp::Items { run, at, rows: changes })
            .with(lease(desk.inner, desk.plan.run()));
        desk.inner.db.write(Lane::Run, unit).await?;
    }
    desk.inner.faults.point("run.intent.after").await;
    Ok(chains)
}

/// Outcomes are written whatever state the run is in by now: the effects have happened.
pub(super) async fn outcomes(desk: Desk<'_>, heard: Heard) -> Result<(), Halt> {
    desk.inner.faults.point("run.effect.after").await;
    let (_, from) = states(desk.direction);
    let at = desk.inner.clock.now();
    let mut ends = heard.ends;
    let (mut changes, mut left) = (Vec::new(), Vec::new());
    for (item, broken) in heard.rest {
        if broken {
            let why = format!("{BLOCKED}one before it did not go through");
            ends.push(End { item, how: Ended::Skipped(why) });
        } else {
            changes.push(moved(&item, ItemState::Leased, from, None));
            left.push(item);
        }
    }
    let mut ops = desk.pass.begun(&heard.begun, at);
    for part in left.chunks(UNIT_ROWS) {
        ops.extend(desk.pass.left(part, at));
    }
    for part in ends.chunks(UNIT_ROWS) {
        ops.extend(desk.pass.ended(part, at));
    }
    let settled_now = ends.len();
    changes.extend(ends.into_iter().filter_map(|end| change(desk.direction, end)));
    let run = desk.plan.run().clone();
    let mut unit = Unit::new().with_all(ops);
    for part in changes.chunks(UNIT_ROWS) {
        unit = unit.with(RunOp::Items { run: run.clone(), at, rows: part.to_vec() });
    }
    desk.inner.db.write(Lane::Run, unit).await?;
    if let Some(meter) = desk.inner.lock().get_mut(&run) {
        meter.feed(desk.inner.clock.monotonic(), settled_now);
    }
    desk.inner.faults.point("run.outcome.after").await;
    Ok(())
}

/// Chains that were not begun are as before their intents.
pub(super) async fn put_back(desk: &Desk<'_>, chains: Vec<Chain>) -> Result<(), Halt> {
    let (_, from) = states(desk.direction);
    let rows: Vec<_> = chains
        .iter()
        .flat_map(|chain| &chain.items)
        .map(|item| moved(item, ItemState::Leased, from, None))
        .collect();
    for part in rows.chunks(UNIT_ROWS) {
        let (run, at) = (desk.plan.run().clone(), desk.inner.clock.now());
        let unit = Unit::new().with(RunOp::Items { run, at, rows: part.to_vec() });
        desk.inner.db.write(Lane::Run, unit).await?;
    }
    Ok(())
}

fn moved(item: &StoredItem, from: ItemState, to: ItemState, reason: Option<String>) -> ItemChange {
    ItemChange { ord: item.ord, from, to, before: None, reason }
}

/// None: it stays an intent.
fn change(direction: Direction, end: End) -> Option<ItemChange> {
    let outcome = match (end.how, direction) {
        (Ended::Unclear(_), _) => return None,
        (Ended::Done, _) => Outcome::Done { before: None },
        (Ended::Stale(why), _) => Outcome::Stale(why),
        // The effect is still there, so that it can't count as taken back.
        (Ended::Skipped(why), Direction::Undo) | (Ended::Failed(why), _) => Outcome::Failed(why),
        (Ended::Skipped(why), Direction::Apply) | (Ended::Unneeded(why), _) => Outcome::Skipped(why),
    };
    Some(settled(end.item.ord, ItemState::Leased, direction, outcome))
}
