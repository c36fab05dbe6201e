//! What the state looks like. Nothing here decides or remembers anything.

pub mod layers;

use ratatui::Frame;

use crate::state::State;
use crate::widgets::Look;

/// Draws everything.
pub fn draw(state: &State, look: &Look, frame: &mut Frame<'_>) {
    layers::draw(state, look, frame);
}
