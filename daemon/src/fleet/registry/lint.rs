//! Warnings on migrations: statements that hold locks or rewrite tables for long, each with the safer form.

use std::collections::HashSet;

use cutover_shared::fleet::LintFinding;

use super::finding::{sorted, warning};
use super::split::{Piece, pieces};
use super::token::Token;
use crate::fleet::migration::{HttpStep, Migration, Script, Ways};

mod postgres;

/// Warnings, by file and line.
pub fn lint(migrations: &[Migration]) -> Vec<LintFinding> {
    let mut findings = Vec::new();
    for migration in migrations {
        findings.extend(no_down(migration));
        for (ways, is_down) in [(&migration.up, false), (&migration.down, true)] {
            if let Some(sql) = &ways.sql {
                script(sql, is_down, &mut findings);
            }
            findings.extend(ways.http.as_ref().and_then(blind));
        }
    }
    sorted(findings)
}

/// Ways up that have no way back.
fn no_down(migration: &Migration) -> Vec<LintFinding> {
    let Migration { up, down, id, .. } = migration;
    let missing = |file: &str, ending: &str| {
        let message = "there is no `down`: a rollback past this one will be refused";
        warning(file, 1, "no-down", message, format!("write {id}.down.{ending}"))
    };
    let (Ways { sql: up_sql, http: up_http }, Ways { sql, http }) = (up, down);
    let lacks_sql = up_sql.as_ref().filter(|_| sql.is_none()).map(|script| missing(&script.file, "sql"));
    let lacks_http = up_http.as_ref().filter(|_| http.is_none()).map(|step| missing(&step.file, "toml"));
    lacks_sql.into_iter().chain(lacks_http).collect()
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

fn script(script: &Script, is_down: bool, findings: &mut Vec<LintFinding>) {
    let pieces = pieces(&script.text);
    if pieces.is_empty() && !is_down {
        let message = "there is no statement in it";
        findings.push(warning(&script.file, 1, "empty", message, "write one, or remove the file"));
    }
    let new: HashSet<String> = pieces.iter().filter_map(created).collect();
    for piece in &pieces {
        if begins_index(piece) && piece.says("concurrently") && !piece.says("exists") {
            findings.push(warning(
                &script.file,
                piece.line,
                "concurrent-index-again",
                "after a crash this statement is run again, and fails on what the first try has left",
                "write CREATE INDEX CONCURRENTLY IF NOT EXISTS, and let `verify` ask whether the index is valid \
                 (pg_index.indisvalid): a broken try leaves an invalid one",
            ));
        }
        if piece.begins(&["cluster"]) || piece.begins(&["vacuum"]) && piece.says("full") {
            findings.push(warning(
                &script.file,
                piece.line,
                "table-copy",
                "the table is locked against reads and writes for as long as it is copied",
                "use pg_repack from outside, or plain VACUUM",
            ));
        }
        if script.chunk.is_none()
            && changes_all(piece)
            && !target(piece).is_some_and(|table| new.contains(&table))
        {
            findings.push(warning(
                &script.file,
                piece.line,
                "whole-table-change",
                "every row of the table is changed in one statement, which holds locks on all of them until it is done",
                "move the rows in chunks: `-- chunk: 1000` at the head, and WHERE id > :cursor ORDER BY id LIMIT :chunk",
            ));
        }
    }
    findings.extend(postgres::lint(script, &pieces, &new, is_down));
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

/// The table that a statement makes.
fn created(piece: &Piece<'_>) -> Option<String> {
    const BEFORE: [&str; 6] = ["global", "local", "temp", "temporary", "unlogged", "virtual"];
    let (create, rest) = piece.tokens.split_first()?;
    let at = rest.iter().position(|token| !token.is_any(&BEFORE))?;
    let table = rest.get(at).filter(|token| create.is("create") && token.is("table"));
    table.and_then(|_| last_name(rest.get(at + 1..)?))
}

/// The table that a statement is about.
fn target(piece: &Piece<'_>) -> Option<String> {
    let rest = |at: usize| piece.tokens.get(at..).unwrap_or_default();
    if piece.begins(&["create", "table"]) || created(piece).is_some() {
        return created(piece);
    }
    if piece.begins(&["alter", "table"]) {
        return last_name(rest(2));
    }
    if begins_index(piece) {
        let on = piece.tokens.iter().position(|token| token.is("on"))?;
        return last_name(rest(on + 1));
    }
    let at = change(piece)?;
    let skip = if rest(at).first().is_some_and(|token| token.is("delete")) { 2 } else { 1 };
    last_name(rest(at + skip))
}

/// The last part of the name that comes, as PostgreSQL folds it.
fn last_name(rest: &[Token<'_>]) -> Option<String> {
    const BEFORE: [&str; 4] = ["if", "not", "exists", "only"];
    let mut rest = rest.iter().skip_while(|token| token.is_any(&BEFORE));
    let mut name = rest.next().filter(|token| token.is_name())?;
    while rest.next().is_some_and(|token| token.text == ".") {
        name = rest.next().filter(|token| token.is_name())?;
    }
    Some(if name.text.starts_with('"') { name.name() } else { name.text.to_lowercase() })
}

#[cfg(test)]
mod tests;
