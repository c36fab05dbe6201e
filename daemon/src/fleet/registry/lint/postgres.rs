//! PostgreSQL's own traps, found by squawk's rules.

use std::ops::Range;

use cutover_shared::fleet::{LintFinding, Way};
use squawk_lexer::TokenKind;
use squawk_linter::{Linter, Rule};
use squawk_syntax::SourceFile;

use super::{Looked, made};
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
        "write CREATE INDEX CONCURRENTLY with a name, alone in a file with `-- transaction: none`",
    ),
    (
        Rule::RequireConcurrentIndexDeletion,
        "write DROP INDEX CONCURRENTLY, alone in a file with `-- transaction: none`",
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

/// Findings on a script.
pub(super) fn lint(looked: &Looked<'_>, way: Way) -> Vec<LintFinding> {
    let script = looked.script;
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
    let ddl =
        looked.pieces.iter().filter(|piece| piece.tokens.first().is_some_and(|token| token.is_any(&DDL)));
    let (large, ddl): (Vec<&Piece<'_>>, Vec<&Piece<'_>>) =
        ddl.partition(|piece| piece.tokens.len() > LONGEST || depth(piece) > DEEPEST);
    large.iter().for_each(|piece| refuse(piece.line));
    // Squawk takes every table of the file for a new one, also one that is made IF NOT EXISTS or in another schema: it never sees
    // both at once, and what is new is asked of us.
    let (tables, others): (Vec<&Piece<'_>>, Vec<&Piece<'_>>) =
        ddl.iter().copied().partition(|piece| made(piece).is_some());
    let rules = rules(script.transaction, way);
    let found = apart(|| {
        let mut found = violations(script, &tables, &rules);
        found.extend(violations(script, &others, &rules));
        found
    });
    let found = found.unwrap_or_else(|| {
        refuse(1);
        Vec::new()
    });
    for Found { rule, at, message } in found {
        let Some(piece) = ddl.iter().find(|piece| piece.range().contains(&at)) else { continue };
        let is_of_name = matches!(rule, Rule::IdentifierTooLong | Rule::PreferRobustStmts);
        let is_false = match rule {
            // The runner finds out what became of these.
            Rule::PreferRobustStmts => is_found_out(piece),
            Rule::AddingFieldWithDefault => is_constant(piece, at),
            _ => false,
        };
        let (rule_word, is_new) = (rule.to_string(), !is_of_name && looked.is_new(piece));
        if is_false || is_new || looked.remarks.silence(&rule_word, &looked.part(piece)) {
            continue;
        }
        let help = match rule {
            Rule::ConstraintMissingNotValid if piece.says("exclude") => {
                "EXCLUDE builds its index under the lock, and can't be NOT VALID: add it while the table is small"
            }
            _ => RULES.iter().find(|(known, _)| *known == rule).map_or("", |(_, help)| *help),
        };
        findings.push(warning(&script.file, lines.at(at), &rule_word, message, help));
    }
    findings
}

/// An index, made or dropped concurrently.
fn is_found_out(piece: &Piece<'_>) -> bool {
    piece.says("concurrently") && (super::begins_index(piece) || piece.begins(&["drop", "index"]))
}

/// Whether the default that begins there is one value: squawk knows `1`, but neither `-1` nor `(1)`.
fn is_constant(piece: &Piece<'_>, at: usize) -> bool {
    let rest = piece.tokens.iter().skip_while(|token| token.at < at);
    let mut rest = rest.skip_while(|token| matches!(token.text, "(" | "-" | "+"));
    let is_value = rest.next().is_some_and(|token| {
        matches!(token.kind, TokenKind::Literal { .. }) || token.is_any(&["true", "false", "null"])
    });
    let after = rest.find(|token| token.text != ")");
    is_value && after.is_none_or(|token| token.is_name() || matches!(token.text, "," | ":"))
}

fn rules(in_transaction: bool, way: Way) -> Vec<Rule> {
    let is_meant = |rule: Rule| match rule {
        // A way down drops what its way up made; the plan says what.
        Rule::BanDropTable | Rule::BanDropColumn => way == Way::Up,
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

/// The text with blanks but for these, so that offsets and lines stay.
fn only(text: &str, ranges: &[Range<usize>]) -> String {
    let mut bytes: Vec<u8> = text.bytes().map(|byte| if byte == b'\n' { byte } else { b' ' }).collect();
    for range in ranges {
        if let (Some(to), Some(from)) = (bytes.get_mut(range.clone()), text.as_bytes().get(range.clone())) {
            to.copy_from_slice(from);
        }
        // A blank, a comment or the semicolon itself comes after a statement.
        if let Some(end) = bytes.get_mut(range.end) {
            *end = b';';
        }
    }
    // Whole statements are kept, so that no letter is cut.
    String::from_utf8(bytes).unwrap_or_default()
}

fn violations(script: &Script, pieces: &[&Piece<'_>], rules: &[Rule]) -> Vec<Found> {
    // What is not PostgreSQL's would spoil what comes after it.
    let is_ours = |piece: &&&Piece<'_>| SourceFile::parse(piece.text).errors().is_empty();
    let ranges: Vec<Range<usize>> = pieces.iter().filter(is_ours).map(|piece| piece.range()).collect();
    let text = only(&script.text, &ranges);
    let parsed = SourceFile::parse(&text);
    let mut linter = Linter::from(rules.to_vec());
    linter.settings.assume_in_transaction = script.transaction;
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
