//! Tenants by version and status: the number, and how large a part of all it is as a shade. The column says the status, so that
//! it can be read without colours.

use cutover_shared::fleet::{FleetStatus, StepStatus};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Row, What, aged};
use crate::plain::fleet::{SHADES, heat, shade};
use crate::plain::number;
use crate::screens::sign;
use crate::state::State;
use crate::state::list::step_role;
use crate::theme::Role;
use crate::widgets::{Look, Piece, bar};

/// Columns of a version, and of a status.
const LABEL: u16 = 12;
const CELL: u16 = 11;

/// The narrowest that a status gets.
const NARROWEST: u16 = 5;

/// Columns of all of it.
pub(super) const WIDTH: u16 = LABEL + 5 * CELL;

/// The sign of each shade, the darkest last.
fn shades(look: &Look) -> [&'static str; SHADES] {
    let [full, dark, medium, light] = look.glyphs.gauge;
    [look.glyphs.gauge_rest, light, medium, dark, full]
}

pub(super) fn rows(state: &State, status: &FleetStatus, look: &Look, most: usize) -> Vec<Row> {
    let all = heat(status, most);
    if all.is_empty() {
        return Vec::new();
    }
    let about = sign::about(state);
    let titles = std::iter::once("version").chain(StepStatus::ALL.iter().map(|status| status.word()));
    let mut rows =
        vec![Row { rank: 4, what: What::Heat(titles.map(|title| Piece::new(title, Role::Dim)).collect()) }];
    for row in all {
        let (label, role) = if row.target {
            (format!("{} target", row.label), Role::Strong)
        } else {
            (row.label, Role::Text)
        };
        let mut pieces = vec![aged(state, label, role)];
        for (n, of) in row.cells.iter().zip(StepStatus::ALL) {
            let sign = shades(look).get(shade(*n, status.instances)).copied().unwrap_or_default();
            pieces.push(match n {
                0 => Piece::new(sign, Role::Dim),
                n => {
                    let role = if *of == StepStatus::Pending { Role::Text } else { step_role(*of) };
                    aged(state, format!("{sign}{sign} {about}{}", number(*n)), role)
                }
            });
        }
        rows.push(Row { rank: 4, what: What::Heat(pieces) });
    }
    rows
}

pub(super) fn draw(buffer: &mut Buffer, line: Rect, look: &Look, pieces: &[Piece]) {
    let label = LABEL.min(line.width / 4);
    let cell = (line.width.saturating_sub(label) / 5).clamp(NARROWEST, CELL);
    for (at, piece) in (0_u16..).zip(pieces) {
        let place = match at.checked_sub(1) {
            None => Rect { width: label.saturating_sub(1), ..line },
            Some(at) => {
                let x = line.x.saturating_add(label).saturating_add(at.saturating_mul(cell));
                Rect { x, width: cell.saturating_sub(1), ..line }
            }
        };
        bar(buffer, place.intersection(line), look, std::slice::from_ref(piece), &[]);
    }
}
