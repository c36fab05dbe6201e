//! What GitHub sends, and how its installations are: a line each, with the key of their screen.

use super::parts::{Placed, text};
use crate::keymap::Action;
use crate::plain::number;
use crate::screens::sign;
use crate::state::figures::{lag, lag_role};
use crate::state::list::health_role;
use crate::state::{Feed, Slot, State};
use crate::theme::Role;
use crate::widgets::{Look, Piece};

pub(super) fn lines(state: &State, look: &Look) -> Vec<Placed> {
    let mut lines = vec![webhooks(state, look), installations(state, look)];
    lines.extend(rollouts(state, look));
    lines
}

/// All of them in a line, as bad as the worst; none where the daemon has none.
fn rollouts(state: &State, look: &Look) -> Option<Placed> {
    let all: Vec<(String, Role)> =
        state.status()?.rollouts.iter().map(crate::screens::rollout::brief).collect();
    let worst = [Role::Bad, Role::Warn].into_iter().find(|role| all.iter().any(|(_, is)| is == role));
    let texts: Vec<&str> = all.iter().map(|(text, _)| text.as_str()).collect();
    let line = told(state, look, worst.unwrap_or(Role::Good), &texts.join(", "));
    (!all.is_empty()).then(|| text(line, key(state, Action::Rollouts)))
}

fn key(state: &State, action: Action) -> Vec<Piece> {
    vec![Piece::new(state.keymap.key(action), Role::Key)]
}

fn told(state: &State, look: &Look, role: Role, words: &str) -> Vec<Piece> {
    let piece = sign::told(look, words, role);
    vec![Piece { role: sign::aged(state, piece.role), ..piece }]
}

/// Instead of figures that have not come: that they are awaited, or why there are none.
fn missing(state: &State, look: &Look, slot: &Slot, what: &str) -> Vec<Piece> {
    let error = state.feeds.get(slot).and_then(|feed: &Feed| feed.error.as_ref());
    match error {
        Some(error) => told(state, look, Role::Warn, &format!("{what}: {}", error.message)),
        None => told(state, look, Role::Dim, &format!("{what}: asking ...")),
    }
}

fn webhooks(state: &State, look: &Look) -> Placed {
    let about = sign::about(state);
    let line = match state.figures() {
        Some(figures) => {
            let dead = figures.dead.saturating_add(figures.dispatches_dead);
            let role = if dead > 0 { Role::Bad } else { lag_role(figures.lag_ms) };
            let last = figures.received.len().checked_sub(2).and_then(|at| figures.received.get(at)).copied();
            let words = format!(
                "webhooks: {about}{}/min, lag {about}{}, {about}{} dead",
                number(u64::from(last.unwrap_or(0))),
                lag(figures.lag_ms),
                number(dead)
            );
            told(state, look, role, &words)
        }
        None => missing(state, look, &Slot::Figures, "webhooks"),
    };
    text(line, key(state, Action::Webhooks))
}

fn installations(state: &State, look: &Look) -> Placed {
    let about = sign::about(state);
    let all = state.status().map_or(0, |status| status.index.installations);
    let line = match state.unwell() {
        Some(unwell) if unwell.total == 0 => {
            let role = if all == 0 { Role::Dim } else { Role::Good };
            told(state, look, role, &format!("installations: {about}{}, all healthy", number(all)))
        }
        Some(unwell) => {
            let worst = unwell.rows.first();
            let role = worst.map_or(Role::Warn, |view| health_role(view.health));
            let worst =
                worst.map_or(String::new(), |view| format!(", worst: {} {}", view.account, view.health));
            let words =
                format!("installations: {about}{} of {} unwell{worst}", number(unwell.total), number(all));
            told(state, look, role, &words)
        }
        None => missing(state, look, &Slot::Unwell, "installations"),
    };
    text(line, key(state, Action::Installations))
}
