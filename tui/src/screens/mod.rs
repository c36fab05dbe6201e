//! What the state looks like. Nothing here decides or remembers anything.

mod banner;
mod fleet;
mod hints;
pub mod layers;
mod mapping;
mod notice;
mod overview;
mod rollout;
mod rule;
mod run;
mod side;
mod sign;
mod status_line;
mod table;
mod tabs;
mod tiny;
mod tour;
mod webhooks;

use ratatui::Frame;

use crate::state::layout::{areas, is_tiny};
use crate::state::{Screen, State};
use crate::widgets::Look;

/// Draws everything, onto the terminal as it was when the state heard of its size last.
pub fn draw(state: &State, look: &Look, frame: &mut Frame<'_>) {
    let buffer = frame.buffer_mut();
    if is_tiny(state.size) {
        tiny::draw(state, look, buffer, buffer.area);
    } else {
        let areas = areas(state);
        banner::draw(state, look, buffer, areas.banner);
        tabs::draw(state, look, buffer, areas.tabs);
        match state.screen {
            Screen::Overview => overview::draw(state, look, buffer, areas.main),
            Screen::Mapping => mapping::draw(state, look, buffer, areas.head),
            Screen::Run => run::draw(state, look, buffer, areas.head),
            Screen::Webhooks => webhooks::draw(state, look, buffer, areas.head),
            Screen::Fleet => fleet::draw(state, look, buffer, areas.head),
            Screen::Tenants
            | Screen::Runs
            | Screen::Tokens
            | Screen::Audit
            | Screen::Installations
            | Screen::Workflows
            | Screen::Rollouts => {}
        }
        if state.screen != Screen::Overview {
            // Without a row there are no details, and what is said instead of rows gets their place.
            let bare = state
                .table()
                .is_some_and(|table| state.window(table.id).is_none_or(|window| window.total == 0));
            let main = if bare { areas.main.union(areas.side) } else { areas.main };
            table::draw(state, look, buffer, if areas.side.is_empty() { areas.main } else { main });
            if !bare && state.screen == Screen::Rollouts {
                rollout::draw(state, look, buffer, areas.side);
            } else if !bare {
                side::draw(state, look, buffer, areas.side);
            }
        }
        tour::draw(state, look, buffer, areas.tour);
        status_line::draw(state, look, buffer, areas.status);
        hints::draw(state, look, buffer, areas.hints);
    }
    layers::draw(state, look, frame);
}
