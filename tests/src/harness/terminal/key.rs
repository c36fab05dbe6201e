//! What a terminal sends for a key.

/// The bytes of a key by its name: one character, or `Enter`, `Esc`, `Tab`, `BackTab`, `Backspace`, `Space`, `Up`,
/// `Down`, `Left`, `Right`, `Home`, `End`, `PageUp`, `PageDown`, `Insert`, `Delete`, `F1` to `F12`; before it `ctrl-`
/// (with a letter, or one of `@ [ \ ] ^ _`), `alt-`, or both. `application` is the cursor keys' mode that the process has
/// asked for. None for a name that says nothing.
pub fn bytes(name: &str, application: bool) -> Option<Vec<u8>> {
    // A lone letter may itself be followed by nothing: `alt-` needs something behind it.
    if let Some(rest) = name.strip_prefix("alt-").filter(|rest| !rest.is_empty()) {
        return bytes(rest, application).map(|bytes| [b"\x1b", bytes.as_slice()].concat());
    }
    if let Some(rest) = name.strip_prefix("ctrl-").filter(|rest| !rest.is_empty()) {
        return control(rest);
    }
    let cursor = |letter: char| {
        let lead = if application { 'O' } else { '[' };
        format!("\x1b{lead}{letter}").into_bytes()
    };
    let text = match name {
        "Enter" => "\r",
        "Esc" => "\x1b",
        "Tab" => "\t",
        "BackTab" => "\x1b[Z",
        "Backspace" => "\x7f",
        "Space" => " ",
        "Up" => return Some(cursor('A')),
        "Down" => return Some(cursor('B')),
        "Right" => return Some(cursor('C')),
        "Left" => return Some(cursor('D')),
        "Home" => return Some(cursor('H')),
        "End" => return Some(cursor('F')),
        "Insert" => "\x1b[2~",
        "Delete" => "\x1b[3~",
        "PageUp" => "\x1b[5~",
        "PageDown" => "\x1b[6~",
        "F1" => "\x1bOP",
        "F2" => "\x1bOQ",
        "F3" => "\x1bOR",
        "F4" => "\x1bOS",
        "F5" => "\x1b[15~",
        "F6" => "\x1b[17~",
        "F7" => "\x1b[18~",
        "F8" => "\x1b[19~",
        "F9" => "\x1b[20~",
        "F10" => "\x1b[21~",
        "F11" => "\x1b[23~",
        "F12" => "\x1b[24~",
        one if one.chars().count() == 1 => one,
        _ => return None,
    };
    Some(text.as_bytes().to_vec())
}

fn control(rest: &str) -> Option<Vec<u8>> {
    match rest.as_bytes() {
        [letter] if letter.is_ascii_alphabetic() || b"@[\\]^_".contains(letter) => {
            Some(vec![letter.to_ascii_uppercase() & 0x1f])
        }
        _ => None,
    }
}
