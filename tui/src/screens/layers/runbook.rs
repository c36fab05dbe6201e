//! A runbook, read inside of the console.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::markdown;
use super::sheet::{Line, Sheet, paragraph, width};
use crate::state::State;
use crate::theme::Role;
use crate::widgets::Look;

pub(super) fn draw(
    _state: &State,
    look: &Look,
    buffer: &mut Buffer,
    room: Rect,
    (file, scroll): (&str, u16),
) {
    let title = format!("Runbook: {}", crate::runbook::find(file).map_or(file, |(name, _)| name));
    let lines = lines(file, look, width(room));
    let sheet = Sheet { title: &title, foot: "Esc closes", ..Sheet::default() };
    sheet.draw(buffer, room, look, (&lines, scroll), 0);
}

pub(super) fn lines(file: &str, look: &Look, width: u16) -> Vec<Line> {
    match crate::runbook::find(file) {
        Some((_, text)) => markdown::render(text, look, width),
        None => paragraph(
            "This console does not carry that runbook: the daemon is newer than it. Look into runbooks/ of the daemon's \
             release.",
            Role::Warn,
            width,
        ),
    }
}
