//! What the drivers must know of a script's text: where words stand that are not quoted, and what a statement does.

use super::super::driver::StepError;
use super::super::migration::{Chunk, Script, Statement};
use crate::sql_name::Sql;
use cutover_shared::fleet::ErrorClass;

/// Whose rules of quoting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Postgres,
    Sqlite,
}

/// The cursor of a step in chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cursor {
    /// Goes into the text as a number.
    Whole(i64),
    /// Goes into the text in quotes.
    Text(String),
}

impl Cursor {
    /// The cursor as the ledger or the last chunk gave it; the first one says of which kind all are.
    pub(super) fn read(chunk: &Chunk, text: &str) -> Option<Self> {
        match chunk.start.parse::<i64>() {
            Ok(_) => text.parse().ok().map(Self::Whole),
            Err(_) => Some(Self::Text(text.to_owned())),
        }
    }

    fn sql(&self, dialect: Dialect) -> Sql {
        match (self, dialect) {
            (Self::Whole(number), _) => Sql::whole(*number),
            (Self::Text(text), Dialect::Postgres) => Sql::literal(text),
            (Self::Text(text), Dialect::Sqlite) => Sql::plain_literal(text),
        }
    }
}

/// The text with the cursor and the number of rows put in, each on the line where it was.
pub(super) fn filled(text: &str, dialect: Dialect, cursor: &Cursor, rows: u32) -> Sql {
    let mut out = Sql::text("");
    for (is_code, part) in parts(text, dialect) {
        if !is_code {
            out = out.then(&Sql::written(part));
            continue;
        }
        let mut rest = part;
        while let Some(at) = rest.find(':') {
            let (before, from) = rest.split_at(at);
            out = out.then(&Sql::written(before));
            let after = from.trim_start_matches(':');
            let colons = from.len() - after.len();
            let word_end = after.find(|char: char| !is_word(char)).unwrap_or(after.len());
            let (word, next) = after.split_at(word_end);
            // Two colons are a cast.
            out = match (colons, word) {
                (1, "cursor") => out.then(&cursor.sql(dialect)),
                (1, "chunk") => out.then(&Sql::whole(i64::from(rows))),
                _ => out.then(&Sql::written(from.split_at(colons + word_end).0)),
            };
            rest = next;
        }
        out = out.then(&Sql::written(rest));
    }
    out
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// The text cut into code (true) and what is quoted or commented (false).
fn parts(text: &str, dialect: Dialect) -> Vec<(bool, &str)> {
    let mut parts = Vec::new();
    let (mut rest, mut code) = (text, 0);
    loop {
        let tail = rest.get(code..).unwrap_or_default();
        let Some(char) = tail.chars().next() else {
            parts.push((true, rest));
            return parts;
        };
        let before = rest.get(..code).and_then(|before| before.chars().next_back());
        let Some(length) = quoted(tail, before, dialect) else {
            code += char.len_utf8();
            continue;
        };
        let (one, other) = rest.split_at(code);
        let (quote, next) = other.split_at(length.min(other.len()));
        parts.extend([(true, one), (false, quote)]);
        (rest, code) = (next, 0);
    }
}

/// How long what begins here is, in bytes, if it is quoted or a comment.
fn quoted(tail: &str, before: Option<char>, dialect: Dialect) -> Option<usize> {
    let until = |end: &str, from: usize| {
        tail.get(from..).and_then(|rest| rest.find(end)).map_or(tail.len(), |at| from + at + end.len())
    };
    if tail.starts_with("--") {
        return Some(until("\n", 2));
    }
    if tail.starts_with("/*") {
        return Some(if dialect == Dialect::Sqlite { until("*/", 2) } else { nested(tail) });
    }
    let first = tail.chars().next()?;
    match (first, dialect) {
        // E'...' of PostgreSQL's: a backslash guards what follows.
        ('\'', Dialect::Postgres) if matches!(before, Some('e' | 'E')) => {
            let mut rest = tail.char_indices().skip(1).peekable();
            while let Some((at, char)) = rest.next() {
                let doubled = char == '\'' && rest.peek().is_some_and(|(_, next)| *next == '\'');
                if char == '\\' || doubled {
                    rest.next();
                } else if char == '\'' {
                    return Some(at + 1);
                }
            }
            Some(tail.len())
        }
        // A doubled quote ends one and begins the next, which comes to the same.
        ('\'', _) => Some(until("'", 1)),
        ('"', _) => Some(until("\"", 1)),
        ('`', Dialect::Sqlite) => Some(until("`", 1)),
        ('[', Dialect::Sqlite) => Some(until("]", 1)),
        ('$', Dialect::Postgres) if !before.is_some_and(is_word) => {
            let tag = tail.get(1..)?.find('$')?;
            let name = tail.get(1..=tag)?;
            let named = name.chars().all(is_word) && !name.starts_with(|char: char| char.is_ascii_digit());
            named.then(|| until(tail.get(..tag + 2).unwrap_or("$$"), tag + 2))
        }
        _ => None,
    }
}

/// PostgreSQL's comments nest.
fn nested(tail: &str) -> usize {
    let (mut at, mut depth) = (0, 0_u32);
    loop {
        let rest = tail.get(at..).unwrap_or_default();
        let Some(char) = rest.chars().next() else { return tail.len() };
        if rest.starts_with("/*") {
            (at, depth) = (at + 2, depth + 1);
        } else if rest.starts_with("*/") {
            (at, depth) = (at + 2, depth - 1);
            if depth == 0 {
                return at;
            }
        } else {
            at += char.len_utf8();
        }
    }
}

/// The words of a statement in capitals, without what is quoted, as far as they are needed.
pub(super) fn words(text: &str, dialect: Dialect, most: usize) -> Vec<String> {
    parts(text, dialect)
        .into_iter()
        .filter(|(is_code, _)| *is_code)
        .flat_map(|(_, part)| part.split(|char| !is_word(char)))
        .filter(|word| !word.is_empty())
        .take(most)
        .map(str::to_uppercase)
        .collect()
}

/// Refuses a script that would end our transaction, and the ledger's row with it, or begin one around our notes.
pub(super) fn no_transactions(script: &Script, dialect: Dialect) -> Result<(), StepError> {
    let ends = |statement: &&Statement| {
        let words = words(&statement.text, dialect, 2);
        let word = |at: usize| words.get(at).map(String::as_str);
        match word(0) {
            Some("BEGIN" | "COMMIT" | "ROLLBACK" | "END" | "ABORT") => true,
            Some("START" | "PREPARE") => word(1) == Some("TRANSACTION"),
            _ => false,
        }
    };
    // It would take the lock from us that keeps other daemons away.
    let discards = |statement: &&Statement| words(&statement.text, dialect, 2) == ["DISCARD", "ALL"];
    if let Some(statement) = script.statements.iter().find(discards) {
        let text = format!("{}:{}: DISCARD ALL would drop the tenant's lock", script.file, statement.line);
        return Err(StepError::new(ErrorClass::MigrationBug, text));
    }
    match script.statements.iter().find(ends) {
        None => Ok(()),
        Some(statement) => Err(StepError::new(
            ErrorClass::MigrationBug,
            format!(
                "{}:{}: a migration must not begin or end transactions: it is run in one, or, with `transaction: none`, each \
                 statement by itself",
                script.file, statement.line
            ),
        )),
    }
}

/// Whether later steps of the same session would feel it: settings, roles, tables of the session.
pub(super) fn leaves_marks(script: &Script) -> bool {
    script.statements.iter().any(|statement| {
        let words = words(&statement.text, Dialect::Postgres, usize::MAX);
        matches!(words.first().map(String::as_str), Some("SET" | "RESET" | "DISCARD" | "DO" | "CALL"))
            || words.iter().any(|word| matches!(word.as_str(), "SET_CONFIG" | "TEMP" | "TEMPORARY"))
    })
}

/// The line of the statement with this number, from 0; none beyond the last: that is the commit.
pub(super) fn line_of(script: &Script, statement: usize) -> Option<u32> {
    script.statements.get(statement).map(|statement| statement.line)
}

#[cfg(test)]
mod tests;
