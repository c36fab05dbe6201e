//! Each screen as people see it.

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::mapping::Mode;
use cutover_tui::glyphs::GlyphSet;
use cutover_tui::keymap::Action;
use cutover_tui::screens;
use cutover_tui::state::tour::Tour;
use cutover_tui::state::{Screen, Toasts};
use cutover_tui::theme::ThemeName;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::{Color, Modifier};

use crate::daemon::{Console, Fake, SECOND};
use crate::paint::{ansi, frame, frame_as, lines, look, text};
use crate::world::world;

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

fn gone() -> RpcError {
    RpcError::new(
        ErrorCode::NotReached,
        "can't reach the daemon at /run/cutover/cutover.sock: Connection refused (os error 111)",
        "it does not run: start it, or look at its log why it stopped",
    )
}

/// Opens a screen; the run that is opened is the first.
fn open(fake: Fake, size: (u16, u16), screen: Screen) -> Console {
    if screen != Screen::Run {
        return Console::open(fake, size, screen);
    }
    let mut console = Console::open(fake, size, Screen::Runs);
    console.press(&["enter"]);
    console
}

/// A run has moved for a while.
pub fn normal(size: (u16, u16), screen: Screen) -> Console {
    let mut console = open(world(), size, screen);
    for i in 0..60_u32 {
        console.now += SECOND;
        let pace = 40.0 + f64::from(i % 7) * 2.0 + f64::from(i % 13) * 1.2 - f64::from(i % 29) * 0.9;
        console.fake.moving[0].progress.per_second = pace;
        console.changed();
    }
    console.fake.moving[0].progress.per_second = 51.2;
    console.changed();
    console
}

pub fn stale(size: (u16, u16), screen: Screen) -> Console {
    let mut console = normal(size, screen);
    console.lose(gone());
    for _ in 0..3 {
        console.wait(4 * SECOND);
        console.fail(gone());
    }
    console.wait(13 * SECOND);
    console.fail(gone());
    console
}

fn empty(size: (u16, u16), screen: Screen) -> Console {
    Console::open(Fake::empty(), size, screen)
}

fn loading(size: (u16, u16), screen: Screen) -> Console {
    let mut fake = world();
    fake.mute = true;
    if screen == Screen::Run {
        let mut console = normal(size, Screen::Runs);
        console.fake.mute = true;
        console.press(&["enter"]);
        console.wait(2 * SECOND);
        return console;
    }
    let mut console = Console::open(fake, size, screen);
    console.wait(2 * SECOND);
    console
}

fn failed(size: (u16, u16), screen: Screen) -> Console {
    let refusal = RpcError::new(
        ErrorCode::Store,
        "the store can't be read: disk I/O error",
        "look at the disk of the daemon's state folder, then at its log",
    );
    let mut console = match screen {
        Screen::Run => Console::open(world(), size, Screen::Runs),
        _ => Console::started(world(), size, screen),
    };
    console.fake.refusal = Some(refusal.with_runbook("store_disk_full.md"));
    match screen {
        Screen::Run => console.press(&["enter"]),
        _ => console.connect(),
    }
    console
}

/// Never connected.
fn offline(size: (u16, u16), screen: Screen) -> Console {
    let mut console = Console::started(world(), size, screen);
    for _ in 0..3 {
        console.fail(gone());
        console.wait(SECOND);
    }
    console.fail(gone());
    console
}

/// In the demo, killed, with a mark and a filter.
fn tour(size: (u16, u16), screen: Screen) -> Console {
    let mut fake = world();
    fake.status.mode.killed = true;
    fake.status.mode.mode = Mode::Off;
    fake.welcome.environment = "production-eu".into();
    let mut console = open(fake, size, screen);
    console.state.tour = Some(Tour::default());
    console.press(&["space", "s", "S", "down"]);
    console
}

type Make = fn((u16, u16), Screen) -> Console;
const STATES: [(&str, Make); 7] = [
    ("normal", normal),
    ("empty", empty),
    ("loading", loading),
    ("stale", stale),
    ("error", failed),
    ("offline", offline),
    ("tour", tour),
];

/// `CONSOLE_FRAMES=folder` writes each frame as text and as a terminal would get it, to be looked at.
#[test]
fn frames_can_be_looked_at() {
    #[expect(clippy::disallowed_methods, reason = "only a person who looks at frames sets it")]
    let Ok(folder) = std::env::var("CONSOLE_FRAMES") else { return };
    for screen in Screen::ALL {
        for (name, make) in STATES {
            for size in SIZES {
                let drawn = frame(&make(size, *screen).state);
                let file = format!("{folder}/{}-{name}-{}", screen.title(), size.0);
                std::fs::write(format!("{file}.txt"), text(&drawn)).unwrap();
                std::fs::write(format!("{file}.ansi"), ansi(&drawn)).unwrap();
            }
        }
    }
}

/// Every size, as far as arithmetic can tell them apart.
#[test]
fn no_size_is_too_small_or_too_large() {
    let sizes = [
        (0, 0),
        (1, 1),
        (3, 1),
        (20, 3),
        (39, 12),
        (40, 11),
        (40, 12),
        (41, 13),
        (59, 16),
        (60, 17),
        (79, 20),
        (80, 24),
        (110, 12),
        (110, 30),
        (120, 40),
        (200, 60),
        (500, 200),
        (40, 200),
        (500, 12),
    ];
    for (name, make) in STATES {
        for screen in Screen::ALL {
            let mut console = make((80, 24), *screen);
            for (columns, rows) in sizes {
                console.resize(columns, rows);
                let drawn = frame(&console.state);
                if columns >= 40 && rows >= 12 {
                    let lines = lines(&drawn);
                    let at = format!("{name} {} {columns}x{rows}", screen.title());
                    assert!(lines.last().unwrap().contains("K KILL"), "{at}");
                    let told =
                        ["connected", "no daemon", "connecting"].iter().any(|word| lines[0].contains(word));
                    assert!(told, "{at}: {}", lines[0]);
                    let selected = console.state.selected().is_some();
                    let seen = lines.iter().any(|line| line.contains('▌'));
                    assert!(!selected || seen, "{at}: the cursor is not seen");
                } else if columns >= 20 && rows >= 3 {
                    let all = text(&drawn);
                    assert!(
                        all.contains("K KILL") || all.contains("KILLED"),
                        "{name} {columns}x{rows}: {all}"
                    );
                }
            }
        }
    }
}

/// The terminal may have become another size before the state has heard of it.
#[test]
fn a_terminal_of_another_size_than_the_state_knows_is_no_harm() {
    let plain = look(ThemeName::Sixteen, GlyphSet::Unicode);
    for screen in Screen::ALL {
        let console = normal((120, 40), *screen);
        for (columns, rows) in [(1, 1), (10, 3), (80, 5), (30, 30), (119, 39)] {
            let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
            terminal.draw(|frame| screens::draw(&console.state, &plain, frame)).unwrap();
        }
    }
}

#[test]
fn every_screen_in_every_state_reads_well() {
    for (name, make) in STATES {
        let all = Screen::ALL.iter().filter(|screen| name != "empty" || **screen != Screen::Run);
        for screen in all {
            for size in SIZES {
                let drawn = text(&frame(&make(size, *screen).state));
                let name = format!("{}_{name}_{}x{}", screen.title().to_lowercase(), size.0, size.1);
                insta::assert_snapshot!(name, drawn);
            }
        }
    }
}

/// What a status is can be read without colours and without signs beyond ASCII.
#[test]
fn ascii_and_no_colours_say_the_same() {
    for screen in [Screen::Overview, Screen::Mapping, Screen::Run] {
        let console = normal((80, 24), screen);
        let drawn = frame_as(&console.state, &look(ThemeName::Mono, GlyphSet::Ascii));
        assert!(drawn.content.iter().all(|cell| cell.symbol().is_ascii()), "{}", text(&drawn));
        let plain = drawn.content.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset);
        assert!(plain, "mono has a colour");
        insta::assert_snapshot!(format!("{}_ascii", screen.title().to_lowercase()), text(&drawn));
    }
}

/// The row of the next key is reversed over its whole width, in every theme.
#[test]
fn the_selected_row_is_seen_in_every_theme() {
    for theme in ThemeName::ALL {
        for screen in [Screen::Overview, Screen::Mapping, Screen::Run] {
            let mut console = normal((80, 24), screen);
            console.press(&["down"]);
            let drawn = frame_as(&console.state, &look(*theme, GlyphSet::Unicode));
            let y = lines(&drawn).iter().position(|line| line.contains('▌')).unwrap();
            let reversed =
                (4..70).all(|x| drawn[(x, u16::try_from(y).unwrap())].modifier.contains(Modifier::REVERSED));
            assert!(reversed, "{theme:?} {}", screen.title());
        }
    }
}

#[test]
fn small_terminals_say_what_matters() {
    let mut all = String::new();
    for (columns, rows) in [(20, 3), (31, 9), (60, 2), (70, 1), (40, 12), (60, 16)] {
        for make in [normal as Make, offline, tour] {
            let mut console = make((80, 24), Screen::Overview);
            console.resize(columns, rows);
            all += &format!("{columns}x{rows}\n{}", text(&frame(&console.state)));
        }
    }
    insta::assert_snapshot!("small", all);
}

/// What each link says in the first line and below.
#[test]
fn a_connection_that_is_none_says_why() {
    let mut all = String::new();
    for (code, message) in [
        (ErrorCode::NotReached, "can't reach the daemon at /run/cutover.sock: No such file or directory"),
        (ErrorCode::Role, "uid 1003 is no operator here"),
        (ErrorCode::Version, "the daemon speaks protocol 2, this console 1"),
    ] {
        let mut console = normal((80, 24), Screen::Tenants);
        console.lose(RpcError::new(code, message, "ask whoever runs it"));
        console.wait(0);
        // The message that it broke is gone by then.
        console.state.toasts = Toasts::default();
        let lines = lines(&frame(&console.state));
        all += &format!("{}\n{}\n", lines[0].trim_end(), lines[22].trim_end());
    }
    let mut console = normal((80, 24), Screen::Tenants);
    console.act(Action::Freeze);
    console.wait(40 * SECOND);
    all += &format!("{}\n", lines(&frame(&console.state))[0].trim_end());
    let mut console = Console::started(world(), (80, 24), Screen::Overview);
    all += &format!("{}\n", lines(&frame(&console.state))[0].trim_end());
    console.fake.skew = 12 * SECOND;
    console.connect();
    all += &format!("{}\n", lines(&frame(&console.state))[0].trim_end());
    insta::assert_snapshot!("links", all);
}
