//! What the console looks like.

use ratatui::Frame;

use crate::state::State;
use crate::widgets::Look;

/// Draws the state.
pub fn draw(_state: &State, _look: &Look, _frame: &mut Frame<'_>) {}
