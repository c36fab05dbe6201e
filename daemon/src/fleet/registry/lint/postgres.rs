//! PostgreSQL's own traps, found by squawk's rules. A remark `-- squawk-ignore RULE` above a statement silences one.

use std::collections::HashSet;
use std::ops::Range;

use cutover_shared::fleet::LintFinding;
use squawk_linter::{Linter, Rule};
use squawk_syntax::SourceFile;

use super::target;
use crate::fleet::migration::Script;
use crate::fleet::registry::finding::warning;
use crate::fleet::registry::split::Piece;
use crate::fleet::registry::token::Lines;

/// What the rules are about; rows as text, and what is SQLite's alone, are not looked at.
const DDL: [&str; 5] = ["alter", "create", "drop", "truncate", "reindex"];

/// The parser goes down into brackets by calling itself.
const DEEPEST: usize = 500;

/// Tokens of one statement: an expression costs the square of its length.
const LONGEST: usize = 5_000;

/// Of the thread that parses: address space, of which only what is used is memory.
const STACK: usize = 256 * 1024 * 1024;

/// Rules and the safer form. Left out are matters of taste (types of columns, `IF EXISTS` in a transaction), and what the runner
/// does itself: time-outs, transactions.
const RULES: &[(Rule, &str)] = &[
    (
        Rule::RequireConcurrentIndexCreation,
        "write CREATE INDEX CONCURRENTLY IF NOT EXISTS, alone in a file with `-- transaction: none`",
    ),
    (
        Rule::RequireConcurrentIndexDeletion,
        "write DROP INDEX CONCURRENTLY IF EXISTS, alone in a file with `-- transaction: none`",
    ),
    (Rule::RequireConcurrentReindex, "write REINDEX ... CONCURRENTLY in a file with `-- transaction: none`"),
    (
        Rule::RequireConcurrentPartitionDetach,
        "write DETACH PARTITION ... CONCURRENTLY in a file with `-- transaction: none`",
    ),
    (
        Rule::ConstraintMissingNotValid,
        "add the constraint as NOT VALID, and VALIDATE CONSTRAINT in the next migration, which blocks no writes",
    ),
    (
        Rule::AddingForeignKeyConstraint,
        "add the foreign key as NOT VALID, and VALIDATE CONSTRAINT in the next migration, which blocks no writes",
    ),
    (
        Rule::DisallowedUniqueConstraint,
        "CREATE UNIQUE INDEX CONCURRENTLY in one migration, and ADD CONSTRAINT ... UNIQUE USING INDEX in the next",
    ),
    (
        Rule::AddingSerialPrimaryKeyField,
        "CREATE UNIQUE INDEX CONCURRENTLY in one migration, and ADD CONSTRAINT ... PRIMARY KEY USING INDEX in the next",
    ),
    (
        Rule::AddingFieldWithDefault,
        "add the column without a default, fill it in chunks (`-- chunk: 1000`), and set the default for new rows",
    ),
    (
        Rule::AddingRequiredField,
        "add the column without NOT NULL, or with a constant default; fill it, and demand it in a later migration",
    ),
    (
        Rule::AddingNotNullableField,
        "add CHECK (column IS NOT NULL) NOT VALID, validate it in the next migration, and then SET NOT NULL, which needs no scan",
    ),
    (
        Rule::ChangingColumnType,
        "add a column of the new type, write both, fill it in chunks (`-- chunk: 1000`), and drop the old one later",
    ),
    (
        Rule::RenamingColumn,
        "add a column of the new name, write both, fill it in chunks, and drop the old one when nobody reads it",
    ),
    (
        Rule::RenamingTable,
        "rename it and make a view of the old name in the same migration; drop the view when nobody reads it",
    ),
    (Rule::RenamingObject, "make a second one of the new name, and drop the old one when nobody uses it"),
    (Rule::BanDropColumn, "drop it only when no version of the application that still runs reads it"),
    (Rule::BanDropTable, "drop it only when no version of the application that still runs reads it"),
    (Rule::BanDropNotNull, "let every reader expect NULL first"),
    (Rule::BanTruncateCascade, "name the tables that are to be emptied, without CASCADE"),
    (Rule::BanDropDatabase, "remove it: the tenant's database is what is migrated"),
    (Rule::BanAlterDomainWithAddConstraint, "write the CHECK as a constraint of the tables, NOT VALID first"),
    (Rule::IdentifierTooLong, "write at most 63 bytes: PostgreSQL cuts the rest away silently"),
    (
        Rule::PreferRobustStmts,
        "write IF EXISTS or IF NOT EXISTS: outside a transaction the statement may be run again after a crash",
    ),
];

/// One of squawk's findings.
struct Found {
    rule: Rule,
    at: usize,
    message: String,
}

/// Findings on a script; `new` are the tables that it makes, which are empty.
pub(super) fn lint(
    script: &Script,
    pieces: &[Piece<'_>],
    new: &HashSet<String>,
    is_down: bool,
) -> Vec<LintFinding> {
    let lines = Lines::of(&script.text);
    let mut findings = Vec::new();
    let mut refuse = |line| {
        let message = "it is too long or too deep for PostgreSQL's rules: nobody looked for locks in it";
        findings.push(warning(
            &script.file,
            line,
            "not-looked-at",
            message,
            "write it as several statements",
        ));
    };
    let (ddl, other): (Vec<&Piece<'_>>, Vec<&Piece<'_>>) =
        pieces.iter().partition(|piece| piece.tokens.first().is_some_and(|token| token.is_any(&DDL)));
    let (large, ddl): (Vec<&Piece<'_>>, Vec<&Piece<'_>>) =
        ddl.into_iter().partition(|piece| piece.tokens.len() > LONGEST || depth(piece) > DEEPEST);
    large.iter().for_each(|piece| refuse(piece.line));
    let text = blanked(&script.text, large.iter().chain(&other).map(|piece| piece.range()));
    let ranges: Vec<Range<usize>> = ddl.iter().map(|piece| piece.range()).collect();
    let rules = rules(script.transaction, is_down);
    let found = apart(|| violations(text, &ranges, rules, script.transaction)).unwrap_or_else(|| {
        refuse(1);
        Vec::new()
    });
    for Found { rule, at, message } in found {
        let piece = ddl.iter().find(|piece| piece.range().contains(&at));
        let is_new = piece.and_then(|piece| target(piece)).is_some_and(|table| new.contains(&table));
        if is_new && !matches!(rule, Rule::IdentifierTooLong | Rule::PreferRobustStmts) {
            continue;
        }
        // Ours says more.
        let is_ours = piece.is_some_and(|piece| super::begins_index(piece) && piece.says("concurrently"));
        if is_ours && rule == Rule::PreferRobustStmts {
            continue;
        }
        let help = RULES.iter().find(|(known, _)| *known == rule).map_or("", |(_, help)| *help);
        findings.push(warning(&script.file, lines.at(at), &rule.to_string(), message, help));
    }
    findings
}

fn rules(in_transaction: bool, is_down: bool) -> Vec<Rule> {
    let is_meant = |rule: Rule| match rule {
        // A way down drops what its way up made; the plan says what.
        Rule::BanDropTable | Rule::BanDropColumn => !is_down,
        Rule::PreferRobustStmts => !in_transaction,
        _ => true,
    };
    RULES.iter().map(|(rule, _)| *rule).filter(|rule| is_meant(*rule)).collect()
}

fn depth(piece: &Piece<'_>) -> usize {
    let mut depth = 0_i64;
    let mut deepest = 0;
    for token in &piece.tokens {
        depth += super::nesting(token);
        deepest = deepest.max(depth);
    }
    usize::try_from(deepest).unwrap_or(usize::MAX)
}

/// Runs it where the parser has room to call itself, and where its panics end nothing else. None: it panicked.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("fleet-lint".to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, work)
            .ok()
            .and_then(|thread| thread.join().ok())
    })
}

/// The text with blanks where these are, so that offsets and lines stay.
fn blanked(text: &str, ranges: impl Iterator<Item = Range<usize>>) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for range in ranges {
        for byte in bytes.get_mut(range).unwrap_or_default().iter_mut().filter(|byte| **byte != b'\n') {
            *byte = b' ';
        }
    }
    // Whole statements are blanked, so that no letter is cut.
    String::from_utf8(bytes).unwrap_or_default()
}

fn violations(text: String, ranges: &[Range<usize>], rules: Vec<Rule>, in_transaction: bool) -> Vec<Found> {
    // What is not PostgreSQL's would spoil what comes after it.
    let is_foreign = |range: &&Range<usize>| {
        text.get((*range).clone()).is_none_or(|statement| !SourceFile::parse(statement).errors().is_empty())
    };
    let text = blanked(&text, ranges.iter().filter(is_foreign).cloned());
    let parsed = SourceFile::parse(&text);
    let mut linter = Linter::from(rules);
    linter.settings.assume_in_transaction = in_transaction;
    linter
        .lint(&parsed, &text)
        .into_iter()
        .map(|violation| Found {
            rule: violation.code,
            at: violation.text_range.start().into(),
            message: violation.message,
        })
        .collect()
}
