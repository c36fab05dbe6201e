use proptest::prelude::*;

use super::{pieces, split};
use crate::fleet::registry::token::tokens;

fn texts(text: &str) -> Vec<String> {
    split(text, &tokens(text)).unwrap().into_iter().map(|piece| piece.text.to_owned()).collect()
}

fn refused(text: &str) -> (u32, String) {
    let wrong = split(text, &tokens(text)).unwrap_err();
    (wrong.line, wrong.message)
}

#[test]
fn semicolons_end_statements_and_comments_around_them_are_left_out() {
    let text =
        "-- head\n\nCREATE TABLE a (b text); -- after\n/* before */ INSERT INTO a VALUES (1) ;;\n ; SELECT 1";
    assert_eq!(texts(text), ["CREATE TABLE a (b text)", "INSERT INTO a VALUES (1)", "SELECT 1"]);
    let lines: Vec<u32> = pieces(text).iter().map(|piece| piece.line).collect();
    assert_eq!(lines, [3, 4, 5]);
    assert!(texts("").is_empty());
    assert!(texts("-- nothing\n;;").is_empty());
}

#[test]
fn nothing_is_cut_where_a_semicolon_is_text() {
    for whole in [
        "SELECT 'a;b', 'it''s;', E'\\';', \"c;\"\"d\", $$x;y$$, $tag$a;$$;b$tag$, U&'d;', B'1', X'1F'",
        "SELECT 1 /* a; /* b; */ c; */ + 2",
        "SELECT 1 -- a; b\n + 2",
        "CREATE RULE r AS ON INSERT TO a DO ALSO (INSERT INTO b VALUES (1); INSERT INTO c VALUES (2))",
        "SELECT a[1] FROM b WHERE c = '\\'",
        "DO $do$ BEGIN PERFORM 1; END $do$",
    ] {
        assert_eq!(texts(&format!("{whole};\nSELECT 2;")), [whole, "SELECT 2"]);
    }
}

#[test]
fn a_trigger_of_sqlite_stays_whole() {
    let trigger = "CREATE TRIGGER IF NOT EXISTS t AFTER UPDATE OF a ON b FOR EACH ROW WHEN NEW.end > 1 BEGIN\n  \
                   UPDATE b SET c = CASE WHEN d THEN 1 ELSE 2 END WHERE e = NEW.end;\n  SELECT CASE WHEN 1 THEN 2 END;\nEND";
    assert_eq!(texts(&format!("{trigger};\nSELECT 1;")), [trigger, "SELECT 1"]);
    let temporary = "CREATE TEMP TRIGGER t INSERT ON b BEGIN DELETE FROM c; END";
    assert_eq!(texts(&format!("{temporary}; SELECT 1")), [temporary, "SELECT 1"]);
}

#[test]
fn a_trigger_of_postgresql_has_no_body() {
    let trigger = "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION f()";
    assert_eq!(texts(&format!("{trigger};\nSELECT 1;")), [trigger, "SELECT 1"]);
}

#[test]
fn a_function_in_standard_sql_stays_whole() {
    let function = "CREATE OR REPLACE FUNCTION f(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC\n  SELECT 1;\n  \
                    SELECT CASE WHEN a > 1 THEN 1 ELSE 2 END;\nEND";
    assert_eq!(texts(&format!("{function};\nSELECT 1;")), [function, "SELECT 1"]);
    // A plain one is as any statement.
    let plain = "CREATE FUNCTION g() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$";
    assert_eq!(texts(&format!("{plain};\nSELECT 1;")), [plain, "SELECT 1"]);
}

#[test]
fn what_is_not_ended_is_refused_with_its_line() {
    for (text, line, message) in [
        ("SELECT 1;\nSELECT 'a;", 2, "a text in quotes is not ended"),
        ("SELECT E'a\\';", 1, "a text in quotes is not ended"),
        ("\n\nSELECT \"a;", 3, "a name in double quotes is not ended"),
        ("SELECT $a$ b $$;", 1, "a text in dollar quotes is not ended"),
        ("SELECT 1;\n/* a /* b */", 2, "a comment that begins with /* is not ended"),
        ("SELECT (1;\nSELECT 2;", 1, "a bracket is not closed"),
        ("SELECT 1);\n", 1, "`)` closes nothing"),
        ("CREATE TRIGGER t INSERT ON b BEGIN SELECT 1;", 1, "the body that begins with BEGIN is not ended"),
        ("SELECT `a`;", 1, "a name in backticks"),
        ("SELECT 1;\n\\connect a", 2, "a command of psql is not SQL"),
    ] {
        assert_eq!(refused(text), (line, message.to_owned()), "{text}");
    }
}

/// Pieces of text that are hard to cut, each with what a reader takes of it; none is unended.
fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("SELECT 1".to_owned()),
        Just(";".to_owned()),
        "[a-z ,.=<>+*\n]{0,8}",
        "[a-z;' \n]{0,6}".prop_map(|text| format!(" '{}'", text.replace('\'', "''"))),
        // No `q`, so that the text does not end itself.
        "[a-pr-z;$ \n]{0,6}".prop_map(|text| format!(" $q${text} $q$ ")),
        "[a-z;\" ]{1,6}".prop_map(|text| format!(" \"{}\"", text.replace('"', "\"\""))),
        "[a-z;'\" ]{0,6}".prop_map(|text| format!(" /* {text} /* ; */ */ ")),
        "[a-z;'\"$ ]{0,6}".prop_map(|text| format!(" --{text}\n")),
        "[a-z; ]{0,6}".prop_map(|text| format!(" ( {text} ) ")),
        "[a-z;\\\\']{0,4}"
            .prop_map(|text| format!(" E'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))),
    ]
}

/// What a reader that knows nothing of statements sees: every token but semicolons that stand in no bracket.
fn kept(text: &str) -> Vec<String> {
    let mut depth = 0_i64;
    let mut kept = Vec::new();
    for token in tokens(text).tokens {
        match token.text {
            "(" => depth += 1,
            ")" => depth -= 1,
            ";" if depth == 0 => continue,
            _ => {}
        }
        kept.push(token.text.to_owned());
    }
    kept
}

proptest! {
    #[test]
    fn every_token_is_kept_and_none_is_cut(parts in prop::collection::vec(part(), 0..20)) {
        let text = parts.concat();
        let found = split(&text, &tokens(&text)).unwrap();
        let joined: Vec<String> = found.iter().flat_map(|piece| kept(piece.text)).collect();
        prop_assert_eq!(joined, kept(&text));
        for piece in &found {
            // The same text again, alone, is the same statement.
            let again = pieces(piece.text);
            prop_assert_eq!(again.len(), 1);
            prop_assert_eq!(again[0].text, piece.text);
            prop_assert_eq!(&text[piece.range()], piece.text);
            let line = text[..piece.range().start].matches('\n').count() + 1;
            prop_assert_eq!(usize::try_from(piece.line).unwrap(), line);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "(?s).{0,60}") {
        let _ = split(&text, &tokens(&text));
    }

    #[test]
    fn no_sql_like_text_makes_it_panic(words in prop::collection::vec(prop::sample::select(vec![
        "create", "or", "temp", "trigger", "function", "begin", "atomic", "case", "end", ";", ".", "(", ")", "'", "\"", "$$",
        "$a$", "/*", "*/", "--", "\n", " ", "`", "\\", "e'", "u&'", "\u{feff}", "\u{e9}", "[", "]", "::", ":", "\0",
    ]), 0..40)) {
        for glue in ["", " "] {
            let text = words.join(glue);
            let _ = split(&text, &tokens(&text));
        }
    }
}
