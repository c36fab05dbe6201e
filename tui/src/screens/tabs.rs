//! The second line: the screens, with the one that is shown lit.

use cutover_shared::status::Health;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::sign;
use crate::plain::number;
use crate::state::{Screen, State};
use crate::theme::Role;
use crate::widgets::{Look, Piece, bar};

/// Screens whose counts are shown first: what needs a person, what moves.
const LOUD: &[Screen] = &[Screen::Overview, Screen::Runs];

pub(super) fn draw(state: &State, look: &Look, buffer: &mut Buffer, area: Rect) {
    // With every count, with those that want an eye, and at last only keys beside the lit one.
    let all = [(true, Screen::TABS), (true, LOUD), (true, &[]), (false, &[])];
    let mut tabs = all.iter().map(|(named, counted)| tabs(state, *named, counted));
    let fits = |line: &Vec<Piece>| sign::columns(line) <= area.width;
    let line = tabs.find(fits).unwrap_or_else(|| self::tabs(state, false, &[]));
    bar(buffer, area, look, &line, &[]);
}

fn tabs(state: &State, named: bool, counted: &[Screen]) -> Vec<Piece> {
    let mut line = Vec::new();
    for tab in Screen::TABS {
        let key = state.keymap.key(crate::keymap::Action::of_screen(*tab));
        let lit = state.screen.tab() == *tab;
        let count = count(state, *tab).filter(|_| counted.contains(tab));
        if lit {
            let count = count.map_or(String::new(), |count| format!(" {}", count.text));
            line.push(Piece::new(format!(" {key} {}{count} ", tab.title()), Role::ButtonFocus));
            continue;
        }
        line.push(Piece::new(format!(" {key}"), Role::Key));
        if named {
            line.push(Piece::new(format!(" {}", tab.title()), Role::Text));
        }
        if let Some(count) = count {
            line.push(Piece::from(" "));
            line.push(count);
        }
        line.push(Piece::from(" "));
    }
    line
}

/// A number that is known anyway.
fn count(state: &State, tab: Screen) -> Option<Piece> {
    let status = state.status()?;
    let about = sign::about(state);
    let of = |n: u64, role: Role| {
        (n > 0).then(|| Piece::new(format!("{about}{}", number(n)), sign::aged(state, role)))
    };
    match tab {
        Screen::Overview => {
            let worst = if status.attention.iter().any(|notice| notice.health == Health::Bad) {
                Role::Bad
            } else {
                Role::Warn
            };
            of(status.attention.len() as u64, worst)
        }
        Screen::Mapping => of(status.repositories, Role::Dim),
        Screen::Tenants => of(status.tenants, Role::Dim),
        Screen::Runs | Screen::Run => of(status.live_runs.len() as u64, Role::Info),
        Screen::Tokens => of(status.index.installations, Role::Dim),
        Screen::Audit => None,
    }
}
