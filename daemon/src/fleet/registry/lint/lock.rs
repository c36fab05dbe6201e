//! What locks or rewrites in PostgreSQL, and squawk has no rule for.

use crate::fleet::registry::split::Piece;
use crate::fleet::registry::token::Token;

/// A rule, what is wrong, and the safer form.
pub(super) type Locks = (&'static str, &'static str, &'static str);

const COPY: &str = "the table is locked against reads and writes for as long as it is copied";

pub(super) fn locks(piece: &Piece<'_>) -> Option<Locks> {
    if piece.begins(&["cluster"]) || piece.begins(&["vacuum"]) && piece.says("full") {
        return Some(("table-copy", COPY, "use pg_repack from outside, or plain VACUUM"));
    }
    if piece.begins(&["alter"]) && moves(piece) {
        let help =
            "fill a new table in chunks (`-- chunk: 1000`) and rename it, or do it while the table is small";
        return Some(("table-copy", COPY, help));
    }
    if piece.begins(&["alter", "table"]) && actions(piece).any(numbers) {
        return Some((
            "adding-serial-column",
            "each row that is there gets a number: the table is locked against reads and writes for as long as it is rewritten",
            "add the column as bigint without a default, make a sequence, SET DEFAULT nextval(...) for new rows, and fill the others \
             in chunks (`-- chunk: 1000`)",
        ));
    }
    if piece.begins(&["refresh", "materialized", "view"])
        && !piece.says("concurrently")
        && !follows(piece, "no", &["data"])
    {
        return Some((
            "require-concurrent-refresh",
            "the view is locked against reads until it is filled again",
            "write REFRESH MATERIALIZED VIEW CONCURRENTLY, which needs a unique index on the view",
        ));
    }
    if piece.begins(&["lock"]) {
        return Some((
            "explicit-lock",
            "the lock is held until the whole migration is committed, and whoever needs the table waits",
            "leave it out: each statement takes the lock that it needs",
        ));
    }
    if piece.begins(&["truncate"]) && !piece.says("cascade") {
        return Some((
            "truncate",
            "the table is locked against reads and writes, and no way down brings its rows back",
            "DELETE them in chunks (`-- chunk: 1000`), or do it only when no version of the application that still runs needs them",
        ));
    }
    None
}

/// Another place or another form of storage.
fn moves(piece: &Piece<'_>) -> bool {
    follows(piece, "set", &["logged", "unlogged", "tablespace"])
        || piece.tokens.windows(3).any(|three| {
            matches!(three, [set, access, method] if set.is("set") && access.is("access") && method.is("method"))
        })
}

fn follows(piece: &Piece<'_>, word: &str, next: &[&str]) -> bool {
    piece.tokens.windows(2).any(|pair| matches!(pair, [a, b] if a.is(word) && b.is_any(next)))
}

/// What an ALTER TABLE does, one after the other.
fn actions<'a, 't>(piece: &'a Piece<'t>) -> impl Iterator<Item = &'a [Token<'t>]> {
    let mut depth = 0_i64;
    piece.tokens.split(move |token| {
        depth += super::nesting(token);
        depth == 0 && token.text == ","
    })
}

/// ADD of a column that counts by itself. Of PRIMARY KEY and of GENERATED squawk knows.
fn numbers(action: &[Token<'_>]) -> bool {
    const SERIAL: [&str; 6] = ["serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"];
    let says = |word: &str| action.iter().any(|token| token.is(word));
    says("add") && !says("primary") && action.iter().skip(1).any(|token| token.is_any(&SERIAL))
}
