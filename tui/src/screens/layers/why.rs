//! Why something is as it is.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::sheet::{Line, Sheet, facts, paragraph, width};
use crate::state::figures::short;
use crate::state::why::{Fact, why};
use crate::state::{Stale, State, Subject};
use crate::theme::Role;
use crate::widgets::{Look, Piece};

pub(super) fn draw(
    state: &State,
    look: &Look,
    buffer: &mut Buffer,
    room: Rect,
    (subject, scroll): (Option<&Subject>, u16),
) {
    let title = format!("Why: {}", subject.map_or("the whole".to_owned(), name));
    let lines = lines(state, subject, width(room));
    known(state, look, buffer, room, (&title, &lines, scroll), "");
}

pub(super) fn lines(state: &State, subject: Option<&Subject>, width: u16) -> Vec<Line> {
    told(&why(state, subject), width)
}

/// Facts of a thing as lines.
pub(super) fn told(all: &[Fact], width: u16) -> Vec<Line> {
    if all.is_empty() {
        return paragraph("nothing more is known", Role::Dim, width);
    }
    let all: Vec<_> = all.iter().map(|fact| (fact.key.as_str(), fact.value.as_str(), fact.role)).collect();
    facts(&all, width)
}

/// A box of what is known, which says when that is old. `keys` are those that work in it beside Esc.
pub(super) fn known(
    state: &State,
    look: &Look,
    buffer: &mut Buffer,
    room: Rect,
    (title, lines, scroll): (&str, &[Line], u16),
    keys: &str,
) {
    let foot = format!("{keys}Esc closes");
    let stale = state.stale().map(|stale| {
        let (Stale::Disconnected { since } | Stale::Slow { since } | Stale::Frozen { since }) = stale;
        let seconds = state.now.saturating_sub(since).max(0).unsigned_abs() / 1000;
        Piece::new(format!("~ {} old", crate::plain::span(seconds)), Role::Stale)
    });
    let sheet = Sheet {
        title,
        stale: stale.is_some(),
        tag: stale.unwrap_or_default(),
        foot: &foot,
        ..Sheet::default()
    };
    sheet.draw(buffer, room, look, (lines, scroll), 0);
}

/// What a thing is called.
pub(super) fn name(subject: &Subject) -> String {
    let word = subject.noun().word();
    match subject {
        Subject::Link(view) => format!("{word} {}", view.link.key.as_str()),
        Subject::Tenant(view) => format!("{word} {}", view.id.as_str()),
        Subject::Run(view) => format!("{word} {} of {}", short(&view.id), view.scope),
        Subject::Item { item, .. } => format!("{word} {}", item.key),
        Subject::Token(view) => {
            let account = view.account.as_ref().map_or(String::new(), |login| format!(" ({login})"));
            format!("{word} of installation {}{account}", view.installation)
        }
        Subject::Record(view) => format!("{word} {}", view.seq),
        Subject::Attention(_) => format!("this {word}"),
        Subject::Delivery(view) => format!("{word} {}", view.guid),
        Subject::Installation(view) => format!("{word} {} ({})", view.id, view.account),
        Subject::Workflow(view) => format!("{word} {}", view.id),
        Subject::Rollout(line) => format!("{word} {}", line.name),
        Subject::Instance(view) => format!("{word} {}", view.tenant),
    }
}
