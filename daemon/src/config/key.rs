//! What a configuration key is. The table of all keys is in `table`.

use std::time::Duration;

/// One key: it drives loading, the commented file that `cutoverd init` writes, and `docs/configuration.md`.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// `section.field`; `operators[].field` for a field of each `[[operators]]`.
    pub name: &'static str,
    pub kind: Kind,
    pub need: Need,
    /// Names in the environment beside `CUTOVER_SECTION_FIELD`.
    pub variables: &'static [&'static str],
    /// What it is for.
    pub doc: &'static str,
    /// A value as it is written in TOML.
    pub example: &'static str,
}

/// A key without other names.
pub(super) const fn key(
    name: &'static str,
    kind: Kind,
    need: Need,
    doc: &'static str,
    example: &'static str,
) -> Key {
    Key { name, kind, need, variables: &[], doc, example }
}

/// One with a default.
pub(super) const fn usual(
    name: &'static str,
    kind: Kind,
    doc: &'static str,
    default: &'static str,
    example: &'static str,
) -> Key {
    key(name, kind, Need::Default(default), doc, example)
}

/// One that may be left out.
pub(super) const fn optional(
    name: &'static str,
    kind: Kind,
    doc: &'static str,
    example: &'static str,
) -> Key {
    key(name, kind, Need::Optional, doc, example)
}

/// Type and range of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One of these words.
    Word(&'static [&'static str]),
    /// Lower-case letters, digits and hyphens, 1 to 39 of them.
    Label,
    /// One line, not empty.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number, both ends allowed.
    Whole { min: i64, max: i64 },
    /// A length of time such as `"30s"`, both ends allowed.
    Length { min: Duration, max: Duration },
    /// A file or folder; in the file relative to its folder, in the environment to the current one.
    Path,
    /// An `http` or `https` address without query, fragment and user.
    Address,
    /// A table or column name.
    SqlName,
    /// A column name, or an empty text where there is no such column.
    SqlNameOrNone,
    /// A list of texts; in the environment separated by commas.
    List,
    /// A level (`info`) or `tracing` directives (`info,cutover_daemon::github=debug`).
    Filter,
    /// A secret; `NAME_file` and `NAME_FILE` name a file that holds it.
    Secret(SecretForm),
}

/// What a secret looks like inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretForm {
    /// Any text.
    Opaque,
    /// An RSA private key in PEM; a literal `\n` stands for a line end.
    PrivateKey,
    /// The address of a database, with its password.
    DatabaseUrl,
}

/// Whether a key must be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Required,
    Optional,
    /// The value when nothing is said, as it is written in TOML.
    Default(&'static str),
    /// Worked out from other values; says how.
    Derived(&'static str),
}

impl Key {
    /// `github` of `github.app_id`; empty at the top.
    pub fn section(&self) -> &'static str {
        self.name.rsplit_once('.').map_or("", |(section, _)| section)
    }

    /// `app_id` of `github.app_id`.
    pub fn field(&self) -> &'static str {
        self.name.rsplit_once('.').map_or(self.name, |(_, field)| field)
    }

    /// It holds a secret, so it also has a `_file` form.
    pub fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret(_))
    }

    /// A field of a repeated section, which the environment can't set.
    pub fn is_repeated(&self) -> bool {
        self.section().ends_with("[]")
    }

    /// Its names in the environment, ours first; none for a repeated section.
    pub fn environment_names(&self) -> Vec<String> {
        if self.is_repeated() {
            return Vec::new();
        }
        let own = format!("CUTOVER_{}", self.name.replace('.', "_").to_uppercase());
        std::iter::once(own).chain(self.variables.iter().map(|name| (*name).to_owned())).collect()
    }

    /// [`Key::environment_names`], and for a secret each with `_FILE` behind it too.
    pub fn variables_taken(&self) -> Vec<String> {
        let mut names = self.environment_names();
        if self.is_secret() {
            let files: Vec<String> = names.iter().map(|name| format!("{name}_FILE")).collect();
            names.extend(files);
        }
        names
    }
}

impl Kind {
    /// What a value has to be, as a noun.
    pub fn expected(&self) -> String {
        match self {
            Self::Word(words) => {
                let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                format!("one of {}", quoted.join(", "))
            }
            Self::Label => "lower-case letters, digits and hyphens".into(),
            Self::Text => "a text".into(),
            Self::Flag => "true or false".into(),
            Self::Whole { .. } => "a whole number".into(),
            Self::Length { .. } => "a length of time such as \"30s\"".into(),
            Self::Path => "a path".into(),
            Self::Address => "an http or https address".into(),
            Self::SqlName => "a table or column name".into(),
            Self::SqlNameOrNone => "a column name, or \"\" for none".into(),
            Self::List => "a list of texts".into(),
            Self::Filter => "a log level".into(),
            Self::Secret(SecretForm::Opaque) => "a secret text".into(),
            Self::Secret(SecretForm::PrivateKey) => "an RSA private key in PEM".into(),
            Self::Secret(SecretForm::DatabaseUrl) => "the address of a database".into(),
        }
    }

    /// The range in words, for those that have one.
    pub fn range(&self) -> Option<String> {
        match self {
            Self::Whole { min, max } if *max == i64::MAX => Some(format!("{min} or more")),
            Self::Whole { min, max } => Some(format!("{min} to {max}")),
            Self::Length { min, max } => Some(format!("{} to {}", in_words(*min), in_words(*max))),
            Self::Word(_)
            | Self::Flag
            | Self::Label
            | Self::Text
            | Self::Path
            | Self::Address
            | Self::SqlName
            | Self::SqlNameOrNone
            | Self::List
            | Self::Filter
            | Self::Secret(_) => None,
        }
    }
}

/// Units of time, from the longest to the shortest, in milliseconds.
pub(super) const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A length of time as the configuration writes it, in the longest unit that fits.
pub fn in_words(length: Duration) -> String {
    let millis = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    // A day is written as 24h: that is how people write time-outs.
    UNITS
        .iter()
        .skip(usize::from(millis <= 86_400_000))
        .find(|(_, unit)| millis > 0 && millis % unit == 0)
        .map_or_else(|| format!("{millis}ms"), |(name, unit)| format!("{}{name}", millis / unit))
}
