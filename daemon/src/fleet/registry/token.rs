//! SQL as tokens: what is text, what is a comment, what is a word. PostgreSQL's lexer, which SQLite's syntax passes as well.

use squawk_lexer::{LiteralKind, TokenKind, tokenize};

/// One token that is neither a comment nor blank.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Token<'t> {
    pub(super) kind: TokenKind,
    pub(super) text: &'t str,
    /// Byte offset.
    pub(super) at: usize,
}

impl Token<'_> {
    pub(super) fn end(&self) -> usize {
        self.at + self.text.len()
    }

    /// A word without quotes that is this one, in whatever case.
    pub(super) fn is(&self, word: &str) -> bool {
        self.kind == TokenKind::Ident && self.text.eq_ignore_ascii_case(word)
    }

    /// One of these words.
    pub(super) fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    /// A name, with quotes or without.
    pub(super) fn is_name(&self) -> bool {
        matches!(self.kind, TokenKind::Ident | TokenKind::QuotedIdent { .. })
    }

    /// The name without its quotes.
    pub(super) fn name(&self) -> String {
        match self.text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            Some(inner) => inner.replace("\"\"", "\""),
            None => self.text.to_owned(),
        }
    }

    /// What was begun and is not ended where the file ends.
    pub(super) fn unended(&self) -> Option<&'static str> {
        match self.kind {
            TokenKind::QuotedIdent { terminated: false, .. } => Some("a name in double quotes"),
            TokenKind::Literal { kind } => match kind {
                LiteralKind::DollarQuotedString { terminated: false } => Some("a text in dollar quotes"),
                LiteralKind::Str { terminated: false }
                | LiteralKind::NationalStr { terminated: false }
                | LiteralKind::ByteStr { terminated: false }
                | LiteralKind::BitStr { terminated: false }
                | LiteralKind::UnicodeEscStr { terminated: false }
                | LiteralKind::EscStr { terminated: false } => Some("a text in quotes"),
                _ => None,
            },
            _ => None,
        }
    }

    /// What stands between the dollar quotes, where the token is such a text.
    pub(super) fn dollar_quoted(&self) -> Option<&str> {
        let TokenKind::Literal { kind: LiteralKind::DollarQuotedString { terminated: true } } = self.kind
        else {
            return None;
        };
        let tag = self.text.get(1..)?.find('$')? + 2;
        self.text.get(tag..self.text.len().checked_sub(tag)?)
    }
}

/// A comment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Comment<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
    /// It ends before the file does.
    pub(super) is_ended: bool,
}

/// The tokens and the comments of a text, in order.
#[derive(Debug, Default)]
pub(super) struct Tokens<'t> {
    pub(super) tokens: Vec<Token<'t>>,
    pub(super) comments: Vec<Comment<'t>>,
}

pub(super) fn tokens(text: &str) -> Tokens<'_> {
    let mut found = Tokens::default();
    let mut at = 0;
    for token in tokenize(text) {
        let end = usize::try_from(token.len).map_or(text.len(), |len| at + len);
        let piece = text.get(at..end).unwrap_or_default();
        match token.kind {
            TokenKind::Whitespace | TokenKind::Eof => {}
            TokenKind::LineComment => found.comments.push(Comment { text: piece, at, is_ended: true }),
            TokenKind::BlockComment { terminated } => {
                found.comments.push(Comment { text: piece, at, is_ended: terminated });
            }
            kind => found.tokens.push(Token { kind, text: piece, at }),
        }
        at = end;
    }
    found
}

/// Turns offsets into lines, from 1.
#[derive(Debug)]
pub(super) struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self { starts: text.match_indices('\n').map(|(at, _)| at + 1).collect() }
    }

    pub(super) fn at(&self, offset: usize) -> u32 {
        u32::try_from(self.starts.partition_point(|start| *start <= offset) + 1).unwrap_or(u32::MAX)
    }
}
