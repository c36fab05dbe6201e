//! The first line: what is halted or failing, and why; and how many there are.

use cutover_shared::fleet::{FLEET, FleetStatus};
use cutover_shared::run::RunState;

use super::{Row, aged, words, wrapped};
use crate::keymap::Action;
use crate::plain::fleet::{headline, standing as parts};
use crate::screens::sign;
use crate::state::State;
use crate::theme::{self, Role};
use crate::widgets::{Look, Piece};

/// Lines that a reason may take.
const MOST: usize = 2;

pub(super) fn rows(state: &State, status: &FleetStatus, look: &Look, width: u16) -> Vec<Row> {
    let line = headline(status, state.daemon_now());
    let role = theme::tone(line.tone);
    let sign = match line.word {
        "HALTED" | "paused" => look.glyphs.paused,
        "moves" => look.glyphs.moving,
        _ => sign::of_role(look, role),
    };
    let text = format!("{sign} {}: {}", line.word, line.text);
    let keys = keys(state, status, line.next.as_deref());
    let told = wrapped(&text, usize::from(width), MOST, look);
    let used = told.last().map_or(0, |part| crate::plain::width(part));
    let last = told.len().saturating_sub(1);
    let row = |(at, part): (usize, String)| {
        let mut groups = vec![vec![aged(state, part, role)]];
        if at == last {
            groups.extend(keys.iter().map(|key| vec![Piece::new(format!("  ({key})"), Role::Dim)]));
        }
        words(if at == 0 { 0 } else { 1 }, groups)
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
fn keys(state: &State, status: &FleetStatus, next: Option<&str>) -> Vec<String> {
    let key = |action, word: &str| format!("{} {word}", state.keymap.key(action));
    if let (Some(_), Some(next)) = (&status.registry_mistake, next) {
        return vec![next.to_owned()];
    }
    let failures = (!status.failures.is_empty()).then(|| key(Action::Failures, "errors"));
    let of_run = status.run.as_ref().filter(|run| run.kind == FLEET);
    let act = match of_run.map(|run| run.state) {
        Some(RunState::Paused) => Some(key(Action::Hold, "goes on")),
        Some(RunState::Applying) => Some(key(Action::Hold, "holds it")),
        Some(RunState::Planned | RunState::Approved) => Some(key(Action::Apply, "applies it")),
        _ if failures.is_some() => None,
        _ if status.outdated > 0 => Some(key(Action::DryRunScope, "plans")),
        _ => next.map(str::to_owned),
    };
    act.into_iter().chain(failures).collect()
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
