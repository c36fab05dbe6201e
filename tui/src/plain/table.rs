//! Aligned columns. On a terminal columns that may shrink are cut with `…` or wrapped; elsewhere nothing is.

use super::{Style, Tone, clean, cut, width, wrap};

/// The narrowest that a column may be cut to.
const NARROWEST: usize = 8;

/// The narrowest that a column is wrapped to: below it a sentence is a column of words.
const NARROWEST_TEXT: usize = 24;

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    title: &'static str,
    right: bool,
    fit: Fit,
}

/// What becomes of a column that has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    Whole,
    Cut,
    Wrapped,
}

impl Column {
    /// A column of words, shown whole.
    pub const fn words(title: &'static str) -> Self {
        Self { title, right: false, fit: Fit::Whole }
    }

    /// A column of words that may be cut on a narrow terminal.
    pub const fn long(title: &'static str) -> Self {
        Self { title, right: false, fit: Fit::Cut }
    }

    /// A column of sentences, which go on in the next line on a narrow terminal: a reason is worth its lines.
    pub const fn text(title: &'static str) -> Self {
        Self { title, right: false, fit: Fit::Wrapped }
    }

    /// The narrowest that it gets; none for one that stays whole.
    fn narrowest(&self) -> Option<usize> {
        match self.fit {
            Fit::Whole => None,
            Fit::Cut => Some(NARROWEST.max(width(self.title))),
            Fit::Wrapped => Some(NARROWEST_TEXT.max(width(self.title))),
        }
    }

    /// A column of numbers.
    pub const fn number(title: &'static str) -> Self {
        Self { title, right: true, fit: Fit::Whole }
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
                .filter(|(w, c)| c.narrowest().is_some_and(|least| **w > least));
            let Some((widest, _)) = shrinkable.max_by_key(|(w, _)| **w) else { break };
            *widest -= 1;
        }
        widths
    }

    fn row(&self, row: &[Cell], widths: &[usize], style: Style, out: &mut String) {
        let empty = Cell::default();
        let cells: Vec<(&Column, usize, Tone, Vec<String>)> = self
            .columns
            .iter()
            .zip(widths)
            .enumerate()
            .map(|(i, (column, room))| {
                let cell = row.get(i).unwrap_or(&empty);
                let lines = match column.fit {
                    Fit::Whole => vec![cell.text.clone()],
                    Fit::Cut => vec![cut(&cell.text, *room).into_owned()],
                    Fit::Wrapped if width(&cell.text) <= *room => vec![cell.text.clone()],
                    Fit::Wrapped => wrap(&cell.text, *room),
                };
                (column, *room, cell.tone, lines)
            })
            .collect();
        let high = cells.iter().map(|(.., lines)| lines.len()).max().unwrap_or(1).max(1);
        for n in 0..high {
            for (i, (column, room, tone, lines)) in cells.iter().enumerate() {
                let text = lines.get(n).map_or("", String::as_str);
                let gap = " ".repeat(room.saturating_sub(width(text)));
                if i > 0 {
                    out.push_str("  ");
                }
                let painted = if text.is_empty() { String::new() } else { style.paint(text, *tone) };
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
}
