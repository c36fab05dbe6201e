//! The newest message; without one, what the table shows.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::sign;
use crate::keymap::Action;
use crate::plain::{number, span};
use crate::state::{Link, State, Subject, Table};
use crate::theme::Role;
use crate::widgets::{Look, Piece, bar, position};

pub(super) fn draw(state: &State, look: &Look, buffer: &mut Buffer, area: Rect) {
    let area = sign::inset(area, 1);
    if let Some(toast) = state.toasts.newest() {
        let text = format!("{} {}", sign::of_role(look, toast.role), toast.text);
        return bar(buffer, area, look, &[Piece::new(text, toast.role)], &[]);
    }
    if let Some(error) = state.link.error() {
        // The first line says already that there is no daemon; of a refusal it does not say why.
        let (first, then) = match &state.link {
            Link::Waiting { .. } => (&error.hint, &error.message),
            _ => (&error.message, &error.hint),
        };
        let first = Piece::new(format!("{} {first}", look.glyphs.bad), Role::Bad);
        let then = Piece::new(format!(" ({then})"), Role::Dim);
        let retry = Piece::new(format!("{} tries now", state.keymap.key(Action::Reconnect)), Role::Info);
        return bar(buffer, area, look, &[first, then], &[retry]);
    }
    match state.table() {
        Some(table) => {
            let (left, right) = shown(state, table, look);
            bar(buffer, area, look, &left, &right);
        }
        None => {
            let (left, right) = (command(state, look), daemon(state));
            let fits = sign::columns(&left) + sign::columns(&right) < area.width;
            bar(buffer, area, look, &left, if fits || left.is_empty() { &right } else { &[] });
        }
    }
}

/// What part of what the table shows.
fn shown(state: &State, table: &Table, look: &Look) -> (Vec<Piece>, Vec<Piece>) {
    let mut left = Vec::new();
    if let Some(window) = state.window(table.id) {
        let shown = window.total.saturating_sub(table.top).min(table.height);
        let text = format!("{}{}", sign::about(state), position(table.top, shown, Some(window.total)));
        left.push(Piece::new(text, sign::aged(state, Role::Text)));
    }
    if !table.filter.is_empty() {
        left.push(Piece::new(comma(&left, "filter "), Role::Dim));
        left.push(Piece::new(table.filter.as_str(), Role::Info));
    }
    if let Some(sort) = &table.sort {
        let arrow = if sort.descending { look.glyphs.down } else { look.glyphs.up };
        left.push(Piece::new(comma(&left, "sorted by "), Role::Dim));
        left.push(Piece::new(format!("{}{arrow}", sort.field), Role::Text));
    }
    let marks = table.marks.len() as u64;
    let right = (marks > 0)
        .then(|| Piece::new(format!("{} {} marked", look.glyphs.mark, number(marks)), Role::Marked));
    (left, right.into_iter().collect())
}

fn comma(before: &[Piece], text: &str) -> String {
    if before.is_empty() { text.to_owned() } else { format!(", {text}") }
}

/// What goes on with the line of the overview under the cursor.
fn command(state: &State, look: &Look) -> Vec<Piece> {
    let Some(Subject::Attention(notice)) = state.selected() else { return Vec::new() };
    let Some(command) = notice.command else { return Vec::new() };
    vec![
        Piece::new(format!("{} ", look.glyphs.right), Role::Dim),
        Piece::new(command, Role::Info),
        Piece::new(format!("  ({} copies it)", state.keymap.key(Action::CopyCommand)), Role::Dim),
    ]
}

/// Who it is that answers.
fn daemon(state: &State) -> Vec<Piece> {
    let Some(status) = state.status() else { return Vec::new() };
    let up = span(state.daemon_now().abs_diff(status.started_at) / 1000);
    let text = format!("cutoverd {}, up {up}, {}", status.version, status.github_host);
    vec![Piece::new(text, Role::Dim)]
}
