//! A rollout's timeline: each stay in a stage, when it began and ended, by whom, and what happened in it.

use cutover_shared::rollout::RolloutName;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::sheet::{Line, facts, paragraph, width};
use super::why::known;
use crate::screens::notice;
use crate::state::timeline::{stays, told};
use crate::state::{Slot, State};
use crate::theme::Role;
use crate::widgets::Look;

pub(super) fn draw(
    state: &State,
    look: &Look,
    buffer: &mut Buffer,
    room: Rect,
    (name, scroll): (RolloutName, u16),
) {
    let lines = lines(state, look, name, width(room));
    known(state, look, buffer, room, (&format!("Timeline of {name}"), &lines, scroll), "");
}

pub(super) fn lines(state: &State, look: &Look, name: RolloutName, width: u16) -> Vec<Line> {
    let Some((changes, more)) = state.changes(name) else {
        let feed = state.feeds.get(&Slot::Changes(name));
        let waiting = notice::waiting(state, feed, "the timeline", look);
        return waiting.iter().flat_map(|line| paragraph(&line.text, line.role, width)).collect();
    };
    let mut all = Vec::new();
    for stay in stays(changes) {
        all.extend(told(&stay, state.daemon_now()));
    }
    if more {
        all.push((String::new(), format!("earlier: `cutover rollout changes {name} --all-rows`"), Role::Dim));
    }
    let all: Vec<_> = all.iter().map(|(key, text, role)| (key.as_str(), text.as_str(), *role)).collect();
    facts(&all, width)
}
