//! Above the repositories: how far all of them are.

use cutover_shared::mapping::MappingCounts;
use cutover_shared::run::RunView;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::rule::rule;
use super::{notice, sign};
use crate::plain::{decimal, number, span};
use crate::state::list::run_role;
use crate::state::{Slot, State};
use crate::theme::Role;
use crate::widgets::{Gauge, Look, Piece, bar};

pub(super) fn draw(state: &State, look: &Look, buffer: &mut Buffer, area: Rect) {
    let feed = state.feeds.get(&Slot::Status);
    let age = notice::age(state, feed.filter(|_| state.status().is_some()), look);
    let right: Vec<Piece> = match age {
        Some(age) => vec![Piece::new(age, Role::Stale)],
        None => state
            .moving
            .iter()
            .find(|run| run.kind == "map")
            .map(|run| moving(run, look))
            .into_iter()
            .collect(),
    };
    rule(buffer, sign::line(area, 0), look, Piece::new("All repositories", Role::Title), &right);
    let inside = sign::inset(area, 2);
    let Some(status) = state.status() else { return };
    share(state, look, buffer, sign::line(inside, 1), &status.counts);
    bar(buffer, sign::line(inside, 2), look, &legend(state, look, &status.counts), &[]);
}

/// What moves, how fast, how long.
fn moving(run: &RunView, look: &Look) -> Piece {
    let left = run.progress.seconds_left.map_or(String::new(), |seconds| format!(", {} left", span(seconds)));
    let text = format!(
        "{} {} {}, {}/s{left}",
        look.glyphs.moving,
        run.state,
        run.scope,
        decimal(run.progress.per_second)
    );
    Piece::new(text, run_role(run))
}

/// All repositories by status, in one bar.
pub(super) fn share(state: &State, look: &Look, buffer: &mut Buffer, line: Rect, counts: &MappingCounts) {
    let role = |role| sign::aged(state, role);
    let segments = [
        (counts.mapped, role(Role::Good)),
        (counts.pending, role(Role::Warn)),
        (counts.unmappable, role(Role::Bad)),
    ];
    Gauge { label: sign::about(state), segments: &segments, total: total(counts) }.draw(buffer, line, look);
}

fn total(counts: &MappingCounts) -> u64 {
    let known = counts.mapped.saturating_add(counts.pending).saturating_add(counts.unmappable);
    known.saturating_add(counts.unplanned)
}

/// What the parts of the bar are, each with the sign that it is drawn with.
pub(super) fn legend(state: &State, look: &Look, counts: &MappingCounts) -> Vec<Piece> {
    let [mapped, pending, unmappable, _] = look.glyphs.gauge;
    let rest = look.glyphs.gauge_rest;
    let all = [
        (mapped, counts.mapped, "mapped", Role::Good),
        (pending, counts.pending, "pending", Role::Warn),
        (unmappable, counts.unmappable, "unmappable", Role::Bad),
        (rest, counts.unplanned, "unplanned", Role::Dim),
    ];
    let mut line = Vec::new();
    for (glyph, n, word, role) in all {
        if !line.is_empty() {
            line.push(Piece::from("  "));
        }
        // Nothing of a kind is no reason for its colour.
        let role = sign::aged(state, if n == 0 { Role::Dim } else { role });
        line.push(Piece::new(format!("{glyph} {}{} {word}", sign::about(state), number(n)), role));
    }
    line
}
