//! A line that begins a part: its title, and at the right what goes with it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::sign;
use crate::theme::Role;
use crate::widgets::{Look, Piece, bar};

/// Draws `─ title ─────── right ─`.
pub(super) fn rule(buffer: &mut Buffer, line: Rect, look: &Look, title: Piece, right: &[Piece]) {
    let dash = look.glyphs.border.horizontal_top;
    let border = |text: String| Piece::new(text, Role::Border);
    let mut end = Vec::new();
    if !right.is_empty() {
        end.push(Piece::from(" "));
        end.extend(right.iter().cloned());
        end.push(border(format!(" {dash}")));
    }
    let mut begin = vec![border(format!("{dash} ")), title, Piece::from(" ")];
    let fits = sign::columns(&begin).saturating_add(sign::columns(&end)) <= line.width;
    let end = if fits { end } else { Vec::new() };
    let used = sign::columns(&begin).saturating_add(sign::columns(&end));
    begin.push(border(dash.repeat(usize::from(line.width.saturating_sub(used)))));
    begin.extend(end);
    bar(buffer, line, look, &begin, &[]);
}
