//! What is owed to the other arm, and whether the way back is drilled.

use cutover_shared::rollout::RolloutView;

use super::{aged, key};
use crate::plain::rollout::{next_drill, walked};
use crate::plain::{number, time};
use crate::screens::sign;
use crate::state::State;
use crate::theme::{self, Role};
use crate::widgets::{Look, Piece};

/// Writes of the other arm that are owed.
pub(super) fn row(state: &State, view: &RolloutView, look: &Look) -> Vec<Vec<Piece>> {
    let (about, repair) = (sign::about(state), &view.repair);
    let bad = repair.blocks || repair.failed > 0;
    let role = match (bad, repair.waiting) {
        (true, _) => Role::Bad,
        (false, 0) => Role::Good,
        (false, _) => Role::Info,
    };
    let text = format!(
        "{} {about}{} waiting, {about}{} failed",
        sign::of_role(look, role),
        number(repair.waiting),
        number(repair.failed)
    );
    vec![vec![key("repair"), aged(state, text, role)]]
}

/// The last drill, how it went, and the next.
pub(super) fn drill(state: &State, view: &RolloutView, look: &Look) -> Vec<Vec<Piece>> {
    let mut groups = vec![vec![key("drill"), last(state, view, look)]];
    match &view.drill {
        Some(drill) => {
            let (text, tone) = next_drill(drill, state.daemon_now());
            groups.push(vec![aged(state, format!("   {text}"), theme::tone(tone))]);
            groups.push(vec![Piece::new(format!(", {}", time(drill.due_at)), Role::Dim)]);
        }
        None => groups.push(vec![Piece::new("   no next one is planned", Role::Dim)]),
    }
    groups
}

/// Both in one line, where there is no room for two.
pub(super) fn with_drill(state: &State, view: &RolloutView, look: &Look) -> Vec<Vec<Piece>> {
    let mut groups = row(state, view, look);
    groups.push(vec![Piece::new("   drill ", Role::Dim), last(state, view, look)]);
    groups.extend(view.drill.as_ref().map(|drill| {
        let (text, tone) = next_drill(drill, state.daemon_now());
        vec![aged(state, format!(", {text}"), theme::tone(tone))]
    }));
    groups
}

fn last(state: &State, view: &RolloutView, look: &Look) -> Piece {
    let (text, tone) = walked(view.reverse.as_ref(), state.daemon_now());
    let role = theme::tone(tone);
    aged(state, format!("{} {text}", sign::of_role(look, role)), role)
}
