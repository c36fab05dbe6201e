//! Moving about: rows, screens.

use crate::keymap::Action;
use crate::state::{Screen, State};

/// Moves the cursor.
pub(super) fn cursor(state: &mut State, action: Action) {
    let Some(list) = state.screen.list() else {
        let last = state.lines().len().saturating_sub(1);
        state.line = match action {
            Action::Up => state.line.saturating_sub(1),
            Action::Down => (state.line + 1).min(last),
            Action::Top | Action::PageUp => 0,
            _ => last,
        };
        return;
    };
    let window = match state.feeds.value(&crate::state::Slot::List(list)) {
        Some(crate::state::Value::Rows(window)) => Some(window),
        _ => None,
    };
    let total = window.map_or(0, |window| window.total);
    let Some(table) = state.tables.get_mut(&list) else { return };
    let page = table.height.cast_signed();
    match action {
        Action::Up => table.step(-1, total, window),
        Action::Down => table.step(1, total, window),
        Action::PageUp => table.step(-page, total, window),
        Action::PageDown => table.step(page, total, window),
        Action::Top => table.go(0, total, window),
        _ => table.go(total.saturating_sub(1), total, window),
    }
}

/// Shows another screen.
pub(super) fn screen(state: &mut State, screen: Screen) {
    state.screen = screen;
}

/// Puts the cursor on a row.
pub(super) fn row(state: &mut State, row: u64) {
    let Some(list) = state.screen.list() else {
        let last = state.lines().len().saturating_sub(1);
        state.line = usize::try_from(row).unwrap_or(last).min(last);
        return;
    };
    let window = match state.feeds.value(&crate::state::Slot::List(list)) {
        Some(crate::state::Value::Rows(window)) => Some(window),
        _ => None,
    };
    let total = window.map_or(0, |window| window.total);
    if let Some(table) = state.tables.get_mut(&list) {
        table.go(row, total, window);
    }
}
