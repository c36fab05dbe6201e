use proptest::prelude::*;

use super::drops;
use crate::fleet::registry::read;

fn of(text: &str) -> Vec<String> {
    let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
    let registry = read(&[file("001_a.up.sql", "SELECT 1"), file("001_a.down.sql", text)]);
    assert!(registry.mistakes.is_empty(), "{:?}", registry.mistakes);
    drops(registry.migrations[0].down.sql.as_ref().unwrap())
}

#[test]
fn what_is_dropped_is_named() {
    for (text, expected) in [
        ("DROP TABLE tags", &["table tags"][..]),
        ("drop table if exists app.tags, \"Odd \"\"name\" cascade", &["table app.tags", "table Odd \"name"]),
        ("ALTER TABLE notes DROP COLUMN slug", &["column notes.slug"]),
        (
            "ALTER TABLE IF EXISTS ONLY app.notes DROP slug, ADD COLUMN x int, DROP COLUMN IF EXISTS \"b\" CASCADE",
            &["column app.notes.slug", "column app.notes.b"],
        ),
        ("ALTER TABLE notes * DROP COLUMN a", &["column notes.a"]),
        ("TRUNCATE a, ONLY b, c * RESTART IDENTITY", &["rows of a", "rows of b", "rows of c"]),
        ("TRUNCATE TABLE a", &["rows of a"]),
        ("DELETE FROM ONLY notes WHERE a = 1", &["rows of notes"]),
        ("WITH d AS (DELETE FROM notes RETURNING *) SELECT * FROM d", &["rows of notes"]),
        ("DROP SCHEMA app CASCADE", &["schema app"]),
        ("DROP TABLE a; DROP TABLE b; DROP TABLE a", &["table a", "table b"]),
        ("DO $x$ BEGIN IF true THEN DROP TABLE a; END IF; DELETE FROM b; END $x$", &["table a", "rows of b"]),
    ] {
        assert_eq!(of(text), expected, "{text}");
    }
}

#[test]
fn what_holds_no_data_is_not_named() {
    for text in [
        "ALTER TABLE notes DROP CONSTRAINT c",
        "ALTER TABLE notes ALTER COLUMN a DROP DEFAULT, ALTER b DROP NOT NULL",
        "ALTER TABLE notes ADD CHECK (a IN (1, 2)), RENAME TO b",
        "DROP INDEX a; DROP VIEW b; DROP TRIGGER c ON d; DROP FUNCTION e()",
        "CREATE TRIGGER a AFTER INSERT ON b BEGIN DELETE FROM c; END",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ DELETE FROM a $$",
        "ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES c ON DELETE CASCADE",
        "SELECT 'DROP TABLE a' -- DROP TABLE b",
        "SELECT x.drop FROM x",
    ] {
        assert_eq!(of(text), Vec::<String>::new(), "{text}");
    }
}

proptest! {
    #[test]
    fn no_statement_makes_it_panic(words in prop::collection::vec(prop::sample::select(vec![
        "drop", "table", "alter", "column", "if", "exists", "only", "truncate", "delete", "from", "a", "b", ".", ",", "*",
        "\"c\"", "cascade", "do", "$$ drop table x; $$",
    ]), 0..16)) {
        let text = format!("SELECT {}", words.join(" "));
        let _ = of(&text);
    }
}
