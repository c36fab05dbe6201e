use crossterm::event::{KeyCode, KeyEvent, KeyEventState, KeyModifiers};
use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<Settings, Vec<SettingsError>> {
    Settings::parse(Path::new("console.toml"), text)
}

fn chord(text: &str) -> Chord {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn every_key_is_read() {
    let settings = parse(
        r#"
theme = "truecolor"
glyphs = "ascii"
fps = 12
bell = false
apply_rate = 40
start_screen = "runs"

[keys]
kill = ["K", "ctrl-k"]
back = []

[columns]
runs = ["id", "state"]
"#,
    )
    .unwrap();
    let at = |line, column, value: &str| Written { value: value.to_owned(), line, column };
    let expected = Settings {
        theme: Some(ThemeName::Truecolor),
        glyphs: Some(GlyphSet::Ascii),
        fps: 12,
        bell: false,
        apply_rate: Some(40),
        start_screen: Some(at(7, 16, "runs")),
        keys: vec![
            (at(10, 1, "kill"), vec![Chord::char('K'), Chord::ctrl('k')]),
            (at(11, 1, "back"), vec![]),
        ],
        columns: vec![(at(14, 1, "runs"), vec![at(14, 9, "id"), at(14, 15, "state")])],
    };
    assert_eq!(settings, expected);
    assert_eq!(parse("").unwrap(), Settings::default());
}

#[test]
fn all_mistakes_are_told_at_once_with_their_lines() {
    let mistakes = parse(
        r#"them = "16"
theme = "dark"
glyphs = 7
fps = 31
fps = 5
bell = "yes"
apply_rate = 0
start_screen = ["runs"]
zzzz = 1

[keys]
kill = ["ctl-k", "d", "d", 5]
back = "esc"
up = ["ctrl-ctrl-x", "shift-/", ""]

[columns]
runs = { id = true }
"#,
    )
    .unwrap_err();
    let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"));
    let huge = format!("x{}", " = 1\nx".repeat(1000));
    assert_eq!(parse(&huge).unwrap_err().len(), 50);
}

#[test]
fn what_the_file_says_can_not_move_a_cursor() {
    let mistakes = parse("\"a\\u001b[2J\" = 1").unwrap_err();
    assert!(!mistakes[0].to_string().contains('\x1b'));
}

#[test]
fn names_that_only_the_caller_knows_get_the_nearest() {
    let name = Written { value: "refesh".to_owned(), line: 3, column: 1 };
    let told = SettingsError::unknown(Path::new("c.toml"), "keys", &name, "action", &["quit", "refresh"]);
    assert_eq!(told.to_string(), "c.toml:3:1: keys: there is no action `refesh`; did you mean `refresh`?");
}

#[test]
fn the_named_file_must_be_there_and_the_usual_one_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("console.toml");
    let load = |place: fn(PathBuf) -> Place| Settings::load(&place(path.clone()));
    assert_eq!(load(Place::Usual), Ok(Settings::default()));
    assert_eq!(load(Place::Named).unwrap_err()[0].message, "there is no such file");
    assert_eq!(Settings::load(&Place::Nowhere), Ok(Settings::default()));

    std::fs::write(&path, "fps = 3").unwrap();
    assert_eq!(load(Place::Usual).unwrap().fps, 3);
    std::fs::write(&path, [b'#', 0xff]).unwrap();
    assert_eq!(load(Place::Usual).unwrap_err()[0].message, "a byte that is not UTF-8");
    std::fs::write(&path, vec![b'\n'; 64 * 1024 + 1]).unwrap();
    assert_eq!(load(Place::Usual).unwrap_err()[0].message, "this is not a file of settings");
    let folder = Settings::load(&Place::Named(folder.path().to_owned()));
    assert_eq!(folder.unwrap_err()[0].message, "this is not a file of settings");
}

#[test]
fn the_flag_wins_over_the_variable_and_that_over_the_usual_place() {
    let flag = Path::new("/flag");
    assert_eq!(place(Some(flag), Some("/variable".into())), Place::Named(flag.to_owned()));
    assert_eq!(place(None, Some("/variable".into())), Place::Named("/variable".into()));
    match place(None, Some("".into())) {
        Place::Usual(path) => assert!(path.ends_with("cutover/console.toml"), "{}", path.display()),
        other => assert_eq!(other, Place::Nowhere),
    }
}

#[test]
fn chords_are_printed_as_they_are_written() {
    for text in [
        "d",
        "K",
        "ctrl-k",
        "alt-x",
        "alt-X",
        "f1",
        "f24",
        "enter",
        "esc",
        "space",
        "tab",
        "shift-tab",
        "up",
        "shift-up",
        "pgdn",
        "home",
        "?",
        "-",
        "ctrl--",
        "ctrl-space",
        "ctrl-alt-shift-f5",
        "é",
        "所",
        ":",
        "#",
    ] {
        assert_eq!(chord(text).to_string(), text);
    }
    for (written, printed) in [
        ("Ctrl-K", "ctrl-k"),
        ("ALT-PageUp", "alt-pgup"),
        ("shift-d", "D"),
        ("shift-K", "K"),
        ("shift-space", "space"),
        ("return", "enter"),
        ("ctrl-i", "tab"),
        ("ctrl-m", "enter"),
        ("ctrl-[", "esc"),
        ("alt-ctrl-x", "ctrl-alt-x"),
    ] {
        assert_eq!(chord(written).to_string(), printed, "{written}");
    }
    for text in [
        "",
        "ctrl-",
        "dd",
        "f0",
        "f25",
        "f+1",
        "f01",
        "hyper-x",
        "shift-1",
        "shift-?",
        "ctrl-ctrl-a",
        "\u{200b}",
        "\t",
    ] {
        assert!(text.parse::<Chord>().is_err(), "{text:?}");
    }
}

/// Terminals report one press in several ways.
#[test]
fn equal_presses_are_equal_chords() {
    use KeyModifiers as Mod;
    let event = |code, held| Chord::from(KeyEvent::new(code, held));
    // Legacy, xterm's modifyOtherKeys, kitty's keycap with shift.
    assert_eq!(event(KeyCode::Char('K'), Mod::SHIFT), chord("K"));
    assert_eq!(event(KeyCode::Char('K'), Mod::NONE), chord("K"));
    assert_eq!(event(KeyCode::Char('k'), Mod::SHIFT), chord("K"));
    assert_ne!(event(KeyCode::Char('k'), Mod::NONE), chord("K"));
    assert_eq!(event(KeyCode::Char('K'), Mod::CONTROL | Mod::SHIFT), chord("ctrl-k"));
    assert_eq!(event(KeyCode::Char('?'), Mod::SHIFT), chord("?"));
    assert_eq!(event(KeyCode::BackTab, Mod::SHIFT), chord("shift-tab"));
    assert_eq!(event(KeyCode::Tab, Mod::SHIFT), chord("shift-tab"));
    assert_eq!(event(KeyCode::Char('i'), Mod::CONTROL), chord("tab"));
    let caps = |c, held| {
        let mut event = KeyEvent::new(KeyCode::Char(c), held);
        event.state = KeyEventState::CAPS_LOCK;
        Chord::from(event)
    };
    assert_eq!(caps('k', Mod::NONE), chord("K"));
    assert_eq!(caps('k', Mod::SHIFT), chord("k"));
    assert_eq!(caps('K', Mod::SHIFT), chord("K"));
    for (code, held) in
        [(KeyCode::Char('d'), Mod::SUPER), (KeyCode::CapsLock, Mod::NONE), (KeyCode::F(25), Mod::NONE)]
    {
        assert_eq!(event(code, held).to_string(), "a key without a name");
    }
    assert_eq!((chord("ß").written(), chord("ctrl-k").written()), (Some('ß'), None));
}

fn any_event() -> impl Strategy<Value = KeyEvent> {
    let code = prop_oneof![
        any::<char>().prop_map(KeyCode::Char),
        "[ -~]".prop_map(|text| KeyCode::Char(text.chars().next().unwrap())),
        (0_u8..30).prop_map(KeyCode::F),
        prop::sample::select(vec![
            KeyCode::Enter,
            KeyCode::Esc,
            KeyCode::Tab,
            KeyCode::BackTab,
            KeyCode::Backspace,
            KeyCode::Delete,
            KeyCode::Insert,
            KeyCode::Up,
            KeyCode::Home,
            KeyCode::PageDown,
            KeyCode::Null,
            KeyCode::Menu,
        ]),
    ];
    (code, any::<u8>(), any::<u8>()).prop_map(|(code, held, state)| {
        let mut event = KeyEvent::new(code, KeyModifiers::from_bits_truncate(held));
        event.state = KeyEventState::from_bits_truncate(state);
        event
    })
}

proptest! {
    /// What the console prints for a key can be written into the file and means that key.
    #[test]
    fn a_printed_chord_is_the_chord(event in any_event()) {
        let chord = Chord::from(event);
        if let Ok(again) = chord.to_string().parse::<Chord>() {
            prop_assert_eq!(again, chord);
        } else {
            let odd = matches!(event.code, KeyCode::Char(c) if !c.is_ascii() || c.is_control());
            prop_assert!(odd || chord.to_string().ends_with("a key without a name"), "{:?}", event);
        }
    }

    #[test]
    fn no_file_panics(text in "[a-z\\[\\]= \"{},.\n0-9é-]{0,200}", hostile in any::<String>()) {
        for text in [text, hostile] {
            if let Err(mistakes) = parse(&text) {
                prop_assert!(!mistakes.is_empty() && mistakes.iter().all(|mistake| mistake.line > 0));
            }
        }
    }
}
