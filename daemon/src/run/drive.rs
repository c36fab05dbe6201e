//! Drives one run until it stands: through its pass, its verification, or into a pause.

use std::time::Duration;

use cutover_shared::ids::RunId;
use cutover_shared::run::{ItemState, RunState};
use serde_json::json;

use super::approval::ApprovedPlan;
use super::engine::Inner;
use super::error::RunError;
use super::kind::{Direction, Effect, Kind, KindError};
use super::progress::{chunk, pace};
use super::{local, outside};
use crate::audit::Who;
use crate::store::{ItemChange, Lane, RunOp, RunPatch, RunRow, StoredItem, Unit, Waits, WriteError};

/// Tries of something outside that does not answer, before the run pauses.
const TRIES: usize = 5;

/// Items whose effect is checked at once.
const VERIFY_PAGE: u32 = 256;

/// Why a pass stopped before its end.
pub(super) enum Halt {
    /// The run is not in the state of this pass any more: read it again.
    Moved,
    /// Something that the kind needs does not answer.
    Kind(KindError),
    /// Anything else.
    Error(RunError),
}

impl From<RunError> for Halt {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Write(WriteError::Precondition { .. }) => Self::Moved,
            RunError::Plan(error) => Self::Kind(error),
            other => Self::Error(other),
        }
    }
}
impl From<WriteError> for Halt {
    fn from(error: WriteError) -> Self {
        RunError::from(error).into()
    }
}
impl From<crate::store::ReadError> for Halt {
    fn from(error: crate::store::ReadError) -> Self {
        Self::Error(error.into())
    }
}
impl From<KindError> for Halt {
    fn from(error: KindError) -> Self {
        Self::Kind(error)
    }
}

/// Works on the run until it stands. While the store does not answer it tries again, ever slower.
pub(super) async fn drive(inner: &Inner, id: &RunId) {
    let mut waits = Waits::default();
    loop {
        match step(inner, id).await {
            Ok(true) => waits = Waits::default(),
            Ok(false) => return,
            Err(error) => {
                tracing::error!(run = %id, %error, "the run can't go on now; trying again");
                inner.clock.sleep(waits.longer()).await;
            }
        }
    }
}

/// One step; true when there is more to do.
async fn step(inner: &Inner, id: &RunId) -> Result<bool, RunError> {
    let row = inner.row(id).await?;
    let kind = inner.kind(&row)?;
    if row.counts.leased > 0
        && let Some(outside) = kind.effect().elsewhere()
    {
        take_lease(inner, &row).await?;
        match outside::resolve_leased(inner, &row, outside).await {
            Ok(()) => {}
            Err(Halt::Kind(error)) if row.state.is_moving() => {
                return pause(inner, &row, &error.to_string()).await;
            }
            // It stands already: asked again, ever slower.
            Err(Halt::Kind(error)) => return Err(error.into()),
            Err(Halt::Moved) => return Ok(true),
            Err(Halt::Error(error)) => return Err(error),
        }
    }
    let halted = match row.state {
        RunState::Pausing => return stand(inner, &row, None).await,
        state if !state.is_moving() => return Ok(false),
        _ if inner.is_held(id) => {
            return stand(inner, &row, Some("the kill switch was pulled".to_owned())).await;
        }
        RunState::Verifying => verify(inner, &row, kind.as_ref()).await,
        _ => {
            take_lease(inner, &row).await?;
            let direction = Direction::from_word(&row.direction);
            match ApprovedPlan::prove(&inner.db, &row).await {
                Ok(plan) => match kind.effect() {
                    Effect::Chained(chained) => {
                        super::chained::pass(inner, &row, &plan, chained, direction).await
                    }
                    _ => pass(inner, &row, &plan, kind.as_ref(), direction).await,
                },
                Err(error @ (RunError::Tampered { .. } | RunError::NotApproved(_))) => {
                    end(inner, &row, RunState::Failed, Some(error.to_string())).await?;
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
    };
    match halted {
        Ok(()) | Err(Halt::Moved) => Ok(true),
        Err(Halt::Kind(error)) => pause(inner, &row, &error.to_string()).await,
        Err(Halt::Error(error)) => Err(error),
    }
}

/// Waits until nobody else can hold the run. On an exclusive store whoever held it is dead.
async fn take_lease(inner: &Inner, row: &RunRow) -> Result<(), RunError> {
    let other = row.lease_holder.as_deref().is_some_and(|holder| holder != inner.holder);
    if other && !inner.db.is_exclusive() {
        let left = row.lease_until.unwrap_or(0).saturating_sub(inner.clock.now());
        inner.clock.sleep(Duration::from_millis(u64::try_from(left).unwrap_or(0))).await;
    }
    Ok(inner.db.write(Lane::Run, Unit::new().with(lease(inner, &row.id))).await?)
}

pub(super) fn lease(inner: &Inner, run: &RunId) -> RunOp {
    RunOp::Lease { run: run.clone(), holder: inner.holder.clone(), until: inner.lease_until() }
}

/// The state that a pass works in, and the state of the items that it takes.
pub(super) fn states(direction: Direction) -> (RunState, ItemState) {
    match direction {
        Direction::Apply => (RunState::Applying, ItemState::Pending),
        Direction::Undo => (RunState::Undoing, ItemState::Done),
    }
}

/// One pass over the items: all that are to be taken, in the order of the plan.
async fn pass(
    inner: &Inner,
    row: &RunRow,
    plan: &ApprovedPlan,
    kind: &dyn Kind,
    direction: Direction,
) -> Result<(), Halt> {
    let (_, from) = states(direction);
    let most = inner.settings.chunk.clamp(1, crate::store::UNIT_ROWS);
    let (start, mut done, mut after) = (inner.clock.monotonic(), 0_u64, None);
    loop {
        if inner.is_held(plan.run()) {
            return Err(Halt::Moved);
        }
        let limit = u32::try_from(chunk(row.rate, most)).unwrap_or(1);
        let items = inner.db.items(plan.run(), Some(from), after, limit).await?;
        let Some(last) = items.last() else { break };
        after = Some(last.ord);
        inner.faults.point("run.chunk.before").await;
        attempt(inner, plan, kind, direction, &items).await?;
        inner.faults.point("run.chunk.after").await;
        done += items.len() as u64;
        let now = inner.clock.monotonic();
        if let Some(meter) = inner.lock().get_mut(plan.run()) {
            meter.feed(now, items.len());
        }
        if let Some(rate) = row.rate {
            inner.clock.sleep(pace(done, now.saturating_sub(start), rate)).await;
        }
    }
    passed(inner, row, direction).await
}

/// The end of a pass over all items: nothing may be left behind.
pub(super) async fn passed(inner: &Inner, row: &RunRow, direction: Direction) -> Result<(), Halt> {
    let (state, from) = states(direction);
    inner.faults.point("run.pass.end").await;
    let left = inner.db.items(&row.id, Some(from), None, 1).await?;
    if !left.is_empty() {
        let why = match direction {
            // The other side refused to take them back.
            Direction::Undo => {
                let first = left[0].reason.clone().unwrap_or_default();
                format!("some items could not be taken back, the first: {first}")
            }
            // Chains were given up before their end; the log says why.
            Direction::Apply => "some items were not come to; resume goes on with them".to_owned(),
        };
        stand(inner, row, Some(why)).await?;
        return Err(Halt::Moved);
    }
    move_to(inner, row, &[state], RunState::Verifying, RunPatch::default(), json!({})).await?;
    Ok(())
}

/// Works on a chunk; tries it again while the kind's other side does not answer.
async fn attempt(
    inner: &Inner,
    plan: &ApprovedPlan,
    kind: &dyn Kind,
    direction: Direction,
    items: &[StoredItem],
) -> Result<(), Halt> {
    let mut again = Again::default();
    loop {
        let tried = match kind.effect() {
            Effect::Local(local) => local::chunk(inner, plan, direction, local, items).await,
            Effect::Outside(outside) => outside::chunk(inner, plan, direction, outside, items).await,
            // Has a pass of its own.
            Effect::Chained(_) => Ok(()),
        };
        match tried {
            Err(Halt::Kind(error)) => again.after(inner, plan, error).await?,
            other => return other,
        }
    }
}

/// Tries of something that does not answer.
pub(super) struct Again(std::iter::Take<Waits>);

impl Default for Again {
    fn default() -> Self {
        Self(Waits::default().take(TRIES - 1))
    }
}

impl Again {
    /// Waits before the next try; the error itself, where there is none.
    pub(super) async fn after(
        &mut self,
        inner: &Inner,
        plan: &ApprovedPlan,
        error: KindError,
    ) -> Result<(), Halt> {
        let Some(wait) = self.0.next().filter(|_| !inner.is_held(plan.run())) else {
            return Err(Halt::Kind(error));
        };
        tracing::warn!(%error, "trying it again");
        inner.clock.sleep(wait).await;
        Ok(())
    }
}

/// Reads back what the pass wrote. An apply whose effect is not there fails the run and names the items.
async fn verify(inner: &Inner, row: &RunRow, kind: &dyn Kind) -> Result<(), Halt> {
    let direction = Direction::from_word(&row.direction);
    let (state, good) = match direction {
        Direction::Apply => (ItemState::Done, RunState::Done),
        Direction::Undo => (ItemState::Undone, RunState::Undone),
    };
    let (mut after, mut wrong) = (None, 0_u64);
    loop {
        if inner.is_held(&row.id) {
            return Err(Halt::Moved);
        }
        let items = inner.db.items(&row.id, Some(state), after, VERIFY_PAGE).await?;
        let Some(last) = items.last() else { break };
        after = Some(last.ord);
        let found = kind.verify(&row.id, direction, &items).await?;
        if !found.is_empty() {
            wrong += found.len() as u64;
            let at = inner.clock.now();
            let rows = found
                .into_iter()
                .map(|(ord, what)| ItemChange {
                    ord,
                    from: state,
                    to: ItemState::Failed,
                    before: None,
                    reason: Some(format!("verification: {what}")),
                })
                .collect();
            let unit = Unit::new()
                .with(RunOp::Expect { run: row.id.clone(), states: vec![RunState::Verifying] })
                .with(RunOp::Items { run: row.id.clone(), at, rows });
            inner.db.write(Lane::Run, unit).await?;
        }
    }
    inner.faults.point("run.verify.end").await;
    if wrong > 0 {
        let why = format!("verification: {wrong} items do not hold what the run wrote");
        end(inner, row, RunState::Failed, Some(why)).await?;
    } else {
        end(inner, row, good, None).await?;
    }
    Ok(())
}

async fn end(inner: &Inner, row: &RunRow, to: RunState, reason: Option<String>) -> Result<(), RunError> {
    let patch = RunPatch { ended_at: Some(inner.clock.now()), reason: Some(reason), ..RunPatch::default() };
    move_to(inner, row, &[row.state], to, patch, json!({ "counts": inner.row(&row.id).await?.counts })).await
}

async fn pause(inner: &Inner, row: &RunRow, reason: &str) -> Result<bool, RunError> {
    tracing::warn!(run = %row.id, reason, "the run pauses");
    stand(inner, row, Some(reason.to_owned())).await
}

/// Brings a moving run to stand; the answer says that a driver has no more to do.
pub(super) async fn stand(inner: &Inner, row: &RunRow, reason: Option<String>) -> Result<bool, RunError> {
    let patch = RunPatch { reason: reason.map(Some), ..RunPatch::default() };
    let from = [RunState::Applying, RunState::Undoing, RunState::Verifying, RunState::Pausing];
    match move_to(inner, row, &from, RunState::Paused, patch, json!({})).await {
        // An act was faster: look again.
        Err(RunError::Write(WriteError::Precondition { .. })) => Ok(!inner.is_held(&row.id)),
        other => other.map(|()| false),
    }
}

async fn move_to(
    inner: &Inner,
    row: &RunRow,
    from: &[RunState],
    to: RunState,
    patch: RunPatch,
    detail: serde_json::Value,
) -> Result<(), RunError> {
    let detail = match &patch.reason {
        Some(Some(reason)) => json!({ "reason": reason, "detail": detail }),
        _ => detail,
    };
    let record = Who::daemon().did(inner.clock.now(), format!("run.{to}"), row.id.as_str(), detail);
    let unit =
        Unit::new().with(RunOp::Move { run: row.id.clone(), from: from.to_vec(), to, patch }).with(record);
    Ok(inner.db.write(Lane::Handler, unit).await?)
}

/// Hash over the item records of a chunk, for the audit.
pub(super) fn chunk_record(
    who: &Who,
    at: i64,
    plan: &ApprovedPlan,
    direction: Direction,
    items: &[StoredItem],
    changes: &[ItemChange],
) -> crate::store::AuditDraft {
    use sha2::{Digest as _, Sha256};
    let mut hash = Sha256::new();
    for (item, change) in items.iter().zip(changes) {
        hash.update(&item.key);
        hash.update([0]);
        hash.update(change.to.word());
        hash.update([0]);
        hash.update(change.before.as_deref().unwrap_or_default());
        hash.update(b"\n");
    }
    let detail = json!({
        "direction": direction.word(),
        "items": changes.len(),
        "first": changes.first().map(|c| c.ord),
        "last": changes.last().map(|c| c.ord),
        "hash": crate::hex::hex(&hash.finalize()),
    });
    who.did(at, "run.chunk", plan.run().as_str(), detail)
}
