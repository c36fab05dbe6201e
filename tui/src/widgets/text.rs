//! Running text that can be scrolled.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::piece::write;
use super::{Look, Piece, scroll, wrap};

/// Draws paragraphs, wrapped, from the line `first` on; past the end the last page is shown. Answers how many lines there
/// are in all.
pub fn text(buffer: &mut Buffer, area: Rect, look: &Look, paragraphs: &[Piece], first: usize) -> usize {
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return 0;
    }
    let lines = paragraphs.iter().flat_map(|paragraph| {
        wrap(&paragraph.text, usize::from(area.width)).into_iter().map(|line| (line, paragraph.role))
    });
    let lines: Vec<_> = lines.collect();
    let first = scroll::first(first, lines.len(), usize::from(area.height));
    for (y, (line, role)) in (area.top()..area.bottom()).zip(lines.iter().skip(first)) {
        write(buffer, (area.x, y), area.width, line, look.style(*role));
    }
    lines.len()
}
