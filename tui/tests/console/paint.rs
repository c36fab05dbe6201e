//! Frames as text, and as a terminal would get them.

use std::fmt::Write as _;

use cutover_tui::glyphs::{GlyphSet, Glyphs};
use cutover_tui::screens;
use cutover_tui::state::State;
use cutover_tui::theme::{Theme, ThemeName};
use cutover_tui::widgets::Look;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, CellWidth};
use ratatui::style::{Color, Modifier};

pub fn look(theme: ThemeName, glyphs: GlyphSet) -> Look {
    Look { theme: Theme::new(theme), glyphs: Glyphs::new(glyphs) }
}

/// One frame in the look that most people have.
pub fn frame(state: &State) -> Buffer {
    frame_as(state, &look(ThemeName::Sixteen, GlyphSet::Unicode))
}

pub fn frame_as(state: &State, look: &Look) -> Buffer {
    let (columns, rows) = state.size;
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| screens::draw(state, look, frame)).unwrap();
    terminal.backend().buffer().clone()
}

/// Lines without the blanks at their ends.
pub fn text(buffer: &Buffer) -> String {
    lines(buffer).iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

pub fn lines(buffer: &Buffer) -> Vec<String> {
    let area = buffer.area;
    (area.top()..area.bottom())
        .map(|y| {
            let mut line = String::new();
            let mut x = area.left();
            while x < area.right() {
                let cell = &buffer[(x, y)];
                line.push_str(cell.symbol());
                x += cell.cell_width().max(1);
            }
            line
        })
        .collect()
}

/// The bytes that draw it on a terminal, for a picture.
pub fn ansi(buffer: &Buffer) -> String {
    let area = buffer.area;
    let mut out = String::new();
    for y in area.top()..area.bottom() {
        let mut x = area.left();
        while x < area.right() {
            let cell = &buffer[(x, y)];
            out.push_str("\x1b[0");
            for (modifier, code) in [
                (Modifier::BOLD, 1),
                (Modifier::DIM, 2),
                (Modifier::ITALIC, 3),
                (Modifier::UNDERLINED, 4),
                (Modifier::REVERSED, 7),
            ] {
                if cell.modifier.contains(modifier) {
                    write!(out, ";{code}").unwrap();
                }
            }
            write!(out, "{}{}m{}", colour(cell.fg, 30), colour(cell.bg, 40), cell.symbol()).unwrap();
            x += cell.cell_width().max(1);
        }
        out.push_str("\x1b[0m\n");
    }
    out
}

/// `base` is 30 for the foreground and 40 for the background.
fn colour(colour: Color, base: u16) -> String {
    match colour {
        Color::Reset => String::new(),
        Color::Black => format!(";{base}"),
        Color::Red => format!(";{}", base + 1),
        Color::Green => format!(";{}", base + 2),
        Color::Yellow => format!(";{}", base + 3),
        Color::Blue => format!(";{}", base + 4),
        Color::Magenta => format!(";{}", base + 5),
        Color::Cyan => format!(";{}", base + 6),
        Color::White => format!(";{}", base + 67),
        Color::Rgb(r, g, b) => format!(";{};2;{r};{g};{b}", base + 8),
        other => panic!("no theme has {other:?}"),
    }
}
