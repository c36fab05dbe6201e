//! Any action by a few of its letters.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::sheet::{Sheet, paragraph, width};
use crate::keymap::{Action, TABLE};
use crate::state::State;
use crate::state::layer::Palette;
use crate::theme::Role;
use crate::widgets::{Choice, Look, Piece, bar, input, menu};

/// Rows of the list; a box that changes its size while somebody types is hard to read.
const ROWS: u16 = 12;

/// Rows below the list for what is wrong with the chosen one.
const BELOW: u16 = 3;

pub(super) fn draw(
    state: &State,
    look: &Look,
    buffer: &mut Buffer,
    room: Rect,
    palette: &Palette,
) -> Option<Position> {
    let place = state.place();
    let found = palette.found(|action| place.has(action.binding().when));
    let sheet = Sheet { title: "Do what?", foot: "Enter does it, Esc leaves it", ..Sheet::default() };
    let rows = (ROWS + 1 + BELOW).min(room.height.saturating_sub(2));
    let rest = sheet.draw(buffer, room, look, (&[], 0), rows);
    let line = Rect { height: rest.height.min(1), ..rest };
    let cursor = input(buffer, line, look, ": ", &palette.input);
    let list = Rect { y: line.bottom(), height: rest.height.saturating_sub(line.height + BELOW), ..rest };
    let name = TABLE.iter().map(|row| row.name.len()).max().unwrap_or(0) + 2;
    let choices: Vec<Choice> = found.iter().map(|action| choice(state, *action, name)).collect();
    if choices.is_empty() {
        let text = "no action that works here has these letters";
        bar(buffer, list, look, &[Piece::new(text, Role::Dim)], &[]);
    }
    menu(buffer, list, look, &choices, Some(palette.cursor));
    if let Some((why, mend)) = found.get(palette.cursor).and_then(|action| state.disarmed(*action)) {
        let lines =
            paragraph(&format!("{} not now: {why}; {mend}", look.glyphs.warn), Role::Warn, width(room));
        for (y, line) in (list.bottom()..rest.bottom()).zip(&lines) {
            bar(buffer, Rect { y, height: 1, ..rest }, look, &line.left, &[]);
        }
    }
    cursor
}

fn choice(state: &State, action: Action, name: usize) -> Choice {
    let row = action.binding();
    let text = format!("{:<name$}{}", row.name, row.about);
    match state.disarm(action) {
        // The kill switch goes its own way when there is no daemon.
        Some(disarm) if action != Action::Kill => {
            Choice { text: Piece::new(text, Role::Dim), right: Piece::new(disarm.short(), Role::Warn) }
        }
        _ => Choice { text: text.into(), right: Piece::new(state.keymap.key(action), Role::Key) },
    }
}
