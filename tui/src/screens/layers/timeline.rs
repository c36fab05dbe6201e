//! A rollout's timeline: where it goes next, and each stay in a stage with what happened in it.

use cutover_shared::rollout::RolloutName;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::sheet::{Line, facts, paragraph, width};
use super::why::known;
use crate::plain::{shell_word, timeline};
use crate::screens::notice;
use crate::state::{Slot, State};
use crate::theme::{self, Role};
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
    let Some(view) = state.timeline(name) else {
        let feed = state.feeds.get(&Slot::Timeline(name));
        let waiting = notice::waiting(state, feed, "the timeline", look);
        return waiting.iter().flat_map(|line| paragraph(&line.text, line.role, width)).collect();
    };
    let now = state.daemon_now();
    let mut all = timeline::ahead(view, now);
    all.push(Default::default());
    all.extend(timeline::behind(view, now));
    let mut all: Vec<_> =
        all.iter().map(|(key, text, tone)| (key.as_str(), text.as_str(), theme::tone(*tone))).collect();
    let earlier = view
        .stays
        .next
        .as_ref()
        .map(|next| format!("earlier: `cutover rollout timeline {name} --after {}`", shell_word(next)));
    all.extend(earlier.as_ref().map(|text| ("", text.as_str(), Role::Dim)));
    facts(&all, width)
}
