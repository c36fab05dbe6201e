//! `Key  value` lines.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::piece::{clean, columns, cut, narrow, write};
use super::{Look, Piece, scroll, wrap};
use crate::theme::Role;

/// The widest that keys get, so that a long one doesn't leave its values without room.
const WIDEST_KEY: u16 = 24;

/// One thing that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fact {
    /// Empty for a line that goes on with the fact before.
    pub key: String,
    pub value: Piece,
}

impl Fact {
    /// A fact.
    pub fn new(key: impl Into<String>, value: impl Into<Piece>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}

/// Draws facts, their values aligned and wrapped, from the line `first` on; past the end the last page is shown. Answers
/// how many lines there are in all.
pub fn facts(buffer: &mut Buffer, area: Rect, look: &Look, facts: &[Fact], first: usize) -> usize {
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return 0;
    }
    let longest = facts.iter().map(|fact| narrow(columns(&clean(&fact.key)))).max().unwrap_or(0);
    let key_room = longest.min(WIDEST_KEY).min(area.width / 2);
    let indent = if key_room == 0 { 0 } else { (key_room + 2).min(area.width) };
    let room = area.width - indent;
    let mut lines = Vec::new();
    for fact in facts {
        for (i, line) in wrap(&fact.value.text, usize::from(room)).into_iter().enumerate() {
            lines.push((if i == 0 { fact.key.as_str() } else { "" }, line, fact.value.role));
        }
    }
    let first = scroll::first(first, lines.len(), usize::from(area.height));
    for (y, (key, value, role)) in (area.top()..area.bottom()).zip(lines.iter().skip(first)) {
        let key = clean(key);
        let key = cut(&key, usize::from(key_room), look);
        write(buffer, (area.x, y), key_room, &key, look.style(Role::Dim));
        write(buffer, (area.x + indent, y), room, value, look.style(*role));
    }
    lines.len()
}
