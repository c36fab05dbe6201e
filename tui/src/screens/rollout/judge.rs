//! How far each trigger is from firing, the nearest first.

use cutover_shared::rollout::RolloutView;
use cutover_shared::verdict::ReadingState;

use super::{Row, What, aged};
use crate::plain::rollout::{amount, counted, missing, reading_state, spent, trigger, urgency};
use crate::screens::sign;
use crate::state::State;
use crate::state::why::reading_role;
use crate::theme::Role;
use crate::widgets::{Look, Piece};

pub(super) fn rows(state: &State, view: &RolloutView, look: &Look, width: u16) -> Vec<Row> {
    let Some(judgement) = &view.judgement else { return Vec::new() };
    let mut readings: Vec<_> = judgement.readings.iter().collect();
    readings.sort_by_key(|one| urgency(one));
    let row = |(at, one): (usize, &cutover_shared::verdict::Reading)| {
        let role = reading_role(one.state);
        let about = sign::about(state);
        let missing = missing(one);
        // Where there is no room for both, the number that is missing says more than that it is missing.
        let word = match one.state {
            ReadingState::NotEnoughData if width < 90 => format!("needs {about}{missing}"),
            state => reading_state(state).to_owned(),
        };
        let state_text = format!("{} {word}", sign::of_role(look, role));
        let figures =
            format!("  {about}{} of {}", amount(one.unit, one.value), amount(one.unit, one.threshold));
        let mut told = vec![vec![aged(state, state_text, role)], vec![aged(state, figures, Role::Text)]];
        if !missing.is_empty() && (width >= 90 || one.state != ReadingState::NotEnoughData) {
            told.push(vec![aged(state, format!("  needs {about}{missing}"), Role::Dim)]);
        }
        told.push(vec![Piece::new(format!("  {}", counted(one.trigger)), Role::Dim)]);
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
