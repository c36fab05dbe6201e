//! The files against what was recorded: what was run somewhere stays as it was.

use std::collections::{BTreeMap, BTreeSet};

use cutover_shared::fleet::{LintFinding, MigrationFile};

use super::finding::{mistake, sorted};
use super::name::{Named, named};
use super::{Registry, files_of};
use crate::store::MigrationRow;

/// Lines of a difference that are shown on each side.
const SHOWN: usize = 20;

/// Mistakes of a history that was edited, renamed, removed or put in another order. What is recorded and was never run may
/// change.
pub fn history(registry: &Registry, recorded: &[MigrationRow]) -> Vec<LintFinding> {
    let mut findings = Vec::new();
    let run: BTreeMap<u32, &MigrationRow> =
        recorded.iter().filter(|row| row.pinned_at.is_some()).map(|row| (row.version, row)).collect();
    let newest = run.values().next_back();
    for row in run.values().filter(|row| !registry.unread.contains(&row.version)) {
        let Some(migration) = registry.get(row.version) else {
            findings.push(removed(row));
            continue;
        };
        if migration.id != row.id {
            findings.push(mistake(
                &first_file(&files_of(migration), &migration.id),
                1,
                "renamed",
                format!("it was run as {}", row.id),
                format!("give its files that name again: {}", row.id),
            ));
        }
        if migration.checksum != row.checksum {
            findings.extend(edited(&ups(&recorded_files(row)), &ups(&files_of(migration)), &migration.id));
        }
    }
    let replaced = replaced(registry, &run);
    for migration in &registry.migrations {
        if let Some(newest) = newest
            && migration.version < newest.version
            && !run.contains_key(&migration.version)
            && !replaced.contains(migration.id.as_str())
        {
            let next =
                registry.migrations.iter().map(|other| other.version).max().unwrap_or(newest.version) + 1;
            findings.push(mistake(
                &first_file(&files_of(migration), &migration.id),
                1,
                "reordered",
                format!("it is new, and {} was run already", newest.id),
                format!("give it a higher number, such as {next:03}"),
            ));
        }
    }
    sorted(findings)
}

/// Ids for which something stands that was run: they may never have been run themselves.
fn replaced<'a>(registry: &'a Registry, run: &BTreeMap<u32, &MigrationRow>) -> BTreeSet<&'a str> {
    let mut replaced = BTreeSet::new();
    for migration in registry.migrations.iter().rev() {
        let stands = run.contains_key(&migration.version) || replaced.contains(migration.id.as_str());
        replaced.extend(migration.replaces.as_deref().filter(|_| stands));
    }
    replaced
}

fn removed(row: &MigrationRow) -> LintFinding {
    mistake(
        &first_file(&recorded_files(row), &row.id),
        1,
        "removed",
        format!("{} was run, and its file is gone", row.id),
        "put the file back; what it did is undone by a new migration, or by its `down`",
    )
}

/// What was recorded, as files; none where it can't be read.
fn recorded_files(row: &MigrationRow) -> Vec<MigrationFile> {
    serde_json::from_str(&row.files).unwrap_or_default()
}

/// Those that the checksum is over.
fn ups(files: &[MigrationFile]) -> BTreeMap<String, String> {
    use cutover_shared::fleet::Way;
    files
        .iter()
        .filter_map(|file| match named(&file.name) {
            Named::Migration(name) if name.way == Way::Up => {
                // By its ending: a renamed one is compared as well.
                Some((file.name.replacen(&name.id, "", 1), file))
            }
            _ => None,
        })
        .map(|(ending, file)| (ending, file.text.clone()))
        .collect()
}

fn first_file(files: &[MigrationFile], id: &str) -> String {
    files.first().map_or_else(|| id.to_owned(), |file| file.name.clone())
}

fn edited(was: &BTreeMap<String, String>, is: &BTreeMap<String, String>, id: &str) -> Vec<LintFinding> {
    const HELP: &str =
        "put the file back as it was, and write the change as a new migration with a higher number";
    let mut findings = Vec::new();
    for (ending, text) in was {
        let file = format!("{id}{ending}");
        match is.get(ending) {
            Some(now) if now == text => {}
            Some(now) => {
                let (line, difference) = difference(text, now);
                let message = format!("it was run, and differs from line {line} on:\n{difference}");
                findings.push(mistake(&file, line, "edited", message, HELP));
            }
            None => findings.push(mistake(&file, 1, "edited", "it was run, and is gone", HELP)),
        }
    }
    for ending in is.keys().filter(|ending| !was.contains_key(*ending)) {
        let message = "it was added to a migration that was run without it";
        findings.push(mistake(&format!("{id}{ending}"), 1, "edited", message, HELP));
    }
    if findings.is_empty() {
        // What was recorded can't be read; the checksums still say that it was another text.
        findings.push(mistake(&format!("{id}.up.sql"), 1, "edited", "it was run as another text", HELP));
    }
    findings
}

/// The first line that differs, from 1, and the lines between what both have at their beginning and at their end.
pub(super) fn difference(was: &str, is: &str) -> (u32, String) {
    let (was, is): (Vec<&str>, Vec<&str>) = (was.lines().collect(), is.lines().collect());
    let same = was.iter().zip(&is).take_while(|(a, b)| a == b).count();
    let (was, is) = (was.get(same..).unwrap_or_default(), is.get(same..).unwrap_or_default());
    let end = was.iter().rev().zip(is.iter().rev()).take_while(|(a, b)| a == b).count();
    let shown = |sign: char, lines: &[&str]| {
        let count = lines.len().saturating_sub(end);
        let mut shown: Vec<String> =
            lines.iter().take(count.min(SHOWN)).map(|line| format!("{sign} {line}")).collect();
        if count > SHOWN {
            shown.push(format!("{sign} ... {} more lines", count - SHOWN));
        }
        shown
    };
    let mut lines = shown('-', was);
    lines.extend(shown('+', is));
    if lines.is_empty() {
        lines.push("  (the end of the last line)".to_owned());
    }
    (u32::try_from(same + 1).unwrap_or(u32::MAX), lines.join("\n"))
}

#[cfg(test)]
mod tests;
