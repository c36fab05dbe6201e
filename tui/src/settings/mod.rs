//! The console's own file: looks, keys and columns. Nothing in it reaches the daemon.

mod chord;
mod mistake;
mod read;

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use directories::ProjectDirs;

pub use chord::{Chord, NotAChord};
pub use mistake::{SettingsError, Written};

use crate::glyphs::GlyphSet;
use crate::theme::ThemeName;

/// Frames a second at most.
pub const MOST_FPS: u32 = 30;

/// A file of settings has some kilobytes.
const LARGEST: u64 = 64 * 1024;

/// The variable that names another file.
pub const VARIABLE: &str = "CUTOVER_CONSOLE_CONFIG";

/// Where the file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Somebody named it, so it must be there.
    Named(PathBuf),
    /// The usual place, where it may be missing.
    Usual(PathBuf),
    /// The user has no home, so there is no usual place.
    Nowhere,
}

/// Where the file is: `flag`, else the content of [`VARIABLE`] (an empty one counts as absent), else
/// `$XDG_CONFIG_HOME/cutover/console.toml`.
pub fn place(flag: Option<&Path>, variable: Option<OsString>) -> Place {
    let named = flag.map(Path::to_owned).or(variable.filter(|v| !v.is_empty()).map(PathBuf::from));
    match (named, ProjectDirs::from("", "", "cutover")) {
        (Some(path), _) => Place::Named(path),
        (None, Some(dirs)) => Place::Usual(dirs.config_dir().join("console.toml")),
        (None, None) => Place::Nowhere,
    }
}

/// What the file says, or what holds without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub theme: Option<ThemeName>,
    pub glyphs: Option<GlyphSet>,
    /// 1 to [`MOST_FPS`].
    pub fps: u32,
    /// Ring when something waits for the operator.
    pub bell: bool,
    /// Items a second that an apply begins with; none leaves it to the daemon.
    pub apply_rate: Option<u32>,
    /// The caller knows which screens there are.
    pub start_screen: Option<Written<String>>,
    /// Actions and what starts them, in the file's order. The caller knows which actions there are.
    pub keys: Vec<(Written<String>, Vec<Chord>)>,
    /// Lists and their columns, in the file's order. The caller knows which there are.
    pub columns: Vec<(Written<String>, Vec<Written<String>>)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: None,
            glyphs: None,
            fps: MOST_FPS,
            bell: true,
            apply_rate: None,
            start_screen: None,
            keys: Vec::new(),
            columns: Vec::new(),
        }
    }
}

impl Settings {
    /// What the file at `place` says, or every mistake in it. Without a file at the usual place the defaults hold.
    pub fn load(place: &Place) -> Result<Self, Vec<SettingsError>> {
        let (path, named) = match place {
            Place::Named(path) => (path, true),
            Place::Usual(path) => (path, false),
            Place::Nowhere => return Ok(Self::default()),
        };
        match text(path) {
            Ok(text) => read::settings(path, &text),
            Err(Unread::Missing) if !named => Ok(Self::default()),
            Err(unread) => Err(vec![unread.about(path)]),
        }
    }

    /// What a file's text says, or every mistake in it; `path` is only named in them.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Vec<SettingsError>> {
        read::settings(path, text)
    }
}

enum Unread {
    Missing,
    NoFile,
    NotUtf8,
    Failed(std::io::Error),
}

impl Unread {
    fn about(self, path: &Path) -> SettingsError {
        let (message, hint) = match self {
            Self::Missing => {
                ("there is no such file".to_owned(), "write it, or leave the flag and the variable out")
            }
            Self::NoFile => {
                ("this is not a file of settings".to_owned(), "name a TOML file of at most 64 KiB")
            }
            Self::NotUtf8 => ("a byte that is not UTF-8".to_owned(), "save the file as UTF-8"),
            Self::Failed(error) => (format!("can't read it: {error}"), "let this user read it"),
        };
        SettingsError {
            path: path.to_owned(),
            line: 0,
            column: 0,
            key: String::new(),
            message,
            hint: hint.into(),
        }
    }
}

fn text(path: &Path) -> Result<String, Unread> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Unread::Missing,
        _ => Unread::Failed(error),
    };
    // Asked before opening: a pipe would block there.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Unread::NoFile);
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LARGEST) {
        return Err(Unread::NoFile);
    }
    String::from_utf8(bytes).map_err(|_| Unread::NotUtf8)
}

#[cfg(test)]
mod tests;
