//! All that is known of one thing.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::sheet::{Line, width};
use super::why::{known, name};
use crate::keymap::Action;
use crate::state::{State, Subject};
use crate::widgets::Look;

pub(super) fn draw(
    state: &State,
    look: &Look,
    buffer: &mut Buffer,
    room: Rect,
    (subject, scroll): (&Subject, u16),
) {
    let name = name(subject);
    let mut letters = name.chars();
    let title: String =
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters.as_str().chars()).collect();
    let lines = lines(state, look, subject, width(room));
    let key = |action| state.keymap.key(action);
    let keys = match subject {
        Subject::Delivery(_) => {
            format!("{} payload, {} explains, ", key(Action::Payload), key(Action::Explain))
        }
        Subject::Rollout(_) => {
            format!("{} who is in, {} timeline, ", key(Action::Members), key(Action::Timeline))
        }
        Subject::Instance(_) => format!("{} history, ", key(Action::History)),
        Subject::Workflow(_) => format!("{} explains the last match, ", key(Action::Explain)),
        _ => String::new(),
    };
    known(state, look, buffer, room, (&title, &lines, scroll), &keys);
}

pub(super) fn lines(state: &State, look: &Look, subject: &Subject, width: u16) -> Vec<Line> {
    match subject {
        Subject::Instance(view) => super::instance::detail(state, look, view, width),
        _ => super::delivery::detail(state, look, subject, width),
    }
}
