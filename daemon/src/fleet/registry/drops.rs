//! What data a way down drops, as its statements say. What a function or a string that is executed drops is not seen.

use squawk_lexer::TokenKind;

use super::split::{Piece, pieces};
use super::token::Token;
use crate::fleet::migration::Script;

/// `table tags`, `column notes.slug`, `rows of notes`, `schema app`: each once, in the order of the statements.
pub fn drops(script: &Script) -> Vec<String> {
    let mut found = Vec::new();
    for statement in &script.statements {
        for piece in pieces(&statement.text) {
            of_piece(&piece, &mut found);
        }
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|drop| seen.insert(drop.clone()));
    found
}

fn of_piece(piece: &Piece<'_>, found: &mut Vec<String>) {
    // A block is run at once; what is created runs later, if ever.
    if piece.begins(&["do"]) {
        for inner in piece.tokens.iter().filter_map(Token::dollar_quoted) {
            for statement in pieces(inner) {
                scan(&statement.tokens, found);
            }
        }
    } else if !piece.begins(&["create"]) {
        scan(&piece.tokens, found);
    }
}

fn scan(tokens: &[Token<'_>], found: &mut Vec<String>) {
    for at in 0..tokens.len() {
        let rest = tokens.get(at..).unwrap_or_default();
        let is_column = at
            .checked_sub(1)
            .and_then(|before| tokens.get(before))
            .is_some_and(|before| before.kind == TokenKind::Dot);
        if is_column {
            continue;
        }
        match rest {
            [drop, kind, ..] if drop.is("drop") && kind.is_any(&["table", "schema", "database"]) => {
                let kind = kind.text.to_ascii_lowercase();
                found.extend(names(rest.get(2..).unwrap_or_default()).map(|name| format!("{kind} {name}")));
            }
            [alter, table, ..] if alter.is("alter") && table.is("table") => {
                columns(rest.get(2..).unwrap_or_default(), found);
            }
            [truncate, ..] if truncate.is("truncate") => {
                let skip = 1 + usize::from(rest.get(1).is_some_and(|token| token.is("table")));
                found.extend(
                    names(rest.get(skip..).unwrap_or_default()).map(|name| format!("rows of {name}")),
                );
            }
            [delete, from, ..] if delete.is("delete") && from.is("from") => {
                found.extend(
                    names(rest.get(2..).unwrap_or_default()).take(1).map(|name| format!("rows of {name}")),
                );
            }
            _ => {}
        }
    }
}

/// The columns that `ALTER TABLE` drops.
fn columns(rest: &[Token<'_>], found: &mut Vec<String>) {
    let rest = after_words(rest);
    let Some((table, length)) = name(rest) else { return };
    let mut depth = 0_u32;
    let mut is_begin = true;
    for (at, token) in rest.iter().enumerate().skip(length) {
        match token.kind {
            TokenKind::OpenParen => depth += 1,
            TokenKind::CloseParen => depth = depth.saturating_sub(1),
            TokenKind::Comma if depth == 0 => {
                is_begin = true;
                continue;
            }
            _ => {}
        }
        if is_begin && token.is("drop") {
            let rest = rest.get(at + 1..).unwrap_or_default();
            let column = match rest.first() {
                Some(word) if word.is("column") => rest.get(1..).unwrap_or_default(),
                Some(word) if word.is("constraint") => &[],
                _ => rest,
            };
            if let Some((column, _)) = name(after_words(column)) {
                found.push(format!("column {table}.{column}"));
            }
        }
        // `t *` is the table with its children.
        is_begin = is_begin && token.kind == TokenKind::Star;
    }
}

/// Without `IF EXISTS` and `ONLY`.
fn after_words<'a, 't>(mut rest: &'a [Token<'t>]) -> &'a [Token<'t>] {
    if let [first, second, more @ ..] = rest
        && first.is("if")
        && second.is("exists")
    {
        rest = more;
    }
    match rest {
        // A table may be called so, too.
        [only, more @ ..] if only.is("only") && more.first().is_some_and(Token::is_name) => more,
        _ => rest,
    }
}

/// A name with its schema, and its tokens.
fn name(rest: &[Token<'_>]) -> Option<(String, usize)> {
    let first = rest.first().filter(|token| token.is_name())?;
    let mut name = first.name();
    let mut length = 1;
    while let Some([dot, part, ..]) = rest.get(length..)
        && dot.kind == TokenKind::Dot
        && part.is_name()
    {
        name = format!("{name}.{}", part.name());
        length += 2;
    }
    Some((name, length))
}

/// Names with commas between them.
fn names<'a>(rest: &'a [Token<'_>]) -> impl Iterator<Item = String> + 'a {
    let mut rest = Some(after_words(rest));
    std::iter::from_fn(move || {
        let here = after_words(rest?);
        let (name, length) = name(here)?;
        let next = match here.get(length..).unwrap_or_default() {
            // `t *` is the table with its children.
            [star, next @ ..] if star.kind == TokenKind::Star => next,
            next => next,
        };
        rest = next.first().filter(|token| token.kind == TokenKind::Comma).and(next.get(1..));
        Some(name)
    })
}

#[cfg(test)]
mod tests;
