//! Steps one after the other, with how far it has got.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::Look;
use super::piece::{clean, columns, write_pieces};
use crate::theme::Role;

/// How a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    Done,
    Now,
    /// It is its turn, and somebody holds it.
    Held,
    Failed,
    Ahead,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<'a> {
    pub name: &'a str,
    pub state: StepState,
}

impl Step<'_> {
    fn look(&self, look: &Look) -> (&'static str, Role) {
        let glyphs = &look.glyphs;
        match self.state {
            StepState::Done => (glyphs.good, Role::Good),
            StepState::Now => (glyphs.moving, Role::Strong),
            StepState::Held => (glyphs.paused, Role::Warn),
            StepState::Failed => (glyphs.bad, Role::Bad),
            StepState::Ahead => (glyphs.pending, Role::Dim),
        }
    }
}

/// Draws steps onto the first line of `area`. Where not all names fit, only the steps that are at work keep theirs; where
/// even that is too much, it is cut at the end.
pub fn track(buffer: &mut Buffer, area: Rect, look: &Look, steps: &[Step<'_>]) {
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return;
    }
    let whole = pieces(steps, look, |_| true);
    let room = usize::from(area.width);
    let fits = whole.iter().map(|(text, _)| columns(text)).sum::<usize>() <= room;
    let short = |state| matches!(state, StepState::Now | StepState::Held | StepState::Failed);
    let pieces = if fits { whole } else { pieces(steps, look, short) };
    write_pieces(buffer, (area.x, area.y), area.width, &pieces, look);
}

fn pieces<'a>(
    steps: &'a [Step<'_>],
    look: &Look,
    named: impl Fn(StepState) -> bool,
) -> Vec<(Cow<'a, str>, Style)> {
    let mut pieces: Vec<(Cow<'a, str>, Style)> = Vec::new();
    for step in steps {
        let (sign, role) = step.look(look);
        if !pieces.is_empty() {
            pieces.push((format!(" {} ", look.glyphs.link).into(), look.style(Role::Dim)));
        }
        let text =
            if named(step.state) { format!("{sign} {}", clean(step.name)).into() } else { sign.into() };
        pieces.push((text, look.style(role)));
    }
    pieces
}
