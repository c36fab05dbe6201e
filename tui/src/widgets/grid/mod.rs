//! The painter of tables: gets only the rows that may be seen, and says which part of the list they are.

mod layout;

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

pub use layout::{Column, Slot, layout};

use super::piece::{clean, columns, cut, narrow, write};
use super::{Look, Piece, bar, scroll};
use crate::plain::number;
use crate::theme::Role;

/// Columns for the signs of the selected and of marked rows.
const GUTTER: u16 = 2;

/// Areas lower than this show no position below the rows.
const LOWEST_WITH_POSITION: u16 = 5;

/// By which column a list is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// Index of the column.
    pub column: usize,
    /// The largest first.
    pub descending: bool,
}

/// A row: a cell for each column, whether it is shown or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    pub cells: Vec<Piece>,
    pub marked: bool,
}

/// A window of a list.
#[derive(Clone, Copy, Debug, Default)]
pub struct Grid<'a> {
    pub columns: &'a [Column<'a>],
    pub sort: Option<Sort>,
    /// The rows from `offset` on; as many as [`Grid::lines`] says are drawn, more are no harm.
    pub rows: &'a [Row],
    /// Where `rows` begins in the whole list, from 0.
    pub offset: u64,
    /// How long the whole list is, where somebody knows.
    pub total: Option<u64>,
    /// Index into `rows`.
    pub selected: Option<usize>,
    /// Every cell is older than it should be.
    pub stale: bool,
}

impl Grid<'_> {
    /// How many rows an area of that height shows: without the titles and the position.
    pub const fn lines(height: u16) -> u16 {
        if height >= LOWEST_WITH_POSITION { height - 2 } else { height.saturating_sub(1) }
    }

    /// Where the columns are drawn in an area: by it a click on a title finds its column.
    pub fn slots(&self, area: Rect) -> Vec<Slot> {
        let gutter = GUTTER.min(area.width);
        let slots = layout(self.columns, area.width - gutter).into_iter();
        slots.map(|slot| Slot { x: slot.x.saturating_add(area.x).saturating_add(gutter), ..slot }).collect()
    }

    /// Draws titles, rows and the position. Answers the index in `rows` of the first row that is drawn: 0, unless the
    /// selected one would be below the end.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect, look: &Look) -> usize {
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return 0;
        }
        let slots = self.slots(area);
        for slot in &slots {
            self.title(buffer, area.y, *slot, look);
        }
        let lines = usize::from(Self::lines(area.height));
        let below = self.selected.map_or(0, |selected| (selected + 1).saturating_sub(lines));
        let first = scroll::first(below, self.rows.len(), lines);
        let mut shown = 0;
        for (y, (i, row)) in
            (area.y + 1..area.bottom()).zip(self.rows.iter().enumerate().skip(first).take(lines))
        {
            self.row(buffer, Rect { y, height: 1, ..area }, &slots, (i, row), look);
            shown += 1;
        }
        if area.height >= LOWEST_WITH_POSITION {
            let begin = self.offset.saturating_add(first as u64);
            let at = Piece::new(position(begin, shown, self.total), Role::Dim);
            bar(buffer, Rect { y: area.bottom() - 1, height: 1, ..area }, look, &[], &[at]);
        }
        first
    }

    fn title(&self, buffer: &mut Buffer, y: u16, slot: Slot, look: &Look) {
        let Some(column) = self.columns.get(slot.column) else { return };
        let style = look.style(Role::TableHead);
        let sort = self.sort.filter(|sort| sort.column == slot.column);
        let arrow = sort.map(|sort| if sort.descending { look.glyphs.down } else { look.glyphs.up });
        let title = clean(column.title);
        let Some(arrow) = arrow else {
            return put(buffer, (slot.x, y), slot.width, &title, column.right, style, look);
        };
        // The arrow stays where the title is cut.
        let title = cut(&title, usize::from(slot.width.saturating_sub(1)), look);
        put(buffer, (slot.x, y), slot.width, &format!("{title}{arrow}"), column.right, style, look);
    }

    fn row(&self, buffer: &mut Buffer, line: Rect, slots: &[Slot], (i, row): (usize, &Row), look: &Look) {
        let selected = self.selected == Some(i);
        for slot in slots {
            let Some(cell) = row.cells.get(slot.column) else { continue };
            let right = self.columns.get(slot.column).is_some_and(|column| column.right);
            let style = match (self.stale, cell.role) {
                (true, _) => look.style(Role::Stale),
                // Reversed grey can't be read.
                (false, Role::Dim) if selected => look.style(Role::Text),
                (false, role) => look.style(role),
            };
            put(buffer, (slot.x, line.y), slot.width, &clean(&cell.text), right, style, look);
        }
        let gutter = GUTTER.min(line.width);
        if row.marked {
            write(
                buffer,
                (line.x + 1, line.y),
                gutter.saturating_sub(1),
                look.glyphs.mark,
                look.style(Role::Marked),
            );
        }
        if selected {
            write(buffer, (line.x, line.y), gutter, look.glyphs.cursor, look.style(Role::Strong));
            buffer.set_style(line, look.style(Role::Selected));
        }
    }
}

/// Draws a cleaned text into a place of its own, at its left or right end.
fn put(
    buffer: &mut Buffer,
    (x, y): (u16, u16),
    room: u16,
    text: &str,
    right: bool,
    style: Style,
    look: &Look,
) {
    let text: Cow<'_, str> = cut(text, usize::from(room), look);
    let gap = if right { room.saturating_sub(narrow(columns(&text))) } else { 0 };
    write(buffer, (x.saturating_add(gap), y), room - gap, &text, style);
}

/// `12-40 of 100,000`: where `shown` rows from `first` (from 0) stand in the list.
pub fn position(first: u64, shown: u64, total: Option<u64>) -> String {
    let of = total.map_or(String::new(), |total| format!(" of {}", number(total)));
    if shown == 0 {
        return format!("0{of}");
    }
    let (from, to) = (first.saturating_add(1), first.saturating_add(shown));
    if from == to { format!("{}{of}", number(from)) } else { format!("{}-{}{of}", number(from), number(to)) }
}
