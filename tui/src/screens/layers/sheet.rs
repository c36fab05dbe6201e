//! A box over the screen: a title, lines that scroll, rows below them that never do.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::theme::Role;
use crate::widgets::{Look, Panel, Piece, bar, center, wrap};

/// Narrower than this, a box takes the whole width.
const NARROW: u16 = 60;

/// Lines longer than this are hard to read.
const WIDEST: u16 = 104;

/// The widest that the keys of facts get.
const WIDEST_KEY: usize = 16;

/// A line that is wrapped already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub left: Vec<Piece>,
    pub right: Vec<Piece>,
}

impl Line {
    pub fn blank() -> Self {
        Self::default()
    }

    pub fn new(text: impl Into<String>, role: Role) -> Self {
        Self { left: vec![Piece::new(text, role)], right: Vec::new() }
    }
}

/// Running text in lines.
pub(super) fn paragraph(text: &str, role: Role, width: u16) -> Vec<Line> {
    wrap(text, usize::from(width)).into_iter().map(|line| Line::new(line, role)).collect()
}

/// A key, and its value beside it. A key that is empty goes on with the one before.
pub(super) fn facts(facts: &[(&str, &str, Role)], width: u16) -> Vec<Line> {
    let longest = facts.iter().map(|(key, ..)| key.chars().count()).max().unwrap_or(0).min(WIDEST_KEY);
    let indent = if longest == 0 { 0 } else { (longest + 2).min(usize::from(width / 2)) };
    let mut lines = Vec::new();
    for (key, value, role) in facts {
        for (i, line) in wrap(value, usize::from(width).saturating_sub(indent)).into_iter().enumerate() {
            let key = if i == 0 { *key } else { "" };
            lines.push(Line { left: vec![column(key, indent), Piece::new(line, *role)], right: Vec::new() });
        }
    }
    lines
}

/// A dim key in a column of its own.
pub(super) fn column(key: &str, indent: usize) -> Piece {
    let key: String = key.chars().take(indent.saturating_sub(1)).collect();
    Piece::new(format!("{key:<indent$}"), Role::Dim)
}

/// A box.
#[derive(Clone, Debug, Default)]
pub(super) struct Sheet<'a> {
    pub title: &'a str,
    /// At the right end of the title's line.
    pub tag: Piece,
    /// What the keys do, on the lower border.
    pub foot: &'a str,
    pub danger: bool,
    pub stale: bool,
}

/// How wide lines may be in `room`.
pub(super) fn width(room: Rect) -> u16 {
    let outer = outer(room);
    outer.saturating_sub(2 + 2 * pad(outer))
}

/// Rows that the lines get when there are so many, and so many fixed ones below them.
pub(super) fn visible(room: Rect, lines: usize, fixed: u16) -> u16 {
    let inside = room.height.saturating_sub(2);
    let lines = u16::try_from(lines).unwrap_or(u16::MAX);
    lines.min(inside.saturating_sub(fixed))
}

fn outer(room: Rect) -> u16 {
    if room.width < NARROW { room.width } else { (room.width - 2).min(WIDEST) }
}

fn pad(outer: u16) -> u16 {
    u16::from(outer >= NARROW - 4)
}

impl Sheet<'_> {
    /// Draws the box with its lines, from `scroll` on. Answers where the fixed rows are.
    pub fn draw(
        &self,
        buffer: &mut Buffer,
        room: Rect,
        look: &Look,
        (lines, scroll): (&[Line], u16),
        fixed: u16,
    ) -> Rect {
        let rows = visible(room, lines.len(), fixed);
        let outer = outer(room);
        let height = rows.saturating_add(fixed).saturating_add(2);
        let area = center(room, outer, height);
        let panel = Panel {
            title: self.title,
            right: &self.tag.text,
            focus: true,
            stale: self.stale,
            danger: self.danger,
        };
        let inside = panel.draw(buffer, area, look);
        if inside.is_empty() {
            return inside;
        }
        let pad = pad(outer);
        let inside =
            Rect { x: inside.x.saturating_add(pad), width: inside.width.saturating_sub(2 * pad), ..inside };
        let rows = rows.min(inside.height);
        let hidden = lines.len().saturating_sub(usize::from(rows));
        let first = usize::from(scroll).min(hidden);
        for (y, line) in (inside.y..inside.y.saturating_add(rows)).zip(lines.iter().skip(first)) {
            bar(buffer, Rect { y, height: 1, ..inside }, look, &line.left, &line.right);
        }
        self.border(buffer, area, look, (first, hidden - first));
        Rect { y: inside.y.saturating_add(rows), height: inside.height - rows, ..inside }
    }

    /// What stands on the border: the tag above, below what the keys do and how much is out of sight.
    fn border(&self, buffer: &mut Buffer, area: Rect, look: &Look, (above, below): (usize, usize)) {
        let row =
            |y: u16| Rect { x: area.x.saturating_add(1), y, width: area.width.saturating_sub(2), height: 1 };
        if !self.tag.text.is_empty() {
            let tag = Piece::new(format!(" {} ", self.tag.text), self.tag.role);
            bar(buffer, row(area.y), look, &[], &[tag]);
        }
        let mut more = String::new();
        if above > 0 {
            more += &format!(" {} {above}", look.glyphs.up);
        }
        if below > 0 {
            more += &format!(" {} {below}", look.glyphs.down);
        }
        let more = if more.is_empty() { Vec::new() } else { vec![Piece::new(more + " ", Role::Key)] };
        let foot = if self.foot.is_empty() { String::new() } else { format!(" {} ", self.foot) };
        let bottom = row(area.bottom().saturating_sub(1));
        bar(buffer, bottom, look, &[Piece::new(foot, Role::Hint)], &more);
    }
}
