use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::*;

fn themes() -> impl Iterator<Item = Theme> {
    ThemeName::ALL.iter().copied().map(Theme::new)
}

#[test]
fn words_come_back() {
    for name in ThemeName::ALL {
        assert_eq!(ThemeName::from_word(name.word()), Some(*name));
    }
    assert_eq!(ThemeName::from_word("Mono"), None);
}

#[test]
fn no_color_wins_and_truecolor_needs_the_terminals_word() {
    use ThemeName::{Mono, Sixteen, Truecolor};
    for (wanted, no_color, colorterm, chosen) in [
        (None, false, None, Sixteen),
        (None, false, Some("truecolor"), Sixteen),
        (Some(Truecolor), false, Some("truecolor"), Truecolor),
        (Some(Truecolor), false, Some("24bit"), Truecolor),
        (Some(Truecolor), false, Some("yes"), Sixteen),
        (Some(Truecolor), false, None, Sixteen),
        (Some(Truecolor), true, Some("truecolor"), Mono),
        (Some(Mono), false, None, Mono),
        (None, true, None, Mono),
    ] {
        assert_eq!(choose(wanted, no_color, colorterm), chosen, "{wanted:?} {no_color} {colorterm:?}");
    }
}

#[test]
fn the_selected_row_is_reversed_in_every_theme() {
    for theme in themes() {
        for role in Role::ALL {
            let laid_over = theme.style(*role).patch(theme.style(Role::Selected));
            assert!(laid_over.add_modifier.contains(Modifier::REVERSED), "{theme:?} {role:?}");
        }
    }
}

#[test]
fn mono_has_no_colour_and_only_modifiers_that_every_terminal_has() {
    let mono = Theme::new(ThemeName::Mono);
    let had = Modifier::BOLD | Modifier::DIM | Modifier::UNDERLINED | Modifier::REVERSED;
    let styles = Role::ALL.iter().map(|role| mono.style(*role));
    for style in styles.chain([mono.environment("production")]) {
        assert_eq!((style.fg, style.bg), (None, None));
        assert!(had.contains(style.add_modifier), "{style:?}");
    }
}

/// Foregrounds without a background of their own must be seen on any.
#[test]
fn no_theme_assumes_a_background() {
    let on_any = [Color::Red, Color::Green, Color::Yellow, Color::Cyan, Color::Magenta];
    for role in Role::ALL {
        let style = Theme::new(ThemeName::Sixteen).style(*role);
        if style.bg.is_none() {
            assert!(style.fg.is_none_or(|fg| on_any.contains(&fg)), "{role:?} {style:?}");
        }
        let style = Theme::new(ThemeName::Truecolor).style(*role);
        if let (Some(Color::Rgb(r, g, b)), None) = (style.fg, style.bg) {
            let linear = |c: u8| {
                let c = f64::from(c) / 255.0;
                if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
            };
            let light = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
            assert!((light + 0.05) / 0.05 >= 3.0, "{role:?} on black");
            assert!(1.05 / (light + 0.05) >= 3.0, "{role:?} on white");
        }
    }
}

#[test]
fn production_looks_like_nothing_else() {
    for theme in themes() {
        let production = theme.environment("production");
        for name in ["Production", "prod", "PROD-eu"] {
            assert_eq!(theme.environment(name), production, "{name}");
        }
        if theme.name() != ThemeName::Mono {
            assert_eq!((production.fg, production.bg), (Some(Color::White), Some(Color::Red)));
            for other in ["staging", "demo", "test", "", "pré", "é"] {
                assert_ne!(theme.environment(other), production, "{other}");
            }
        }
    }
}

/// The bytes that a selected row is drawn with.
fn bytes(style: Style) -> String {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 3, 1));
    buffer.set_string(0, 0, "sel", style);
    let mut out = Vec::new();
    let mut backend = CrosstermBackend::new(&mut out);
    backend.draw(Buffer::empty(buffer.area).diff_iter(&buffer)).unwrap();
    String::from_utf8(out).unwrap()
}

/// Whether `sel` is drawn while reverse is on.
fn is_reversed(bytes: &str) -> bool {
    let before = bytes.split("sel").next().unwrap();
    let Some((_, after)) = before.rsplit_once("\x1b[7m") else { return false };
    // An SGR whose first number is missing or 0 resets everything; 27 ends reverse. Later ones belong to colours.
    after.split("\x1b[").skip(1).all(|code| {
        let first = code.trim_end_matches('m').split(';').next();
        code.ends_with('m') && !matches!(first, Some("" | "0" | "27") | None)
    })
}

/// crossterm 0.29 writes `ESC[;m` for a colour under `NO_COLOR`, which resets reverse: the selected row would
/// vanish. Hence a theme without colours, and colours forced on (`term.rs`). One test, because the switch is
/// the process's.
#[test]
fn the_selected_row_survives_no_color() {
    let reversed = |theme: Theme, role| bytes(theme.style(role).patch(theme.style(Role::Selected)));
    for forced in [false, true] {
        crossterm::style::force_color_output(forced);
        for role in Role::ALL {
            let bytes = reversed(Theme::new(ThemeName::Mono), *role);
            assert!(is_reversed(&bytes), "{role:?} {bytes:?}");
        }
    }
    for theme in themes() {
        for role in Role::ALL {
            let bytes = reversed(theme, *role);
            assert!(is_reversed(&bytes), "{theme:?} {role:?} {bytes:?}");
        }
    }
    assert_eq!(
        bytes(Theme::new(ThemeName::Mono).style(Role::Selected)),
        "\x1b[1;1H\x1b[7msel\x1b[39m\x1b[49m\x1b[59m\x1b[0m"
    );
    // The trap is still there; when this fails, crossterm has mended it and the switch can go.
    crossterm::style::force_color_output(false);
    assert!(!is_reversed(&reversed(Theme::new(ThemeName::Sixteen), Role::Bad)));
    crossterm::style::force_color_output(true);
}
