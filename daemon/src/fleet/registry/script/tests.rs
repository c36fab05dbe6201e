use cutover_shared::fleet::LintFinding;

use super::script;
use crate::fleet::migration::Script;

fn read(text: &str) -> (Script, Vec<LintFinding>) {
    let mut findings = Vec::new();
    let read = script("f.up.sql", text.to_owned(), &mut findings);
    (read.script, findings)
}

#[test]
fn a_script_is_its_statements_with_their_lines() {
    let (script, findings) = read("-- timeout: 1m\nCREATE TABLE a (b text);\n\nCREATE INDEX c ON a (b);\n");
    assert!(findings.is_empty());
    let statements: Vec<(u32, &str)> =
        script.statements.iter().map(|statement| (statement.line, statement.text.as_str())).collect();
    assert_eq!(statements, [(2, "CREATE TABLE a (b text)"), (4, "CREATE INDEX c ON a (b)")]);
    assert!(script.transaction);
    assert_eq!(script.file, "f.up.sql");
    assert!(script.text.starts_with("-- timeout"));
}

#[test]
fn transactions_are_ours() {
    for text in [
        "BEGIN",
        "begin transaction",
        "START TRANSACTION",
        "COMMIT",
        "END",
        "ROLLBACK TO a",
        "ABORT",
        "SAVEPOINT a",
        "RELEASE a",
        "PREPARE TRANSACTION 'a'",
        "SET TRANSACTION READ ONLY",
        "ATTACH 'a' AS b",
        "DISCARD ALL",
    ] {
        for head in ["", "-- transaction: none\n"] {
            let (_, findings) = read(&format!("{head}SELECT 1;\n{text};"));
            assert_eq!(findings.len(), 1, "{text}");
            let line = if head.is_empty() { 2 } else { 3 };
            assert_eq!(
                (findings[0].rule.as_str(), findings[0].line),
                ("transaction-control", line),
                "{text}"
            );
            assert!(findings[0].mistake);
        }
    }
}

#[test]
fn what_postgresql_refuses_in_a_transaction_needs_none() {
    for text in [
        "CREATE INDEX CONCURRENTLY a ON b (c)",
        "create unique index concurrently if not exists a on b (c)",
        "DROP INDEX CONCURRENTLY a",
        "REINDEX INDEX CONCURRENTLY a",
        "REINDEX (VERBOSE) TABLE CONCURRENTLY a",
        "VACUUM ANALYZE a",
        "CREATE DATABASE a",
        "DROP DATABASE a",
        "ALTER SYSTEM SET a = 1",
        "REINDEX DATABASE a",
        "REINDEX (VERBOSE) DATABASE a",
        "CLUSTER",
        "CLUSTER VERBOSE",
        "CREATE SUBSCRIPTION a CONNECTION 'b' PUBLICATION c",
        "DROP SUBSCRIPTION a",
        "ALTER TABLE a DETACH PARTITION b CONCURRENTLY",
        "CREATE TABLESPACE a LOCATION 'b'",
    ] {
        let (_, findings) = read(&format!("{text};"));
        assert_eq!(findings.len(), 1, "{text}");
        assert_eq!(findings[0].rule, "transaction", "{text}");
        assert!(findings[0].help.contains("-- transaction: none"), "{text}");
        assert!(read(&format!("-- transaction: none\n{text};")).1.is_empty(), "{text}");
    }
}

#[test]
fn what_postgresql_takes_in_a_transaction_is_taken() {
    for text in [
        "ALTER TYPE a ADD VALUE 'b'",
        "CLUSTER a USING b",
        "REINDEX TABLE a",
        "CREATE INDEX a ON b (c)",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY a",
        "SET LOCAL lock_timeout = '1s'",
        "CREATE TABLE begin_at (a text)",
        "COPY a TO STDOUT",
        "PREPARE a AS SELECT 1",
        "INSERT INTO a VALUES ('VACUUM concurrently')",
        "PRAGMA foreign_keys = ON",
        "CREATE TABLE a (b INTEGER PRIMARY KEY AUTOINCREMENT) STRICT, WITHOUT ROWID",
    ] {
        assert!(read(&format!("{text};")).1.is_empty(), "{text}");
    }
}

#[test]
fn copy_has_no_input() {
    let (_, findings) = read("COPY a (b) FROM STDIN;\n");
    assert_eq!(findings[0].message, "COPY FROM STDIN has no input here");
}
