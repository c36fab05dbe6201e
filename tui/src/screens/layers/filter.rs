//! A filter being written: below the table, with what is wrong under the very place.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::sheet::paragraph;
use crate::keymap::Action;
use crate::plain;
use crate::state::State;
use crate::state::layer::FilterLine;
use crate::state::layout::areas;
use crate::theme::Role;
use crate::widgets::{Look, Piece, bar, input, wipe};

/// Lines above the input for fields and mistakes.
const ABOVE: u16 = 4;

pub(super) fn draw(state: &State, look: &Look, buffer: &mut Buffer, line: &FilterLine) -> Option<Position> {
    let parts = areas(state);
    let (at, below) = (parts.status.intersection(buffer.area), parts.hints.intersection(buffer.area));
    wipe(buffer, at);
    wipe(buffer, below);
    let prompt = format!("{} ", state.keymap.key(Action::Filter));
    let cursor = input(buffer, at, look, &prompt, &line.input)?;
    let mut above = Vec::new();
    match &line.problem {
        Some((letters, text)) => {
            above.extend(paragraph(&format!("{} {text}", look.glyphs.warn), Role::Warn, at.width));
            let column = caret(line, cursor.x, *letters).clamp(at.x, at.right().saturating_sub(1));
            let place = Rect { x: column, width: 1, ..below };
            bar(buffer, place, look, &[Piece::new("^", Role::Bad)], &[]);
        }
        None => {
            let keys = "Enter filters, Esc leaves it as it was";
            bar(buffer, below, look, &[Piece::new(keys, Role::Hint)], &[]);
        }
    }
    let fields: Vec<&str> = line.list.spec().fields.all.iter().map(|field| field.name).collect();
    let fields = format!("Fields: {}", fields.join(" "));
    above.extend(paragraph(&fields, Role::Dim, at.width));
    if line.problem.is_none() {
        above.extend(paragraph(
            "field:word field:a,b field>9 age>2h -field:word \"two words\"; terms without a field look for names",
            Role::Dim,
            at.width,
        ));
    }
    above.truncate(usize::from(ABOVE.min(at.y.saturating_sub(1))));
    let rows = u16::try_from(above.len()).unwrap_or(0);
    let over = Rect { y: at.y.saturating_sub(rows), height: rows, ..at };
    wipe(buffer, over);
    for (y, told) in (over.y..over.bottom()).zip(&above) {
        bar(buffer, Rect { y, height: 1, ..over }, look, &told.left, &[]);
    }
    Some(cursor)
}

/// The column of the mistake, counted from where the cursor is, because the line may be scrolled.
fn caret(line: &FilterLine, cursor: u16, letters: usize) -> u16 {
    let columns = |letters: usize| {
        let text: String = line.input.value().chars().take(letters).collect();
        u16::try_from(plain::width(&text)).unwrap_or(u16::MAX)
    };
    let (here, there) = (columns(line.input.cursor()), columns(letters));
    if there >= here { cursor.saturating_add(there - here) } else { cursor.saturating_sub(here - there) }
}
