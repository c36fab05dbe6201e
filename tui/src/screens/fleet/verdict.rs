//! The first line: what is halted or failing, and why; and how many there are.

use cutover_shared::fleet::FleetStatus;
use cutover_shared::run::RunState;

use super::{Row, aged, words, wrapped};
use crate::keymap::Action;
use crate::plain::fleet::{Headline, headlines, standing as parts};
use crate::screens::sign;
use crate::state::State;
use crate::theme::{self, Role};
use crate::widgets::{Look, Piece};

/// Lines that a reason may take.
const MOST: usize = 2;

pub(super) fn rows(state: &State, status: &FleetStatus, look: &Look, width: u16) -> Vec<Row> {
    let lines = headlines(status, state.daemon_now());
    lines.iter().enumerate().flat_map(|(at, line)| one(state, status, look, width, (at, line))).collect()
}

/// One headline with its keys. The first matters most; the others come before all figures.
fn one(
    state: &State,
    status: &FleetStatus,
    look: &Look,
    width: u16,
    (at, line): (usize, &Headline),
) -> Vec<Row> {
    let role = theme::tone(line.tone);
    let sign = match line.word {
        "HALTED" | "paused" => look.glyphs.paused,
        "moves" => look.glyphs.moving,
        _ => sign::of_role(look, role),
    };
    let text = format!("{sign} {}: {}", line.word, line.text);
    let mut keys: Vec<String> = key(state, status, line).into_iter().collect();
    if at == 0 && !status.failures.is_empty() {
        keys.push(format!("{} errors", state.keymap.key(Action::Failures)));
    }
    let told = wrapped(&text, usize::from(width), if at == 0 { MOST } else { 1 }, look);
    let used = told.last().map_or(0, |part| crate::plain::width(part));
    let last = told.len().saturating_sub(1);
    let row = |(part_at, part): (usize, String)| {
        let mut groups = vec![vec![aged(state, part, role)]];
        if part_at == last {
            groups.extend(keys.iter().map(|key| vec![Piece::new(format!("  ({key})"), Role::Dim)]));
        }
        words(if (at, part_at) == (0, 0) { 0 } else { 1 }, groups)
    };
    let mut rows: Vec<Row> = told.into_iter().enumerate().map(row).collect();
    // The way out must be read, also where it does not fit beside the reason.
    if let Some(first) = keys.first()
        && used.saturating_add(crate::plain::width(first)).saturating_add(4) > usize::from(width)
    {
        rows.push(words(5, vec![vec![Piece::new(format!("  {}", keys.join(", ")), Role::Dim)]]));
    }
    rows
}

/// What to press; where there is no key for it, what to do.
fn key(state: &State, status: &FleetStatus, line: &Headline) -> Option<String> {
    let key = |action, word: &str| Some(format!("{} {word}", state.keymap.key(action)));
    let run = status.run.as_ref().map(|run| run.state);
    match (line.word, run) {
        ("HALTED" | "paused", Some(RunState::Paused)) => key(Action::Hold, "goes on"),
        ("moves", Some(RunState::Applying)) => key(Action::Hold, "holds it"),
        ("planned" | "approved", _) => key(Action::Apply, "applies it"),
        ("behind", _) => key(Action::DryRunScope, "plans"),
        // The key of the failures says more.
        ("failing", _) => None,
        _ => line.next.clone(),
    }
}

/// How many there are, and what is not well with them.
pub(super) fn standing(state: &State, status: &FleetStatus) -> Row {
    let about = sign::about(state);
    let groups = parts(status).into_iter().enumerate().map(|(at, (text, tone))| {
        let gap = if at == 0 { "" } else { ", " };
        vec![Piece::new(gap, Role::Dim), aged(state, format!("{about}{text}"), theme::tone(tone))]
    });
    words(7, groups.collect())
}
