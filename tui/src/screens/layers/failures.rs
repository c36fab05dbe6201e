//! Failures of the fleet by their error: how many, what to do.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::choice;
use super::sheet::{Line, Sheet, facts, paragraph, width};
use crate::keymap::Action;
use crate::plain::fleet::tenants;
use crate::plain::number;
use crate::screens::{notice, sign};
use crate::state::{Slot, State};
use crate::theme::Role;
use crate::widgets::{Choice, Look, Piece};

pub(super) fn draw(state: &State, look: &Look, buffer: &mut Buffer, room: Rect, cursor: usize) {
    let width = width(room);
    let (mut choices, mut below) = (Vec::new(), Vec::new());
    let mut tag = String::new();
    match state.fleet_as_told() {
        None => {
            let feed = state.feeds.get(&Slot::Fleet);
            for line in notice::waiting(state, feed, "the failures", look) {
                below.extend(paragraph(&line.text, line.role, width));
            }
        }
        Some(status) if status.failures.is_empty() => {
            below.extend(paragraph("Nothing failed.", Role::Good, width));
        }
        Some(status) => {
            let all = status.failures.iter().fold(0_u64, |sum, one| sum.saturating_add(one.tenants));
            tag = format!("{}{} in {} groups", sign::about(state), tenants(all), status.failures.len());
            choices.extend(status.failures.iter().map(|one| {
                let text = format!("{:>6}  {}: {}", number(one.tenants), one.migration, one.text);
                Choice {
                    text: Piece::new(text, sign::aged(state, Role::Bad)),
                    right: Piece::new(one.class.word(), Role::Dim),
                }
            }));
            let at = cursor.min(status.failures.len().saturating_sub(1));
            if let Some(one) = status.failures.get(at) {
                below.push(Line::blank());
                let all = [
                    ("Error", one.text.as_str(), Role::Bad),
                    ("Migration", one.migration.as_str(), Role::Text),
                    ("Example", one.example.as_str(), Role::Text),
                    ("Group", one.group.as_str(), Role::Dim),
                    ("Next", one.next.as_str(), Role::Text),
                ];
                below.extend(facts(&all, width));
            }
        }
    }
    let key = |action| state.keymap.key(action);
    let foot = if choices.is_empty() {
        "Esc closes".to_owned()
    } else {
        format!(
            "{} shows the tenants, {} takes them once more, Esc closes",
            key(Action::Open),
            key(Action::FleetRetry)
        )
    };
    let sheet = Sheet {
        title: "Failures by their error",
        tag: Piece::new(tag, Role::Dim),
        foot: &foot,
        stale: state.stale().is_some(),
        ..Sheet::default()
    };
    choice::draw(buffer, room, look, &sheet, (&choices, cursor), &below);
}
