use proptest::prelude::*;

use super::lint;
use crate::fleet::registry::read;

/// Rules and lines that are warned of, of a file alone (with a way back, so that this is not said each time).
fn rules(up: &str) -> Vec<(String, u32)> {
    let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
    let registry = read(&[file("001_a.up.sql", up), file("001_a.down.sql", "")]);
    assert!(registry.mistakes.is_empty(), "{:?}", registry.mistakes);
    lint(&registry.migrations).into_iter().map(|finding| (finding.rule, finding.line)).collect()
}

fn names(up: &str) -> Vec<String> {
    rules(up).into_iter().map(|(rule, _)| rule).collect()
}

#[test]
fn what_locks_or_rewrites_is_warned_of() {
    for (statement, rule) in [
        ("CREATE INDEX a ON b (c)", "require-concurrent-index-creation"),
        ("DROP INDEX a", "require-concurrent-index-deletion"),
        ("REINDEX TABLE a", "require-concurrent-reindex"),
        ("ALTER TABLE a DETACH PARTITION b", "require-concurrent-partition-detach"),
        ("ALTER TABLE a ADD CONSTRAINT b CHECK (c > 0)", "constraint-missing-not-valid"),
        ("ALTER TABLE a ADD COLUMN b uuid DEFAULT gen_random_uuid()", "adding-field-with-default"),
        ("ALTER TABLE a ADD COLUMN b text NOT NULL", "adding-required-field"),
        ("ALTER TABLE a ALTER COLUMN b SET NOT NULL", "adding-not-nullable-field"),
        ("ALTER TABLE a ALTER COLUMN b TYPE bigint", "changing-column-type"),
        ("ALTER TABLE a RENAME COLUMN b TO c", "renaming-column"),
        ("ALTER TABLE a RENAME TO b", "renaming-table"),
        ("ALTER TABLE a DROP COLUMN b", "ban-drop-column"),
        ("DROP TABLE a", "ban-drop-table"),
        ("ALTER TABLE a ALTER COLUMN b DROP NOT NULL", "ban-drop-not-null"),
        ("TRUNCATE a CASCADE", "ban-truncate-cascade"),
        ("CLUSTER a USING b", "table-copy"),
        ("ALTER VIEW a RENAME TO b", "renaming-object"),
        ("ALTER DOMAIN a ADD CONSTRAINT b CHECK (value > 0)", "ban-alter-domain-with-add-constraint"),
        ("UPDATE a SET b = 1", "whole-table-change"),
        ("DELETE FROM a", "whole-table-change"),
        ("UPDATE a SET b = (SELECT 1 FROM c WHERE d)", "whole-table-change"),
        ("WITH x AS (SELECT 1 FROM c WHERE d) UPDATE a SET b = 1", "whole-table-change"),
    ] {
        let found = rules(&format!("SELECT 1;\n\n{statement};\nSELECT 2;"));
        assert_eq!(found, [(rule.to_owned(), 3)], "{statement}");
    }
}

#[test]
fn keys_are_warned_of_with_what_they_imply() {
    let foreign = names("ALTER TABLE a ADD CONSTRAINT b FOREIGN KEY (c) REFERENCES d (e)");
    assert_eq!(foreign, ["adding-foreign-key-constraint", "constraint-missing-not-valid"]);
    let unique = names("ALTER TABLE a ADD CONSTRAINT b UNIQUE (c)");
    assert!(unique.contains(&"disallowed-unique-constraint".to_owned()), "{unique:?}");
    let primary = names("ALTER TABLE a ADD PRIMARY KEY (c)");
    assert!(primary.contains(&"adding-serial-primary-key-field".to_owned()), "{primary:?}");
    let long = names(&format!("CREATE TABLE {} (a text)", "x".repeat(70)));
    assert_eq!(long, ["identifier-too-long"]);
}

#[test]
fn the_safer_forms_are_silent() {
    for text in [
        "-- transaction: none\nCREATE INDEX CONCURRENTLY IF NOT EXISTS a ON b (c);",
        "-- transaction: none\nDROP INDEX CONCURRENTLY IF EXISTS a;",
        "ALTER TABLE a ADD CONSTRAINT b CHECK (c > 0) NOT VALID;",
        "ALTER TABLE a VALIDATE CONSTRAINT b;",
        "ALTER TABLE a ADD CONSTRAINT b FOREIGN KEY (c) REFERENCES d (e) NOT VALID;",
        "ALTER TABLE a ADD CONSTRAINT b UNIQUE USING INDEX c;",
        "ALTER TABLE a ADD COLUMN b int NOT NULL DEFAULT 0;",
        "ALTER TABLE a ADD COLUMN b text;",
        "-- chunk: 100\nUPDATE a SET b = 1 WHERE id > :cursor AND id <= :cursor + :chunk; SELECT NULL;",
        "UPDATE a SET b = 1 WHERE c = 2;",
        "INSERT INTO a SELECT 1 ON CONFLICT (b) DO UPDATE SET c = 1;",
        "WITH x AS (SELECT 1) INSERT INTO a SELECT 1 FROM x ON CONFLICT (b) DO UPDATE SET c = 1;",
        "-- squawk-ignore renaming-table\nALTER TABLE a RENAME TO b;",
        "CREATE TABLE a (id integer PRIMARY KEY, b varchar(10), c timestamp, d char(3));",
    ] {
        assert_eq!(names(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_table_that_the_file_makes_is_empty() {
    let text = "CREATE TABLE IF NOT EXISTS app.tags (id bigint PRIMARY KEY);\nCREATE INDEX a ON app.Tags (id);\n\
                CREATE UNIQUE INDEX b ON ONLY \"tags\" USING btree (id);\nALTER TABLE tags ADD CONSTRAINT c CHECK (id > 0);\n\
                ALTER TABLE ONLY tags ADD FOREIGN KEY (id) REFERENCES notes (id);\nALTER TABLE tags ALTER COLUMN id TYPE int;\n\
                UPDATE tags SET id = 1;\nDELETE FROM tags;\n";
    for head in ["", "-- transaction: one\n"] {
        assert_eq!(names(&format!("{head}{text}")), Vec::<String>::new());
    }
    // Another table is not.
    let other = names(&format!("{text}CREATE INDEX d ON notes (id);\nUPDATE notes SET a = 1;"));
    assert_eq!(other, ["require-concurrent-index-creation", "whole-table-change"]);
}

#[test]
fn outside_a_transaction_a_statement_can_be_run_again() {
    let text = "-- transaction: none\nCREATE INDEX CONCURRENTLY a ON b (c);";
    assert_eq!(rules(text), [("concurrent-index-again".to_owned(), 2)]);
    let text = "-- transaction: none\nCREATE TABLE a (b text);\nVACUUM a;";
    assert_eq!(rules(text), [("prefer-robust-stmts".to_owned(), 2)]);
    assert_eq!(names("CREATE TABLE a (b text);\nDROP VIEW b;"), Vec::<String>::new());
}

#[test]
fn a_check_is_not_validated_in_the_transaction_that_adds_it() {
    let text =
        "ALTER TABLE a ADD CONSTRAINT b CHECK (c > 0) NOT VALID;\nALTER TABLE a VALIDATE CONSTRAINT b;";
    assert_eq!(rules(text), [("constraint-missing-not-valid".to_owned(), 2)]);
}

#[test]
fn a_way_down_may_drop() {
    let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
    let registry = read(&[
        file("001_a.up.sql", "CREATE TABLE a (b text);"),
        file("001_a.down.sql", "ALTER TABLE c DROP COLUMN d;\nDROP TABLE a;\nDELETE FROM e;"),
    ]);
    let found: Vec<(String, String, u32)> = lint(&registry.migrations)
        .into_iter()
        .map(|finding| (finding.file, finding.rule, finding.line))
        .collect();
    assert_eq!(found, [("001_a.down.sql".to_owned(), "whole-table-change".to_owned(), 3)]);
}

#[test]
fn what_has_no_way_back_or_does_nothing_is_told() {
    let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
    let registry = read(&[
        file("001_a.up.sql", "-- nothing\n"),
        file("002_b.up.sql", "CREATE TABLE a (b text);"),
        file("002_b.down.sql", "DROP TABLE a;"),
        file("002_b.up.toml", "[[call]]\nmutation = \"a:b\""),
        file("003_c.up.toml", "idempotent = true\n[[call]]\nmutation = \"a:b\""),
        file("003_c.down.toml", "deploy = true"),
    ]);
    assert!(registry.mistakes.is_empty(), "{:?}", registry.mistakes);
    let found = lint(&registry.migrations);
    let told: Vec<(&str, &str)> =
        found.iter().map(|finding| (finding.file.as_str(), finding.rule.as_str())).collect();
    assert_eq!(
        told,
        [
            ("001_a.up.sql", "empty"),
            ("001_a.up.sql", "no-down"),
            ("002_b.up.toml", "no-down"),
            ("002_b.up.toml", "no-verify"),
        ]
    );
    assert!(found.iter().all(|finding| !finding.mistake && !finding.help.is_empty()));
}

#[test]
fn what_is_sqlites_own_spoils_nothing() {
    let text = "CREATE VIRTUAL TABLE f USING fts5(a, b);\nCREATE TABLE s (a INTEGER PRIMARY KEY AUTOINCREMENT) WITHOUT ROWID;\n\
                CREATE TRIGGER t AFTER INSERT ON s BEGIN\n  UPDATE s SET a = 1;\n  DELETE FROM s;\nEND;\nPRAGMA user_version = 3;\n\
                INSERT OR REPLACE INTO s VALUES (1);\nCREATE INDEX i ON other (a);\n";
    assert_eq!(rules(text), [("require-concurrent-index-creation".to_owned(), 9)]);
}

#[test]
fn every_finding_has_a_mend() {
    let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
    let registry = read(&[file(
        "001_a.up.sql",
        "DROP TABLE a;\nCREATE INDEX b ON c (d);\nALTER TABLE c RENAME d TO e;",
    )]);
    let found = lint(&registry.migrations);
    assert_eq!(found.len(), 4);
    assert!(found.iter().all(|finding| !finding.help.is_empty() && !finding.message.is_empty()));
}

/// Texts that go deep in the parser, or that are long: the daemon lives on.
#[test]
fn hostile_texts_are_survived() {
    let check = |inner: &str| format!("ALTER TABLE a ADD CONSTRAINT b CHECK ({inner}) NOT VALID");
    let deep = check(&format!("{}1{}", "(".repeat(5_000), ")".repeat(5_000)));
    assert_eq!(names(&deep), ["not-looked-at"]);
    let long = check(&format!("1{}", "+1".repeat(5_000)));
    // The others are looked at.
    assert_eq!(
        rules(&format!("{long};\nDROP TABLE a;")),
        [("not-looked-at".to_owned(), 1), ("ban-drop-table".to_owned(), 2)]
    );
    for text in [
        check(&format!("{}1{}", "(".repeat(450), ")".repeat(450))),
        check(&format!("1{}", "+1".repeat(1_000))),
        check(&format!("{}true", "NOT ".repeat(1_000))),
        check(&format!("{}1", "- ".repeat(1_000))),
        check(&format!("{}1{}", "CASE WHEN true THEN ".repeat(900), " END".repeat(900))),
        check(&format!("a{}", "::int".repeat(800))),
        format!("CREATE VIEW a AS SELECT 1{}", " UNION SELECT 1".repeat(1_000)),
        format!("SELECT 1{}", "+1".repeat(100_000)),
        format!("INSERT INTO a VALUES {}(1)", "(1),".repeat(100_000)),
        "DROP ".repeat(1_000),
    ] {
        let _ = names(&text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_makes_it_panic(words in prop::collection::vec(prop::sample::select(vec![
        "ALTER TABLE", "CREATE INDEX", "CONCURRENTLY", "ON", "a", "(", ")", ",", ";", "ADD CONSTRAINT", "CHECK", "UPDATE", "SET",
        "=", "1", "DELETE FROM", "WITH", "AS", "DROP", "COLUMN", "TYPE", "RENAME", "TO", "'x'", "\u{e9}", "CREATE TABLE", ".",
        "\"b\"", "NOT VALID", "FOREIGN KEY", "REFERENCES", "IF EXISTS",
    ]), 0..24)) {
        let file = ("001_a.up.sql".to_owned(), words.join(" ").into_bytes());
        for finding in lint(&read(&[file]).migrations) {
            prop_assert!(finding.rule != "not-looked-at");
        }
    }
}
