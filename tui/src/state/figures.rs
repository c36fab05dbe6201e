//! Figures that several screens show.

use cutover_shared::ids::RunId;
use cutover_shared::run::{RunState, RunView};

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
