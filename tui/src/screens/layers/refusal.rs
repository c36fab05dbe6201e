//! A no: what, why, and the mend.

use cutover_shared::error::RpcError;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::sheet::{Line, Sheet, facts, paragraph, width};
use crate::keymap::Action;
use crate::state::State;
use crate::theme::Role;
use crate::widgets::{Look, Piece};

/// Exit codes below this are the operator's to mend; others are failures.
const FAILURE: u8 = 4;

pub(super) fn draw(
    state: &State,
    look: &Look,
    buffer: &mut Buffer,
    room: Rect,
    (title, error): (&str, &RpcError),
) {
    let width = width(room);
    let mut lines = paragraph(&error.message, Role::Strong, width);
    lines.push(Line::blank());
    let mut mend = vec![("Mend:", error.hint.as_str(), Role::Text)];
    let runbook = error.runbook.as_ref().map(|file| {
        let file = crate::runbook::find(file).map_or(file.as_str(), |(name, _)| name);
        format!("{file}: {} opens it", state.keymap.key(Action::Runbook))
    });
    if error.hint.is_empty() {
        mend.clear();
    }
    if let Some(text) = &runbook {
        mend.push(("Runbook:", text, Role::Text));
    }
    lines.extend(facts(&mend, width));
    let word = if error.code.exit() < FAILURE { "refused" } else { "failed" };
    let sheet = Sheet {
        title,
        tag: Piece::new(format!("{} {word}", look.glyphs.bad), Role::Bad),
        foot: "Esc closes",
        danger: true,
        ..Sheet::default()
    };
    sheet.draw(buffer, room, look, (&lines, 0), 0);
}
