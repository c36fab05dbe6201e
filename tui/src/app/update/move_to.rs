//! Moving about: rows, screens.

use cutover_shared::window::Window;

use crate::keymap::Action;
use crate::state::{ListId, Screen, Slot, State, Subject, Table, Value};

/// The table of a list, its window where one has come, and the rows that there are.
fn shown(state: &mut State, list: ListId) -> Option<(&mut Table, Option<&Window<Subject>>, u64)> {
    let State { feeds, tables, .. } = state;
    let window = match feeds.value(&Slot::List(list)) {
        Some(Value::Rows(window)) => Some(window),
        _ => None,
    };
    Some((tables.get_mut(&list)?, window, window.map_or(0, |window| window.total)))
}

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
    let Some((table, window, total)) = shown(state, list) else { return };
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

/// Shows a screen with only what a filter lets pass. A filter that the list does not understand changes nothing.
pub(super) fn filtered(state: &mut State, screen: Screen, filter: &str) {
    if let Some(table) = screen.list().and_then(|list| state.tables.get_mut(&list))
        && table.set_filter(filter).is_ok()
    {
        state.screen = screen;
    }
}

/// Puts the cursor on a row.
pub(super) fn row(state: &mut State, row: u64) {
    let Some(list) = state.screen.list() else {
        let last = state.lines().len().saturating_sub(1);
        state.line = usize::try_from(row).unwrap_or(last).min(last);
        return;
    };
    if let Some((table, window, total)) = shown(state, list) {
        table.go(row, total, window);
    }
}
