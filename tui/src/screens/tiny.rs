//! Where there is no room for a screen: what is missing, the connection, the kill switch.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{banner, hints, sign};
use crate::state::State;
use crate::state::layout::LEAST;
use crate::theme::Role;
use crate::widgets::{Look, Piece, bar};

pub(super) fn draw(state: &State, look: &Look, buffer: &mut Buffer, area: Rect) {
    let (columns, rows) = state.size;
    let need = format!("need {}x{}, have {columns}x{rows}", LEAST.0, LEAST.1);
    let short = format!("need {}x{}", LEAST.0, LEAST.1);
    let fits = need.len() <= usize::from(area.width);
    let need = Piece::new(if fits { need } else { short }, Role::Warn);
    let kill = match state.is_killed() {
        true => Piece::new(format!(" {} KILLED ", look.glyphs.killed), Role::Danger),
        false => hints::kill(state),
    };
    let mut link = banner::link(state, look);
    if sign::columns(std::slice::from_ref(&link)) > area.width {
        link.text = link.text.replace("next try in ", "");
    }
    // The kill switch has the first place that there is.
    match area.height {
        0 => {}
        1 => bar(buffer, area, look, &[kill, Piece::from(" "), need, Piece::from(" "), link], &[]),
        2 => {
            bar(buffer, area, look, &[kill, Piece::from(" "), need], &[]);
            bar(buffer, sign::line(area, 1), look, &[link], &[]);
        }
        _ => {
            bar(buffer, area, look, &[kill], &[]);
            bar(buffer, sign::line(area, 1), look, &[need], &[]);
            bar(buffer, sign::line(area, 2), look, &[link], &[]);
        }
    }
}
