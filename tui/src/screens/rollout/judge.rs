//! How far each trigger is from firing, the nearest first.

use cutover_shared::rollout::RolloutView;
use cutover_shared::verdict::ReadingState;

use super::{Row, What, aged};
use crate::plain::rollout::{amount, missing, reading_state, spent, trigger};
use crate::screens::sign;
use crate::state::State;
use crate::state::why::reading_role;
use crate::theme::Role;
use crate::widgets::{Look, Piece};

pub(super) fn rows(state: &State, view: &RolloutView, look: &Look) -> Vec<Row> {
    let Some(judgement) = &view.judgement else { return Vec::new() };
    let mut readings: Vec<_> = judgement.readings.iter().collect();
    readings.sort_by_key(|one| (one.state != ReadingState::Fired, one.distance_permille, one.trigger));
    let row = |(at, one): (usize, &cutover_shared::verdict::Reading)| {
        let role = reading_role(one.state);
        let about = sign::about(state);
        let state_text = format!("{} {}", sign::of_role(look, role), reading_state(one.state));
        let figures =
            format!("  {about}{} of {}", amount(one.unit, one.value), amount(one.unit, one.threshold));
        let mut told = vec![vec![aged(state, state_text, role)], vec![aged(state, figures, Role::Text)]];
        let missing = missing(one);
        if !missing.is_empty() {
            told.push(vec![aged(state, format!("  needs {about}{missing}"), Role::Dim)]);
        }
        // The two nearest matter more than the repair queue, the others less than anything.
        let rank = if at < 2 { 5 } else { u8::try_from(at).unwrap_or(u8::MAX).saturating_add(7) };
        let what = What::Trigger {
            name: Piece::new(trigger(one), Role::Dim),
            spent: spent(one),
            told,
            role: sign::aged(state, role),
        };
        Row { rank, what }
    };
    readings.into_iter().enumerate().map(row).collect()
}
