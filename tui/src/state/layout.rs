//! Which part of the terminal is whose. Pure, because how many rows a table has decides what is asked of the daemon.

use ratatui::layout::Rect;

use super::{Screen, State};

/// Below this there is one line, and the kill switch.
pub const LEAST: (u16, u16) = (40, 12);

/// From here the details stand beside the table.
const WIDE: u16 = 110;

/// From here (rows of the body) the details stand below it.
const HIGH: u16 = 16;

/// Rows of the details below a table, border included: a share of what there is, within these.
const BELOW: (u16, u16) = (6, 10);

/// Columns of the details beside a table.
const BESIDE: (u16, u16) = (40, 72);

/// Rows of the list of rollouts, border and titles included: there are two.
const ROLLOUTS: u16 = 5;

/// The parts of a screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Areas {
    pub banner: Rect,
    pub tabs: Rect,
    /// Figures above the table.
    pub head: Rect,
    /// The table, or all that the screen has.
    pub main: Rect,
    /// Details of the row; empty where there is no room.
    pub side: Rect,
    /// The guided tour; empty without one.
    pub tour: Rect,
    /// The newest message, or the filter being typed.
    pub status: Rect,
    pub hints: Rect,
}

/// There is no room for a screen.
pub fn is_tiny(size: (u16, u16)) -> bool {
    size.0 < LEAST.0 || size.1 < LEAST.1
}

/// Divides the terminal.
pub fn areas(state: &State) -> Areas {
    let (width, height) = state.size;
    if is_tiny(state.size) {
        return Areas::default();
    }
    let line = |y: u16, rows: u16| Rect::new(0, y, width, rows);
    let tour = match (&state.tour, height) {
        (None, _) => 0,
        (Some(_), ..16) => 1,
        (Some(_), ..20) => 3,
        // The longest sentence with its line of title.
        (Some(_), _) if width >= WIDE => 3,
        (Some(_), _) => 4,
    };
    let body = height - 4 - tour;
    let head = match state.screen {
        Screen::Fleet => fleet(state, body),
        screen => head(screen, body),
    };
    let rest = Rect::new(0, 2 + head, width, body - head);
    let (main, side) = match state.screen {
        Screen::Overview => (rest, Rect::default()),
        // The list is short, and everything is about the one under the cursor.
        Screen::Rollouts => {
            let main = Rect { height: ROLLOUTS.min(rest.height), ..rest };
            (main, Rect { y: main.bottom(), height: rest.height - main.height, ..rest })
        }
        _ if width >= WIDE => {
            let side = (width / 3).clamp(BESIDE.0, BESIDE.1);
            (Rect { width: width - side, ..rest }, Rect { x: width - side, width: side, ..rest })
        }
        _ if rest.height >= HIGH => {
            let below = (rest.height.saturating_mul(2) / 5).clamp(BELOW.0, BELOW.1);
            let main = Rect { height: rest.height - below, ..rest };
            (main, Rect { y: rest.y + main.height, height: below, ..rest })
        }
        _ => (rest, Rect::default()),
    };
    Areas {
        banner: line(0, 1),
        tabs: line(1, 1),
        head: line(2, head),
        main,
        side,
        tour: line(2 + body, tour),
        status: line(2 + body + tour, 1),
        hints: line(3 + body + tour, 1),
    }
}

/// Rows of the figures above a table.
fn head(screen: Screen, body: u16) -> u16 {
    match screen {
        Screen::Mapping if body >= 12 => 3,
        Screen::Webhooks if body >= 24 => 6,
        Screen::Webhooks if body >= 12 => 4,
        Screen::Run if body >= 18 => 8,
        Screen::Run if body >= 12 => 4,
        _ => 0,
    }
}

/// Rows of the fleet above its instances, which keep at least two rows; where there is nothing to tell, only what says why.
fn fleet(state: &State, body: u16) -> u16 {
    let Some(status) = state.fleet_as_told().filter(|status| status.instances > 0) else {
        return if body < 16 { 3 } else { 4 };
    };
    // No more than there is to tell: beside each other a line for each version, and four for each error.
    let versions: std::collections::BTreeSet<u32> =
        status.cells.iter().map(|cell| cell.version).chain(status.target).collect();
    let beside = (versions.len() + 1).max(status.failures.len() * 4 + status.throttles.len() + 1);
    let wanted = u16::try_from(beside).unwrap_or(u16::MAX).saturating_add(9);
    let most = match body {
        ..12 => 3,
        12..16 => 7,
        16..20 => 9,
        20..30 => 12,
        30..44 => 16,
        _ => 22,
    };
    most.min(wanted)
}

/// Rows of the table: without its border and its titles.
pub fn rows(state: &State) -> u16 {
    areas(state).main.height.saturating_sub(3)
}
