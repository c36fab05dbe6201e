//! One delivery: how far it came, what it says, why workflows match it or not.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use tui_input::Input;

use super::sheet::{Line, facts, paragraph, width};
use super::why::{known, told};
use crate::keymap::Action;
use crate::plain::clean;
use crate::screens::{notice, sign};
use crate::state::layout::areas;
use crate::state::why::{explained, journey};
use crate::state::{Slot, State, Subject};
use crate::theme::Role;
use crate::widgets::{Look, Piece, bar, input, wipe, wrap};

/// The journey as steps on one line, and what is not known of it yet.
pub(super) fn track(state: &State, look: &Look, subject: &Subject, width: u16) -> Vec<Line> {
    let Subject::Delivery(view) = subject else { return Vec::new() };
    let mut line = Line::blank();
    for stage in journey(state, view) {
        if !line.left.is_empty() {
            line.left.push(Piece::new(format!(" {} ", look.glyphs.right), Role::Dim));
        }
        let sign = sign::of_role(look, stage.role);
        line.left.push(Piece::new(format!("{sign} {}", stage.word), stage.role));
    }
    let mut lines = vec![line];
    let slot = Slot::Delivery { guid: view.guid.clone(), payload: false };
    if state.delivery(&view.guid, false).is_none() {
        lines.extend(waiting(state, look, &slot, "what was sent on", width));
    }
    lines.push(Line::blank());
    lines
}

/// What is said while an answer is awaited, or instead of one.
pub(super) fn waiting(state: &State, look: &Look, slot: &Slot, what: &str, width: u16) -> Vec<Line> {
    let all = notice::waiting(state, state.feeds.get(slot), what, look);
    all.iter().flat_map(|piece| paragraph(&piece.text, piece.role, width)).collect()
}

pub(super) fn payload(
    state: &State,
    look: &Look,
    buffer: &mut Buffer,
    room: Rect,
    (guid, scroll): (&str, u16),
) {
    let title = format!("Payload of {guid}");
    let lines = payload_lines(state, look, guid, width(room));
    known(state, look, buffer, room, (&title, &lines, scroll), &copies(state));
}

pub(super) fn payload_lines(state: &State, look: &Look, guid: &str, width: u16) -> Vec<Line> {
    let Some(detail) = state.delivery(guid, true) else {
        let slot = Slot::Delivery { guid: guid.to_owned(), payload: true };
        return waiting(state, look, &slot, "the payload", width);
    };
    let Some(text) = &detail.payload else {
        return paragraph("The body is not kept any more.", Role::Warn, width);
    };
    let mut lines = Vec::new();
    for line in text.lines() {
        let line = clean(line);
        let words = line.trim_start();
        let indent = (line.len() - words.len()).min(usize::from(width / 2));
        for part in wrap(words, usize::from(width).saturating_sub(indent)) {
            lines.push(Line::new(format!("{}{part}", " ".repeat(indent)), Role::Text));
        }
    }
    if detail.cut {
        lines.push(Line::new("and more that is not shown", Role::Dim));
    }
    lines
}

pub(super) fn explain(
    state: &State,
    look: &Look,
    buffer: &mut Buffer,
    room: Rect,
    (guid, workflow, scroll): (&str, Option<&str>, u16),
) {
    let of = workflow.map_or("workflows".to_owned(), |id| format!("workflow {id}"));
    let title = format!("Why {of} matched or not: {guid}");
    let lines = explain_lines(state, look, (guid, workflow), width(room));
    known(state, look, buffer, room, (&title, &lines, scroll), &copies(state));
}

pub(super) fn explain_lines(
    state: &State,
    look: &Look,
    (guid, workflow): (&str, Option<&str>),
    width: u16,
) -> Vec<Line> {
    let Some(all) = state.explanations(guid, workflow) else {
        let slot = Slot::Test { guid: guid.to_owned(), workflow: workflow.map(str::to_owned) };
        return waiting(state, look, &slot, "the rules", width);
    };
    let matched = all.iter().filter(|one| one.matched).count();
    let head = match all.len() {
        1 => Vec::new(),
        n => facts(&[("", format!("{matched} of {n} match").as_str(), Role::Strong)], width),
    };
    let mut lines = head;
    for one in explained(all) {
        if !one.key.is_empty() && !lines.is_empty() {
            lines.push(Line::blank());
        }
        if one.key.is_empty() {
            let sign = if one.role == Role::Bad { look.glyphs.bad } else { look.glyphs.good };
            for (i, part) in wrap(&one.value, usize::from(width).saturating_sub(4)).into_iter().enumerate() {
                let begin = if i == 0 { format!("  {sign} ") } else { "    ".to_owned() };
                lines.push(Line {
                    left: vec![Piece::new(begin, one.role), Piece::new(part, one.role)],
                    right: Vec::new(),
                });
            }
            continue;
        }
        let text = format!("{} {}: {}", sign::of_role(look, one.role), one.key.to_lowercase(), one.value);
        lines.extend(paragraph(&text, one.role, width));
    }
    lines
}

fn copies(state: &State) -> String {
    format!("{} copies the command, ", state.keymap.key(Action::CopyCommand))
}

/// A GUID being typed, below the table.
pub(super) fn guid(
    state: &State,
    look: &Look,
    buffer: &mut Buffer,
    (workflow, value): (&str, &Input),
) -> Option<Position> {
    let parts = areas(state);
    let (at, below) = (parts.status.intersection(buffer.area), parts.hints.intersection(buffer.area));
    wipe(buffer, at);
    wipe(buffer, below);
    let cursor = input(buffer, at, look, "GUID of a delivery: ", value)?;
    let key = state.keymap.key(Action::Webhooks);
    let keys = format!("Enter explains it for workflow {workflow}, Esc leaves it; {key} lists deliveries");
    bar(buffer, below, look, &[Piece::new(keys, Role::Hint)], &[]);
    Some(cursor)
}

/// Facts of a thing below its journey.
pub(super) fn detail(state: &State, look: &Look, subject: &Subject, width: u16) -> Vec<Line> {
    let mut lines = track(state, look, subject, width);
    lines.extend(told(&crate::state::why::detail(state, subject), width));
    if let Subject::Workflow(view) = subject
        && state.dispatches(&view.id).is_none()
    {
        lines.extend(waiting(state, look, &Slot::Dispatches(view.id.clone()), "what was sent", width));
    }
    lines
}
