//! The last values of a series as bars.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Look;
use super::piece::write;
use crate::theme::Role;

/// Draws the last values that fit, the newest at the right, scaled to the largest that is drawn. A value of 0 is blank,
/// any other at least the smallest bar. Uses the whole height of `area`.
pub fn spark(buffer: &mut Buffer, area: Rect, look: &Look, values: &[u64], role: Role) {
    let area = area.intersection(buffer.area);
    let shown = values.get(values.len().saturating_sub(usize::from(area.width))..).unwrap_or_default();
    let largest = shown.iter().copied().max().unwrap_or(0);
    if area.is_empty() || largest == 0 {
        return;
    }
    let style = look.style(role);
    let steps = look.glyphs.spark;
    let full = u128::from(area.height) * 8;
    for (x, value) in (area.left()..area.right()).rev().zip(shown.iter().rev()) {
        let level = (u128::from(*value) * full).div_ceil(u128::from(largest));
        for (i, y) in (area.top()..area.bottom()).rev().enumerate() {
            let here = level.saturating_sub(i as u128 * 8).min(8);
            let sign =
                usize::try_from(here).ok().and_then(|here| here.checked_sub(1)).and_then(|i| steps.get(i));
            let Some(sign) = sign else { break };
            write(buffer, (x, y), 1, sign, style);
        }
    }
}
