//! What a dry-run shall cover.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::choice;
use super::dialog::command;
use super::sheet::{Line, Sheet, paragraph, width};
use crate::keymap::Action;
use crate::state::{ScopeChoice, State};
use crate::theme::Role;
use crate::widgets::{Choice, Look, Piece};

pub(super) fn draw(
    state: &State,
    look: &Look,
    buffer: &mut Buffer,
    room: Rect,
    (choices, cursor, refresh): (&[ScopeChoice], usize, bool),
) {
    let rows: Vec<Choice> = choices
        .iter()
        .map(|choice| Choice { text: choice.text.as_str().into(), right: Piece::default() })
        .collect();
    let width = width(room);
    let check = if refresh { "[x]" } else { "[ ]" };
    let key = state.keymap.key(Action::Mark);
    let mut below = vec![Line::blank()];
    let mut line = Line::new(check, Role::Key);
    let (what, cost) = choices.first().map_or(("", ""), ScopeChoice::refreshes);
    line.left.push(Piece::new(format!(" read {what} again first"), Role::Text));
    line.right.push(Piece::new(key, Role::Key));
    below.push(line);
    below.extend(paragraph(cost, Role::Dim, width));
    if let Some(choice) = choices.get(cursor) {
        below.push(Line::blank());
        below.extend(command(&choice.plan(refresh).twin, width));
    }
    let sheet = Sheet {
        title: "Dry-run of what?",
        tag: Piece::new("changes nothing", Role::Dim),
        foot: "Enter plans, Esc leaves it",
        ..Sheet::default()
    };
    choice::draw(buffer, room, look, &sheet, (&rows, cursor), &below);
}
