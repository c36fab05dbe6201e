//! A border with a title, and what is inside of it.

use ratatui::buffer::{Buffer, CellWidth};
use ratatui::layout::Rect;

use super::Look;
use super::piece::{clean, columns, cut, narrow, write};
use crate::theme::Role;

/// The smallest width and height that have an inside.
const SMALLEST: u16 = 3;

/// A bordered area. What was below it is wiped, so that it can stand over others.
#[derive(Clone, Copy, Debug, Default)]
pub struct Panel<'a> {
    pub title: &'a str,
    /// At the right end of the title's line: an age, a count.
    pub right: &'a str,
    /// The keys act here.
    pub focus: bool,
    /// What it shows is older than it should be; the caller says in `right` how old.
    pub stale: bool,
    /// It asks about something dangerous: border and title say so.
    pub danger: bool,
}

impl Panel<'_> {
    /// Draws it and answers its inside. Where there is no room for a border nothing is drawn and the inside is empty.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect, look: &Look) -> Rect {
        let area = area.intersection(buffer.area);
        if area.width < SMALLEST || area.height < SMALLEST {
            return Rect { width: 0, height: 0, ..area };
        }
        wipe(buffer, area);
        self.border(buffer, area, look);
        let inside = area.width - 2;
        // A blank on either side of a title, and the corners stay.
        let role = match (self.stale, self.danger) {
            (true, _) => Role::Stale,
            (_, true) => Role::Danger,
            _ => Role::Title,
        };
        let right = clean(self.right);
        let right_width = narrow(columns(&right));
        let right_room = if right_width == 0 || right_width + 4 > inside { 0 } else { right_width + 2 };
        if right_room > 0 {
            let role = if self.stale { Role::Stale } else { Role::Dim };
            let at = (area.right() - 1 - right_room, area.y);
            write(buffer, at, right_room, &format!(" {right} "), look.style(role));
        }
        let room = inside - right_room;
        if room > 2 && !self.title.is_empty() {
            let title = clean(self.title);
            let title = cut(&title, usize::from(room - 2), look);
            write(buffer, (area.x + 1, area.y), room, &format!(" {title} "), look.style(role));
        }
        Rect { x: area.x + 1, y: area.y + 1, width: inside, height: area.height - 2 }
    }

    fn border(&self, buffer: &mut Buffer, area: Rect, look: &Look) {
        let set = &look.glyphs.border;
        let style = look.style(match (self.danger, self.focus) {
            (true, _) => Role::Bad,
            (_, true) => Role::BorderFocus,
            _ => Role::Border,
        });
        let (left, right, top, bottom) = (area.x, area.right() - 1, area.y, area.bottom() - 1);
        for x in left + 1..right {
            write(buffer, (x, top), 1, set.horizontal_top, style);
            write(buffer, (x, bottom), 1, set.horizontal_bottom, style);
        }
        for y in top + 1..bottom {
            write(buffer, (left, y), 1, set.vertical_left, style);
            write(buffer, (right, y), 1, set.vertical_right, style);
        }
        for (x, y, corner) in [
            (left, top, set.top_left),
            (right, top, set.top_right),
            (left, bottom, set.bottom_left),
            (right, bottom, set.bottom_right),
        ] {
            write(buffer, (x, y), 1, corner, style);
        }
    }
}

/// Makes an area empty, and with it the half of a wide sign that reaches into it from the left.
pub fn wipe(buffer: &mut Buffer, area: Rect) {
    let area = area.intersection(buffer.area);
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            if let Some(cell) = buffer.cell_mut((x, y)) {
                cell.reset();
            }
        }
        let left = area.left().checked_sub(1).and_then(|x| buffer.cell_mut((x, y)));
        if let Some(cell) = left.filter(|cell| cell.cell_width() > 1) {
            cell.set_symbol(" ");
        }
    }
}
