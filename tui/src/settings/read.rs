//! From the file's text to settings: goes on after a mistake, so that all are told at once. Pure.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::suggestion;
use super::{Chord, MOST_FPS, Settings, SettingsError, Written};
use crate::glyphs::GlyphSet;
use crate::theme::ThemeName;

const KEYS: &[&str] = &["theme", "glyphs", "fps", "bell", "apply_rate", "start_screen", "keys", "columns"];

/// Mistakes that are told; a file with more is not one of settings.
const MOST_MISTAKES: usize = 50;

/// Keys of one action, columns of one list.
const LONGEST_LIST: usize = 50;

pub(super) fn settings(path: &Path, text: &str) -> Result<Settings, Vec<SettingsError>> {
    let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let mut reader = Reader { path, text, lines, settings: Settings::default(), mistakes: Vec::new() };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = error.span().map_or(0, |span| span.start);
        let message = format!("this is not TOML: {}", error.message());
        reader.mistake(at, "", message, "write `key = value`, texts in double quotes, tables as [name]");
    }
    for entry in in_order(table.into_inner()) {
        reader.top(&entry);
    }
    let Reader { settings, mut mistakes, .. } = reader;
    if mistakes.is_empty() {
        return Ok(settings);
    }
    mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
    mistakes.truncate(MOST_MISTAKES);
    Err(mistakes)
}

struct Entry<'t> {
    /// Byte offset of the key.
    at: usize,
    key: String,
    value: Spanned<DeValue<'t>>,
}

/// The entries in the order of the file; the parser sorts them by name.
fn in_order(table: DeTable<'_>) -> Vec<Entry<'_>> {
    let entries = table.into_iter().map(|(key, value)| Entry {
        at: key.span().start,
        key: key.into_inner().into_owned(),
        value,
    });
    let mut entries: Vec<_> = entries.collect();
    entries.sort_by_key(|entry| entry.at);
    entries
}

struct Reader<'t> {
    path: &'t Path,
    text: &'t str,
    lines: Vec<usize>,
    settings: Settings,
    mistakes: Vec<SettingsError>,
}

impl<'t> Reader<'t> {
    /// Line and column of a byte offset.
    fn place(&self, offset: usize) -> (usize, usize) {
        let offset = self.text.floor_char_boundary(offset.min(self.text.len()));
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count()) + 1;
        (line, column)
    }

    fn written<T>(&self, at: usize, value: T) -> Written<T> {
        let (line, column) = self.place(at);
        Written { value, line, column }
    }

    fn mistake(&mut self, at: usize, key: &str, message: impl Into<String>, hint: impl Into<String>) {
        let (line, column) = self.place(at);
        let (path, key) = (self.path.to_owned(), key.to_owned());
        self.mistakes.push(SettingsError {
            path,
            line,
            column,
            key,
            message: message.into(),
            hint: hint.into(),
        });
    }

    fn top(&mut self, entry: &Entry<'t>) {
        match entry.key.as_str() {
            "theme" => {
                let words: Vec<_> = ThemeName::ALL.iter().map(|name| name.word()).collect();
                self.settings.theme = self.word(entry, &words).and_then(|word| ThemeName::from_word(&word));
            }
            "glyphs" => {
                let words: Vec<_> = GlyphSet::ALL.iter().map(|set| set.word()).collect();
                self.settings.glyphs = self.word(entry, &words).and_then(|word| GlyphSet::from_word(&word));
            }
            "fps" => {
                if let Some(fps) = self.whole(entry, 1, MOST_FPS) {
                    self.settings.fps = fps;
                }
            }
            "apply_rate" => self.settings.apply_rate = self.whole(entry, 1, u32::MAX),
            "bell" => match entry.value.get_ref() {
                DeValue::Boolean(bell) => self.settings.bell = *bell,
                other => self.wrong(entry, "true or false", other, "write `true` or `false`, without quotes"),
            },
            "start_screen" => {
                let at = entry.value.span().start;
                let screen = self.string(entry, &entry.key, "write its name in double quotes");
                self.settings.start_screen = screen.map(|screen| self.written(at, screen));
            }
            "keys" => {
                for entry in self.table(entry, "its lines are like `kill = [\"ctrl-k\"]`") {
                    let chords = self.chords(&entry);
                    self.settings.keys.push((self.written(entry.at, entry.key), chords));
                }
            }
            "columns" => {
                for entry in self.table(entry, "its lines are like `runs = [\"id\", \"state\"]`") {
                    let columns = self.list(&entry, &format!("columns.{}", entry.key), "[\"id\", \"state\"]");
                    let columns = columns.into_iter().map(|(at, column)| self.written(at, column)).collect();
                    self.settings.columns.push((self.written(entry.at, entry.key), columns));
                }
            }
            key => self.mistake(entry.at, key, "there is no such key", suggestion(key, KEYS)),
        }
    }

    fn wrong(&mut self, entry: &Entry<'_>, expected: &str, found: &DeValue<'_>, hint: &str) {
        let message = format!("expected {expected}, found {}", found.type_str());
        self.mistake(entry.value.span().start, &entry.key, message, hint);
    }

    fn string(&mut self, entry: &Entry<'_>, key: &str, hint: &str) -> Option<String> {
        match entry.value.get_ref() {
            DeValue::String(text) => Some(text.clone().into_owned()),
            other => {
                let message = format!("expected a text, found {}", other.type_str());
                self.mistake(entry.value.span().start, key, message, hint);
                None
            }
        }
    }

    /// One of `words`.
    fn word(&mut self, entry: &Entry<'_>, words: &[&str]) -> Option<String> {
        let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
        let word = self.string(entry, &entry.key, &format!("write one of {}", quoted.join(", ")))?;
        if !words.contains(&word.as_str()) {
            let (at, hint) = (entry.value.span().start, suggestion(&word, words));
            self.mistake(at, &entry.key, format!("`{word}` is not one of its words"), hint);
            return None;
        }
        Some(word)
    }

    fn whole(&mut self, entry: &Entry<'_>, least: u32, most: u32) -> Option<u32> {
        let hint = format!("write a whole number from {least} to {most}");
        match entry.value.get_ref() {
            DeValue::Integer(written) => {
                let number = u32::from_str_radix(written.as_str(), written.radix()).ok();
                let number = number.filter(|number| (least..=most).contains(number));
                if number.is_none() {
                    let message = format!("{written} is out of range");
                    self.mistake(entry.value.span().start, &entry.key, message, hint);
                }
                number
            }
            other => {
                self.wrong(entry, "a whole number", other, &hint);
                None
            }
        }
    }

    fn table(&mut self, entry: &Entry<'t>, example: &str) -> Vec<Entry<'t>> {
        match entry.value.get_ref() {
            DeValue::Table(table) => in_order(table.clone()),
            other => {
                let hint = format!("write [{}] on a line of its own; {example}", entry.key);
                self.wrong(entry, "a table", other, &hint);
                Vec::new()
            }
        }
    }

    fn chords(&mut self, entry: &Entry<'_>) -> Vec<Chord> {
        let key = format!("keys.{}", entry.key);
        let mut chords = Vec::new();
        for (at, text) in self.list(entry, &key, "[\"d\", \"ctrl-k\"]") {
            match text.parse::<Chord>() {
                Ok(chord) if chords.contains(&chord) => {
                    self.mistake(at, &key, format!("`{text}` stands here twice"), "remove one");
                }
                Ok(chord) => chords.push(chord),
                Err(error) => self.mistake(at, &key, format!("`{text}`: {error}"), error.hint()),
            }
        }
        chords
    }

    /// The texts of a list with their offsets.
    fn list(&mut self, entry: &Entry<'_>, key: &str, example: &str) -> Vec<(usize, String)> {
        let at = entry.value.span().start;
        let hint = format!("write texts in brackets: {example}");
        let items = match entry.value.get_ref() {
            DeValue::Array(items) => items,
            other => {
                self.mistake(at, key, format!("expected a list, found {}", other.type_str()), hint);
                return Vec::new();
            }
        };
        if items.len() > LONGEST_LIST {
            self.mistake(
                at,
                key,
                format!("{} are too many", items.len()),
                format!("{LONGEST_LIST} are the most"),
            );
            return Vec::new();
        }
        let mut texts = Vec::new();
        for item in items {
            let at = item.span().start;
            match item.get_ref() {
                DeValue::String(text) => texts.push((at, text.clone().into_owned())),
                other => {
                    let message = format!("expected a text, found {}", other.type_str());
                    self.mistake(at, key, message, hint.clone());
                }
            }
        }
        texts
    }
}
