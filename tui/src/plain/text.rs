//! Letters: what may be printed, how wide it is, where it may be broken.

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr;

/// `text` without anything that a terminal would obey: control characters and marks that turn the direction of
/// writing become their code, `\u{1b}`.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_harmless) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_harmless(c) { out.push(c) } else { out.extend(c.escape_default()) }
    }
    Cow::Owned(out)
}

fn is_harmless(c: char) -> bool {
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !c.is_control() && !turns
}

/// Columns that `text` takes on a terminal.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// `text` cut to `columns`, with `…` for what is left out.
pub(crate) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    for c in text.chars() {
        out.push(c);
        if width(&out) + 1 > columns {
            out.pop();
            break;
        }
    }
    out.push('…');
    Cow::Owned(out)
}

/// `text` broken at spaces into lines of at most `columns`. A longer word keeps its own line, whole, and so does
/// a command between backticks, because it will be copied.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in words(text) {
        if !line.is_empty() && width(&line) + 1 + width(word) > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// Words of `text`; what stands between two backticks is one word.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut quoted = false;
        let end = text.find(|c| {
            quoted ^= c == '`';
            c == ' ' && !quoted
        });
        // A backtick without its twin quotes nothing.
        let end = if quoted { text.find(' ') } else { end };
        let (word, tail) = end.map_or((text, None), |at| (&text[..at], Some(&text[at + 1..])));
        rest = tail;
        Some(word)
    })
}

/// A flag with its value, as words of a shell. A value that looks like a flag itself stays a value.
pub fn shell_option(flag: &str, value: &str) -> String {
    let sign = if value.starts_with('-') { '=' } else { ' ' };
    format!("{flag}{sign}{}", shell_word(value))
}

/// The last argument of a command, as a word of a shell. One that looks like a flag stays an argument.
pub fn shell_argument(value: &str) -> String {
    let end = if value.starts_with('-') { "-- " } else { "" };
    format!("{end}{}", shell_word(value))
}

/// `text` as one word of a shell, quoted where it must be.
pub fn shell_word(text: &str) -> Cow<'_, str> {
    let bare = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !text.is_empty() && text.chars().all(bare) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
    }
}
