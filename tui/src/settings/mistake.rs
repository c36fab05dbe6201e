//! What is wrong in the file, where, and what to write instead.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::plain::clean;

/// How alike two names are, at least, for one to be offered for the other.
const ALIKE: f64 = 0.75;

/// Something from the file with its place. Lines and columns count from 1, columns in letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written<T> {
    pub value: T,
    pub line: usize,
    pub column: usize,
}

/// One mistake in the console's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    pub path: PathBuf,
    /// 0 when the file as a whole is meant.
    pub line: usize,
    /// 0 when the file as a whole is meant.
    pub column: usize,
    /// The key as it is written, with its table: `keys.kill`; empty when none is meant.
    pub key: String,
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

impl SettingsError {
    /// A name that the caller does not know: an action, a list, a column, a screen. Offers the nearest of `known`.
    pub fn unknown(path: &Path, key: &str, name: &Written<String>, what: &str, known: &[&str]) -> Self {
        Self {
            path: path.to_owned(),
            line: name.line,
            column: name.column,
            key: key.to_owned(),
            message: format!("there is no {what} `{}`", name.value),
            hint: suggestion(&name.value, known),
        }
    }
}

impl fmt::Display for SettingsError {
    /// `console.toml:3:1: theme: there is no such theme; did you mean ...?`, harmless to a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", clean(&self.path.display().to_string()))?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", clean(&self.key))?;
        }
        write!(f, ": {}; {}", clean(&self.message), clean(&self.hint))
    }
}

impl std::error::Error for SettingsError {}

/// What to say about a name that nobody knows.
pub(super) fn suggestion(written: &str, known: &[&str]) -> String {
    match nearest(written, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("write one of {}", known.join(", ")),
    }
}

fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let written = written.to_lowercase();
    known
        .iter()
        .map(|name| (strsim::jaro_winkler(&written, &name.to_lowercase()), *name))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}
