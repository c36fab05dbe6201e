//! The configuration file: read, parsed as far as it can be, and taken apart into entries with their places.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::key::Key;
use super::mistake::{Mistake, MistakeKind, Mistakes, Place};
use super::suggest;
use super::table::{KEYS, SECTIONS};

/// A configuration has some kilobytes.
const LARGEST: u64 = 1024 * 1024;

/// The text of a file, and how to find a byte's line and column in it.
pub(super) struct Text {
    path: PathBuf,
    text: String,
    lines: Vec<usize>,
    /// Group or others may read it.
    pub(super) exposed: bool,
}

/// One `key = value` of the file whose key exists.
pub(super) struct Entry<'t> {
    pub(super) key: &'static Key,
    /// Written as `KEY_file`.
    pub(super) as_file: bool,
    /// Which of the repeated sections it stands in.
    pub(super) index: usize,
    pub(super) value: Spanned<DeValue<'t>>,
}

/// What a file says.
#[derive(Default)]
pub(super) struct Contents<'t> {
    pub(super) entries: Vec<Entry<'t>>,
    /// The sections that are there: name, which of them, byte offset.
    pub(super) sections: Vec<(String, usize, usize)>,
}

impl Text {
    /// Reads the file; what prevents that is the only mistake then.
    pub(super) fn read(path: &Path) -> Result<Self, Mistake> {
        let unreadable = |what: String, mend: &str| {
            Mistake::new(MistakeKind::Unreadable, "", Place::File(path.to_owned()), what, mend)
        };
        let failed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => unreadable(
                "there is no such configuration file".into(),
                "write one with `cutoverd init`, or name another with --config or CUTOVER_CONFIG",
            ),
            _ => unreadable(
                format!("can't read the configuration file: {error}"),
                "let the daemon's user read it",
            ),
        };
        let about = fs::metadata(path).map_err(failed)?;
        if !about.is_file() || about.len() > LARGEST {
            return Err(unreadable(
                "this is not a configuration file".into(),
                "name a TOML file of at most 1 MiB",
            ));
        }
        let mut bytes = Vec::new();
        fs::File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes)).map_err(failed)?;
        let exposed = about.permissions().mode() & 0o077 != 0;
        Self::from_bytes(path, &bytes, exposed)
    }

    pub(super) fn from_bytes(path: &Path, bytes: &[u8], exposed: bool) -> Result<Self, Mistake> {
        let (text, broken) = match std::str::from_utf8(bytes) {
            Ok(text) => (text, false),
            Err(error) => (std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(), true),
        };
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let read = Self { path: path.to_owned(), text: text.to_owned(), lines, exposed };
        if broken {
            let place = read.place(read.text.len());
            let what = "a byte that is not UTF-8";
            return Err(Mistake::new(MistakeKind::Syntax, "", place, what, "save the file as UTF-8"));
        }
        Ok(read)
    }

    /// Line and column of a byte offset.
    pub(super) fn place(&self, offset: usize) -> Place {
        let offset = self.text.floor_char_boundary(offset.min(self.text.len()));
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count()) + 1;
        Place::At { file: self.path.clone(), line, column }
    }

    /// The file as a whole.
    pub(super) fn whole(&self) -> Place {
        Place::File(self.path.clone())
    }

    /// The folder that relative paths start from.
    pub(super) fn folder(&self) -> PathBuf {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        std::path::absolute(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
            .unwrap_or_else(|_| folder.to_owned())
    }

    /// Everything that can be understood, with a mistake for everything that can't.
    pub(super) fn contents(&self, mistakes: &mut Mistakes) -> Contents<'_> {
        let (table, errors) = DeTable::parse_recoverable(&self.text);
        for error in errors {
            let place = error.span().map_or_else(|| self.whole(), |span| self.place(span.start));
            // Only the message: the error's own Display quotes the line, which may hold a secret.
            let what = format!("this is not TOML: {}", error.message());
            let mend = "write `key = value` with texts in double quotes, sections as [name]";
            mistakes.push(Mistake::new(MistakeKind::Syntax, "", place, what, mend));
        }
        let mut walk = Walk { text: self, contents: Contents::default(), mistakes };
        walk.table(table.into_inner(), "", 0);
        walk.contents
    }
}

struct Walk<'t, 'm> {
    text: &'t Text,
    contents: Contents<'t>,
    mistakes: &'m mut Mistakes,
}

impl<'t> Walk<'t, '_> {
    fn table(&mut self, table: DeTable<'t>, section: &str, index: usize) {
        for (name, value) in table {
            let at = name.span().start;
            let name = name.into_inner();
            let path = if section.is_empty() { name.to_string() } else { format!("{section}.{name}") };
            if name.contains(['.', '[']) {
                // A quoted key with a dot in it is one odd name, not a key of a section.
                self.unknown(&path, at);
            } else if is_section(&path) {
                self.section(value, &path, at);
            } else if is_section(&format!("{path}[]")) {
                self.repeated(value, &format!("{path}[]"), at);
            } else if let Some((key, as_file)) = find(&path) {
                self.contents.entries.push(Entry { key, as_file, index, value });
            } else {
                self.unknown(&path, at);
            }
        }
    }

    fn section(&mut self, value: Spanned<DeValue<'t>>, path: &str, at: usize) {
        self.contents.sections.push((path.to_owned(), 0, at));
        match value.into_inner() {
            DeValue::Table(table) => self.table(table, path, 0),
            _ => {
                self.not_a_section(path, at, &format!("write [{path}] on a line of its own, its keys below"));
            }
        }
    }

    fn repeated(&mut self, value: Spanned<DeValue<'t>>, path: &str, at: usize) {
        let name = path.trim_end_matches("[]");
        let mend = format!("write [[{name}]] on a line of its own for each, its keys below");
        let DeValue::Array(items) = value.into_inner() else { return self.not_a_section(name, at, &mend) };
        for (index, item) in items.into_iter().enumerate() {
            let at = item.span().start;
            match item.into_inner() {
                DeValue::Table(table) => {
                    self.contents.sections.push((path.to_owned(), index, at));
                    self.table(table, path, index);
                }
                _ => self.not_a_section(name, at, &mend),
            }
        }
    }

    fn not_a_section(&mut self, path: &str, at: usize, mend: &str) {
        let place = self.text.place(at);
        self.mistakes.push(Mistake::new(
            MistakeKind::WrongType,
            path,
            place,
            "this is a section, not a key",
            mend,
        ));
    }

    fn unknown(&mut self, path: &str, at: usize) {
        let mend = match (self.mistakes.is_full(), suggest::path(path)) {
            (false, Some(near)) => format!("did you mean `{}`?", near.replace("[]", "")),
            _ => "remove it; docs/configuration.md lists every key".to_owned(),
        };
        let place = self.text.place(at);
        let name = path.replace("[]", "");
        self.mistakes.push(Mistake::new(MistakeKind::Unknown, name, place, "there is no such key", mend));
    }
}

fn is_section(path: &str) -> bool {
    SECTIONS.iter().any(|section| section.name == path)
}

/// The key of a path, and whether the path is its `_file` form.
fn find(path: &str) -> Option<(&'static Key, bool)> {
    let by_name = |name: &str| KEYS.iter().find(|key| key.name == name);
    by_name(path).map(|key| (key, false)).or_else(|| {
        let key = path.strip_suffix("_file").and_then(by_name)?;
        key.is_secret().then_some((key, true))
    })
}
