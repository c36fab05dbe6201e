//! Above the deliveries: how many come, how late they are handled, what failed, what is missing.

use cutover_shared::webhook::InboxFigures;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::rule::rule;
use super::{notice, sign};
use crate::keymap::Action;
use crate::plain::{age, number};
use crate::state::figures::{lag, lag_role};
use crate::state::{Slot, State};
use crate::theme::Role;
use crate::widgets::{Look, Piece, bar, spark};

/// Columns for what a line is about.
const KEY: u16 = 10;

/// From here on the bars have two rows, and a third that marks what failed.
const HIGH: u16 = 6;

pub(super) fn draw(state: &State, look: &Look, buffer: &mut Buffer, area: Rect) {
    let feed = state.feeds.get(&Slot::Figures);
    let figures = state.figures();
    let age = notice::age(state, feed.filter(|_| figures.is_some()), look);
    let right: Vec<Piece> = age.into_iter().map(|age| Piece::new(age, Role::Stale)).collect();
    rule(buffer, sign::line(area, 0), look, Piece::new("Inbox", Role::Title), &right);
    let inside = sign::inset(area, 2);
    let Some(figures) = figures else {
        let lines = notice::waiting(state, feed, "the inbox in figures", look);
        return bar(buffer, sign::line(inside, 1), look, lines.get(..1).unwrap_or_default(), &[]);
    };
    let rows = if area.height >= HIGH { 3 } else { 1 };
    rate(state, figures, look, buffer, Rect { y: area.y + 1, height: rows, ..inside }.intersection(area));
    let line = sign::line(inside, 1 + rows);
    bar(buffer, line, look, &fitting(standing(state, figures, look, rows == 1), line.width), &[]);
    let line = sign::line(inside, 2 + rows);
    bar(buffer, line, look, &recovery(state, figures, look), &[]);
}

/// Pieces from the first on, as far as they have room whole.
fn fitting(all: Vec<Piece>, width: u16) -> Vec<Piece> {
    let mut used = 0_u16;
    all.into_iter()
        .take_while(|piece| {
            used = used.saturating_add(sign::columns(std::slice::from_ref(piece)));
            used <= width
        })
        .collect()
}

/// Deliveries of each minute as bars, those with failures marked, and the sums.
fn rate(state: &State, figures: &InboxFigures, look: &Look, buffer: &mut Buffer, area: Rect) {
    let about = sign::about(state);
    let (received, failed) = (&figures.received, &figures.failed);
    let sum = |all: &[u32]| all.iter().map(|n| u64::from(*n)).sum::<u64>();
    // The minute under way is not a whole one yet.
    let last = received.len().checked_sub(2).and_then(|at| received.get(at)).copied().unwrap_or(0);
    let numbers = format!("{about}{}/min, {} an hour", number(u64::from(last)), number(sum(received)));
    let numbers = Piece::new(numbers, sign::aged(state, Role::Text));
    let bars = area.height.min(2);
    let key = |at: u16, word: &str, buffer: &mut Buffer| {
        bar(buffer, sign::line(area, at), look, &[Piece::new(word, Role::Dim)], &[]);
    };
    key(0, "rate", buffer);
    let end =
        sign::columns(std::slice::from_ref(&numbers)).saturating_add(2).min(area.width.saturating_sub(KEY));
    let place = Rect {
        x: area.x.saturating_add(KEY),
        width: area.width.saturating_sub(KEY + end).min(60),
        height: bars,
        ..area
    };
    let beside = Rect { x: place.right().saturating_add(2), width: end.saturating_sub(2), ..area };
    bar(buffer, sign::line(beside, 0), look, &[numbers], &[]);
    let values: Vec<u64> = received.iter().map(|n| u64::from(*n)).collect();
    spark(buffer, place, look, &values, sign::aged(state, Role::Info));
    let bad = sum(failed);
    // The same minute stands in the same column.
    let marks = (place.left()..place.right()).rev().zip(failed.iter().rev()).filter(|(_, n)| **n > 0);
    let style = look.style(sign::aged(state, Role::Bad));
    let low =
        Rect { y: place.y.saturating_add(place.height), height: area.height.saturating_sub(bars), ..place };
    for (x, _) in marks {
        for y in place.top()..place.bottom() {
            if let Some(cell) = buffer.cell_mut((x, y)).filter(|cell| cell.symbol() != " ") {
                cell.set_style(style);
            }
        }
        // The terminal may be smaller by now than the state has heard.
        if let Some(cell) = buffer.cell_mut((x, low.y)).filter(|_| !low.is_empty()) {
            cell.set_symbol(look.glyphs.bad).set_style(style);
        }
    }
    let role = if bad > 0 { Role::Bad } else { Role::Dim };
    let told = Piece::new(format!("{about}{} failed", number(bad)), sign::aged(state, role));
    if low.is_empty() {
        return;
    }
    key(bars, "failed", buffer);
    bar(buffer, sign::line(beside, bars), look, &[told], &[]);
}

/// Lag, what waits, what was given up; `failures` where no other line tells them.
fn standing(state: &State, figures: &InboxFigures, look: &Look, failures: bool) -> Vec<Piece> {
    let about = sign::about(state);
    let role = |role| sign::aged(state, role);
    let many = |n: u64, word: &str, tone: Role| {
        let tone = if n == 0 { Role::Dim } else { tone };
        Piece::new(format!("   {about}{} {word}", number(n)), role(tone))
    };
    let bad: u64 = figures.failed.iter().map(|n| u64::from(*n)).sum();
    let tone = lag_role(figures.lag_ms);
    let mut all = vec![
        Piece::new(format!("{:<1$}", "lag", usize::from(KEY)), Role::Dim),
        Piece::new(format!("{} {about}{}", sign::of_role(look, tone), lag(figures.lag_ms)), role(tone)),
        many(figures.waiting, "waiting", Role::Info),
        many(figures.dead, "dead", Role::Bad),
    ];
    if failures {
        all.push(many(bad, "failed", Role::Warn));
    }
    all.push(many(figures.dispatches_dead, "dispatches dead", Role::Bad));
    all.push(many(figures.dispatches_waiting, "waiting", Role::Info));
    all
}

/// What the newest comparison with GitHub's list found.
fn recovery(state: &State, figures: &InboxFigures, look: &Look) -> Vec<Piece> {
    let role = |role| sign::aged(state, role);
    let mut line = vec![Piece::new(format!("{:<1$}", "recovery", usize::from(KEY)), Role::Dim)];
    match &figures.recovery {
        Some(found) => {
            let tone = if found.gap || found.lost > 0 { Role::Warn } else { Role::Good };
            let when = age(state.daemon_now(), found.at);
            line.push(Piece::new(format!("{} {}", sign::of_role(look, tone), found.statement), role(tone)));
            line.push(Piece::new(format!(" ({when})"), role(Role::Dim)));
        }
        None => {
            let key = state.keymap.key(Action::Recover);
            let text = format!("never compared with GitHub's list: {key} looks what is missing");
            line.push(Piece::new(text, role(Role::Dim)));
        }
    }
    line
}
