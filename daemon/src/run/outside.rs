//! Chunks whose effect is elsewhere: the intent with its before-image is durable first, then the effect, then its
//! outcome. What a crash leaves between is found out by asking the other side.

use cutover_shared::run::ItemState;
use futures::StreamExt as _;

use super::approval::ApprovedPlan;
use super::drive::{Halt, chunk_record, lease, states};
use super::engine::Inner;
use super::kind::{Acted, Direction, Elsewhere, Look, Outcome, Outside, Resolved};
use super::local::settled;
use crate::audit::Who;
use crate::store::{ItemChange, Lane, Op, RunOp, RunRow, StoredItem, Unit};

/// Looks, writes the intents, makes the effects, writes the outcomes.
pub(super) async fn chunk(
    inner: &Inner,
    plan: &ApprovedPlan,
    direction: Direction,
    outside: &dyn Outside,
    items: &[StoredItem],
) -> Result<(), Halt> {
    let (state, from) = states(direction);
    let looks = outside.look(plan.run(), direction, items).await?;
    let (mut ready, mut changes) = (Vec::new(), Vec::new());
    for (item, look) in items.iter().zip(looks) {
        changes.push(match look {
            Look::Ready { before } => {
                let mut leased = item.clone();
                leased.before = before.clone().or(leased.before);
                ready.push(leased);
                ItemChange { ord: item.ord, from, to: ItemState::Leased, before, reason: None }
            }
            Look::Stale(why) => settled(item.ord, from, direction, Outcome::Stale(why)),
            Look::Skip(why) => settled(item.ord, from, direction, Outcome::Skipped(why)),
        });
    }
    let at = inner.clock.now();
    let unit = Unit::new()
        .with(RunOp::Expect { run: plan.run().clone(), states: vec![state] })
        .with(chunk_record(&Who::daemon(), at, plan, direction, items, &changes))
        .with(RunOp::Items { run: plan.run().clone(), at, rows: changes })
        .with(lease(inner, plan.run()));
    inner.db.write(Lane::Run, unit).await?;
    inner.faults.point("run.intent.after").await;

    let effects: Vec<_> = ready
        .iter()
        .map(|item| async move {
            let acted = outside.act(plan.run(), direction, item).await;
            inner.faults.point("run.effect.after").await;
            acted
        })
        .collect();
    let outcomes: Vec<_> =
        futures::stream::iter(effects).buffered(inner.settings.parallel.max(1)).collect().await;
    let (mut changes, mut records, mut unclear) = (Vec::new(), Vec::new(), false);
    for (item, acted) in ready.iter().zip(outcomes) {
        let outcome = match acted {
            Acted::Done => {
                records.extend(outside.record(plan.run(), direction, item, inner.clock.now()));
                Outcome::Done { before: None }
            }
            Acted::Stale(why) => Outcome::Stale(why),
            Acted::Failed(why) => Outcome::Failed(why),
            Acted::Ambiguous(why) => {
                tracing::warn!(run = %plan.run(), key = item.key, why, "an effect has no clear outcome; asking");
                unclear = true;
                continue;
            }
        };
        changes.push(settled(item.ord, ItemState::Leased, direction, outcome));
    }
    write_outcomes(inner, plan.run(), records, changes).await?;
    inner.faults.point("run.outcome.after").await;
    if unclear {
        let row = inner.row(plan.run()).await?;
        resolve_leased(inner, &row, outside).await?;
    }
    Ok(())
}

/// Outcomes are written whatever state the run is in by now: the effects have happened.
pub(super) async fn write_outcomes(
    inner: &Inner,
    run: &cutover_shared::ids::RunId,
    records: Vec<Op>,
    changes: Vec<ItemChange>,
) -> Result<(), Halt> {
    if changes.is_empty() {
        return Ok(());
    }
    let at = inner.clock.now();
    let unit = Unit::new().with_all(records).with(RunOp::Items { run: run.clone(), at, rows: changes });
    Ok(inner.db.write(Lane::Run, unit).await?)
}

/// Asks the other side about every intent that has no outcome.
pub(super) async fn resolve_leased(inner: &Inner, row: &RunRow, outside: &dyn Elsewhere) -> Result<(), Halt> {
    let direction = Direction::from_word(&row.direction);
    let (_, from) = states(direction);
    loop {
        let items = inner.db.items(&row.id, Some(ItemState::Leased), None, 256).await?;
        if items.is_empty() {
            return Ok(());
        }
        let answers = outside.resolve_all(&row.id, direction, &items, inner.settings.parallel).await;
        let (mut changes, mut records, mut silent) = (Vec::new(), Vec::new(), None);
        for (item, answer) in items.iter().zip(answers) {
            changes.push(match answer {
                Ok(Resolved::Done) => {
                    records.extend(outside.record(&row.id, direction, item, inner.clock.now()));
                    settled(item.ord, ItemState::Leased, direction, Outcome::Done { before: None })
                }
                Ok(Resolved::NotDone) => {
                    records.extend(outside.unrecord(&row.id, direction, item, None, inner.clock.now()));
                    let (ord, to) = (item.ord, from);
                    ItemChange { ord, from: ItemState::Leased, to, before: None, reason: None }
                }
                Ok(Resolved::Unknown(why)) => {
                    records.extend(outside.unrecord(&row.id, direction, item, Some(&why), inner.clock.now()));
                    let (ord, to) = (item.ord, ItemState::Unknown);
                    ItemChange { ord, from: ItemState::Leased, to, before: None, reason: Some(why) }
                }
                Err(error) => {
                    silent = Some(error);
                    continue;
                }
            });
        }
        write_outcomes(inner, &row.id, records, changes).await?;
        inner.faults.point("run.resolve.after").await;
        if let Some(error) = silent {
            return Err(error.into());
        }
    }
}
