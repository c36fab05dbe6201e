//! Chunks whose effect is in our own store: effect, item states, before-images and audit commit in one unit.

use cutover_shared::run::ItemState;

use super::approval::ApprovedPlan;
use super::drive::{Halt, chunk_record, lease, states};
use super::engine::Inner;
use super::error::RunError;
use super::kind::{Direction, Local, Outcome};
use crate::audit::Who;
use crate::store::{ItemChange, Lane, RunOp, StoredItem, Unit, WriteError};

/// How often a chunk is prepared again because somebody changed what it touches in between.
const REPREPARE: usize = 5;

/// Prepares and writes one chunk.
pub(super) async fn chunk(
    inner: &Inner,
    plan: &ApprovedPlan,
    direction: Direction,
    local: &dyn Local,
    items: &[StoredItem],
) -> Result<(), Halt> {
    let (state, from) = states(direction);
    for _ in 0..REPREPARE {
        let at = inner.clock.now();
        let prepared = local.prepare(plan.run(), direction, items, at).await?;
        let changes: Vec<_> = items
            .iter()
            .zip(prepared.outcomes)
            .map(|(item, outcome)| settled(item.ord, from, direction, outcome))
            .collect();
        let record = chunk_record(&Who::daemon(), at, plan, direction, items, &changes);
        let unit = Unit::new()
            .with(RunOp::Expect { run: plan.run().clone(), states: vec![state] })
            .with_all(prepared.ops)
            .with(RunOp::Items { run: plan.run().clone(), at, rows: changes })
            .with(lease(inner, plan.run()))
            .with(record);
        match inner.db.write(Lane::Run, unit).await {
            Ok(()) => return Ok(()),
            Err(error @ WriteError::Precondition { .. }) => {
                if inner.row(plan.run()).await?.state != state {
                    return Err(Halt::Moved);
                }
                tracing::debug!(%error, "the world moved under a chunk; preparing it again");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(Halt::Error(RunError::Write(WriteError::Unavailable(
        "what a chunk touches changes faster than it can be written".to_owned(),
    ))))
}

/// The change of an item that an outcome means.
pub(super) fn settled(ord: i64, from: ItemState, direction: Direction, outcome: Outcome) -> ItemChange {
    let (to, before, reason) = match (outcome, direction) {
        (Outcome::Done { before }, Direction::Apply) => (ItemState::Done, before, None),
        (Outcome::Done { .. }, Direction::Undo) => (ItemState::Undone, None, None),
        (Outcome::Stale(why), Direction::Apply) => (ItemState::Stale, None, Some(why)),
        (Outcome::Stale(why), Direction::Undo) => (ItemState::Superseded, None, Some(why)),
        (Outcome::Skipped(why), Direction::Apply) => (ItemState::Skipped, None, Some(why)),
        (Outcome::Skipped(why), Direction::Undo) => (ItemState::Undone, None, Some(why)),
        (Outcome::Failed(why), Direction::Apply) => (ItemState::Failed, None, Some(why)),
        // The effect is still there: the item stays done, with the reason.
        (Outcome::Failed(why), Direction::Undo) => (ItemState::Done, None, Some(why)),
    };
    ItemChange { ord, from, to, before, reason }
}
