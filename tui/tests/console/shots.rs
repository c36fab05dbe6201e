//! Pictures of every screen as text and style. A change of looks is seen in a review, and none comes by accident.

use std::fmt::Write as _;

use cutover_tui::glyphs::GlyphSet;
use cutover_tui::state::Screen;
use cutover_tui::theme::ThemeName;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use crate::invariants::SIZES;
use crate::paint::{frame, frame_as, look, text};
use crate::sample::Sample;

/// Styles of each line as runs, `12 red bold, 3 -`; `-` is the terminal's own.
fn styles(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width.max(1));
    let mut out = String::new();
    for (y, row) in buffer.content.chunks(width).enumerate() {
        let runs = row.chunk_by(|a, b| style(a) == style(b));
        let runs: Vec<String> = runs.map(|run| format!("{} {}", run.len(), style(&run[0]))).collect();
        writeln!(out, "{y:>3}: {}", runs.join(", ")).unwrap();
    }
    out
}

fn style(cell: &Cell) -> String {
    let mut words = Vec::new();
    if cell.fg != Color::Reset {
        words.push(format!("{}", cell.fg).to_lowercase());
    }
    if cell.bg != Color::Reset {
        words.push(format!("on {}", cell.bg).to_lowercase());
    }
    words.extend(
        [
            (Modifier::BOLD, "bold"),
            (Modifier::DIM, "dim"),
            (Modifier::ITALIC, "italic"),
            (Modifier::UNDERLINED, "underlined"),
            (Modifier::REVERSED, "reversed"),
        ]
        .iter()
        .filter(|(modifier, _)| cell.modifier.contains(*modifier))
        .map(|(_, word)| (*word).to_owned()),
    );
    if words.is_empty() { "-".to_owned() } else { words.join(" ") }
}

#[test]
fn every_screen_in_every_state() {
    for sample in Sample::ALL {
        for screen in Screen::ALL {
            for (columns, rows) in [(80, 24), (120, 40)] {
                let buffer = frame(&sample.console((columns, rows), *screen).state);
                let name = format!("{screen:?}_{}_{columns}x{rows}", sample.name()).to_lowercase();
                insta::assert_snapshot!(name, format!("{}\n{}", text(&buffer), styles(&buffer)));
            }
        }
    }
}

#[test]
fn other_sizes() {
    for screen in Screen::ALL {
        for (columns, rows) in SIZES {
            if matches!((columns, rows), (80, 24) | (120, 40) | (500, 200)) {
                continue;
            }
            let buffer = frame(&Sample::Normal.console((*columns, *rows), *screen).state);
            insta::assert_snapshot!(format!("{screen:?}_{columns}x{rows}").to_lowercase(), text(&buffer));
        }
    }
}

#[test]
fn without_colours_and_without_unicode() {
    for screen in Screen::ALL {
        let console = Sample::Normal.console((80, 24), *screen);
        let buffer = frame_as(&console.state, &look(ThemeName::Mono, GlyphSet::Ascii));
        let name = format!("{screen:?}_mono_ascii").to_lowercase();
        insta::assert_snapshot!(name, format!("{}\n{}", text(&buffer), styles(&buffer)));
    }
}
