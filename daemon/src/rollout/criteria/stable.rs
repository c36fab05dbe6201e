//! Whether a rollout was stable in `live` for long enough that legacy may be let go (C8). Nobody may pass this: who wants a
//! shorter time says so in the configuration, for everybody to see.

use cutover_shared::rollout::{Criterion, Stage};

use super::{Facts, Rules, holds, length, one};
use crate::rollout::state::State;

/// Since when nothing went wrong in this stage, and what ended before: a way back, a kill, a verdict that said no.
pub fn stable_since(state: &State, facts: &Facts) -> (i64, String) {
    let mut last = (state.stage_since, format!("it came to {}", state.stage));
    let killed = state.unkilled_at.map(|at| (at, "a kill was let go".to_owned()));
    let red = facts.red.as_ref().map(|red| (red.at, format!("the judge said no: {}", red.text)));
    for event in [killed, red].into_iter().flatten() {
        if event.0 > last.0 {
            last = event;
        }
    }
    last
}

pub(super) fn criterion(state: &State, rules: &Rules, facts: &Facts, now: i64) -> Criterion {
    let (since, what) = stable_since(state, facts);
    let (been, wanted) = (now.saturating_sub(since).max(0), rules.soak_ms(Stage::Live));
    let text = format!(
        "{} of {} without a rollback, a kill or a red verdict, since {}: {what}",
        length(been),
        length(wanted),
        time(since)
    );
    one("stable", holds(been >= wanted), false, text)
}

/// `2026-11-22 03:00Z`.
pub fn time(at: i64) -> String {
    chrono::DateTime::from_timestamp_millis(at)
        .map_or_else(|| at.to_string(), |at| at.format("%Y-%m-%d %H:%MZ").to_string())
}
