//! The guided tour: one sentence, and where in it the reader is.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::rule::rule;
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
    let keys = format!("{} goes on, {} ends it", key(Action::TourNext), key(Action::TourSkip));
    rule(buffer, sign::line(area, 0), look, place, &[Piece::new(keys, Role::Dim)]);
    let below = Rect { y: area.y + 1, height: area.height - 1, ..area };
    text(buffer, sign::inset(below, 2), look, &[Piece::from(sentence)], 0);
}
