//! Figures that several screens show.

use cutover_shared::ids::RunId;
use cutover_shared::run::{RunState, RunView};

use crate::theme::Role;

/// Letters of a run's id that tables show: its whole millisecond, and enough to name it in a command.
const SHORT_ID: usize = 13;

/// The beginning of a run's id.
pub fn short(id: &RunId) -> &str {
    id.0.get(..SHORT_ID).unwrap_or(&id.0)
}

/// Items that need no more work: taken back for an undo, tried for anything else.
pub fn settled(run: &RunView) -> u64 {
    let counts = &run.progress.counts;
    let left = match run.state {
        RunState::Undoing => counts.done + counts.leased,
        _ => counts.pending + counts.leased,
    };
    counts.total().saturating_sub(left)
}

/// From here on handling is late.
const LATE_MS: i64 = 30_000;

/// From here on it stands.
const STANDS_MS: i64 = 300_000;

/// How long the oldest delivery that is due has waited, in words.
pub fn lag(ms: i64) -> String {
    match ms.max(0).unsigned_abs() {
        ms @ ..1_000 => format!("{ms} ms"),
        ms => crate::plain::span(ms / 1_000),
    }
}

/// What a lag means.
pub fn lag_role(ms: i64) -> Role {
    match ms {
        STANDS_MS.. => Role::Bad,
        LATE_MS.. => Role::Warn,
        _ => Role::Good,
    }
}
