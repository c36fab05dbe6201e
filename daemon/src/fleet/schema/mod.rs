//! Schemas as lines: their fingerprint, and where two of them differ.

use sha2::{Digest as _, Sha256};

use super::driver::Schema;
use crate::hex::hex;

impl Schema {
    /// SHA-256 over the lines.
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for line in &self.lines {
            hash.update(line.as_bytes());
            hash.update([0]);
        }
        hex(&hash.finalize())
    }

    /// The schema that [`Schema::text`] was made of.
    pub fn of_text(text: &str) -> Self {
        Self { lines: text.lines().map(str::to_owned).collect() }
    }

    /// All lines, for keeping. No line holds a line break: drivers see to it.
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }
}

/// Lines with `+` (seen, not expected) and `-` (expected, not seen). Both are in order, so one walk finds them. A line that comes
/// more often on one side is told as often as it is too many.
pub fn difference(expected: &Schema, seen: &Schema) -> Vec<String> {
    let (mut old, mut new): (Vec<&String>, Vec<&String>) =
        (expected.lines.iter().collect(), seen.lines.iter().collect());
    // They come sorted; a schema that was kept by an older version may not.
    old.sort();
    new.sort();
    let (mut old, mut new) = (old.into_iter().peekable(), new.into_iter().peekable());
    let mut lines = Vec::new();
    loop {
        match (old.peek(), new.peek()) {
            (Some(a), Some(b)) if a == b => {
                old.next();
                new.next();
            }
            (Some(a), b) if b.is_none_or(|b| a < b) => {
                lines.push(format!("- {a}"));
                old.next();
            }
            (_, Some(b)) => {
                lines.push(format!("+ {b}"));
                new.next();
            }
            (_, None) => return lines,
        }
    }
}

#[cfg(test)]
mod tests;
