//! A text with its role, and the one way that texts get onto a buffer.

use std::borrow::Cow;

use ratatui::buffer::{Buffer, CellWidth};
use ratatui::style::{Color, Modifier, Style};
use unicode_segmentation::UnicodeSegmentation;

use super::Look;
use crate::plain;
use crate::theme::Role;

/// Bytes of a text that one line can show; what comes after them is not looked at.
const LONGEST_LINE: usize = 16 * 1024;

/// A text and what it is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    pub text: String,
    pub role: Role,
}

impl Piece {
    /// A text with a role.
    pub fn new(text: impl Into<String>, role: Role) -> Self {
        Self { text: text.into(), role }
    }
}

impl<T: Into<String>> From<T> for Piece {
    fn from(text: T) -> Self {
        Self::new(text, Role::Text)
    }
}

/// What fits into a line of `text`, without anything that a terminal would obey. All functions below want such text.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    plain::clean(text.get(..text.floor_char_boundary(LONGEST_LINE)).unwrap_or_default())
}

/// What is drawn as one, a letter with its marks or an emoji of several parts, with its columns.
pub(super) fn symbols(text: &str) -> impl Iterator<Item = (&str, usize)> {
    text.graphemes(true).map(|symbol| (symbol, usize::from(symbol.cell_width())))
}

/// Columns that `text` takes in a buffer.
pub(super) fn columns(text: &str) -> usize {
    symbols(text).map(|(_, width)| width).sum()
}

/// As much of the start of `text` as fits into `room` columns.
pub(super) fn start(text: &str, room: usize) -> &str {
    let (mut used, mut end) = (0, 0);
    for (symbol, width) in symbols(text) {
        used += width;
        if used > room {
            break;
        }
        end += symbol.len();
    }
    text.get(..end).unwrap_or_default()
}

/// `text` in at most `room` columns, with the ellipsis for what is left out.
pub(super) fn cut<'t>(text: &'t str, room: usize, look: &Look) -> Cow<'t, str> {
    if columns(text) <= room {
        return Cow::Borrowed(text);
    }
    let ellipsis = start(look.glyphs.ellipsis, room);
    Cow::Owned(format!("{}{ellipsis}", start(text, room.saturating_sub(columns(ellipsis)))))
}

/// Draws the start of `text`, at most `room` columns and never outside of the buffer. Of what was there only the
/// background shows through. Answers the columns drawn.
pub(super) fn write(buffer: &mut Buffer, (x, y): (u16, u16), room: u16, text: &str, style: Style) -> u16 {
    let area = buffer.area;
    if !(area.left()..area.right()).contains(&x) || !(area.top()..area.bottom()).contains(&y) {
        return 0;
    }
    let style = Style::new().fg(Color::Reset).remove_modifier(Modifier::all()).patch(style);
    let (end, _) = buffer.set_stringn(x, y, text, usize::from(room), style);
    end.saturating_sub(x)
}

/// Draws pieces one after the other, with the ellipsis for what has no room. Answers the columns drawn.
pub(super) fn write_pieces(
    buffer: &mut Buffer,
    (x, y): (u16, u16),
    room: u16,
    pieces: &[(Cow<'_, str>, Style)],
    look: &Look,
) -> u16 {
    let whole: usize = pieces.iter().map(|(text, _)| columns(text)).sum();
    let ellipsis =
        if whole <= usize::from(room) { "" } else { start(look.glyphs.ellipsis, usize::from(room)) };
    let most = room.saturating_sub(narrow(columns(ellipsis)));
    let mut drawn = 0_u16;
    let mut last = Style::new();
    for (text, style) in pieces {
        let fits = start(text, usize::from(most - drawn));
        drawn += write(buffer, (x.saturating_add(drawn), y), most - drawn, fits, *style).min(most - drawn);
        last = *style;
        if fits.len() < text.len() {
            break;
        }
    }
    drawn + write(buffer, (x.saturating_add(drawn), y), room - drawn, ellipsis, last)
}

/// Columns that don't fit into a terminal are as good as its last.
pub(super) fn narrow(columns: usize) -> u16 {
    u16::try_from(columns).unwrap_or(u16::MAX)
}

/// The cleaned texts of pieces with their styles.
pub(super) fn styled<'p>(pieces: &'p [Piece], look: &Look) -> Vec<(Cow<'p, str>, Style)> {
    pieces.iter().map(|piece| (clean(&piece.text), look.style(piece.role))).collect()
}
