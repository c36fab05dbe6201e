//! A question: what exactly will happen, how it is taken back, what it stands on, what has to be typed.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::sheet::{Line, Sheet, facts, paragraph, visible, width};
use crate::keymap::{Action, Tier};
use crate::plain::{self, span};
use crate::state::dialog::{Dialog, Field, Focus};
use crate::state::figures::short;
use crate::state::{Slot, State};
use crate::theme::Role;
use crate::widgets::{Button, Look, Piece, bar, buttons, input, wrap};

/// What it stands on is old from here on, in milliseconds.
const OLD_MS: i64 = 60 * 60 * 1000;

/// Columns for the sign behind a field.
const SIGN: u16 = 11;

pub(super) fn draw(
    state: &State,
    look: &Look,
    buffer: &mut Buffer,
    room: Rect,
    dialog: &Dialog,
) -> Option<Position> {
    let width = width(room);
    let mut lines = told(state, look, dialog, width);
    let notes = notes(state, look, dialog, width);
    let fixed = fixed(dialog, &notes, width);
    let (word, role) = tier(dialog.tier, look);
    let fits = |lines: usize| usize::from(visible(room, lines, fixed)) == lines;
    let all = fits(lines.len());
    if fits(lines.len() + 1) {
        lines.push(Line::blank());
    }
    let sheet = Sheet {
        title: &dialog.title,
        tag: Piece::new(word, role),
        foot: if all { "" } else { "PgDn, PgUp: the rest" },
        danger: dialog.tier == Tier::Fleet,
        ..Sheet::default()
    };
    let mut rest = sheet.draw(buffer, room, look, (&lines, dialog.scroll), fixed);
    let mut cursor = None;
    for (at, field) in dialog.fields.iter().enumerate() {
        let focus = dialog.focus == Focus::Field(at);
        if let Some(place) = draw_field(look, buffer, &mut rest, field, focus) {
            cursor = Some(place);
        }
    }
    for line in &notes {
        bar(buffer, row(&mut rest), look, &line.left, &line.right);
    }
    let both = [Button { label: "Cancel", danger: false }, Button { label: &dialog.button, danger: true }];
    // A field has the focus: neither button is lit.
    let lit = match dialog.focus {
        Focus::Cancel => 0,
        Focus::Confirm => 1,
        Focus::Field(_) => both.len(),
    };
    buttons(buffer, row(&mut rest), look, &both, lit);
    for line in wrap(dialog.way(), usize::from(width)) {
        bar(buffer, row(&mut rest), look, &[Piece::new(line, Role::Hint)], &[]);
    }
    cursor
}

/// How many lines are told, and how many rows stand below them.
pub(super) fn size(state: &State, look: &Look, dialog: &Dialog, width: u16) -> (usize, u16) {
    let notes = notes(state, look, dialog, width);
    (told(state, look, dialog, width).len(), fixed(dialog, &notes, width))
}

/// Takes the first row.
fn row(rest: &mut Rect) -> Rect {
    let line = Rect { height: rest.height.min(1), ..*rest };
    rest.y = rest.y.saturating_add(line.height);
    rest.height -= line.height;
    line
}

fn tier(tier: Tier, look: &Look) -> (String, Role) {
    match tier {
        Tier::Look => ("changes nothing".to_owned(), Role::Dim),
        Tier::Reversible => (format!("{} reversible", look.glyphs.good), Role::Good),
        Tier::Live => (format!("{} live", look.glyphs.warn), Role::Warn),
        Tier::Fleet => (format!("{} the whole fleet", look.glyphs.warn), Role::Danger),
    }
}

/// All that is told.
fn told(state: &State, look: &Look, dialog: &Dialog, width: u16) -> Vec<Line> {
    let mut lines = Vec::new();
    for sentence in &dialog.effect {
        lines.extend(paragraph(sentence, Role::Text, width));
    }
    lines.push(Line::blank());
    let mut known = vec![("Undo:".to_owned(), dialog.undo.clone(), Role::Text)];
    if let Some((run, at)) = &dialog.basis {
        let age = state.daemon_now().saturating_sub(*at);
        let seconds = age.max(0).unsigned_abs() / 1000;
        let (sign, role) = if age > OLD_MS {
            (format!("{} ", look.glyphs.warn), Role::Warn)
        } else {
            (String::new(), Role::Text)
        };
        let text = format!("dry-run {}, {sign}{} old", short(run), span(seconds));
        known.push(("Stands on:".to_owned(), text, role));
    }
    if let Some(run) = &dialog.gate {
        known.extend(gate(state, look, run));
    }
    let known: Vec<_> =
        known.iter().map(|(key, value, role)| (key.as_str(), value.as_str(), *role)).collect();
    lines.extend(facts(&known, width));
    lines.push(Line::blank());
    lines.push(Line::new("The same as a command:", Role::Dim));
    lines.extend(command(&dialog.plan.twin, width));
    lines
}

/// What the gates say.
fn gate(state: &State, look: &Look, run: &cutover_shared::ids::RunId) -> Vec<(String, String, Role)> {
    let error = state.feeds.get(&Slot::Gate(run.clone())).and_then(|feed| feed.error.as_ref());
    let (text, role) = match (state.gate(run), error) {
        (None, None) => ("asking ...".to_owned(), Role::Info),
        (None, Some(error)) => (format!("{} not known: {}", look.glyphs.bad, error.message), Role::Bad),
        (Some(view), _) => match &view.closed {
            Some(why) => (format!("{} closed: {why}", look.glyphs.warn), Role::Warn),
            None => (format!("{} open", look.glyphs.good), Role::Good),
        },
    };
    let mut lines = vec![("Gate:".to_owned(), text, role)];
    let facts = state.gate(run).map_or(&[][..], |view| &view.facts[..]);
    if !facts.is_empty() {
        lines.push((String::new(), facts.join("; "), Role::Dim));
    }
    lines
}

/// The command, whole: a shell joins its lines again.
pub(super) fn command(twin: &str, width: u16) -> Vec<Line> {
    let twin = plain::clean(twin);
    let broken = wrap(&twin, usize::from(width.saturating_sub(2)).max(1));
    let (mut rest, mut lines) = (twin.as_ref(), Vec::new());
    for line in broken {
        let text = line.trim_end();
        rest = rest.strip_prefix(text).unwrap_or_default();
        let before = twin.get(..twin.len().saturating_sub(rest.len())).unwrap_or_default();
        let inside = before.matches('\'').count() % 2 == 1;
        let join = match rest.chars().next() {
            // Between quotes a backslash would be a letter of the word.
            None => "",
            Some(_) if inside => "",
            Some(' ') => " \\",
            Some(_) => "\\",
        };
        lines.push(Line::new(format!("{text}{join}"), Role::Key));
        rest = rest.trim_start_matches(' ');
    }
    lines
}

/// Why it can't be done now, and what the last key did not do.
fn notes(state: &State, look: &Look, dialog: &Dialog, width: u16) -> Vec<Line> {
    let disarmed = state.disarmed(Action::Apply).map(|(why, mend)| format!("{why}; {mend}"));
    let note = dialog.note.as_ref().filter(|note| disarmed.as_ref() != Some(note));
    let mut lines = Vec::new();
    if let Some(text) = &disarmed {
        lines.extend(paragraph(&format!("{} not now: {text}", look.glyphs.warn), Role::Warn, width));
    }
    if let Some(text) = &dialog.blocked {
        lines.extend(paragraph(&format!("{} not now: {text}", look.glyphs.warn), Role::Warn, width));
    }
    if let Some(text) = note.filter(|note| dialog.blocked.as_ref() != Some(note)) {
        lines.extend(paragraph(&format!("{} {text}", look.glyphs.right), Role::Warn, width));
    }
    lines
}

/// Rows that never scroll.
fn fixed(dialog: &Dialog, notes: &[Line], width: u16) -> u16 {
    let fields: usize = dialog.fields.iter().map(|field| label(field, width).len() + 1).sum();
    let rows = fields + notes.len() + 1 + wrap(dialog.way(), usize::from(width)).len();
    u16::try_from(rows).unwrap_or(u16::MAX)
}

/// The lines of a label that has no room beside its field; none when it stands there.
fn label(field: &Field, width: u16) -> Vec<String> {
    if plain::width(&field.label) + 3 <= usize::from(width / 2) {
        Vec::new()
    } else {
        wrap(&field.label, usize::from(width))
    }
}

fn draw_field(
    look: &Look,
    buffer: &mut Buffer,
    rest: &mut Rect,
    field: &Field,
    focus: bool,
) -> Option<Position> {
    let above = label(field, rest.width);
    let role = if focus { Role::Key } else { Role::Dim };
    for line in &above {
        bar(buffer, row(rest), look, &[Piece::new(line.as_str(), role)], &[]);
    }
    let line = row(rest);
    let (sign, role) = if field.holds() {
        (format!("{} it is", look.glyphs.good), Role::Good)
    } else {
        (format!("{} not yet", look.glyphs.pending), Role::Dim)
    };
    bar(buffer, line, look, &[], &[Piece::new(sign, role)]);
    let place = Rect { width: line.width.saturating_sub(SIGN), ..line };
    let prompt = if above.is_empty() { format!("{}: ", field.label) } else { "> ".to_owned() };
    input(buffer, place, look, &prompt, &field.input).filter(|_| focus)
}
