//! Who is in: tenants that the target answers for.

use cutover_shared::rollout::RolloutName;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::choice;
use super::sheet::{Line, Sheet, paragraph, width};
use crate::keymap::Action;
use crate::plain::rollout::inside;
use crate::screens::{notice, sign};
use crate::state::{Slot, State};
use crate::theme::Role;
use crate::widgets::{Choice, Look, Piece};

pub(super) fn draw(
    state: &State,
    look: &Look,
    buffer: &mut Buffer,
    room: Rect,
    (name, cursor): (RolloutName, usize),
) {
    let width = width(room);
    let feed = state.feeds.get(&Slot::Members(name));
    let mut below = Vec::new();
    let mut choices = Vec::new();
    match state.members(name) {
        None => {
            for line in notice::waiting(state, feed, "who is in", look) {
                below.extend(paragraph(&line.text, line.role, width));
            }
        }
        Some(([], _)) => below.extend(paragraph("The target answers for nobody.", Role::Dim, width)),
        Some((members, more)) => {
            choices.extend(members.iter().map(|member| Choice {
                text: Piece::new(member.tenant.as_str(), sign::aged(state, Role::Text)),
                right: Piece::new(crate::plain::rollout::why(member), Role::Dim),
            }));
            if more {
                below.push(Line::blank());
                let text =
                    format!("There are more: `cutover rollout members {name} --side target --all-rows`");
                below.extend(paragraph(&text, Role::Dim, width));
            }
        }
    }
    let tag = state.rollout(name).map_or(String::new(), |view| inside(&view.line));
    let foot = if choices.is_empty() {
        "Esc closes".to_owned()
    } else {
        format!("{} opens the tenant, Esc closes", state.keymap.key(Action::Open))
    };
    let sheet = Sheet {
        title: &format!("In {name}"),
        tag: Piece::new(tag, Role::Dim),
        foot: &foot,
        stale: state.stale().is_some(),
        ..Sheet::default()
    };
    choice::draw(buffer, room, look, &sheet, (&choices, cursor), &below);
}
