//! What the overview says, as lines.

use cutover_shared::mapping::MappingCounts;
use cutover_shared::run::RunView;
use cutover_shared::status::{Attention, Health, NextStep, Status};

use super::gateway;
use crate::plain::{age, number, span};
use crate::screens::{mapping, sign};
use crate::state::figures::short;
use crate::state::{State, Subject};
use crate::theme::Role;
use crate::widgets::{Look, Piece, wrap};

/// One answer.
pub(super) struct Part {
    pub title: &'static str,
    /// The same in a narrow terminal.
    pub short: &'static str,
    /// At the right of the title.
    pub note: String,
    pub lines: Vec<Placed>,
}

/// A line, and which place of the cursor it belongs to.
pub(super) struct Placed {
    pub line: Line,
    pub at: Option<usize>,
}

pub(super) enum Line {
    Text(Vec<Piece>, Vec<Piece>),
    Share(MappingCounts),
    Run(Box<RunView>, Show),
}

/// How much of a run a line shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    Words,
    Bar,
    Both,
}

/// From here a run's words and its bar stand on one line.
const WIDE: u16 = 76;

/// The six answers below the verdict. `roomy` gives sentences as many lines as they need; otherwise each has one.
pub(super) fn all(state: &State, look: &Look, width: u16, roomy: bool) -> [Part; 6] {
    let (mut person, mut moves) = (Vec::new(), Vec::new());
    for (at, subject) in state.lines().into_iter().enumerate() {
        match subject {
            Subject::Attention(notice) => {
                let lines = attention(state, &notice, look, width, roomy);
                person.extend(lines.into_iter().map(|line| Placed { line, at: Some(at) }));
            }
            Subject::Run(run) if roomy && width < WIDE => {
                moves.push(Placed { line: Line::Run(run.clone(), Show::Words), at: Some(at) });
                let reason = run.reason.clone().filter(|_| !run.state.is_moving());
                moves.push(Placed { line: Line::Run(run, Show::Bar), at: Some(at) });
                let warn = sign::aged(state, Role::Warn);
                let lines = reason.map(|reason| sentence(" ", warn, &reason, warn, width, true));
                let lines = lines.into_iter().flatten();
                moves.extend(lines.map(|line| Placed { line, at: Some(at) }));
            }
            Subject::Run(run) => moves.push(Placed { line: Line::Run(run, Show::Both), at: Some(at) }),
            _ => {}
        }
    }
    let note = |what: &[Placed], word: &str| {
        let mut places: Vec<usize> = what.iter().filter_map(|line| line.at).collect();
        places.dedup();
        if places.len() > 1 { format!("{} {word}", places.len()) } else { String::new() }
    };
    let (person_note, moves_note) = (note(&person, "things"), note(&moves, "runs"));
    if person.is_empty() {
        person.push(quiet(state, look, Role::Good, "nobody: nothing waits for a person"));
    }
    if moves.is_empty() {
        moves.push(quiet(state, look, Role::Dim, "nothing moves"));
    }
    let (far, next, back) = match state.status() {
        Some(status) => (
            far(state, status, look, width, roomy),
            next(state, status, look, width, roomy),
            back(state, status, look, width, roomy),
        ),
        None => (Vec::new(), Vec::new(), Vec::new()),
    };
    let part = |title, short, note, lines| Part { title, short, note, lines };
    [
        part("Needs a person", "needs you", person_note, person),
        part("Moves", "moves", moves_note, moves),
        part("How far", "how far", String::new(), far),
        part("Gateway", "gateway", String::new(), gateway::lines(state, look)),
        part("Next", "next", String::new(), next),
        part("Way back", "way back", String::new(), back),
    ]
}

pub(super) fn text(left: Vec<Piece>, right: Vec<Piece>) -> Placed {
    Placed { line: Line::Text(left, right), at: None }
}

fn quiet(state: &State, look: &Look, role: Role, words: &str) -> Placed {
    let piece = sign::told(look, words, role);
    text(vec![Piece { role: sign::aged(state, piece.role), ..piece }], Vec::new())
}

fn attention(state: &State, notice: &Attention, look: &Look, width: u16, roomy: bool) -> Vec<Line> {
    let (sign, role) = match notice.health {
        Health::Bad => (look.glyphs.bad, Role::Bad),
        Health::Warning => (look.glyphs.warn, Role::Warn),
        Health::Ok => (look.glyphs.pending, Role::Info),
    };
    let role = sign::aged(state, role);
    let mut lines = sentence(sign, role, &notice.text, sign::aged(state, Role::Text), width, roomy);
    if let Some(command) = notice.command.as_ref().filter(|_| roomy) {
        let command = format!("  {} {command}", look.glyphs.right);
        lines.push(Line::Text(vec![Piece::new(command, Role::Text)], Vec::new()));
    }
    lines
}

/// A sign and a sentence, in one line or in as many as it needs.
fn sentence(sign: &str, role: Role, words: &str, text: Role, width: u16, roomy: bool) -> Vec<Line> {
    let wrapped = match roomy {
        true => wrap(words, usize::from(width.saturating_sub(2).max(8))),
        false => vec![words.to_owned()],
    };
    let begin = |i: usize| if i == 0 { format!("{sign} ") } else { "  ".to_owned() };
    let lines = wrapped.into_iter().enumerate();
    lines
        .map(|(i, line)| Line::Text(vec![Piece::new(begin(i), role), Piece::new(line, text)], Vec::new()))
        .collect()
}

fn far(state: &State, status: &Status, look: &Look, width: u16, roomy: bool) -> Vec<Placed> {
    let role = |role| sign::aged(state, role);
    let about = sign::about(state);
    if status.repositories == 0 {
        return vec![quiet(state, look, Role::Dim, "no repository yet")];
    }
    let legend = mapping::legend(state, look, &status.counts);
    let canary = status.mode.canary.len() as u64;
    let who = match canary {
        0 => "none on canary".to_owned(),
        n => format!("{about}{} on canary", number(n)),
    };
    let left = format!("{about}{} tenants, {who}", number(status.tenants));
    let (index, tone) = index(state, status);
    let mut lines = vec![Placed { line: Line::Share(status.counts.clone()), at: None }];
    // The legend has a sign, a number and a word for each part, and blanks between them.
    if sign::columns(&legend) <= width || !roomy {
        lines.push(text(legend, Vec::new()));
    } else {
        let (first, then) = legend.split_at(3.min(legend.len()));
        lines.push(text(first.to_vec(), Vec::new()));
        lines.push(text(then.get(1..).unwrap_or_default().to_vec(), Vec::new()));
    }
    lines.push(text(vec![Piece::new(left, role(Role::Text))], vec![Piece::new(index, role(tone))]));
    lines
}

/// How old what is known of GitHub is.
fn index(state: &State, status: &Status) -> (String, Role) {
    let index = &status.index;
    if let Some((read, known)) = index.sweeping {
        return (format!("reading GitHub: {} of {}", number(read), number(known)), Role::Info);
    }
    match index.swept_at {
        Some(at) => (format!("GitHub read {}", age(state.daemon_now(), at)), Role::Dim),
        None => ("GitHub was never read".to_owned(), Role::Warn),
    }
}

fn next(state: &State, status: &Status, look: &Look, width: u16, roomy: bool) -> Vec<Placed> {
    let mut steps = status.next.clone();
    if steps.is_empty() && status.repositories == 0 {
        let (text, command) = ("take the application's list", "cutover catalog import FILE");
        steps.push(NextStep { text: text.to_owned(), command: command.to_owned() });
    }
    if steps.is_empty() {
        return vec![quiet(state, look, Role::Good, "nothing: the way is done")];
    }
    let mut lines = Vec::new();
    for (i, step) in steps.iter().enumerate() {
        let sign = format!("{}", i + 1);
        let (tone, words) = (sign::aged(state, Role::Strong), sign::aged(state, Role::Text));
        let command = Piece::new(step.command.as_str(), sign::aged(state, Role::Info));
        let wanted = sign::columns(&[Piece::from(step.text.as_str()), command.clone()]) + 4;
        if wanted <= width {
            let left = vec![Piece::new(format!("{sign} "), tone), Piece::new(step.text.as_str(), words)];
            lines.push(text(left, vec![command]));
            continue;
        }
        let sentence = sentence(&sign, tone, &step.text, words, width, roomy);
        lines.extend(sentence.into_iter().map(|line| Placed { line, at: None }));
        if roomy {
            lines.push(text(vec![Piece::from("  "), command], Vec::new()));
        }
    }
    lines
}

fn back(state: &State, status: &Status, look: &Look, width: u16, roomy: bool) -> Vec<Placed> {
    let back = &status.back;
    let about = sign::about(state);
    let (role, words) = match (&back.blocked, back.items, back.seconds) {
        (Some(why), _, _) => (Role::Bad, format!("not now: {why}")),
        (None, 0, _) => (Role::Good, "nothing to take back: no effect stands".to_owned()),
        (None, n, Some(seconds)) => {
            (Role::Good, format!("yes: {about}{} effects, in about {}", number(n), span(seconds)))
        }
        (None, n, None) => {
            (Role::Good, format!("yes: {about}{} effects; how fast was never measured", number(n)))
        }
    };
    let role = sign::aged(state, role);
    let head =
        sentence(sign::of_role(look, unaged(back.blocked.is_some())), role, &words, role, width, roomy);
    let mut lines: Vec<Placed> = head.into_iter().map(|line| Placed { line, at: None }).collect();
    if !back.basis.is_empty() && back.items > 0 {
        let basis = sentence(" ", Role::Dim, &back.basis, Role::Dim, width, roomy);
        lines.extend(basis.into_iter().map(|line| Placed { line, at: None }));
    }
    if roomy && !back.runs.is_empty() {
        let ids: Vec<&str> = back.runs.iter().map(short).collect();
        let runs = format!("runs, newest first: {}", ids.join(", "));
        let runs = sentence(" ", Role::Dim, &runs, Role::Dim, width, roomy);
        lines.extend(runs.into_iter().map(|line| Placed { line, at: None }));
    }
    lines
}

/// The sign does not age: it says what the words say.
fn unaged(blocked: bool) -> Role {
    if blocked { Role::Bad } else { Role::Good }
}
