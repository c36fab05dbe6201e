//! Drawing onto a buffer. Each widget is given everything it shows, draws inside its area and inside the buffer, and
//! survives any size of both. All text is cleaned here, so that no name can move a cursor. Pure.

mod bar;
mod button;
mod center;
mod facts;
mod gauge;
mod grid;
mod input;
mod menu;
mod panel;
mod piece;
mod scroll;
mod spark;
mod text;
mod track;
mod wrap;

pub use bar::bar;
pub use button::{Button, buttons};
pub use center::center;
pub use facts::{Fact, facts};
pub use gauge::Gauge;
pub use grid::{Column, Grid, Row, Slot, Sort, layout, position};
pub use input::input;
pub use menu::{Choice, menu};
pub use panel::{Panel, wipe};
pub use piece::Piece;
pub use spark::spark;
pub use text::text;
pub use track::{Step, StepState, track};
pub use wrap::wrap;

use ratatui::style::Style;

use crate::glyphs::Glyphs;
use crate::theme::{Role, Theme};

/// How everything looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    pub theme: Theme,
    pub glyphs: Glyphs,
}

impl Look {
    /// The style of a role.
    pub fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }
}

#[cfg(test)]
mod tests;
