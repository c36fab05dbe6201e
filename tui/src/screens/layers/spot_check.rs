//! The report of a spot-check.

use cutover_shared::mapping::{SpotCheckReport, SpotOutcome};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::sheet::{Line, Sheet, facts, paragraph, width};
use crate::plain::{number, time};
use crate::state::State;
use crate::theme::Role;
use crate::widgets::{Look, Piece};

pub(super) fn draw(
    _state: &State,
    look: &Look,
    buffer: &mut Buffer,
    room: Rect,
    (report, scroll): (&SpotCheckReport, u16),
) {
    let lines = lines(report, look, width(room));
    let tag = if report.passed {
        Piece::new(format!("{} passed", look.glyphs.good), Role::Good)
    } else {
        Piece::new(format!("{} NOT PASSED", look.glyphs.bad), Role::Bad)
    };
    let sheet = Sheet { title: "Spot-check", tag, foot: "Esc closes", danger: !report.passed, stale: false };
    sheet.draw(buffer, room, look, (&lines, scroll), 0);
}

pub(super) fn lines(report: &SpotCheckReport, look: &Look, width: u16) -> Vec<Line> {
    let rows = number(u64::try_from(report.rows.len()).unwrap_or(u64::MAX));
    let sample = format!(
        "{rows} of {} mapped repositories, read through their installations",
        number(report.population)
    );
    let role = if report.passed { Role::Text } else { Role::Warn };
    let at = time(report.at);
    let mut known = Vec::new();
    if !report.verdict.is_empty() {
        known.push(("Verdict:", report.verdict.as_str(), role));
    }
    known.push(("Sample:", sample.as_str(), Role::Text));
    known.push(("At:", at.as_str(), Role::Text));
    let mut lines = facts(&known, width);
    lines.push(Line::blank());
    for row in &report.rows {
        let (sign, role) = match row.outcome {
            SpotOutcome::Match => (look.glyphs.good, Role::Good),
            SpotOutcome::Mismatch => (look.glyphs.bad, Role::Bad),
            SpotOutcome::NotComparable | SpotOutcome::Unreachable => (look.glyphs.unknown, Role::Warn),
        };
        let mut line = Line::new(format!("{sign} {:<15}", row.outcome.word()), role);
        line.left.push(Piece::new(row.key.as_str(), Role::Text));
        line.right.push(Piece::new(format!("{} {} %", row.tenant, row.confidence), Role::Dim));
        lines.push(line);
        // What matches needs no words.
        if row.outcome != SpotOutcome::Match {
            lines.extend(paragraph(&row.detail, Role::Text, width.saturating_sub(4)).into_iter().map(
                |mut line| {
                    line.left.insert(0, Piece::from("    "));
                    line
                },
            ));
        }
    }
    lines.push(Line::blank());
    let again = format!("cutover map spot-check --sample {} --seed {}", report.rows.len(), report.seed);
    lines.extend(super::dialog::command(&again, width));
    lines
}
