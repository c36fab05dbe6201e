//! The check of the audit's chain of hashes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::sheet::{Line, Sheet, facts, paragraph, width};
use crate::plain::number;
use crate::state::State;
use crate::state::layer::ChainLayer;
use crate::theme::Role;
use crate::widgets::{Look, Piece};

pub(super) fn draw(_state: &State, look: &Look, buffer: &mut Buffer, room: Rect, chain: &ChainLayer) {
    let width = width(room);
    let (lines, tag, danger) = match chain {
        ChainLayer::Asked { .. } => {
            let text = "The daemon reads every record and counts the hashes again ...";
            (paragraph(text, Role::Info, width), Piece::new("checking", Role::Info), false)
        }
        ChainLayer::Checked(check) => {
            let records = number(check.records);
            let signed =
                check.signed_head_seq.map_or("none yet".to_owned(), |seq| format!("up to record {seq}"));
            let mut all = Vec::new();
            if let Some(problem) = &check.problem {
                all.push(("Problem:", problem.as_str(), Role::Bad));
            }
            all.push(("Records:", records.as_str(), Role::Text));
            all.push(("Signed:", signed.as_str(), Role::Text));
            all.push(("Head:", check.head.as_str(), Role::Dim));
            let mut lines = facts(&all, width);
            lines.push(Line::blank());
            lines.push(Line::new("cutover audit verify", Role::Key));
            let tag = if check.intact {
                Piece::new(format!("{} intact", look.glyphs.good), Role::Good)
            } else {
                Piece::new(format!("{} BROKEN", look.glyphs.bad), Role::Danger)
            };
            (lines, tag, !check.intact)
        }
        ChainLayer::Failed(error) => {
            let mut lines = paragraph(&error.message, Role::Bad, width);
            lines.extend(facts(&[("Mend:", error.hint.as_str(), Role::Text)], width));
            (lines, Piece::new(format!("{} not checked", look.glyphs.bad), Role::Bad), false)
        }
    };
    let sheet = Sheet { title: "Chain of the audit log", tag, foot: "Esc closes", danger, stale: false };
    sheet.draw(buffer, room, look, (&lines, 0), 0);
}
