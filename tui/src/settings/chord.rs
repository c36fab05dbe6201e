//! One press of a key with what was held down, as it is written in the settings: `d`, `ctrl-k`, `shift-tab`.

use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyEventState, KeyModifiers};
use unicode_width::UnicodeWidthChar;

/// The keys that have a name; further spellings follow the one that is printed.
const NAMED: &[(KeyCode, &[&str])] = &[
    (KeyCode::Enter, &["enter", "return"]),
    (KeyCode::Esc, &["esc", "escape"]),
    (KeyCode::Char(' '), &["space"]),
    (KeyCode::Tab, &["tab"]),
    (KeyCode::Backspace, &["backspace"]),
    (KeyCode::Delete, &["delete", "del"]),
    (KeyCode::Insert, &["insert", "ins"]),
    (KeyCode::Up, &["up"]),
    (KeyCode::Down, &["down"]),
    (KeyCode::Left, &["left"]),
    (KeyCode::Right, &["right"]),
    (KeyCode::Home, &["home"]),
    (KeyCode::End, &["end"]),
    (KeyCode::PageUp, &["pgup", "pageup"]),
    (KeyCode::PageDown, &["pgdn", "pagedown"]),
];

/// Function keys that terminals can report.
const LAST_F: u8 = 24;

/// A key and what was held down. Equal presses are equal chords, whichever way the terminal reports them: a letter
/// carries its own case and no shift, `BackTab` is `shift-tab`, and `ctrl-i`, `ctrl-m`, `ctrl-[` are the tab, enter and
/// escape that most terminals send for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd)]
pub struct Chord {
    /// `KeyCode::Null` is a key that has no name; no written chord equals it.
    code: KeyCode,
    held: KeyModifiers,
}

impl Chord {
    /// A key on its own.
    pub fn key(code: KeyCode) -> Self {
        Self::normal(code, KeyModifiers::NONE)
    }

    /// A letter or sign on its own.
    pub fn char(c: char) -> Self {
        Self::key(KeyCode::Char(c))
    }

    /// A letter or sign with control held.
    pub fn ctrl(c: char) -> Self {
        Self::normal(KeyCode::Char(c), KeyModifiers::CONTROL)
    }

    /// The letter or sign that this would write into an input line.
    pub fn written(self) -> Option<char> {
        match (self.code, self.held.is_empty()) {
            (KeyCode::Char(c), true) => Some(c),
            _ => None,
        }
    }

    fn normal(code: KeyCode, held: KeyModifiers) -> Self {
        use KeyModifiers as Mod;
        let unnamed = Self { code: KeyCode::Null, held: Mod::NONE };
        if held.intersects(Mod::SUPER | Mod::HYPER | Mod::META) {
            return unnamed;
        }
        let (ctrl, shift) = (held.contains(Mod::CONTROL), held.contains(Mod::SHIFT));
        match code {
            KeyCode::BackTab => Self { code: KeyCode::Tab, held: held | Mod::SHIFT },
            KeyCode::Char('i' | 'I') if ctrl => Self { code: KeyCode::Tab, held: held - Mod::CONTROL },
            KeyCode::Char('m' | 'M') if ctrl => Self { code: KeyCode::Enter, held: held - Mod::CONTROL },
            KeyCode::Char('[') if ctrl => Self { code: KeyCode::Esc, held: held - Mod::CONTROL },
            // A control letter has no case in what terminals send.
            KeyCode::Char(c) if ctrl => {
                Self { code: KeyCode::Char(c.to_ascii_lowercase()), held: held - Mod::SHIFT }
            }
            KeyCode::Char(c) => {
                Self { code: KeyCode::Char(if shift { upper(c) } else { c }), held: held - Mod::SHIFT }
            }
            KeyCode::F(n) if (1..=LAST_F).contains(&n) => Self { code, held },
            code if NAMED.iter().any(|(named, _)| *named == code) => Self { code, held },
            _ => unnamed,
        }
    }
}

/// The upper case of a letter that has exactly one.
fn upper(c: char) -> char {
    let mut uppers = c.to_uppercase();
    match (uppers.next(), uppers.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

impl From<KeyEvent> for Chord {
    /// Presses, repeats and releases of one key are the same chord.
    fn from(event: KeyEvent) -> Self {
        let mut held = event.modifiers;
        // The kitty protocol reports the letter as on the keycap and caps lock apart from it.
        let caps = event.state.contains(KeyEventState::CAPS_LOCK);
        if caps && matches!(event.code, KeyCode::Char(c) if c.is_lowercase()) {
            held.toggle(KeyModifiers::SHIFT);
        }
        Self::normal(event.code, held)
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (modifier, prefix) in
            [(KeyModifiers::CONTROL, "ctrl-"), (KeyModifiers::ALT, "alt-"), (KeyModifiers::SHIFT, "shift-")]
        {
            if self.held.contains(modifier) {
                f.write_str(prefix)?;
            }
        }
        if let Some((_, names)) = NAMED.iter().find(|(code, _)| *code == self.code) {
            return f.write_str(names.first().copied().unwrap_or_default());
        }
        match self.code {
            KeyCode::Char(c) => write!(f, "{c}"),
            KeyCode::F(n) => write!(f, "f{n}"),
            _ => f.write_str("a key without a name"),
        }
    }
}

/// Why a text is no chord.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAChord {
    Empty,
    /// Neither one sign nor the name of a key.
    NoSuchKey,
    /// Shift with a sign: which sign it makes depends on the keyboard.
    ShiftedSign,
    /// The same modifier twice.
    Twice,
}

impl NotAChord {
    /// What to write instead.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Empty | Self::NoSuchKey => {
                "write one sign, f1 to f24, or enter, esc, space, tab, backspace, delete, insert, up, down, left, \
                 right, home, end, pgup, pgdn; before it ctrl-, alt-, shift-"
            }
            Self::ShiftedSign => "write the sign that shift makes: `?` for shift-/",
            Self::Twice => "write each of ctrl-, alt-, shift- once",
        }
    }
}

impl fmt::Display for NotAChord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a key is missing",
            Self::NoSuchKey => "there is no such key",
            Self::ShiftedSign => "shift makes another sign of this",
            Self::Twice => "a modifier stands twice",
        })
    }
}

impl std::error::Error for NotAChord {}

impl FromStr for Chord {
    type Err = NotAChord;

    fn from_str(text: &str) -> Result<Self, NotAChord> {
        let mut held = KeyModifiers::NONE;
        let mut rest = text;
        while let Some((modifier, tail)) = modifier(rest) {
            if held.contains(modifier) {
                return Err(NotAChord::Twice);
            }
            held |= modifier;
            rest = tail;
        }
        let code = key(rest)?;
        let shifted = held.contains(KeyModifiers::SHIFT);
        if shifted && matches!(code, KeyCode::Char(c) if c != ' ' && upper(c) == c && !c.is_uppercase()) {
            return Err(NotAChord::ShiftedSign);
        }
        Ok(Self::normal(code, held))
    }
}

/// The modifier that a text begins with, and the rest, which is never empty: `ctrl--` is control and minus.
fn modifier(text: &str) -> Option<(KeyModifiers, &str)> {
    let modifiers =
        [("ctrl-", KeyModifiers::CONTROL), ("alt-", KeyModifiers::ALT), ("shift-", KeyModifiers::SHIFT)];
    modifiers.iter().find_map(|(prefix, modifier)| {
        let (start, rest) = text.split_at_checked(prefix.len())?;
        (start.eq_ignore_ascii_case(prefix) && !rest.is_empty()).then_some((*modifier, rest))
    })
}

fn key(text: &str) -> Result<KeyCode, NotAChord> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (None, _) => return Err(NotAChord::Empty),
        (Some(c), None) => {
            // A sign without a width can't be seen in a list of keys.
            let seen = c.width().is_some_and(|width| width > 0);
            return if seen && (!c.is_whitespace() || c == ' ') {
                Ok(KeyCode::Char(c))
            } else {
                Err(NotAChord::NoSuchKey)
            };
        }
        _ => {}
    }
    let word = text.to_ascii_lowercase();
    if let Some((code, _)) = NAMED.iter().find(|(_, names)| names.contains(&word.as_str())) {
        return Ok(*code);
    }
    let number = word.strip_prefix('f').filter(|digits| !digits.starts_with(['+', '0']));
    match number.and_then(|digits| digits.parse().ok()) {
        Some(n) if (1..=LAST_F).contains(&n) => Ok(KeyCode::F(n)),
        _ => Err(NotAChord::NoSuchKey),
    }
}
