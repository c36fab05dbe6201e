//! Warnings on migrations: statements that hold locks or rewrite tables for long, each with the safer form.

use std::collections::HashSet;
use std::ops::Range;

use cutover_shared::fleet::{LintFinding, Way};

use self::remark::Remarks;
use super::finding::{sorted, warning};
use super::split::{Piece, split};
use super::token::{Token, Tokens, tokens};
use crate::fleet::migration::{HttpStep, Migration, Script};

mod lock;
mod postgres;
mod remark;

/// Warnings, by file and line. `postgres`: whether PostgreSQL's rules are looked at.
pub fn lint(migrations: &[Migration], postgres: bool) -> Vec<LintFinding> {
    let mut findings = Vec::new();
    for migration in migrations {
        let Migration { up, down, .. } = migration;
        if let Some(sql) = &up.sql {
            let missing = down.sql.is_none().then(|| no_down(&sql.file, &migration.id, "sql"));
            script(sql, Way::Up, missing, postgres, &mut findings);
        }
        if let Some(sql) = &down.sql {
            script(sql, Way::Down, None, postgres, &mut findings);
        }
        if let Some(step) = &up.http {
            let missing = down.http.is_none().then(|| no_down(&step.file, &migration.id, "toml"));
            findings.extend(told(step, missing));
        }
        findings.extend(down.http.iter().flat_map(|step| told(step, None)));
    }
    sorted(findings)
}

/// A way up that has no way back.
fn no_down(file: &str, id: &str, ending: &str) -> LintFinding {
    let message = "there is no `down`: a rollback past this one will be refused";
    warning(file, 1, "no-down", message, format!("write {id}.down.{ending}"))
}

/// What is said of a step over HTTP.
fn told(step: &HttpStep, missing: Option<LintFinding>) -> impl Iterator<Item = LintFinding> {
    let remarks = Remarks::of_toml(&step.text);
    let is_said = |finding: &LintFinding| !remarks.silence(&finding.rule, &(0..usize::MAX));
    missing.into_iter().chain(blind(step)).filter(is_said).collect::<Vec<_>>().into_iter()
}

/// After a crash nobody can tell whether such a step was done.
fn blind(step: &HttpStep) -> Option<LintFinding> {
    let is_blind = !step.idempotent && step.verify.is_none() && !step.calls.is_empty();
    is_blind.then(|| {
        let message = "neither `idempotent` nor [verify]: after a crash in the middle nobody can tell whether it was done, \
                       and the tenant stops there";
        let help = "write [verify] with a query that says so, or idempotent = true where it may be called again";
        warning(&step.file, 1, "no-verify", message, help)
    })
}

/// A script as rules look at it.
struct Looked<'a> {
    script: &'a Script,
    pieces: Vec<Piece<'a>>,
    remarks: Remarks<'a>,
    /// Tables that it makes, which are empty.
    new: HashSet<String>,
}

impl<'a> Looked<'a> {
    fn of(script: &'a Script, found: &Tokens<'a>) -> Self {
        let pieces = split(&script.text, found).unwrap_or_default();
        let new = pieces.iter().filter_map(created).collect();
        Self { script, pieces, remarks: Remarks::of_sql(found), new }
    }

    /// What stands before the first statement.
    fn head(&self) -> Range<usize> {
        0..self.pieces.first().map_or(usize::MAX, |piece| piece.range().start)
    }

    /// A statement with the remarks above it.
    fn part(&self, piece: &Piece<'_>) -> Range<usize> {
        let range = piece.range();
        let before =
            self.pieces.iter().map(|other| other.range().end).filter(|end| *end <= range.start).max();
        before.unwrap_or(0)..range.end
    }

    /// Whether its table is made by this file, so that nobody waits for it.
    fn is_new(&self, piece: &Piece<'_>) -> bool {
        made(piece).is_some() || target(piece).is_some_and(|table| self.new.contains(&table))
    }
}

fn script(
    script: &Script,
    way: Way,
    missing: Option<LintFinding>,
    postgres: bool,
    findings: &mut Vec<LintFinding>,
) {
    let looked = Looked::of(script, &tokens(&script.text));
    let empty = (looked.pieces.is_empty() && way == Way::Up).then(|| {
        warning(&script.file, 1, "empty", "there is no statement in it", "write one, or remove the file")
    });
    let of_file = missing.into_iter().chain(empty);
    findings.extend(of_file.filter(|finding| !looked.remarks.silence(&finding.rule, &looked.head())));
    for piece in &looked.pieces {
        let mut say = |rule: &str, message: &str, help: &str| {
            if !looked.is_new(piece) && !looked.remarks.silence(rule, &looked.part(piece)) {
                findings.push(warning(&script.file, piece.line, rule, message, help));
            }
        };
        if let Some((rule, message, help)) = lock::locks(piece).filter(|_| postgres) {
            say(rule, message, help);
        }
        if script.chunk.is_none() && changes_all(piece) {
            say(
                "whole-table-change",
                "every row of the table is changed in one statement, which holds locks on all of them until it is done",
                "move the rows in chunks: `-- chunk: 1000` at the head, WHERE id > :cursor AND id <= :cursor + :chunk, and a last \
                 statement that answers with the next cursor",
            );
        }
    }
    if postgres {
        findings.extend(postgres::lint(&looked, way));
    }
}

fn begins_index(piece: &Piece<'_>) -> bool {
    piece.begins(&["create", "index"]) || piece.begins(&["create", "unique", "index"])
}

/// UPDATE or DELETE without WHERE.
fn changes_all(piece: &Piece<'_>) -> bool {
    change(piece).is_some_and(|at| {
        let mut depth = 0_i64;
        !piece.tokens.iter().skip(at).any(|token| {
            depth += nesting(token);
            depth == 0 && token.is("where")
        })
    })
}

/// Where the UPDATE or DELETE of a statement begins.
fn change(piece: &Piece<'_>) -> Option<usize> {
    let is_change = |token: &Token<'_>| token.is_any(&["update", "delete"]);
    if piece.tokens.first().is_some_and(is_change) {
        return Some(0);
    }
    if !piece.begins(&["with"]) {
        return None;
    }
    let mut depth = 0_i64;
    piece.tokens.windows(2).enumerate().find_map(|(at, pair)| {
        let [before, token] = pair else { return None };
        depth += nesting(before);
        // After the last query of WITH; ON CONFLICT DO UPDATE comes after a word.
        (depth == 0 && before.text == ")" && is_change(token)).then_some(at + 1)
    })
}

fn nesting(token: &Token<'_>) -> i64 {
    match token.text {
        "(" | "[" => 1,
        ")" | "]" => -1,
        _ => 0,
    }
}

/// The table that a CREATE TABLE names.
fn made(piece: &Piece<'_>) -> Option<String> {
    let at = after_table(piece)?;
    name(piece.tokens.get(at..)?)
}

/// Where the name of a CREATE TABLE begins, or IF NOT EXISTS before it.
fn after_table(piece: &Piece<'_>) -> Option<usize> {
    const BEFORE: [&str; 6] = ["global", "local", "temp", "temporary", "unlogged", "virtual"];
    piece.tokens.first().filter(|first| first.is("create"))?;
    let at = piece.tokens.iter().skip(1).position(|token| !token.is_any(&BEFORE))? + 1;
    piece.tokens.get(at).filter(|token| token.is("table")).map(|_| at + 1)
}

/// The table that a statement makes for certain: with IF NOT EXISTS it may be there, and full.
fn created(piece: &Piece<'_>) -> Option<String> {
    let at = after_table(piece)?;
    made(piece).filter(|_| !piece.tokens.get(at).is_some_and(|token| token.is("if")))
}

/// The table that a statement is about.
fn target(piece: &Piece<'_>) -> Option<String> {
    let rest = |at: usize| piece.tokens.get(at..).unwrap_or_default();
    if piece.begins(&["alter", "table"]) {
        return name(rest(2));
    }
    if piece.begins(&["truncate"]) {
        let is_one = piece.tokens.iter().all(|token| token.text != ",");
        let skip = if piece.begins(&["truncate", "table"]) { 2 } else { 1 };
        return name(rest(skip)).filter(|_| is_one);
    }
    if begins_index(piece) {
        let on = piece.tokens.iter().position(|token| token.is("on"))?;
        return name(rest(on + 1));
    }
    let at = change(piece)?;
    let skip = if rest(at).first().is_some_and(|token| token.is("delete")) { 2 } else { 1 };
    name(rest(at + skip))
}

/// The name that comes, with the schema that is written there, as PostgreSQL folds it.
fn name(rest: &[Token<'_>]) -> Option<String> {
    const BEFORE: [&str; 4] = ["if", "not", "exists", "only"];
    let part = |token: &Token<'_>| {
        let folded = if token.text.starts_with('"') { token.name() } else { token.text.to_lowercase() };
        token.is_name().then_some(folded)
    };
    let mut rest = rest.iter().skip_while(|token| token.is_any(&BEFORE));
    let mut parts = vec![part(rest.next()?)?];
    while rest.next().is_some_and(|token| token.text == ".") {
        parts.push(part(rest.next()?)?);
    }
    // A dot in a quoted name would be another name.
    Some(parts.join("\0"))
}

#[cfg(test)]
mod tests;
