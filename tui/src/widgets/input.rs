//! A line that is being written.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use tui_input::Input;

use super::Look;
use super::piece::{clean, columns, cut, narrow, start, symbols, write};
use crate::theme::Role;

/// Draws a prompt and the text behind it onto the first line of `area`, scrolled so that the cursor is seen. Answers where
/// the terminal's cursor belongs when the line has the focus.
pub fn input(buffer: &mut Buffer, area: Rect, look: &Look, prompt: &str, input: &Input) -> Option<Position> {
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return None;
    }
    let prompt = clean(prompt);
    let wanted = narrow(columns(&prompt)).min(area.width / 2);
    write(buffer, (area.x, area.y), wanted, &cut(&prompt, usize::from(wanted), look), look.style(Role::Key));
    let (left, room) = (area.x + wanted, area.width - wanted);
    buffer.set_style(Rect { x: left, width: room, height: 1, ..area }, look.style(Role::Input));

    // Cleaned on its own, so that the cursor stands right where something before it was cleaned.
    let at = input.value().char_indices().nth(input.cursor()).map_or(input.value().len(), |(at, _)| at);
    let (before, after) = input.value().split_at_checked(at).unwrap_or((input.value(), ""));
    let (before, after) = (crate::plain::clean(before), crate::plain::clean(after));
    let most = usize::from(room.saturating_sub(1));
    let mut used = columns(&before);
    let mut shown = before.as_ref();
    for (symbol, width) in symbols(&before) {
        if used <= most {
            break;
        }
        used -= width;
        shown = shown.get(symbol.len()..).unwrap_or_default();
    }
    let drawn = write(buffer, (left, area.y), room, shown, look.style(Role::Input));
    let rest = start(&after, usize::from(room - drawn));
    write(buffer, (left + drawn, area.y), room - drawn, rest, look.style(Role::Input));
    let cursor = Position { x: left.saturating_add(drawn).min(area.right() - 1), y: area.y };
    Some(cursor)
}
