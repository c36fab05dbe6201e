//! One line: something on the left, something on the right.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::piece::{columns, narrow, styled, write_pieces};
use super::{Look, Piece};

/// Draws onto the first line of `area`. The right side is kept as long as it fits, the left side is cut.
pub fn bar(buffer: &mut Buffer, area: Rect, look: &Look, left: &[Piece], right: &[Piece]) {
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return;
    }
    let (left, right) = (styled(left, look), styled(right, look));
    let wanted = narrow(right.iter().map(|(text, _)| columns(text)).sum()).min(area.width);
    write_pieces(buffer, (area.right() - wanted, area.y), wanted, &right, look);
    let gap = u16::from(wanted > 0);
    write_pieces(buffer, (area.x, area.y), area.width.saturating_sub(wanted + gap), &left, look);
}
