//! The ceiling for every tenant: what each mode means.

use cutover_shared::mapping::Mode;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::choice;
use super::sheet::{Line, Sheet, paragraph, width};
use crate::plain::number;
use crate::state::State;
use crate::state::layer::MODES;
use crate::state::verb::others_killed;
use crate::theme::Role;
use crate::widgets::{Choice, Look, Piece};

pub(super) fn draw(state: &State, look: &Look, buffer: &mut Buffer, room: Rect, cursor: usize) {
    let status = state.status();
    let now = status.map(|status| status.mode.mode);
    let choices: Vec<Choice> = MODES
        .iter()
        .map(|mode| {
            let is = now == Some(*mode);
            let mark = if is { look.glyphs.mark } else { " " };
            Choice {
                text: Piece::new(format!("{mark} {:<8}{}", mode.word(), short(*mode)), Role::Text),
                right: Piece::new(if is { "now" } else { "" }, Role::Dim),
            }
        })
        .collect();
    let width = width(room);
    let mut below = vec![Line::blank()];
    below.extend(paragraph(
        &meaning(state, MODES.get(cursor).copied().unwrap_or(Mode::Off)),
        Role::Dim,
        width,
    ));
    if state.is_killed() {
        let text =
            format!("{} KILLED: any choice lets go of the kill switch, for github-auth.", look.glyphs.killed);
        below.extend(paragraph(&text, Role::Bad, width));
        if let Some(others) = others_killed(state) {
            below.extend(paragraph(&others, Role::Warn, width));
        }
    }
    let sheet = Sheet {
        title: "Mode: the ceiling for every tenant",
        foot: "Enter asks, Esc leaves it",
        ..Sheet::default()
    };
    choice::draw(buffer, room, look, &sheet, (&choices, cursor), &below);
}

fn short(mode: Mode) -> &'static str {
    match mode {
        Mode::Off => "everybody on the old tokens",
        Mode::Canary => "installations for the canary list",
        Mode::On => "installations for everybody mapped",
    }
}

fn meaning(state: &State, mode: Mode) -> String {
    let Some(status) = state.status() else { return String::new() };
    let canary = number(u64::try_from(status.mode.canary.len()).unwrap_or(u64::MAX));
    let tenants = number(status.tenants);
    match mode {
        Mode::Off => format!("All {tenants} tenants are served by their old user tokens."),
        Mode::Canary => format!(
            "The {canary} tenants on the canary list may use installations where they are mapped; the others of {tenants} \
             stay on their old tokens."
        ),
        Mode::On => format!(
            "All {tenants} tenants may use installations where they are mapped; a rollout's stage decides who does."
        ),
    }
}
