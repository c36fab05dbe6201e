//! Aligned columns. On a terminal columns that may shrink are cut with `…`; elsewhere nothing is cut.

use super::{Style, Tone, clean, cut, width};

/// The narrowest that a column may be cut to.
const NARROWEST: usize = 8;

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    title: &'static str,
    right: bool,
    shrinks: bool,
}

impl Column {
    /// A column of words, shown whole.
    pub const fn words(title: &'static str) -> Self {
        Self { title, right: false, shrinks: false }
    }

    /// A column of words that may be cut on a narrow terminal.
    pub const fn long(title: &'static str) -> Self {
        Self { title, right: false, shrinks: true }
    }

    /// A column of numbers.
    pub const fn number(title: &'static str) -> Self {
        Self { title, right: true, shrinks: false }
    }
}

/// One place of a table.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A place with a colour.
    pub fn toned(text: impl AsRef<str>, tone: Tone) -> Self {
        Self { text: clean(text.as_ref()).into_owned(), tone }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(text, Tone::Plain)
    }
}

/// A table that may be printed in parts: later parts keep the widths of those before.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    widths: Vec<usize>,
    begun: bool,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: &[Column]) -> Self {
        let widths = columns.iter().map(|column| width(column.title)).collect();
        Self { columns: columns.to_vec(), widths, begun: false }
    }

    /// The text of the next rows; the first part begins with the titles. Missing places are empty, surplus
    /// ones are left out.
    pub fn part(&mut self, rows: &[Vec<Cell>], style: Style) -> String {
        for row in rows {
            for (widest, cell) in self.widths.iter_mut().zip(row) {
                *widest = (*widest).max(width(&cell.text));
            }
        }
        let widths = self.fitted(style.columns);
        let mut out = String::new();
        if !std::mem::replace(&mut self.begun, true) {
            let titles = self.columns.iter().map(|c| Cell::toned(c.title, Tone::Strong)).collect::<Vec<_>>();
            self.row(&titles, &widths, style, &mut out);
        }
        for row in rows {
            self.row(row, &widths, style, &mut out);
        }
        out
    }

    /// The whole table at once.
    pub fn whole(columns: &[Column], rows: &[Vec<Cell>], style: Style) -> String {
        Self::new(columns).part(rows, style)
    }

    fn fitted(&self, room: Option<usize>) -> Vec<usize> {
        let mut widths = self.widths.clone();
        let Some(room) = room else { return widths };
        let gaps = 2 * widths.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > room {
            let shrinkable = widths
                .iter_mut()
                .zip(&self.columns)
                .filter(|(w, c)| c.shrinks && **w > NARROWEST.max(width(c.title)));
            let Some((widest, _)) = shrinkable.max_by_key(|(w, _)| **w) else { break };
            *widest -= 1;
        }
        widths
    }

    fn row(&self, row: &[Cell], widths: &[usize], style: Style, out: &mut String) {
        for (i, (column, room)) in self.columns.iter().zip(widths).enumerate() {
            let empty = Cell::default();
            let cell = row.get(i).unwrap_or(&empty);
            let text = if column.shrinks { cut(&cell.text, *room) } else { cell.text.as_str().into() };
            let gap = " ".repeat(room.saturating_sub(width(&text)));
            if i > 0 {
                out.push_str("  ");
            }
            let painted = style.paint(&text, cell.tone);
            if column.right {
                out.push_str(&gap);
                out.push_str(&painted);
            } else {
                out.push_str(&painted);
                out.push_str(&gap);
            }
        }
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
    }
}
