//! A place for what stands over the rest.

use ratatui::layout::Rect;

/// A rectangle of that size in the middle of `area`, clipped to it.
pub fn center(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect {
        x: area.x.saturating_add((area.width - width) / 2),
        y: area.y.saturating_add((area.height - height) / 2),
        width,
        height,
    }
}
