//! The registry (D1): the migrations of a folder, in order, with their checksums, and what is wrong with them.
//!
//! Reading is pure: [`read`] takes files, [`read_folder`] gets them, [`recorded`] takes what the store holds. What is run is
//! what was recorded, not the file of the moment.

use std::collections::{BTreeMap, BTreeSet};

use cutover_shared::fleet::{LintFinding, MigrationFile, Way};

use self::finding::{mistake, sorted};
use self::name::{FileName, Form, Named, named};
use super::migration::{HttpStep, Migration, Script, Ways};
use crate::store::MigrationRow;

pub use self::drops::drops;
pub use self::folder::{FolderError, Listing, listing, read_folder};
pub use self::history::history;
pub use self::lint::lint;

mod checksum;
mod drops;
mod finding;
mod folder;
mod front_matter;
mod history;
mod http_step;
mod lint;
mod name;
mod script;
mod split;
mod token;

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registry {
    /// Oldest first, each version once. One with a mistake is here as far as it could be read.
    pub migrations: Vec<Migration>,
    /// No plan is made while there is one.
    pub mistakes: Vec<LintFinding>,
    /// Versions with a file that could not be read at all: its mistake says so, and it is not gone.
    pub unread: BTreeSet<u32>,
}

impl Registry {
    /// The migration with this version.
    pub fn get(&self, version: u32) -> Option<&Migration> {
        let at = self.migrations.binary_search_by_key(&version, |migration| migration.version).ok()?;
        self.migrations.get(at)
    }

    /// The newest version that is not above this one; 0: none is.
    pub fn below(&self, version: u32) -> u32 {
        let there = self.migrations.iter().map(|migration| migration.version);
        there.filter(|one| *one <= version).max().unwrap_or(0)
    }

    /// The newest version.
    pub fn head(&self) -> Option<u32> {
        self.migrations.last().map(|migration| migration.version)
    }
}

/// What was recorded can't be a migration any more: the store was changed by hand, or by a newer version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the recorded migration {id} can't be read: {why}")]
pub struct RecordError {
    pub id: String,
    pub why: String,
}

/// The files of one migration while they are put together.
#[derive(Default)]
struct Parts {
    id: String,
    name: String,
    up: Ways,
    down: Ways,
    /// In the order of what counts more.
    descriptions: Vec<String>,
    replaces: Vec<(String, String)>,
}

/// Reads files of (name, bytes).
pub fn read(files: &[(String, Vec<u8>)]) -> Registry {
    let mut mistakes = Vec::new();
    let mut versions: BTreeMap<u32, Parts> = BTreeMap::new();
    let mut unread = BTreeSet::new();
    let mut files: Vec<&(String, Vec<u8>)> = files.iter().collect();
    files.sort();
    for (file, bytes) in files {
        match named(file) {
            Named::Ignored => {}
            Named::NearMiss { message, help } => mistakes.push(mistake(file, 1, "file-name", message, help)),
            Named::Migration(name) => {
                let Some(text) = text(file, bytes, &mut mistakes) else {
                    unread.insert(name.version);
                    continue;
                };
                let parts = versions.entry(name.version).or_insert_with(|| Parts {
                    id: name.id.clone(),
                    name: name.name.clone(),
                    ..Parts::default()
                });
                if parts.id == name.id {
                    if part(file, &name, text, parts, &mut mistakes).is_none() {
                        unread.insert(name.version);
                    }
                } else {
                    let message = format!("{} has version {}, too", parts.id, name.version);
                    mistakes.push(mistake(file, 1, "version", message, "give one of them another number"));
                }
            }
        }
    }
    let mut migrations = Vec::new();
    for (version, parts) in versions {
        migrations.extend(migration(version, parts, &migrations, &mut mistakes));
    }
    Registry { migrations, mistakes: sorted(mistakes), unread }
}

/// The text, with LF.
fn text(file: &str, bytes: &[u8], mistakes: &mut Vec<LintFinding>) -> Option<String> {
    let mut refuse = |at: usize, message: &str, help: &str| {
        let before = bytes.get(..at).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        mistakes.push(mistake(file, u32::try_from(line).unwrap_or(u32::MAX), "text", message, help));
    };
    match std::str::from_utf8(bytes) {
        Err(error) => {
            refuse(error.valid_up_to(), "this is not UTF-8", "save the file as UTF-8");
            None
        }
        Ok(text) => {
            if let Some(at) = text.find('\0') {
                refuse(at, "a byte that is zero", "remove it; save the file as UTF-8, not UTF-16");
                return None;
            }
            Some(checksum::normalised(text.strip_prefix('\u{feff}').unwrap_or(text)))
        }
    }
}

/// One more file of a migration. None: it can't be read.
fn part(
    file: &str,
    name: &FileName,
    text: String,
    parts: &mut Parts,
    mistakes: &mut Vec<LintFinding>,
) -> Option<()> {
    let (description, replaces) = match name.form {
        Form::Sql => {
            let read = script::script(file, text, mistakes);
            let ways = if name.way == Way::Up { &mut parts.up } else { &mut parts.down };
            ways.sql = Some(read.script);
            (read.description, read.replaces)
        }
        Form::Toml => {
            let read = http_step::http_step(file, text, mistakes)?;
            let ways = if name.way == Way::Up { &mut parts.up } else { &mut parts.down };
            ways.http = Some(read.step);
            (read.description, read.replaces)
        }
    };
    match (name.way, replaces) {
        (Way::Up, replaces) => {
            parts.descriptions.extend(description);
            parts.replaces.extend(replaces.map(|replaces| (file.to_owned(), replaces)));
        }
        (Way::Down, Some(_)) => {
            let help = "write it into the file of the way up";
            mistakes.push(mistake(file, 1, "replaces", "a way down replaces nothing", help));
        }
        (Way::Down, None) => {}
    }
    Some(())
}

/// A whole migration, given those before it.
fn migration(
    version: u32,
    parts: Parts,
    before: &[Migration],
    mistakes: &mut Vec<LintFinding>,
) -> Option<Migration> {
    let Parts { id, name, up, mut down, descriptions, replaces } = parts;
    if down.sql.is_some() && up.sql.is_none() {
        mistakes.extend(down.sql.take().map(|script| no_up(&script.file, &id, "sql")));
    }
    if down.http.is_some() && up.http.is_none() {
        mistakes.extend(down.http.take().map(|step| no_up(&step.file, &id, "toml")));
    }
    if up == Ways::default() {
        return None;
    }
    for (file, replaced) in &replaces {
        let mut refuse =
            |message: String, help: &str| mistakes.push(mistake(file, 1, "replaces", message, help));
        if replaces.iter().any(|(_, other)| other != replaced) {
            refuse(
                "both of its files say `replaces`, and not the same".to_owned(),
                "write it into one of them",
            );
        } else if !before.iter().any(|earlier| earlier.id == *replaced) {
            refuse(
                format!("{replaced} is no earlier migration"),
                "name one with a lower number, by its id: 002_add_tags",
            );
        } else if let Some(other) = before.iter().find(|other| other.replaces.as_ref() == Some(replaced)) {
            let message = format!("{replaced} is replaced by {} already", other.id);
            refuse(message, "name that one, which is replaced then as well");
        }
    }
    Some(Migration {
        version,
        checksum: checksum::of_ways(&up),
        id,
        name: name.trim().to_owned(),
        description: descriptions.into_iter().next().unwrap_or_default(),
        up,
        down,
        replaces: replaces.into_iter().next().map(|(_, replaced)| replaced),
    })
}

fn no_up(file: &str, id: &str, form: &str) -> LintFinding {
    let message = "it has no way up";
    mistake(file, 1, "no-up", message, format!("write {id}.up.{form}, or remove this file"))
}

/// Its files, as they are recorded.
pub fn files_of(migration: &Migration) -> Vec<MigrationFile> {
    let sql = |script: &Script| MigrationFile { name: script.file.clone(), text: script.text.clone() };
    let http = |step: &HttpStep| MigrationFile { name: step.file.clone(), text: step.text.clone() };
    [&migration.up, &migration.down]
        .into_iter()
        .flat_map(|ways| ways.sql.as_ref().map(sql).into_iter().chain(ways.http.as_ref().map(http)))
        .collect()
}

/// As it is recorded, never run.
pub fn row(migration: &Migration, at: i64) -> MigrationRow {
    MigrationRow {
        version: migration.version,
        id: migration.id.clone(),
        checksum: migration.checksum.clone(),
        // Texts always are JSON.
        files: serde_json::to_string(&files_of(migration)).unwrap_or_default(),
        recorded_at: at,
        pinned_at: None,
    }
}

/// SHA-256 over all of its files.
pub fn digest(migration: &Migration) -> String {
    checksum::checksum(&serde_json::to_string(&files_of(migration)).unwrap_or_default())
}

/// The migration that was recorded. `replaces` is not looked up: the one it names is in another record.
pub fn recorded(row: &MigrationRow) -> Result<Migration, RecordError> {
    let fail = |why: String| RecordError { id: row.id.clone(), why };
    let files: Vec<MigrationFile> =
        serde_json::from_str(&row.files).map_err(|error| fail(error.to_string()))?;
    let files: Vec<(String, Vec<u8>)> =
        files.into_iter().map(|file| (file.name, file.text.into_bytes())).collect();
    let registry = read(&files);
    let is_wrong =
        |finding: &&LintFinding| !["replaces", front_matter::TIMES].contains(&finding.rule.as_str());
    if let Some(wrong) = registry.mistakes.iter().find(is_wrong) {
        return Err(fail(format!("{}:{}: {}", wrong.file, wrong.line, wrong.message)));
    }
    match <[Migration; 1]>::try_from(registry.migrations) {
        Ok([migration]) if migration.id == row.id && migration.checksum == row.checksum => Ok(migration),
        Ok(_) => Err(fail("its files are not what its checksum says".to_owned())),
        Err(other) => Err(fail(format!("its files are {} migrations", other.len()))),
    }
}

#[cfg(test)]
mod tests;
