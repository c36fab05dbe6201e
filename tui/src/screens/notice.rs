//! A few sentences where there is nothing else to show: empty, loading, failed, not connected.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{banner, sign};
use crate::keymap::Action;
use crate::plain::span;
use crate::state::{Feed, State};
use crate::theme::Role;
use crate::widgets::{Look, Piece, center, text, wrap};

/// The widest that is read with ease.
const MEASURE: u16 = 72;

/// Sentences, the first of which says it all.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, look: &Look, lines: &[Piece]) {
    let width = area.width.saturating_sub(4).min(MEASURE);
    let rows: usize = lines.iter().map(|line| wrap(&line.text, usize::from(width)).len()).sum();
    let place = center(area, width, u16::try_from(rows).unwrap_or(u16::MAX));
    // A little above the middle is where the eye looks first.
    let up = place.y.saturating_sub(area.y) / 3;
    text(buffer, Rect { y: place.y - up, ..place }, look, lines, 0);
}

/// What is said while there is no first answer yet, or instead of one.
pub(super) fn waiting(state: &State, feed: Option<&Feed>, what: &str, look: &Look) -> Vec<Piece> {
    if state.welcome().is_none() {
        return offline(state, look);
    }
    if let Some(error) = feed.and_then(|feed| feed.error.as_ref()) {
        let again = state.keymap.key(Action::Reconnect);
        let mut lines = vec![
            Piece::new(format!("{} {}", look.glyphs.bad, error.message), Role::Bad),
            Piece::from(""),
            Piece::from(error.hint.as_str()),
        ];
        if error.runbook.is_some() {
            let key = state.keymap.key(Action::Runbook);
            lines.push(Piece::from(format!("{key} opens the runbook.")));
        }
        let last = format!("It is asked again by itself every few seconds; {again} asks now.");
        lines.extend([Piece::from(""), Piece::new(last, Role::Dim)]);
        return lines;
    }
    let asked = feed.and_then(Feed::asked_at);
    let seconds = asked.map_or(0, |at| state.now.saturating_sub(at).max(0).unsigned_abs() / 1000);
    let since = if seconds == 0 { String::new() } else { format!(" for {}", span(seconds)) };
    vec![Piece::new(format!("{} asking the daemon for {what}{since} ...", look.glyphs.moving), Role::Info)]
}

/// There is no daemon, and there never was one: what to look at.
fn offline(state: &State, look: &Look) -> Vec<Piece> {
    let mut lines = vec![banner::link(state, look), Piece::from("")];
    let key = |action| state.keymap.key(action);
    match state.link.error() {
        Some(error) => {
            lines.push(Piece::new(error.message.as_str(), Role::Text));
            lines.push(Piece::new(error.hint.as_str(), Role::Strong));
            lines.push(Piece::from(""));
            lines.push(Piece::new("What to check:", Role::Dim));
            lines.push(Piece::from("1  does it run?         systemctl status cutoverd"));
            lines.push(Piece::from("2  is this its socket?  --socket, CUTOVER_SOCKET"));
            lines.push(Piece::from("3  what does it say?    cutover doctor"));
        }
        None => lines.push(Piece::from("The daemon has not greeted yet.")),
    }
    let last = format!(
        "{} tries now. {} {} kills also without a daemon: the marker is written into its state folder.",
        key(Action::Reconnect),
        key(Action::Kill),
        key(Action::Kill)
    );
    lines.extend([Piece::from(""), Piece::new(last, Role::Dim)]);
    lines
}

/// The list has nothing to show: why, and what to press.
pub(super) fn nothing(state: &State, filter: &str, empty: &str, look: &Look) -> Vec<Piece> {
    if filter.is_empty() {
        let mut parts = empty.splitn(2, ": ");
        let head = parts.next().unwrap_or_default();
        let mut lines = vec![Piece::new(format!("{} {head}", look.glyphs.pending), Role::Strong)];
        lines.extend(parts.next().into_iter().flat_map(|rest| [Piece::from(""), Piece::from(rest)]));
        return lines;
    }
    let key = |action| state.keymap.key(action);
    vec![
        Piece::new(format!("{} nothing matches {filter}", look.glyphs.pending), Role::Strong),
        Piece::from(""),
        Piece::from(format!(
            "{} changes the filter, {} takes it away.",
            key(Action::Filter),
            key(Action::Back)
        )),
    ]
}

/// How old what a panel shows is, where that has to be said.
pub(super) fn age(state: &State, feed: Option<&Feed>, look: &Look) -> Option<String> {
    if let Some(stale) = sign::stale(state) {
        return Some(stale);
    }
    let feed = feed?;
    let error = feed.error.as_ref()?;
    let old = feed.at.map_or(0, |at| state.now.saturating_sub(at).max(0).unsigned_abs() / 1000);
    let old = if old == 0 { String::new() } else { format!("; stale {}", span(old)) };
    Some(format!("{} {}{old}", look.glyphs.bad, error.message))
}
