//! The second line: the screens, with the one that is shown lit.

use cutover_shared::status::{Health, RolloutBrief};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::sign;
use crate::plain::number;
use crate::state::list::health_role;
use crate::state::{Screen, State};
use crate::theme::Role;
use crate::widgets::{Look, Piece, bar};

/// Screens whose counts are shown first: what needs a person, what moves, what was given up.
const LOUD: &[Screen] = &[Screen::Overview, Screen::Runs, Screen::Webhooks];

/// Those of them that need a person: what moves is told by the overview too.
const LOUDEST: &[Screen] = &[Screen::Overview, Screen::Webhooks];

/// How the screens are named.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    /// In full, with a blank on either side.
    Full,
    /// In short but for the lit one.
    Short,
    /// In short.
    Shortest,
    /// The lit one alone; of the others the keys.
    Lit,
}

pub(super) fn draw(state: &State, look: &Look, buffer: &mut Buffer, area: Rect) {
    // With every count, with those that want an eye, with shorter names, and at last only keys beside the lit one.
    let all: [(Names, &[Screen]); 8] = [
        (Names::Full, Screen::TABS),
        (Names::Full, LOUD),
        (Names::Short, LOUD),
        (Names::Short, LOUDEST),
        (Names::Shortest, LOUD),
        (Names::Shortest, &[]),
        (Names::Lit, LOUD),
        (Names::Lit, &[]),
    ];
    let mut tabs = all.iter().map(|(names, counted)| tabs(state, *names, counted));
    let fits = |line: &Vec<Piece>| sign::columns(line) <= area.width;
    let line = tabs.find(fits).unwrap_or_else(|| self::tabs(state, Names::Lit, &[]));
    bar(buffer, area, look, &line, &[]);
}

fn tabs(state: &State, names: Names, counted: &[Screen]) -> Vec<Piece> {
    let mut line = Vec::new();
    for tab in Screen::TABS {
        let key = state.keymap.key(crate::keymap::Action::of_screen(*tab));
        let lit = state.screen.tab() == *tab;
        let count = count(state, *tab).filter(|_| counted.contains(tab));
        if lit {
            let count = count.map_or(String::new(), |count| format!(" {}", count.text));
            let title = if names == Names::Shortest { tab.short() } else { tab.title() };
            line.push(Piece::new(format!(" {key} {title}{count} "), Role::ButtonFocus));
            continue;
        }
        line.push(Piece::new(format!(" {key}"), Role::Key));
        match names {
            Names::Full => line.push(Piece::new(format!(" {}", tab.title()), Role::Text)),
            Names::Short | Names::Shortest => line.push(Piece::new(format!(" {}", tab.short()), Role::Text)),
            Names::Lit => {}
        }
        if let Some(count) = count {
            line.push(Piece::from(" "));
            line.push(count);
        }
        if matches!(names, Names::Full | Names::Lit) {
            line.push(Piece::from(" "));
        }
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
        Screen::Webhooks => {
            let dead =
                state.figures().map_or(0, |figures| figures.dead.saturating_add(figures.dispatches_dead));
            of(dead, Role::Bad)
        }
        Screen::Installations => match state.unwell() {
            Some(unwell) => {
                let worst = unwell.rows.first().map_or(Role::Warn, |view| health_role(view.health));
                of(unwell.total, worst)
            }
            None => None,
        },
        Screen::Rollouts => {
            let held = |one: &&RolloutBrief| one.killed || one.frozen;
            let killed = status.rollouts.iter().any(|one| one.killed);
            let role = if killed { Role::Bad } else { Role::Warn };
            of(status.rollouts.iter().filter(held).count() as u64, role)
        }
        Screen::Audit | Screen::Workflows | Screen::Fleet => None,
    }
}
