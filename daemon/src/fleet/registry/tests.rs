use cutover_shared::fleet::{DriverKind, Way};
use proptest::prelude::*;

use super::{Registry, read, row};
use crate::fleet::migration::Step;
use crate::hex::hex;

fn of(files: &[(&str, &str)]) -> Registry {
    let files: Vec<(String, Vec<u8>)> =
        files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    read(&files)
}

/// File, line and rule of each mistake.
fn mistakes(files: &[(&str, &str)]) -> Vec<(String, u32, String)> {
    let registry = of(files);
    assert!(registry.mistakes.iter().all(|finding| finding.mistake && !finding.help.is_empty()));
    registry.mistakes.into_iter().map(|finding| (finding.file, finding.line, finding.rule)).collect()
}

#[test]
fn migrations_come_in_the_order_of_their_numbers() {
    let registry = of(&[
        ("010_last.up.sql", "SELECT 3;"),
        ("002_add_tags.up.sql", "-- Tags of notes\nCREATE TABLE tags (id text);"),
        ("002_add_tags.down.sql", "DROP TABLE tags;"),
        ("0003_call.up.toml", "description = \"Calls\"\ndeploy = true"),
        ("README.md", "x"),
    ]);
    assert!(registry.mistakes.is_empty(), "{:?}", registry.mistakes);
    let seen: Vec<(u32, &str, &str, &str)> = registry
        .migrations
        .iter()
        .map(|m| (m.version, m.id.as_str(), m.name.as_str(), m.description.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            (2, "002_add_tags", "add tags", "Tags of notes"),
            (3, "0003_call", "call", "Calls"),
            (10, "010_last", "last", ""),
        ]
    );
    assert_eq!(registry.head(), Some(10));
    assert_eq!(registry.get(3).unwrap().id, "0003_call");
    assert!(registry.get(4).is_none());
    let tags = &registry.migrations[0];
    assert!(matches!(tags.step(Way::Down, DriverKind::Sqlite), Some(Step::Sql(_))));
    assert!(tags.step(Way::Up, DriverKind::Http).is_none());
    assert_eq!(of(&[]), Registry::default());
}

#[test]
fn the_checksum_is_that_of_the_file() {
    use sha2::{Digest, Sha256};
    let text = "CREATE TABLE a (b text); \n";
    let plain = hex(&Sha256::digest(text.as_bytes()));
    let of_sql = |text: &str| of(&[("001_a.up.sql", text)]).migrations.remove(0);
    assert_eq!(of_sql(text).checksum, plain);
    assert_eq!(of_sql(&text.replace('\n', "\r\n")).checksum, plain);
    assert_ne!(of_sql(text.trim_end()).checksum, plain);
    assert_eq!(of_sql(&format!("\u{feff}{text}")).checksum, plain);
    let both = of(&[("001_a.up.sql", text), ("001_a.up.toml", "deploy = true")]).migrations.remove(0);
    assert_ne!(both.checksum, plain);
    let down = of(&[("001_a.up.sql", text), ("001_a.down.sql", "DROP TABLE a")]).migrations.remove(0);
    assert_eq!(down.checksum, plain);
    assert_eq!(row(&down, 1).checksum, plain);
}

#[test]
fn each_mistake_is_named_with_its_file() {
    let mistake = |file: &str, line, rule: &str| vec![(file.to_owned(), line, rule.to_owned())];
    for (files, expected) in [
        (
            vec![("002_a.up.sql", "SELECT 1"), ("002_b.up.sql", "SELECT 1")],
            mistake("002_b.up.sql", 1, "version"),
        ),
        (
            vec![("0002_a.up.sql", "SELECT 1"), ("002_a.up.sql", "SELECT 1")],
            mistake("002_a.up.sql", 1, "version"),
        ),
        (vec![("002_a.down.sql", "SELECT 1")], mistake("002_a.down.sql", 1, "no-up")),
        (
            vec![("002_a.up.sql", "SELECT 1"), ("002_a.down.toml", "deploy = true")],
            mistake("002_a.down.toml", 1, "no-up"),
        ),
        (vec![("2_x.up.sql", "SELECT 1")], mistake("2_x.up.sql", 1, "file-name")),
        (vec![("002_a.up.sql", "SELECT 1;\nSELECT 'x")], mistake("002_a.up.sql", 2, "statement")),
        (vec![("002_a.up.sql", "SELECT 1;\n\0")], mistake("002_a.up.sql", 2, "text")),
        (vec![("002_a.up.sql", "-- replaces: 001_x\nSELECT 1;")], mistake("002_a.up.sql", 1, "replaces")),
        (vec![("002_a.up.sql", "-- replaces: 002_a\nSELECT 1;")], mistake("002_a.up.sql", 1, "replaces")),
        (
            vec![("002_a.up.sql", "SELECT 1"), ("002_a.down.sql", "-- replaces: 001_x\nSELECT 1;")],
            mistake("002_a.down.sql", 1, "replaces"),
        ),
        (
            vec![
                ("001_a.up.sql", "SELECT 1"),
                ("002_b.up.sql", "-- replaces: 001_a\nSELECT 1"),
                ("003_c.up.sql", "-- replaces: 001_a\nSELECT 1"),
            ],
            mistake("003_c.up.sql", 1, "replaces"),
        ),
        (vec![("002_a.up.toml", "deploy = true\nx = 1")], mistake("002_a.up.toml", 2, "toml")),
    ] {
        assert_eq!(mistakes(&files), expected, "{files:?}");
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_where_they_are() {
    let registry = read(&[("002_a.up.sql".to_owned(), b"SELECT 1;\nSELECT '\xff';".to_vec())]);
    assert_eq!((registry.mistakes[0].line, registry.mistakes[0].rule.as_str()), (2, "text"));
    assert!(registry.migrations.is_empty());
}

#[test]
fn an_earlier_one_can_be_replaced() {
    let registry = of(&[
        ("001_a.up.sql", "SELECT 1"),
        ("002_b.up.sql", "-- replaces: 001_a\nSELECT 1"),
        ("003_c.up.sql", "-- replaces: 002_b\nSELECT 1"),
    ]);
    assert!(registry.mistakes.is_empty(), "{:?}", registry.mistakes);
    assert_eq!(registry.migrations[2].replaces.as_deref(), Some("002_b"));
}

#[test]
fn files_that_disagree_about_what_they_replace_are_refused() {
    let registry = of(&[
        ("001_a.up.sql", "SELECT 1"),
        ("002_b.up.sql", "SELECT 1"),
        ("003_c.up.sql", "-- replaces: 001_a\nSELECT 1"),
        ("003_c.up.toml", "deploy = true\nreplaces = \"002_b\""),
    ]);
    assert!(registry.mistakes.iter().all(|finding| finding.rule == "replaces"));
    assert!(!registry.mistakes.is_empty());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        sql in prop::collection::vec(any::<u8>(), 0..80),
        toml in "[a-z=\\[\\]{}\" \n.0-9-]{0,60}",
    ) {
        let _ = read(&[("001_a.up.sql".to_owned(), sql), ("001_a.up.toml".to_owned(), toml.into_bytes())]);
    }

    #[test]
    fn the_order_of_the_files_does_not_matter(swap in any::<bool>()) {
        let mut files = vec![
            ("001_a.up.sql".to_owned(), b"SELECT 1".to_vec()),
            ("001_a.down.sql".to_owned(), b"SELECT 2".to_vec()),
            ("002_b.up.sql".to_owned(), b"SELECT 3".to_vec()),
        ];
        let straight = read(&files);
        if swap {
            files.reverse();
        }
        prop_assert_eq!(read(&files), straight);
    }
}
