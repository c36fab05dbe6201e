//! Searches for planted secrets: whatever the world gave the application, and the App's private key.

use std::collections::BTreeSet;
use std::path::Path;

use super::DemoError;
use crate::world::Catalog;

/// Where a secret was found.
pub struct Found {
    /// A file, or what was searched.
    pub place: String,
}

/// Looks through the text that was printed and every file below `dirs`, and `files`.
pub fn search(
    catalog: &Catalog,
    key_pem: &str,
    printed: &str,
    places: &[&Path],
) -> Result<Vec<Found>, DemoError> {
    let tokens: BTreeSet<&[u8]> =
        catalog.rows.iter().filter_map(|row| row.github_access_token.as_deref()).map(str::as_bytes).collect();
    let key_line = key_pem.lines().nth(1).unwrap_or("-----BEGIN").as_bytes();
    everywhere(printed, places, |bytes| {
        holds(bytes, &tokens) || contains(bytes, key_line) || contains(bytes, b"ghs_")
    })
}

/// Looks for these texts in what was printed and in every file of these places.
pub fn search_for(planted: &[&str], printed: &str, places: &[&Path]) -> Result<Vec<Found>, DemoError> {
    everywhere(printed, places, |bytes| planted.iter().any(|text| contains(bytes, text.as_bytes())))
}

fn everywhere(printed: &str, places: &[&Path], bad: impl Fn(&[u8]) -> bool) -> Result<Vec<Found>, DemoError> {
    let mut found = Vec::new();
    let mut look = |place: String, bytes: &[u8]| {
        if bad(bytes) {
            found.push(Found { place });
        }
    };
    look("what commands printed".to_owned(), printed.as_bytes());
    let mut waiting: Vec<_> = places.iter().map(|path| (*path).to_owned()).collect();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            for entry in std::fs::read_dir(&path)? {
                waiting.push(entry?.path());
            }
        } else if path.is_file() {
            look(path.display().to_string(), &std::fs::read(&path)?);
        }
    }
    Ok(found)
}

/// Every token begins with the same four letters, which is what is looked for first.
fn holds(bytes: &[u8], tokens: &BTreeSet<&[u8]>) -> bool {
    let lengths: BTreeSet<usize> = tokens.iter().map(|token| token.len()).collect();
    positions(bytes, b"gho_").any(|at| {
        lengths.iter().any(|length| bytes.get(at..at + length).is_some_and(|part| tokens.contains(part)))
    })
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    positions(bytes, needle).next().is_some()
}

fn positions<'a>(bytes: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    bytes.windows(needle.len().max(1)).enumerate().filter(move |(_, part)| *part == needle).map(|(at, _)| at)
}
