//! What was asked of the daemon in this session, and what came of it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::choice;
use super::dialog::command;
use super::sheet::{Line, Sheet, facts, paragraph, width};
use crate::keymap::Action;
use crate::plain::age;
use crate::state::State;
use crate::state::errand::{Errand, Outcome};
use crate::theme::Role;
use crate::widgets::{Choice, Look, Piece};

pub(super) fn draw(state: &State, look: &Look, buffer: &mut Buffer, room: Rect, cursor: usize) {
    let width = width(room);
    let choices: Vec<Choice> = state.errands.all().map(|errand| choice(state, look, errand)).collect();
    let mut below = Vec::new();
    match state.errands.get(cursor) {
        Some(errand) => {
            below.push(Line::blank());
            below.extend(told(state, look, errand, width));
        }
        None => {
            let text = format!(
                "Nothing was asked of the daemon in this session. {} makes a dry-run, which changes nothing.",
                state.keymap.key(Action::DryRun)
            );
            below.extend(paragraph(&text, Role::Dim, width));
        }
    }
    let foot = if choices.is_empty() {
        "Esc closes".to_owned()
    } else {
        format!("{} copies the command, Esc closes", state.keymap.key(Action::CopyCommand))
    };
    let count = format!("{} acts", choices.len());
    let sheet = Sheet {
        title: "Receipts of this session",
        tag: Piece::new(if choices.is_empty() { String::new() } else { count }, Role::Dim),
        foot: &foot,
        ..Sheet::default()
    };
    choice::draw(buffer, room, look, &sheet, (&choices, cursor), &below);
}

fn choice(state: &State, look: &Look, errand: &Errand) -> Choice {
    let (sign, word, role) = word(look, errand);
    let when = age(state.now, errand.ended.unwrap_or(errand.begun));
    Choice {
        text: Piece::new(format!("{when:<11} {sign} {}", errand.title), role),
        right: Piece::new(word, role),
    }
}

fn word(look: &Look, errand: &Errand) -> (&'static str, &'static str, Role) {
    match &errand.outcome {
        Outcome::Going if errand.awaited().is_some() => (look.glyphs.moving, "waits for the run", Role::Info),
        Outcome::Going => (look.glyphs.moving, "under way", Role::Info),
        Outcome::Done(_) => (look.glyphs.good, "done", Role::Good),
        Outcome::Failed(_) => (look.glyphs.bad, "failed", Role::Bad),
        Outcome::NotKnown(_) => (look.glyphs.unknown, "not known", Role::Warn),
    }
}

/// The chosen one in full.
fn told(state: &State, look: &Look, errand: &Errand, width: u16) -> Vec<Line> {
    let (_, _, role) = word(look, errand);
    let open = state.keymap.key(Action::Open);
    let mut all: Vec<(&str, String, Role)> = Vec::new();
    match &errand.outcome {
        Outcome::Going => match errand.awaited() {
            Some((run, states)) => {
                let words: Vec<&str> = states.iter().map(|state| state.word()).collect();
                all.push(("Waits:", format!("until run {run} is {}", words.join(" or ")), role));
            }
            None => all.push(("Outcome:", "the daemon has not answered yet".to_owned(), role)),
        },
        Outcome::Done(text) => all.push(("Outcome:", text.clone(), Role::Text)),
        Outcome::Failed(error) => {
            all.push(("Failed:", error.message.clone(), role));
            all.push(("Mend:", error.hint.clone(), Role::Text));
        }
        Outcome::NotKnown(error) => {
            let text = format!(
                "{}. It may have been done: {open} asks again with the same key, nothing is done twice.",
                error.message
            );
            all.push(("Not known:", text, role));
        }
    }
    if errand.run.is_some() && !matches!(errand.outcome, Outcome::NotKnown(_)) {
        all.push(("Run:", format!("{open} opens it"), Role::Text));
    }
    let all: Vec<_> = all.iter().map(|(key, value, role)| (*key, value.as_str(), *role)).collect();
    let mut lines = facts(&all, width);
    lines.extend(command(&errand.twin, width));
    lines
}
