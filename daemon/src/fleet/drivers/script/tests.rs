use proptest::prelude::*;

use super::*;

fn put(text: &str, dialect: Dialect) -> String {
    filled(text, dialect, &Cursor::Text("c'x".into()), 7).as_str().to_owned()
}

#[test]
fn values_are_put_in_only_where_they_are_code() {
    for (text, expected) in [
        ("id > :cursor LIMIT :chunk", "id > E'c''x' LIMIT 7"),
        ("x::cursor, :cursors, ':cursor'", "x::cursor, :cursors, ':cursor'"),
        ("E'\\':cursor' :chunk", "E'\\':cursor' 7"),
        ("E'a''b\\':cursor' :chunk", "E'a''b\\':cursor' 7"),
        ("'it''s :cursor' :chunk", "'it''s :cursor' 7"),
        ("\"a:cursor\" -- :cursor\n:chunk", "\"a:cursor\" -- :cursor\n7"),
        ("/* /* :cursor */ :chunk */ :chunk", "/* /* :cursor */ :chunk */ 7"),
        ("$f$ :cursor $$ $f$ :chunk", "$f$ :cursor $$ $f$ 7"),
        ("$1 + :chunk", "$1 + 7"),
    ] {
        assert_eq!(put(text, Dialect::Postgres), expected, "{text}");
    }
    for (text, expected) in [
        ("[:cursor] `:cursor` :cursor", "[:cursor] `:cursor` 'c''x'"),
        ("/* /* */ :chunk", "/* /* */ 7"),
        ("e'\\' || :chunk", "e'\\' || 7"),
    ] {
        assert_eq!(put(text, Dialect::Sqlite), expected, "{text}");
    }
}

#[test]
fn the_first_cursor_says_of_which_kind_all_are() {
    let chunk = |start: &str| Chunk { rows: 1, start: start.to_owned() };
    assert_eq!(Cursor::read(&chunk("0"), "12"), Some(Cursor::Whole(12)));
    assert_eq!(Cursor::read(&chunk("0"), "twelve"), None);
    assert_eq!(Cursor::read(&chunk(""), "12"), Some(Cursor::Text("12".into())));
}

fn script(texts: &[&str]) -> Script {
    Script {
        file: "0001_x.up.sql".into(),
        text: texts.join(";\n"),
        checksum: String::new(),
        statements: (1..)
            .zip(texts)
            .map(|(line, text)| Statement { text: (*text).to_owned(), line })
            .collect(),
        transaction: true,
        timeout: None,
        lock_timeout: None,
        chunk: None,
        verify: None,
    }
}

#[test]
fn a_script_that_would_end_our_transaction_is_refused() {
    for text in
        ["commit", "/* x */ BEGIN", "start transaction read only", "ROLLBACK", "prepare transaction 'x'"]
    {
        let refused = no_transactions(&script(&["SELECT 1", text]), Dialect::Postgres).unwrap_err();
        assert!(refused.text.starts_with("0001_x.up.sql:2: "), "{}", refused.text);
    }
    let refused = no_transactions(&script(&["SELECT 1", "discard all"]), Dialect::Postgres).unwrap_err();
    assert_eq!(refused.text, "0001_x.up.sql:2: DISCARD ALL would drop the tenant's lock");
    let fine = script(&["PREPARE x AS SELECT 1", "CREATE TABLE begin_at (x int)", "SELECT 'COMMIT'"]);
    assert_eq!(no_transactions(&fine, Dialect::Postgres), Ok(()));
}

#[test]
fn marks_on_the_session_are_seen() {
    for text in
        ["SET search_path = x", "SELECT pg_catalog.set_config('a', 'b', false)", "CREATE TEMP TABLE x ()"]
    {
        assert!(leaves_marks(&script(&[text])), "{text}");
    }
    assert!(!leaves_marks(&script(&["UPDATE x SET y = 'SET'", "CREATE TABLE x ()"])));
}

proptest! {
    /// Nothing is lost and nothing is doubled, whatever the text.
    #[test]
    fn parts_make_up_the_whole(text in "[a-e'\"$`\\[\\]\\-/*: \nE\\\\]{0,40}") {
        for dialect in [Dialect::Postgres, Dialect::Sqlite] {
            let whole: String = parts(&text, dialect).into_iter().map(|(_, part)| part).collect();
            prop_assert_eq!(&whole, &text);
        }
    }
}
