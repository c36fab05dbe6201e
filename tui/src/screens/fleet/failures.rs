//! Failures by their error, the largest group first, with what to do; and servers that take no further tenant.

use cutover_shared::fleet::{FailureGroup, FleetStatus};

use super::{Row, aged, words, wrapped};
use crate::keymap::Action;
use crate::plain::fleet::tenants;
use crate::plain::{age, clean, number};
use crate::screens::sign;
use crate::state::State;
use crate::theme::Role;
use crate::widgets::{Look, Piece};

/// Lines of what to do about a group.
const NEXT: usize = 2;

/// Lines of an error.
const TEXT: usize = 2;

/// Columns that they stand to the right.
const INDENT: usize = 2;

pub(super) fn rows(state: &State, status: &FleetStatus, look: &Look, width: u16) -> Vec<Row> {
    let mut rows = Vec::new();
    let all = status.failures.iter().fold(0_u64, |sum, one| sum.saturating_add(one.tenants));
    if all > 0 {
        let (groups, key) = (status.failures.len(), state.keymap.key(Action::Failures));
        let word = if groups == 1 { "one error" } else { "errors" };
        let count = if groups == 1 { String::new() } else { format!("{groups} ") };
        let head = format!("{}{} failed with {count}{word}", sign::about(state), tenants(all));
        rows.push(words(
            8,
            vec![
                vec![aged(state, head, Role::Strong)],
                vec![Piece::new(format!("  ({key} opens them)"), Role::Dim)],
            ],
        ));
    }
    for (at, one) in status.failures.iter().enumerate() {
        rows.extend(group(state, one, look, width, at));
    }
    rows.extend(throttles(state, status, look));
    rows
}

/// A group with its count, and below it what to do.
fn group(state: &State, one: &FailureGroup, look: &Look, width: u16, at: usize) -> Vec<Row> {
    let about = sign::about(state);
    let text =
        format!("{} {about}{} {}: {}", look.glyphs.bad, number(one.tenants), one.migration, clean(&one.text));
    let later = u8::try_from(at).unwrap_or(u8::MAX);
    let rank = if at == 0 { 3 } else { later.saturating_add(5) };
    let room = usize::from(width).saturating_sub(INDENT);
    let mut rows = Vec::new();
    for (line, part) in wrapped(&text, room, TEXT, look).into_iter().enumerate() {
        let (rank, indent) = if line == 0 { (rank, 0) } else { (rank.saturating_add(5), INDENT) };
        let part = format!("{:indent$}{part}", "");
        rows.push(words(rank, vec![vec![aged(state, part, Role::Bad)]]));
    }
    for (line, part) in
        wrapped(&format!("next: {}", clean(&one.next)), room, NEXT, look).into_iter().enumerate()
    {
        let rank = later.saturating_mul(2).saturating_add(if line == 0 { 9 } else { 12 });
        let part = format!("{:INDENT$}{part}", "");
        rows.push(words(rank, vec![vec![aged(state, part, Role::Dim)]]));
    }
    rows
}

/// Servers that take no further tenant now, with the reason.
fn throttles(state: &State, status: &FleetStatus, look: &Look) -> Vec<Row> {
    let now = state.daemon_now();
    let one = |(at, one): (usize, &cutover_shared::fleet::Throttle)| {
        let text = format!("{} {} waits: {}", look.glyphs.paused, one.server, clean(&one.reason));
        let since = format!(" (since {})", age(now, one.since));
        let rank = u8::try_from(at).unwrap_or(u8::MAX).saturating_add(5);
        words(rank, vec![vec![aged(state, text, Role::Warn)], vec![Piece::new(since, Role::Dim)]])
    };
    status.throttles.iter().enumerate().map(one).collect()
}
