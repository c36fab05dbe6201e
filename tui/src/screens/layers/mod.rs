//! What lies on top of a screen.

use ratatui::Frame;

use crate::state::State;
use crate::widgets::Look;

/// Draws the layers, the lowest first.
pub fn draw(_state: &State, _look: &Look, _frame: &mut Frame<'_>) {}
