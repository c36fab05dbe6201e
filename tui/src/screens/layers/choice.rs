//! Boxes with a list to choose from.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::sheet::{Line, Sheet};
use crate::widgets::{Choice, Look, bar, menu};

/// Draws choices, and lines below them.
pub(super) fn draw(
    buffer: &mut Buffer,
    room: Rect,
    look: &Look,
    sheet: &Sheet<'_>,
    (choices, cursor): (&[Choice], usize),
    below: &[Line],
) {
    let inside = room.height.saturating_sub(2);
    let rows = u16::try_from(choices.len() + below.len()).unwrap_or(u16::MAX).min(inside);
    let rest = sheet.draw(buffer, room, look, (&[], 0), rows);
    // What is chosen from matters more than what is said of it.
    let most = u16::try_from(choices.len()).unwrap_or(u16::MAX).min(rest.height);
    let least = most.min(3);
    let wanted = u16::try_from(below.len()).unwrap_or(u16::MAX);
    let list = rest.height.saturating_sub(wanted).clamp(least, most);
    menu(buffer, Rect { height: list, ..rest }, look, choices, Some(cursor));
    let foot = rest.y.saturating_add(list)..rest.bottom();
    for (y, line) in foot.zip(below) {
        bar(buffer, Rect { y, height: 1, ..rest }, look, &line.left, &line.right);
    }
}
