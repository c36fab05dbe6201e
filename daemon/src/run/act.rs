//! What an operator can do with a run. Each act is one unit with its audit record; asking again for what is already
//! so is no error.

use std::collections::BTreeSet;

use cutover_shared::ids::{Digest, RunId};
use cutover_shared::run::{GateView, ItemState, Reversibility, RunState, RunView};
use serde_json::json;

use super::chain::Chained;
use super::engine::Engine;
use super::error::RunError;
use super::kind::{Direction, Effect};
use crate::audit::Who;
use crate::store::{ItemChange, Lane, RunOp, RunPatch, RunRow, StoredItem, Unit, WriteError};

/// Items that are put back in the queue at once.
const RETRIED: u32 = 256;

impl Engine {
    /// Binds the approval to the digest. `override_reason` lets a closed gate pass, and is audited.
    pub async fn approve(
        &self,
        id: &RunId,
        digest: &Digest,
        override_reason: Option<&str>,
        who: &Who,
    ) -> Result<RunView, RunError> {
        let row = self.0.row(id).await?;
        if row.digest != digest.as_str() {
            return Err(RunError::WrongDigest {
                id: id.clone(),
                given: digest.0.clone(),
                digest: row.digest.clone(),
            });
        }
        let now = self.0.clock.now();
        match row.state {
            RunState::Planned if now < row.expires_at => {}
            RunState::Planned | RunState::Expired => return Err(RunError::Expired { id: id.clone() }),
            RunState::Approved => return Ok(self.show(&row)),
            _ => return Err(wrong(&row, "approve", "planned")),
        }
        let gate = match (self.0.gate.check(&row, now).await?, override_reason) {
            (Ok(evidence), _) => json!({ "gate": "open", "facts": evidence.facts }),
            (Err(why), Some(reason)) => {
                json!({ "gate": "overridden", "closed_because": why, "reason": reason })
            }
            (Err(why), None) => return Err(RunError::Gate(why)),
        };
        let self_approved = super::approval::is_self_approved(&row.author, &who.operator);
        let patch = RunPatch { approved: Some((who.operator.0.clone(), now)), ..RunPatch::default() };
        let detail = json!({ "digest": digest, "self-approved": self_approved, "check": gate });
        self.advance(&row, "approve", &[RunState::Planned], RunState::Approved, patch, who, detail).await
    }

    /// What an approval would be told by the gate now; changes nothing.
    pub async fn gate(&self, id: &RunId) -> Result<GateView, RunError> {
        let row = self.0.row(id).await?;
        Ok(match self.0.gate.check(&row, self.0.clock.now()).await? {
            Ok(evidence) => GateView { closed: None, facts: evidence.facts },
            Err(why) => GateView { closed: Some(why), facts: Vec::new() },
        })
    }

    /// Starts an approved run.
    pub async fn apply(&self, id: &RunId, rate: Option<u32>, who: &Who) -> Result<RunView, RunError> {
        let row = self.0.row(id).await?;
        match row.state {
            RunState::Approved => self.may_move()?,
            RunState::Applying => return self.moving(&row),
            RunState::Planned => return Err(RunError::NotApproved(id.clone())),
            _ => return Err(wrong(&row, "apply", "approved")),
        }
        let patch = RunPatch {
            started_at: Some(self.0.clock.now()),
            rate: Some(rate),
            reason: Some(None),
            direction: Some(Direction::Apply.word()),
            ..RunPatch::default()
        };
        self.advance(
            &row,
            "apply",
            &[RunState::Approved],
            RunState::Applying,
            patch,
            who,
            json!({ "rate": rate }),
        )
        .await
    }

    /// Stops a moving run after the chunk that it is at.
    pub async fn pause(&self, id: &RunId, who: &Who) -> Result<RunView, RunError> {
        const FROM: &[RunState] = &[RunState::Applying, RunState::Undoing, RunState::Verifying];
        let row = self.0.row(id).await?;
        match row.state {
            RunState::Pausing | RunState::Paused => return Ok(self.show(&row)),
            state if FROM.contains(&state) => {}
            _ => return Err(wrong(&row, "pause", "applying, verifying or undoing")),
        }
        let patch =
            RunPatch { reason: Some(Some(format!("paused by {}", who.operator))), ..RunPatch::default() };
        self.advance(&row, "pause", FROM, RunState::Pausing, patch, who, json!({})).await
    }

    /// Goes on with a paused run, in the direction that it had.
    pub async fn resume_run(&self, id: &RunId, rate: Option<u32>, who: &Who) -> Result<RunView, RunError> {
        let row = self.0.row(id).await?;
        match row.state {
            RunState::Paused => self.may_move()?,
            RunState::Applying | RunState::Undoing | RunState::Verifying => return self.moving(&row),
            _ => return Err(wrong(&row, "resume", "paused")),
        }
        let to = match Direction::from_word(&row.direction) {
            Direction::Apply => RunState::Applying,
            Direction::Undo => RunState::Undoing,
        };
        let resumed_at = Some(self.0.clock.now());
        let patch = RunPatch { rate: Some(rate), reason: Some(None), resumed_at, ..RunPatch::default() };
        self.advance(&row, "resume", &[RunState::Paused], to, patch, who, json!({ "rate": rate })).await
    }

    /// Ends a run where it is. What was done stays done and can be undone.
    pub async fn cancel(&self, id: &RunId, who: &Who) -> Result<RunView, RunError> {
        const FROM: &[RunState] = &[
            RunState::Planned,
            RunState::Approved,
            RunState::Applying,
            RunState::Pausing,
            RunState::Paused,
            RunState::Verifying,
        ];
        let row = self.0.row(id).await?;
        let undoing = Direction::from_word(&row.direction) == Direction::Undo;
        if row.state == RunState::Cancelled {
            return Ok(self.show(&row));
        }
        if !FROM.contains(&row.state) || undoing {
            return Err(wrong(&row, "cancel", "not ended and not undoing"));
        }
        let patch = RunPatch {
            ended_at: Some(self.0.clock.now()),
            reason: Some(Some(format!("cancelled by {}", who.operator))),
            ..RunPatch::default()
        };
        self.advance(&row, "cancel", FROM, RunState::Cancelled, patch, who, json!({})).await
    }

    /// Takes the failed items of the same approval once more.
    pub async fn retry(&self, id: &RunId, who: &Who) -> Result<RunView, RunError> {
        self.retry_those(id, who, |_| true).await
    }

    /// Takes those failed items once more that are picked, with whatever they held up.
    pub async fn retry_those(
        &self,
        id: &RunId,
        who: &Who,
        pick: impl Fn(&StoredItem) -> bool + Send + Sync,
    ) -> Result<RunView, RunError> {
        const FROM: &[RunState] = &[RunState::Done, RunState::Failed, RunState::Paused];
        let row = self.0.row(id).await?;
        if !FROM.contains(&row.state) || Direction::from_word(&row.direction) == Direction::Undo {
            return Err(wrong(&row, "retry", "done, failed or paused"));
        }
        self.may_move()?;
        // Held first, so that no other run of this scope starts while the items go back.
        let patch = RunPatch { reason: Some(None), ..RunPatch::default() };
        let detail = json!({ "failed": row.counts.failed });
        let at = self.0.clock.now();
        self.write_move(&row, "retry", FROM, RunState::Paused, patch, who, detail).await?;
        match self.0.kind(&row)?.effect() {
            Effect::Chained(chained) => {
                let mut chains = BTreeSet::new();
                for state in [ItemState::Failed, ItemState::Skipped] {
                    self.broken_chains(id, state, chained, &pick, &mut chains).await?;
                }
                // Whole chains: what one item held up is held up again, unless that one is tried too.
                let of_them =
                    |item: &StoredItem| chained.place(item).is_ok_and(|place| chains.contains(&place.chain));
                for state in [ItemState::Failed, ItemState::Stale, ItemState::Skipped] {
                    self.requeue(id, state, at, &of_them).await?;
                }
            }
            _ => self.requeue(id, ItemState::Failed, at, &pick).await?,
        }
        self.resume_run(id, row.rate, who).await
    }

    /// Names chains with picked items of a state that failed, or that another one held up.
    async fn broken_chains(
        &self,
        id: &RunId,
        state: ItemState,
        chained: &dyn Chained,
        pick: &(impl Fn(&StoredItem) -> bool + Send + Sync),
        chains: &mut BTreeSet<String>,
    ) -> Result<(), RunError> {
        let is_held_up =
            |item: &StoredItem| item.reason.as_deref().is_some_and(|why| why.starts_with(super::BLOCKED));
        let mut after = None;
        loop {
            let items = self.0.db.items(id, Some(state), after, RETRIED).await?;
            let Some(last) = items.last() else { return Ok(()) };
            after = Some(last.ord);
            for item in items.iter().filter(|item| pick(item)) {
                if state == ItemState::Failed || is_held_up(item) {
                    chains.insert(chained.place(item)?.chain);
                }
            }
        }
    }

    /// Puts picked items of a state back in the queue.
    async fn requeue(
        &self,
        id: &RunId,
        from: ItemState,
        at: i64,
        pick: &(impl Fn(&StoredItem) -> bool + Send + Sync),
    ) -> Result<(), RunError> {
        let mut after = None;
        loop {
            let items = self.0.db.items(id, Some(from), after, RETRIED).await?;
            let Some(last) = items.last() else { return Ok(()) };
            after = Some(last.ord);
            let rows: Vec<_> = items
                .iter()
                .filter(|item| pick(item))
                .map(|item| ItemChange {
                    ord: item.ord,
                    from,
                    to: ItemState::Pending,
                    before: None,
                    reason: None,
                })
                .collect();
            if !rows.is_empty() {
                let unit = Unit::new().with(RunOp::Items { run: id.clone(), at, rows });
                self.0.db.write(Lane::Handler, unit).await?;
            }
        }
    }

    /// Takes back what the run did, as a second pass.
    pub async fn undo(&self, id: &RunId, rate: Option<u32>, who: &Who) -> Result<RunView, RunError> {
        const FROM: &[RunState] = &[RunState::Done, RunState::Failed, RunState::Cancelled, RunState::Paused];
        let (row, pull) = (self.0.row(id).await?, self.0.brake.newest());
        let kind = self.0.kind(&row)?;
        match row.state {
            RunState::Undoing => return self.moving(&row),
            state if FROM.contains(&state) && kind.undo_serves_legacy() => {}
            state if FROM.contains(&state) => self.may_move()?,
            _ => return Err(wrong(&row, "undo", "done, failed, cancelled or paused")),
        }
        if kind.reversibility() == Reversibility::Irreversible {
            return Err(RunError::Irreversible(id.clone()));
        }
        if let Some(why) = kind.no_undo(&row).await? {
            return Err(RunError::NoUndo { id: id.clone(), why });
        }
        let patch = RunPatch {
            rate: Some(rate),
            reason: Some(None),
            direction: Some(Direction::Undo.word()),
            undo_started_at: Some(self.0.clock.now()),
            ..RunPatch::default()
        };
        if let Some(pull) = pull {
            self.0.let_undo(id, pull);
        }
        self.advance(&row, "undo", FROM, RunState::Undoing, patch, who, json!({ "rate": rate })).await
    }

    /// A person says what became of an item that could not be found out.
    pub async fn settle(
        &self,
        id: &RunId,
        key: &str,
        happened: bool,
        who: &Who,
    ) -> Result<RunView, RunError> {
        let row = self.0.row(id).await?;
        let none = || RunError::NoSuchItem { run: id.clone(), key: key.to_owned() };
        let item = self.0.db.item_by_key(id, key).await?.ok_or_else(none)?;
        if item.state != ItemState::Unknown {
            return Err(none());
        }
        let direction = Direction::from_word(&row.direction);
        let to = match (happened, direction) {
            (true, Direction::Apply) | (false, Direction::Undo) => ItemState::Done,
            (true, Direction::Undo) => ItemState::Undone,
            (false, Direction::Apply) => ItemState::Failed,
        };
        let at = self.0.clock.now();
        let reason = format!(
            "settled by {}: it {}",
            who.operator,
            if happened { "happened" } else { "did not happen" }
        );
        let change =
            ItemChange { ord: item.ord, from: ItemState::Unknown, to, before: None, reason: Some(reason) };
        let mut unit = Unit::new().with(RunOp::Items { run: id.clone(), at, rows: vec![change] });
        if let (true, Some(outside)) = (happened, self.0.kind(&row)?.effect().elsewhere()) {
            unit = unit.with_all(outside.record(id, direction, &item, at));
        }
        let detail = json!({ "key": key, "happened": happened });
        self.0.db.write(Lane::Handler, unit.with(who.did(at, "run.settle", id.as_str(), detail))).await?;
        self.view(id).await
    }

    /// A run that moves already. While the store takes nothing, a killed run still says so of itself.
    fn moving(&self, row: &RunRow) -> Result<RunView, RunError> {
        if self.0.is_held(&row.id) { Err(RunError::Killed) } else { Ok(self.show(row)) }
    }

    fn may_move(&self) -> Result<(), RunError> {
        if self.0.brake.is_pulled() { Err(RunError::Killed) } else { Ok(()) }
    }

    #[expect(clippy::too_many_arguments, reason = "one place for what every act has in common")]
    async fn advance(
        &self,
        row: &RunRow,
        act: &'static str,
        from: &[RunState],
        to: RunState,
        patch: RunPatch,
        who: &Who,
        detail: serde_json::Value,
    ) -> Result<RunView, RunError> {
        self.write_move(row, act, from, to, patch, who, detail).await?;
        if to.is_moving() {
            self.drive(&row.id);
        }
        self.view(&row.id).await
    }

    #[expect(clippy::too_many_arguments, reason = "one place for what every act has in common")]
    async fn write_move(
        &self,
        row: &RunRow,
        act: &'static str,
        from: &[RunState],
        to: RunState,
        patch: RunPatch,
        who: &Who,
        detail: serde_json::Value,
    ) -> Result<(), RunError> {
        let run = row.id.clone();
        let record = who.did(self.0.clock.now(), format!("run.{act}"), run.as_str(), detail);
        let unit = Unit::new().with(RunOp::Move { run, from: from.to_vec(), to, patch }).with(record);
        match self.0.db.write(Lane::Handler, unit).await {
            Ok(()) => Ok(()),
            Err(error @ WriteError::Conflict { .. }) => Err(self.busy(row).await?.unwrap_or(error.into())),
            Err(WriteError::Precondition { .. }) => {
                Err(wrong(&self.0.row(&row.id).await?, act, "in the state that it was in a moment ago"))
            }
            Err(other) => Err(other.into()),
        }
    }

    /// Which run of the same kind and scope is in the way.
    async fn busy(&self, row: &RunRow) -> Result<Option<RunError>, RunError> {
        let live = self.0.db.unfinished_runs().await?;
        let is_it = |run: &RunRow| run.state.is_live() && (&run.kind, &run.scope) == (&row.kind, &row.scope);
        Ok(live.into_iter().find(is_it).map(|run| RunError::Busy {
            other: run.id,
            state: run.state,
            kind: run.kind,
            scope: run.scope,
        }))
    }
}

fn wrong(row: &RunRow, act: &'static str, needs: &'static str) -> RunError {
    RunError::WrongState { id: row.id.clone(), state: row.state, act, needs }
}
