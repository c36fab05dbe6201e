//! The guided tour: one sentence, and where in it the reader is.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::sign;
use crate::keymap::Action;
use crate::state::State;
use crate::theme::Role;
use crate::widgets::{Look, Piece, bar, text};

pub(super) fn draw(state: &State, look: &Look, buffer: &mut Buffer, area: Rect) {
    let Some((tour, sentence)) = state.tour.as_ref().and_then(|tour| Some((tour, tour.text()?))) else {
        return;
    };
    let (step, steps) = tour.place();
    let place = Piece::new(format!("tour {step}/{steps}"), Role::Tour);
    if area.height < 2 {
        let line = [place, Piece::from("  "), Piece::from(sentence)];
        return bar(buffer, sign::inset(area, 1), look, &line, &[]);
    }
    let key = |action: Action| state.keymap.key(action);
    let keys = format!(" {} goes on, {} ends it ", key(Action::TourNext), key(Action::TourSkip));
    let top = sign::line(area, 0);
    let rule = look.glyphs.border.horizontal_top;
    let dashes = usize::from(top.width);
    bar(buffer, top, look, &[Piece::new(rule.repeat(dashes), Role::Border)], &[]);
    let right = [Piece::new(keys, Role::Dim), Piece::new(rule, Role::Border)];
    let left = [Piece::new(rule, Role::Border), Piece::from(" "), place, Piece::from(" ")];
    bar(buffer, Rect { width: sign::columns(&left).min(top.width), ..top }, look, &left, &[]);
    bar_right(buffer, top, look, &right, sign::columns(&left));
    let below = Rect { y: area.y + 1, height: area.height - 1, ..area };
    text(buffer, sign::inset(below, 2), look, &[Piece::from(sentence)], 0);
}

/// Draws at the right end, where that leaves what is at the left alone.
fn bar_right(buffer: &mut Buffer, line: Rect, look: &Look, pieces: &[Piece], left: u16) {
    let wanted = sign::columns(pieces);
    if wanted.saturating_add(left) < line.width {
        let x = line.right() - wanted;
        bar(buffer, Rect { x, width: wanted, ..line }, look, pieces, &[]);
    }
}
