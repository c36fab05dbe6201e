//! A text of SQL cut into statements. Never inside a text, a quoted name, a comment, a bracket, the body of a trigger of SQLite
//! (`BEGIN ... END`) or of a function in PostgreSQL's own form (`BEGIN ATOMIC ... END`).

use std::ops::Range;

use squawk_lexer::TokenKind;

use super::token::{Lines, Token, Tokens, tokens};

/// One statement: its tokens, without the semicolon.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece<'t> {
    pub(super) text: &'t str,
    /// From 1.
    pub(super) line: u32,
    pub(super) tokens: Vec<Token<'t>>,
}

impl<'t> Piece<'t> {
    /// Where it is in the whole text.
    pub(super) fn range(&self) -> Range<usize> {
        let at = self.tokens.first().map_or(0, |token| token.at);
        at..at + self.text.len()
    }

    /// The first words, for as long as they are these.
    pub(super) fn begins(&self, words: &[&str]) -> bool {
        self.tokens.len() >= words.len() && self.tokens.iter().zip(words).all(|(token, word)| token.is(word))
    }

    /// Whether one of its tokens is this word, without quotes.
    pub(super) fn says(&self, word: &str) -> bool {
        self.tokens.iter().any(|token| token.is(word))
    }
}

/// Why a text can't be cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SplitMistake {
    pub(super) line: u32,
    pub(super) message: String,
    pub(super) help: &'static str,
}

/// What keeps semicolons from ending a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// It can have none.
    None,
    /// A trigger, whose body may come.
    Trigger,
    /// In a trigger's body, which ends with `; END`.
    InTrigger,
    /// A function or procedure, whose body may come.
    Function,
    /// In its body: so many `BEGIN` and `CASE` are open.
    InFunction(u32),
}

/// The statements of a text, and its tokens.
pub(super) fn split<'t>(text: &'t str, found: &Tokens<'t>) -> Result<Vec<Piece<'t>>, SplitMistake> {
    let lines = Lines::of(text);
    let mistake = |at: usize, message: String, help| SplitMistake { line: lines.at(at), message, help };
    if let Some(comment) = found.comments.iter().find(|comment| !comment.is_ended) {
        let message = "a comment that begins with /* is not ended".to_owned();
        return Err(mistake(comment.at, message, "end it with */; comments in comments count"));
    }
    let mut pieces = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut body = Body::None;
    let mut current: Vec<Token<'t>> = Vec::new();
    for token in &found.tokens {
        if let Some(what) = token.unended() {
            return Err(mistake(token.at, format!("{what} is not ended"), "end it, or double a quote in it"));
        }
        match token.kind {
            TokenKind::Backtick => {
                let message = "a name in backticks".to_owned();
                return Err(mistake(token.at, message, "write it in double quotes: \"name\""));
            }
            TokenKind::Unknown if current.is_empty() && token.text == "\\" => {
                let message = "a command of psql is not SQL".to_owned();
                return Err(mistake(token.at, message, "write what it does as statements"));
            }
            TokenKind::OpenParen | TokenKind::OpenBracket => open.push(token.at),
            TokenKind::CloseParen | TokenKind::CloseBracket if open.pop().is_none() => {
                let message = format!("`{}` closes nothing", token.text);
                return Err(mistake(token.at, message, "remove it, or open it before"));
            }
            TokenKind::Semi if open.is_empty() && !matches!(body, Body::InTrigger | Body::InFunction(_)) => {
                pieces.extend(piece(text, &lines, std::mem::take(&mut current)));
                body = Body::None;
                continue;
            }
            TokenKind::Ident if open.is_empty() => body = after(body, &current, token),
            _ => {}
        }
        current.push(*token);
    }
    if let Some(at) = open.pop() {
        return Err(mistake(at, "a bracket is not closed".to_owned(), "close it"));
    }
    if matches!(body, Body::InTrigger | Body::InFunction(_)) {
        let at = current.first().map_or(0, |token| token.at);
        let message = "the body that begins with BEGIN is not ended".to_owned();
        return Err(mistake(at, message, "end it with END;"));
    }
    pieces.extend(piece(text, &lines, current));
    Ok(pieces)
}

/// The statements of a text that is known to be without mistakes; none where it is not.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    split(text, &tokens(text)).unwrap_or_default()
}

/// What follows from one more word, given those before it.
fn after(body: Body, before: &[Token<'_>], token: &Token<'_>) -> Body {
    // `NEW.end` is a column.
    if before.last().is_some_and(|last| last.kind == TokenKind::Dot) {
        return body;
    }
    let is_created = || {
        const BETWEEN: [&str; 7] = ["or", "replace", "temp", "temporary", "constraint", "global", "local"];
        before.first().is_some_and(|first| first.is("create"))
            && before.iter().skip(1).all(|word| word.is_any(&BETWEEN))
    };
    match body {
        Body::None if token.is("trigger") && is_created() => Body::Trigger,
        Body::None if token.is_any(&["function", "procedure"]) && is_created() => Body::Function,
        Body::Trigger if token.is("begin") => Body::InTrigger,
        // As SQLite itself tells a trigger's end: a CASE in it ends without a semicolon before.
        Body::InTrigger
            if token.is("end") && before.last().is_some_and(|last| last.kind == TokenKind::Semi) =>
        {
            Body::None
        }
        Body::Function if token.is("atomic") && before.last().is_some_and(|last| last.is("begin")) => {
            Body::InFunction(1)
        }
        Body::InFunction(depth) if token.is_any(&["begin", "case"]) => Body::InFunction(depth + 1),
        Body::InFunction(1) if token.is("end") => Body::None,
        Body::InFunction(depth) if token.is("end") => Body::InFunction(depth - 1),
        other => other,
    }
}

fn piece<'t>(text: &'t str, lines: &Lines, tokens: Vec<Token<'t>>) -> Option<Piece<'t>> {
    let (first, last) = (tokens.first()?, tokens.last()?);
    let line = lines.at(first.at);
    Some(Piece { text: text.get(first.at..last.end())?, line, tokens })
}

#[cfg(test)]
mod tests;
