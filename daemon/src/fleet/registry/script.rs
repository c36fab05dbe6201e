//! A file of SQL as a script, and what may not stand in one.

use cutover_shared::fleet::LintFinding;

use super::checksum::checksum;
use super::finding::mistake;
use super::front_matter::front_matter;
use super::split::{Piece, split};
use super::token::tokens;
use crate::fleet::migration::{Script, Statement};

/// A script and what its head says of the migration as a whole.
pub(super) struct ReadScript {
    pub(super) script: Script,
    pub(super) description: Option<String>,
    pub(super) replaces: Option<String>,
}

/// Reads a file; its mistakes go to `findings`.
pub(super) fn script(file: &str, text: String, findings: &mut Vec<LintFinding>) -> ReadScript {
    let found = tokens(&text);
    let matter = front_matter(file, &text, &found, findings);
    let pieces = split(&text, &found).unwrap_or_else(|wrong| {
        findings.push(mistake(file, wrong.line, "statement", wrong.message, wrong.help));
        Vec::new()
    });
    for piece in &pieces {
        findings.extend(
            refused(piece, !matter.is_outside)
                .map(|wrong| mistake(file, piece.line, wrong.rule, wrong.message, wrong.help)),
        );
    }
    let statements =
        pieces.iter().map(|piece| Statement { text: piece.text.to_owned(), line: piece.line }).collect();
    let script = Script {
        file: file.to_owned(),
        checksum: checksum(&text),
        statements,
        transaction: !matter.is_outside,
        timeout: matter.timeout,
        lock_timeout: matter.lock_timeout,
        chunk: matter.chunk,
        verify: matter.verify,
        text: String::new(),
    };
    ReadScript {
        script: Script { text, ..script },
        description: matter.description,
        replaces: matter.replaces,
    }
}

/// Why a statement can't stand in a migration.
struct Refused {
    rule: &'static str,
    message: String,
    help: &'static str,
}

fn refused(piece: &Piece<'_>, in_transaction: bool) -> Option<Refused> {
    const CONTROL: [&[&str]; 14] = [
        &["begin"],
        &["start", "transaction"],
        &["commit"],
        &["end"],
        &["rollback"],
        &["abort"],
        &["savepoint"],
        &["release"],
        &["prepare", "transaction"],
        &["set", "transaction"],
        &["set", "session", "characteristics"],
        &["attach"],
        &["detach"],
        // Drops our lock of the tenant, too.
        &["discard", "all"],
    ];
    if let Some(words) = CONTROL.iter().find(|words| piece.begins(words)) {
        let is_file = matches!(words, [only] if ["attach", "detach"].contains(only));
        return Some(Refused {
            rule: "transaction-control",
            message: format!("{} can't stand in a migration", words.join(" ").to_uppercase()),
            help: if is_file {
                "remove it: a migration is about its tenant's own database only"
            } else {
                "remove it: a script is run in a transaction together with its ledger row; `-- transaction: none` runs \
                 each statement by itself"
            },
        });
    }
    if piece.begins(&["copy"])
        && piece.tokens.windows(2).any(|pair| matches!(pair, [a, b] if a.is("from") && b.is("stdin")))
    {
        return Some(Refused {
            rule: "statement",
            message: "COPY FROM STDIN has no input here".to_owned(),
            help: "write the rows as INSERT",
        });
    }
    let what = outside_only(piece).filter(|_| in_transaction)?;
    Some(Refused {
        rule: "transaction",
        message: format!("{what} is refused in a transaction"),
        help: "write `-- transaction: none` at the head of the file, and let nothing else stand in it that must go together with this",
    })
}

/// What PostgreSQL (and, for VACUUM, SQLite) refuses in a transaction.
fn outside_only(piece: &Piece<'_>) -> Option<&'static str> {
    const BEGINNINGS: [(&[&str], &str); 8] = [
        (&["vacuum"], "VACUUM"),
        (&["create", "database"], "CREATE DATABASE"),
        (&["drop", "database"], "DROP DATABASE"),
        (&["create", "tablespace"], "CREATE TABLESPACE"),
        (&["drop", "tablespace"], "DROP TABLESPACE"),
        (&["alter", "system"], "ALTER SYSTEM"),
        (&["create", "subscription"], "CREATE SUBSCRIPTION"),
        (&["drop", "subscription"], "DROP SUBSCRIPTION"),
    ];
    let what =
        piece.tokens.iter().find(|token| token.is_any(&["index", "table", "schema", "database", "system"]));
    if piece.begins(&["reindex"]) && what.is_some_and(|what| what.is_any(&["database", "system"])) {
        return Some("REINDEX of a database");
    }
    // Without a table it is of all tables.
    if piece.begins(&["cluster"]) && piece.tokens.iter().skip(1).all(|token| token.is("verbose")) {
        return Some("CLUSTER of all tables");
    }
    if let Some((_, what)) = BEGINNINGS.iter().find(|(words, _)| piece.begins(words)) {
        return Some(what);
    }
    if !piece.says("concurrently") {
        return None;
    }
    let second = |words: &[&str]| piece.tokens.iter().take(3).any(|token| token.is_any(words));
    if piece.begins(&["create"]) && second(&["index"]) {
        Some("CREATE INDEX CONCURRENTLY")
    } else if piece.begins(&["drop", "index"]) {
        Some("DROP INDEX CONCURRENTLY")
    } else if piece.begins(&["reindex"]) {
        Some("REINDEX CONCURRENTLY")
    } else if piece.begins(&["alter", "table"]) && piece.says("detach") {
        Some("DETACH PARTITION CONCURRENTLY")
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
