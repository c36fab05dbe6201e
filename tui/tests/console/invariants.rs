//! What holds on every screen, at every size, in every state, in every theme.

use cutover_tui::glyphs::GlyphSet;
use cutover_tui::keymap::Action;
use cutover_tui::state::layout::is_tiny;
use cutover_tui::state::{Screen, State};
use cutover_tui::theme::ThemeName;
use ratatui::buffer::Buffer;
use ratatui::style::Modifier;

use crate::daemon::Console;
use crate::paint::{frame_as, lines, look};
use crate::sample::Sample;

pub const SIZES: &[(u16, u16)] =
    &[(1, 1), (20, 3), (40, 12), (60, 20), (80, 24), (120, 40), (200, 60), (500, 200)];

/// Holds what must hold for this frame; says where it does not.
pub fn sound(state: &State, buffer: &Buffer, whole: bool) {
    let rows = lines(buffer);
    let all = rows.join("\n");
    let (columns, height) = state.size;
    for cell in &buffer.content {
        let harmful = |c: char| {
            c.is_control()
                || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        assert!(!cell.symbol().chars().any(harmful), "a terminal would obey {:?}\n{all}", cell.symbol());
    }
    if !whole || columns < 20 || height < 3 {
        return;
    }
    if is_tiny(state.size) {
        let said = all.contains("KILL");
        assert!(said, "the kill switch is told where nothing else has room: {:?}\n{all}", state.size);
        return;
    }
    let banner = &rows[0];
    if state.welcome().is_some() || state.status().is_some() {
        assert!(banner.contains("staging") || banner.contains("stagi"), "which environment is it?\n{all}");
    }
    let link = ["connected", "connecting", "no daemon", "refused", "incompatible", "no answer"];
    assert!(link.iter().any(|word| banner.contains(word)), "no link in the banner\n{all}");
    if state.is_killed() {
        assert!(banner.contains("KILLED"), "\n{all}");
    }
    if state.frozen.is_some() {
        // A kill and the connection come first in a narrow banner; the titles say it too.
        let told = columns < 60 && all.contains("held still");
        assert!(banner.contains("FROZEN") || told, "\n{all}");
    } else if state.welcome().is_none() && state.heard.is_some() {
        assert!(all.contains("stale") || all.contains("old") || banner.contains("no daemon"), "\n{all}");
    }
    assert!(rows[rows.len() - 1].contains("KILL"), "the kill switch is always told\n{all}");
}

/// The row under the cursor can be told from the others, also without colours.
pub fn selected(state: &State, buffer: &Buffer) {
    let Some(table) = state.table().filter(|_| !is_tiny(state.size)) else { return };
    let Some(window) = state.window(table.id).filter(|window| !window.rows.is_empty()) else { return };
    assert!(
        table.cursor < window.total && table.top <= table.cursor && table.cursor < table.top + table.height
    );
    let main = cutover_tui::state::layout::areas(state).main;
    let y = main.y + 2 + u16::try_from(table.cursor - table.top).unwrap();
    assert!(y < main.bottom() - 1, "the selected row is outside of the table: {y} in {main:?}");
    let reversed = |y: u16| {
        (main.x + 1..main.right() - 1)
            .filter(|x| buffer[(*x, y)].modifier.contains(Modifier::REVERSED))
            .count()
    };
    let text: String = (main.x..main.right()).map(|x| buffer[(x, y)].symbol()).collect();
    let all = lines(buffer).join("\n");
    assert!(reversed(y) >= usize::from(main.width) / 2, "the selected row is not seen: {text}\n{all}");
    // A row that has not come yet is three dots.
    let named = text.chars().filter(|c| c.is_alphanumeric()).count() > 1;
    let dots = text.contains('…') || text.contains("...");
    assert!(if state.selected().is_some() { named } else { dots }, "the selected row has no text\n{all}");
    for other in main.y + 2..main.bottom() - 1 {
        assert!(other == y || reversed(other) == 0, "two rows look selected\n{all}");
    }
}

fn hold(console: &Console, what: &str) {
    // The largest terminals differ from the large ones in nothing but their size.
    let themes = if console.state.size.0 > 120 { &ThemeName::ALL[2..] } else { ThemeName::ALL };
    for theme in themes {
        for glyphs in GlyphSet::ALL {
            let buffer = frame_as(&console.state, &look(*theme, *glyphs));
            let at = format!("{what} {theme:?} {glyphs:?}");
            let check = || {
                sound(&console.state, &buffer, console.state.layers.is_empty());
                selected(&console.state, &buffer);
                if *glyphs == GlyphSet::Ascii && *theme == ThemeName::Mono {
                    let coloured = |cell: &&ratatui::buffer::Cell| {
                        cell.fg != ratatui::style::Color::Reset || cell.bg != ratatui::style::Color::Reset
                    };
                    assert!(buffer.content.iter().find(coloured).is_none(), "a colour in mono");
                }
            };
            let held = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check));
            assert!(held.is_ok(), "{at}");
        }
    }
}

fn every(sample: Sample) {
    for screen in Screen::ALL {
        for size in SIZES {
            let mut console = sample.console(*size, *screen);
            hold(&console, &format!("{sample:?} {screen:?} {size:?}"));
            if size.0 > 200 {
                continue;
            }
            console.act(Action::Bottom);
            console.wait(0);
            hold(&console, &format!("{sample:?} {screen:?} {size:?} at the end"));
        }
    }
}

#[test]
fn every_screen_at_every_size_empty() {
    every(Sample::Empty);
}

#[test]
fn every_screen_at_every_size_loading() {
    every(Sample::Loading);
}

#[test]
fn every_screen_at_every_size_normal() {
    every(Sample::Normal);
}

#[test]
fn every_screen_at_every_size_stale() {
    every(Sample::Stale);
}

#[test]
fn every_screen_at_every_size_error() {
    every(Sample::Error);
}

#[test]
fn every_screen_at_every_size_with_a_hundred_thousand_rows() {
    every(Sample::HundredThousand);
}

#[test]
fn a_kill_and_a_freeze_are_seen_on_every_screen() {
    for screen in Screen::ALL {
        for size in SIZES {
            let mut console = Sample::Normal.console(*size, *screen);
            console.fake.status.mode.killed = true;
            console.wait(1_000);
            console.changed();
            console.wait(1_000);
            assert!(console.state.is_killed());
            hold(&console, &format!("killed {screen:?} {size:?}"));
            console.act(Action::Freeze);
            hold(&console, &format!("frozen {screen:?} {size:?}"));
        }
    }
}

#[test]
fn a_hundred_thousand_rows_are_never_held() {
    let mut console = Sample::HundredThousand.console((200, 60), Screen::Mapping);
    for action in
        [Action::Bottom, Action::PageUp, Action::Top, Action::PageDown, Action::PageDown, Action::PageDown]
    {
        console.act(action);
        console.wait(300);
        let window = console.state.window(cutover_tui::state::ListId::Links).unwrap();
        assert_eq!(window.total, crate::sample::MANY);
        assert!(window.rows.len() <= 500, "{}", window.rows.len());
        assert!(console.state.selected().is_some(), "{action:?}");
    }
}
