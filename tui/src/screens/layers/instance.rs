//! One tenant's database: all that is known of it, and every attempt at it.

use cutover_shared::fleet::{HistoryEntry, InstanceView, StepStatus};
use cutover_shared::ids::TenantId;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::delivery::waiting;
use super::sheet::{Line, paragraph, width};
use super::why::{known, told};
use crate::keymap::Action;
use crate::plain::clean;
use crate::plain::fleet::{drift_tone, step_line};
use crate::screens::sign;
use crate::state::figures::short;
use crate::state::list::step_role;
use crate::state::{Slot, State, Subject};
use crate::theme::{self, Role};
use crate::widgets::{Look, Piece, wrap};

/// Attempts that the details tell; the history has all.
const LATEST: usize = 5;

/// Columns that what belongs to a line stands to the right.
const INDENT: usize = 4;

/// All that is known: facts, steps, the difference, the last attempts.
pub(super) fn detail(state: &State, look: &Look, view: &InstanceView, width: u16) -> Vec<Line> {
    let subject = Subject::Instance(Box::new(view.clone()));
    let mut lines = told(&crate::state::why::detail(state, &subject), width);
    let Some(detail) = state.instance_detail(&view.tenant) else {
        lines.push(Line::blank());
        lines.extend(waiting(state, look, &Slot::Instance(view.tenant.clone()), "its steps", width));
        return lines;
    };
    lines.extend(title("Steps"));
    if detail.steps.is_empty() {
        lines.extend(paragraph("none: no migration is between it and the target", Role::Dim, width));
    }
    for step in &detail.steps {
        lines.extend(attempt(state, look, step, width, false));
    }
    if !detail.drift.is_empty() {
        lines.extend(title("Drift: + is there and not expected, - is expected and not there"));
        lines.extend(detail.drift.iter().map(|line| Line::new(clean(line), theme::tone(drift_tone(line)))));
    }
    lines.extend(title("Latest attempts"));
    match state.history(&view.tenant, None) {
        Some(page) => {
            if page.rows.is_empty() {
                lines.extend(paragraph("nothing was tried yet", Role::Dim, width));
            }
            for entry in page.rows.iter().take(LATEST) {
                lines.extend(attempt(state, look, entry, width, true));
            }
            if page.rows.len() > LATEST {
                let text = format!("{} shows all", state.keymap.key(Action::History));
                lines.extend(paragraph(&text, Role::Dim, width));
            }
        }
        None => {
            let slot = Slot::History { tenant: view.tenant.clone(), after: None };
            lines.extend(waiting(state, look, &slot, "its history", width));
        }
    }
    lines
}

fn title(text: &str) -> [Line; 2] {
    [Line::blank(), Line::new(text, Role::Title)]
}

/// One attempt: what, how it went, when; below it the error. `whole` with the way and the run, as in a history.
fn attempt(state: &State, look: &Look, entry: &HistoryEntry, width: u16, whole: bool) -> Vec<Line> {
    let role = step_role(entry.status);
    let mut line = Line::blank();
    let word = sign::told(look, entry.status.word(), role);
    line.left.push(Piece::new(format!("{:<12}", word.text), role));
    let way = if whole { format!(" {}", entry.way) } else { String::new() };
    line.left.push(Piece::new(format!("{}{way}", entry.migration), Role::Strong));
    let when = step_line(entry, state.daemon_now());
    if whole {
        line.right.push(Piece::new(format!("run {}", short(&entry.run)), Role::Dim));
    }
    let mut lines = vec![line];
    let mut below = |text: &str, role: Role| {
        let room = usize::from(width).saturating_sub(INDENT);
        lines.extend(
            wrap(text, room).into_iter().map(|part| Line::new(format!("{:INDENT$}{part}", ""), role)),
        );
    };
    // What was not begun has nothing to tell.
    if entry.status != StepStatus::Pending {
        below(&when, Role::Dim);
    }
    if let Some(error) = &entry.error {
        below(&clean(error), role);
    }
    lines
}

/// Every attempt, a page at a time.
pub(super) fn history(
    state: &State,
    look: &Look,
    buffer: &mut Buffer,
    room: Rect,
    (tenant, pages, scroll): (&TenantId, &[String], u16),
) {
    let title = format!("History of {tenant}, newest first, page {}", pages.len().saturating_add(1));
    let lines = history_lines(state, look, (tenant, pages), width(room));
    let key = |action| state.keymap.key(action);
    let next = state.history(tenant, pages.last()).is_some_and(|page| page.next.is_some());
    let mut keys = String::new();
    if next {
        keys += &format!("{} older, ", key(Action::Next));
    }
    if !pages.is_empty() {
        keys += &format!("{} newer, ", key(Action::Previous));
    }
    keys += &format!("{} copies the command, ", key(Action::CopyCommand));
    known(state, look, buffer, room, (&title, &lines, scroll), &keys);
}

pub(super) fn history_lines(
    state: &State,
    look: &Look,
    (tenant, pages): (&TenantId, &[String]),
    width: u16,
) -> Vec<Line> {
    let Some(page) = state.history(tenant, pages.last()) else {
        let slot = Slot::History { tenant: tenant.clone(), after: pages.last().cloned() };
        return waiting(state, look, &slot, "the history", width);
    };
    if page.rows.is_empty() {
        return paragraph("Nothing was tried yet.", Role::Dim, width);
    }
    let mut lines = Vec::new();
    for entry in &page.rows {
        lines.extend(attempt(state, look, entry, width, true));
    }
    if page.next.is_some() {
        let text = format!("There are older ones: {}", state.keymap.key(Action::Next));
        lines.extend(paragraph(&text, Role::Dim, width));
    }
    lines
}
