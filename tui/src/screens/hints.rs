//! The last line: what the keys do here. The kill switch is always there; what is disarmed is dim.

use cutover_shared::rpc::Role as Rank;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::sign;
use crate::keymap::{Action, Binding, TABLE};
use crate::state::{Screen, State};
use crate::theme::Role;
use crate::widgets::{Look, Piece, bar};

/// Shown at the right, whatever else has no room.
const KEPT: &[Action] = &[Action::Palette, Action::Help, Action::Quit];

pub(super) fn draw(state: &State, look: &Look, buffer: &mut Buffer, area: Rect) {
    let place = state.place();
    let mut rows: Vec<&Binding> = TABLE.iter().filter(|row| row.rank > 0 && place.has(row.when)).collect();
    rows.sort_by_key(|row| row.rank);
    let kill = kill(state);
    let right = kept(state, area.width.saturating_sub(sign::columns(std::slice::from_ref(&kill)) + 2));
    let room = area.width.saturating_sub(sign::columns(&right) + 2);
    let mut left = vec![kill];
    for row in rows {
        // A dry-run of the mapping is far from what somebody looks for at a rollout.
        let beside = row.action == Action::DryRun && state.screen == Screen::Rollouts;
        if row.action == Action::Kill || KEPT.contains(&row.action) || beside {
            continue;
        }
        let hint = hint(state, row);
        // One that has no room may be followed by a shorter one that has, but the order says what matters.
        if sign::columns(&left) + sign::columns(&hint) > room {
            break;
        }
        left.extend(hint);
    }
    bar(buffer, area, look, &left, &right);
}

/// The key that works always.
pub(super) fn kill(state: &State) -> Piece {
    let key = state.keymap.key(Action::Kill);
    Piece::new(format!(" {key} {} ", Action::Kill.binding().hint), Role::Danger)
}

fn kept(state: &State, room: u16) -> Vec<Piece> {
    let mut actions = KEPT;
    loop {
        let line: Vec<Piece> = actions.iter().flat_map(|action| hint(state, action.binding())).collect();
        match actions {
            [_, rest @ ..] if sign::columns(&line) > room => actions = rest,
            _ => return line,
        }
    }
}

fn hint(state: &State, row: &Binding) -> Vec<Piece> {
    let key = state.keymap.key(row.action);
    if key.is_empty() {
        return Vec::new();
    }
    let (keys, words) =
        if is_armed(state, row) { (Role::Key, Role::Text) } else { (Role::Stale, Role::Stale) };
    vec![Piece::from("  "), Piece::new(key, keys), Piece::new(format!(" {}", row.hint), words)]
}

/// Whether it would be obeyed, as far as role and freshness go.
fn is_armed(state: &State, row: &Binding) -> bool {
    let may = !state.options.read_only && state.role().is_some_and(|role| role >= row.role);
    row.role == Rank::Viewer || may && state.stale().is_none()
}
