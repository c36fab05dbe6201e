//! Above the instances: what is halted and why, the waves, tenants by version and status, failures by their error, servers that
//! take no more. Where there is no room for all of it, what matters least goes first, whole lines at a time.

mod failures;
mod heat;
mod track;
mod verdict;

use cutover_shared::fleet::FleetStatus;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::rule::rule;
use super::sign::fitting;
use super::{notice, sign};
use crate::plain::fleet::version;
use crate::plain::number;
use crate::state::{Slot, State};
use crate::theme::Role;
use crate::widgets::{Look, Piece, bar, wrap};

/// From here on failures stand beside the versions.
const WIDE: u16 = 110;

/// Columns between them.
const GAP: u16 = 3;

/// From this rank on a line is worth less than a version's.
const SPARE: u8 = 6;

/// Below this there is no line for the title.
const LOW: u16 = 4;

/// A line, and how much it matters: the highest goes first where there is no room.
struct Row {
    rank: u8,
    what: What,
}

enum What {
    /// Groups of pieces: a group that does not fit whole is left out.
    Words(Vec<Vec<Piece>>),
    /// A column for each wave.
    Waves(Vec<Piece>, track::Fill),
    /// A version and its five numbers.
    Heat(Vec<Piece>),
}

fn words(rank: u8, groups: Vec<Vec<Piece>>) -> Row {
    Row { rank, what: What::Words(groups) }
}

pub(super) fn draw(state: &State, look: &Look, buffer: &mut Buffer, area: Rect) {
    if area.is_empty() {
        return;
    }
    let feed = state.feeds.get(&Slot::Fleet);
    let status = state.fleet();
    let mut inside = sign::inset(area, 1);
    if area.height >= LOW {
        let age = notice::age(state, feed.filter(|_| status.is_some()), look);
        let right = match (age, &status) {
            (Some(age), _) => vec![Piece::new(age, Role::Stale)],
            (None, Some(status)) => vec![Piece::new(target(status), Role::Dim)],
            (None, None) => Vec::new(),
        };
        rule(buffer, sign::line(area, 0), look, Piece::new("Fleet", Role::Title), &right);
        inside = Rect { y: inside.y.saturating_add(1), height: inside.height.saturating_sub(1), ..inside };
    }
    let Some(status) = status else {
        let lines = notice::waiting(state, feed, "the fleet", look);
        return bar(buffer, sign::line(inside, 0), look, lines.get(..1).unwrap_or_default(), &[]);
    };
    let mut top = verdict::rows(state, &status, look, inside.width);
    if status.instances == 0 {
        return lines(buffer, inside, look, top);
    }
    top.extend(track::rows(state, &status, look, inside.width));
    if inside.width < WIDE {
        let failures = failures::rows(state, &status, look, inside.width);
        // Versions take what is left by what matters more; all that have no line of their own share the last.
        let others = top.iter().chain(&failures).filter(|row| row.rank < SPARE).count();
        let versions = usize::from(inside.height).saturating_sub(others + 1).clamp(2, 8);
        top.extend(heat::rows(state, &status, look, versions));
        top.extend(failures);
        top.push(verdict::standing(state, &status));
        return lines(buffer, inside, look, top);
    }
    top.push(verdict::standing(state, &status));
    let used = u16::try_from(top.len()).unwrap_or(u16::MAX).min(inside.height);
    lines(buffer, Rect { height: used, ..inside }, look, top);
    let rest =
        Rect { y: inside.y.saturating_add(used), height: inside.height.saturating_sub(used), ..inside };
    let left = Rect { width: heat::WIDTH.min(rest.width), ..rest };
    let x = left.right().saturating_add(GAP);
    let right = Rect { x, width: rest.right().saturating_sub(x), ..rest };
    let versions = usize::from(rest.height.saturating_sub(1));
    lines(buffer, left, look, heat::rows(state, &status, look, versions));
    lines(buffer, right, look, failures::rows(state, &status, look, right.width));
}

/// `target 4 of 5`: what the tenants are to have, and the newest there is.
fn target(status: &FleetStatus) -> String {
    let of = |at: Option<u32>| at.map_or("not set".to_owned(), version);
    let newest =
        if status.head == status.target { String::new() } else { format!(", newest {}", of(status.head)) };
    format!("target version {}{newest}, {} instances", of(status.target), number(status.instances))
}

/// The rows that there is room for, in their order.
fn fitted(mut rows: Vec<Row>, height: u16) -> Vec<Row> {
    while rows.len() > usize::from(height) {
        let worst = rows.iter().enumerate().max_by_key(|(at, row)| (row.rank, *at)).map(|(at, _)| at);
        let Some(worst) = worst else { break };
        rows.remove(worst);
    }
    rows
}

fn lines(buffer: &mut Buffer, area: Rect, look: &Look, rows: Vec<Row>) {
    for (at, row) in (0..area.height).zip(fitted(rows, area.height)) {
        let line = sign::line(area, at);
        match row.what {
            What::Words(groups) => bar(buffer, line, look, &fitting(&groups, line.width), &[]),
            What::Waves(pieces, fill) => track::draw(buffer, line, look, &pieces, fill),
            What::Heat(pieces) => heat::draw(buffer, line, look, &pieces),
        }
    }
}

/// Running text in at most `most` lines, with the ellipsis for what is left out.
fn wrapped(text: &str, room: usize, most: usize, look: &Look) -> Vec<String> {
    let mut lines = wrap(text, room.max(8));
    for line in &mut lines {
        line.truncate(line.trim_end().len());
    }
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            last.push_str(look.glyphs.ellipsis);
        }
    }
    lines
}

/// Text that is dim where it is old.
fn aged(state: &State, text: impl Into<String>, role: Role) -> Piece {
    Piece::new(text, sign::aged(state, role))
}

#[cfg(test)]
mod tests;
