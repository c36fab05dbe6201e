//! From an error of the server back to the line of the migration.

use super::super::super::migration::Script;
use super::super::script::line_of;
use super::error::{At, position};

/// A script inside a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Where it begins, in characters.
    pub(super) from: usize,
    /// Its length, in characters.
    pub(super) length: usize,
    /// Statements before it.
    pub(super) statements: usize,
}

/// Where in the script an error is, in a message whose text was `sent`.
pub(super) fn at(script: &Script, span: Span, sent: &str, error: &sqlx::Error, done: usize) -> At {
    let line = match position(error) {
        Some(at) if (span.from..span.from + span.length).contains(&at) => {
            let before = sent.chars().skip(span.from).take(at - span.from);
            u32::try_from(before.filter(|char| *char == '\n').count()).ok().map(|lines| lines + 1)
        }
        _ => done.checked_sub(span.statements).and_then(|statement| line_of(script, statement)),
    };
    At { file: script.file.clone(), line }
}
