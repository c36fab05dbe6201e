//! What can be wrong with a configuration, where, and how it is mended.

use std::fmt;
use std::path::PathBuf;

use cutover_shared::redact::redact;

/// More than this in one file is noise; the rest is only counted.
const LISTED: usize = 100;

/// The longest text that one mistake quotes, in characters.
const QUOTED: usize = 400;

/// What sort of mistake it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MistakeKind {
    /// The text is not TOML.
    Syntax,
    /// A key, section or `CUTOVER_*` variable that does not exist.
    Unknown,
    /// A value of another type or form than the key takes.
    WrongType,
    /// The right type, outside what is allowed.
    OutOfRange,
    /// A key that must be there is not.
    Missing,
    /// Two values that can't both hold.
    Contradiction,
    /// A file that can't be read, or does not hold what it should.
    Unreadable,
    /// A secret that others on the machine can read.
    Exposed,
    /// Right, but this version can't do it.
    Unsupported,
}

/// Where a value stands. Ordered as a reader goes through them: the file from top to bottom, then the rest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Line and column, both from 1, columns counted in characters.
    At { file: PathBuf, line: usize, column: usize },
    /// A file as a whole.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// Neither a file nor the environment says anything.
    Nowhere,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At { file, line, column } => write!(f, "{}:{line}:{column}", file.display()),
            Self::File(file) => write!(f, "{}", file.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Nowhere => f.write_str("no configuration file, and nothing in the environment"),
        }
    }
}

/// One mistake. Its texts hold no secret: they are redacted when it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub kind: MistakeKind,
    /// The key (`github.app_id`), or what stands for it.
    pub key: String,
    /// What is wrong.
    pub what: String,
    pub place: Place,
    /// What to do about it; never empty.
    pub mend: String,
}

impl Mistake {
    pub(super) fn new(
        kind: MistakeKind,
        key: impl AsRef<str>,
        place: Place,
        what: impl AsRef<str>,
        mend: impl AsRef<str>,
    ) -> Self {
        let place = match place {
            Place::Variable(name) => Place::Variable(printable(&name)),
            other @ (Place::At { .. } | Place::File(_) | Place::Nowhere) => other,
        };
        let (key, what, mend) = (printable(key.as_ref()), printable(what.as_ref()), printable(mend.as_ref()));
        Self { kind, key, what, place, mend }
    }
}

/// One bounded line without secrets and without control characters, which could move a terminal's cursor.
fn printable(text: &str) -> String {
    let clean = redact(text);
    let mut out: String =
        clean.chars().take(QUOTED).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if clean.chars().nth(QUOTED).is_some() {
        out.push('\u{2026}');
    }
    out
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            writeln!(f, "error: {}", self.what)?;
        } else {
            writeln!(f, "error: {}: {}", self.key, self.what)?;
        }
        writeln!(f, "  --> {}", self.place)?;
        writeln!(f, "  = mend: {}", self.mend)
    }
}

/// Every mistake of a configuration, in reading order. `Display` prints each and a line that counts them.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes {
    listed: Vec<Mistake>,
    more: usize,
}

impl Mistakes {
    pub(super) fn push(&mut self, mistake: Mistake) {
        if self.is_full() {
            self.more += 1;
        } else {
            self.listed.push(mistake);
        }
    }

    /// Nothing more will be listed, so nobody needs to work out what to say.
    pub(super) fn is_full(&self) -> bool {
        self.listed.len() >= LISTED
    }

    pub(super) fn has_syntax(&self) -> bool {
        self.listed.iter().any(|mistake| mistake.kind == MistakeKind::Syntax)
    }

    /// Sorts, and drops what only follows from broken syntax on the same line.
    pub(super) fn settle(&mut self) {
        let broken: Vec<usize> = self
            .listed
            .iter()
            .filter(|mistake| mistake.kind == MistakeKind::Syntax)
            .filter_map(|mistake| line_of(&mistake.place))
            .collect();
        self.listed.retain(|mistake| {
            mistake.kind == MistakeKind::Syntax
                || line_of(&mistake.place).is_none_or(|line| !broken.contains(&line))
        });
        self.listed.sort_by(|a, b| (&a.place, &a.key, &a.what).cmp(&(&b.place, &b.key, &b.what)));
        self.listed.dedup();
    }

    /// The listed mistakes, at most a hundred.
    pub fn list(&self) -> &[Mistake] {
        &self.listed
    }

    /// How many there are, listed or not.
    pub fn count(&self) -> usize {
        self.listed.len() + self.more
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }
}

fn line_of(place: &Place) -> Option<usize> {
    match place {
        Place::At { line, .. } => Some(*line),
        Place::File(_) | Place::Variable(_) | Place::Nowhere => None,
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mistake in &self.listed {
            writeln!(f, "{mistake}")?;
        }
        if self.more > 0 {
            writeln!(f, "and {} more\n", self.more)?;
        }
        match self.count() {
            1 => f.write_str("1 mistake in the configuration"),
            n => write!(f, "{n} mistakes in the configuration"),
        }
    }
}
