//! Words that several parts of a screen share: signs of states, ages, what is stale.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::plain::{span, width};
use crate::state::{Stale, State};
use crate::theme::Role;
use crate::widgets::{Look, Piece};

/// The sign that goes with a role, so that no state is told by its colour alone.
pub(super) fn of_role(look: &Look, role: Role) -> &'static str {
    match role {
        Role::Good => look.glyphs.good,
        Role::Warn => look.glyphs.warn,
        Role::Bad | Role::Danger => look.glyphs.bad,
        Role::Info => look.glyphs.moving,
        _ => look.glyphs.pending,
    }
}

/// The sign of a state that is told by a word.
pub(super) fn of_word(look: &Look, word: &str, role: Role) -> &'static str {
    match word {
        "paused" | "pausing" => look.glyphs.paused,
        "unknown" => look.glyphs.unknown,
        _ => of_role(look, role),
    }
}

/// A state with its sign.
pub(super) fn told(look: &Look, word: &str, role: Role) -> Piece {
    Piece::new(format!("{} {word}", of_word(look, word, role)), role)
}

/// How old what is shown is, where it may not be so any more.
pub(super) fn stale(state: &State) -> Option<String> {
    let since = |since: i64| span(state.now.saturating_sub(since).unsigned_abs() / 1000);
    state.stale().map(|stale| match stale {
        Stale::Disconnected { since: at } | Stale::Slow { since: at } => format!("stale {}", since(at)),
        Stale::Frozen { since: at } => format!("held still {}", since(at)),
    })
}

/// The role, or how stale text looks.
pub(super) fn aged(state: &State, role: Role) -> Role {
    if state.stale().is_some() { Role::Stale } else { role }
}

/// Before numbers that may not be so any more.
pub(super) fn about(state: &State) -> &'static str {
    if state.stale().is_some() { "~" } else { "" }
}

/// `1st`, `2nd`, `13th`.
pub(super) fn ordinal(n: u32) -> String {
    let ending = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{ending}")
}

/// Columns that pieces take.
pub(super) fn columns(pieces: &[Piece]) -> u16 {
    let all = pieces.iter().map(|piece| width(&crate::plain::clean(&piece.text))).sum::<usize>();
    u16::try_from(all).unwrap_or(u16::MAX)
}

/// Groups from the first on, each whole or not at all.
pub(super) fn fitting(groups: &[Vec<Piece>], width: u16) -> Vec<Piece> {
    let mut used = 0_u16;
    let mut all = Vec::new();
    for (at, group) in groups.iter().enumerate() {
        let wanted = columns(group);
        // The first is cut rather than left out: a line with nothing says nothing.
        if at > 0 && used.saturating_add(wanted) > width {
            continue;
        }
        used = used.saturating_add(wanted);
        all.extend(group.iter().cloned());
    }
    all
}

/// The line so far below the top of an area; empty past its end.
pub(super) fn line(area: Rect, at: u16) -> Rect {
    let y = area.y.saturating_add(at.min(area.height));
    Rect { y, height: area.height.saturating_sub(at).min(1), ..area }
}

/// The area without so many columns at its left and right.
pub(super) fn inset(area: Rect, by: u16) -> Rect {
    let by = by.min(area.width / 2);
    Rect { x: area.x + by, width: area.width - 2 * by, ..area }
}

/// Shows that the next key acts on this line.
pub(super) fn select(buffer: &mut Buffer, line: Rect, look: &Look) {
    let line = line.intersection(buffer.area);
    if line.is_empty() {
        return;
    }
    buffer.set_stringn(line.x, line.y, look.glyphs.cursor, 1, look.style(Role::Strong));
    buffer.set_style(line, look.style(Role::Selected));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals_end_as_they_are_spoken() {
        let all: Vec<String> = [1, 2, 3, 4, 11, 12, 13, 21, 102, 111].map(ordinal).to_vec();
        assert_eq!(all, ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"]);
    }
}
