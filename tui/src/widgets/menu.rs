//! A list to choose from, as the palette shows it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::piece::write;
use super::{Look, Piece, bar, scroll};
use crate::theme::Role;

/// Something to choose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    pub text: Piece,
    /// At the right: its key, or why it can't be chosen.
    pub right: Piece,
}

/// Draws choices, one a line, scrolled so that the selected one is seen. Answers the index of the first that is drawn, by
/// which a click finds its choice.
pub fn menu(
    buffer: &mut Buffer,
    area: Rect,
    look: &Look,
    choices: &[Choice],
    selected: Option<usize>,
) -> usize {
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return 0;
    }
    let first = scroll::around(selected.unwrap_or(0), choices.len(), usize::from(area.height));
    for (y, (i, choice)) in (area.top()..area.bottom()).zip(choices.iter().enumerate().skip(first)) {
        let line = Rect { y, height: 1, ..area };
        let gutter = area.width.min(2);
        let inner = Rect { x: area.x + gutter, width: area.width - gutter, ..line };
        bar(buffer, inner, look, std::slice::from_ref(&choice.text), std::slice::from_ref(&choice.right));
        if selected == Some(i) {
            write(buffer, (area.x, y), 1, look.glyphs.cursor, look.style(Role::Strong));
            buffer.set_style(line, look.style(Role::Selected));
        }
    }
    first
}
