//! A stored run as clients see it.

use cutover_shared::ids::{Digest, OperatorName};
use cutover_shared::run::{EffectClass, Reversibility, RunState, RunView};

use super::approval::is_self_approved;
use super::kind::Direction;
use super::progress::progress;
use crate::store::RunRow;

/// The view; `per_second` is the smoothed rate where the run moves.
pub fn run_view(row: &RunRow, per_second: f64) -> RunView {
    let left = match (row.state, Direction::from_word(&row.direction)) {
        (RunState::Done | RunState::Undone | RunState::Failed | RunState::Cancelled, _) => 0,
        (_, Direction::Apply) => row.counts.pending + row.counts.leased,
        (_, Direction::Undo) => row.counts.done + row.counts.leased,
    };
    let approved_by = row.approved_by.clone().map(OperatorName);
    RunView {
        id: row.id.clone(),
        kind: row.kind.clone(),
        scope: row.scope.clone(),
        state: row.state,
        digest: Digest(row.digest.clone()),
        effect: match row.effect.as_str() {
            "marked" => EffectClass::Marked,
            "remote" => EffectClass::Remote,
            _ => EffectClass::Local,
        },
        reversibility: serde_json::from_str(&row.reversibility).unwrap_or(Reversibility::Irreversible),
        author: OperatorName(row.author.clone()),
        planned_at: row.planned_at,
        self_approved: approved_by.as_ref().is_some_and(|by| is_self_approved(&row.author, by)),
        approved_by,
        approved_at: row.approved_at,
        expires_at: row.expires_at,
        started_at: row.started_at,
        ended_at: row.ended_at,
        rate: row.rate,
        progress: progress(row.counts.clone(), left, if row.state.is_moving() { per_second } else { 0.0 }),
        reason: row.reason.clone(),
        summary: serde_json::from_str(&row.summary).unwrap_or_default(),
    }
}
