//! A row of buttons.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Look;
use super::piece::{clean, columns, cut, narrow, write};
use crate::theme::Role;

/// A button.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Button<'a> {
    pub label: &'a str,
    /// It does something dangerous.
    pub danger: bool,
}

/// Draws buttons onto the first line of `area`, at its right end; where not all fit, those from the focused one on.
/// Answers where each is, by which a click finds it; those that have no room are empty.
pub fn buttons(
    buffer: &mut Buffer,
    area: Rect,
    look: &Look,
    buttons: &[Button<'_>],
    focus: usize,
) -> Vec<Rect> {
    let area = area.intersection(buffer.area);
    let nowhere = Rect { width: 0, height: 0, ..area };
    let mut places = vec![nowhere; buttons.len()];
    if area.is_empty() {
        return places;
    }
    let width = |button: &Button<'_>| narrow(columns(&clean(button.label))).saturating_add(4);
    let all = buttons.iter().fold(0_u16, |sum, button| sum.saturating_add(width(button)).saturating_add(1));
    let all = all.saturating_sub(1);
    let (mut x, first) = if all <= area.width { (area.right() - all, 0) } else { (area.x, focus) };
    for (i, button) in buttons.iter().enumerate().skip(first) {
        let room = width(button).min(area.right().saturating_sub(x));
        if room < 5 {
            break;
        }
        let role = match (i == focus, button.danger) {
            (true, _) => Role::ButtonFocus,
            (_, true) => Role::Bad,
            _ => Role::Button,
        };
        let label = clean(button.label);
        let label = cut(&label, usize::from(room - 4), look);
        let drawn = write(buffer, (x, area.y), room, &format!("[ {label} ]"), look.style(role));
        if let Some(place) = places.get_mut(i) {
            *place = Rect { x, y: area.y, width: drawn, height: 1 };
        }
        x = x.saturating_add(drawn).saturating_add(1);
    }
    places
}
