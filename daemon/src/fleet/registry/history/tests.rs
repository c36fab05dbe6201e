use cutover_shared::fleet::LintFinding;
use proptest::prelude::*;

use super::{difference, history};
use crate::fleet::registry::{Registry, read, recorded, row};
use crate::store::MigrationRow;

fn registry(files: &[(&str, &str)]) -> Registry {
    let files: Vec<(String, Vec<u8>)> =
        files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    let registry = read(&files);
    assert!(registry.mistakes.is_empty(), "{:?}", registry.mistakes);
    registry
}

/// What was recorded of these files, the first `run` of them run.
fn record(files: &[(&str, &str)], run: usize) -> Vec<MigrationRow> {
    let mut rows: Vec<MigrationRow> =
        registry(files).migrations.iter().map(|migration| row(migration, 5)).collect();
    for row in rows.iter_mut().take(run) {
        row.pinned_at = Some(6);
    }
    rows
}

fn findings(was: &[(&str, &str)], run: usize, is: &[(&str, &str)]) -> Vec<LintFinding> {
    history(&registry(is), &record(was, run))
}

const FIRST: (&str, &str) = ("001_a.up.sql", "CREATE TABLE a (\n  b text\n);\n");
const SECOND: (&str, &str) = ("002_b.up.sql", "CREATE TABLE b (c text);\n");

#[test]
fn the_same_files_are_no_finding() {
    assert_eq!(findings(&[FIRST, SECOND], 2, &[FIRST, SECOND]), []);
    // Nor another kind of line end.
    assert_eq!(findings(&[FIRST], 1, &[("001_a.up.sql", "CREATE TABLE a (\r\n  b text\r\n);\r\n")]), []);
    // Nor something new at the end.
    assert_eq!(findings(&[FIRST], 1, &[FIRST, SECOND]), []);
}

#[test]
fn an_edited_file_is_refused_with_the_difference() {
    let edited = ("001_a.up.sql", "CREATE TABLE a (\n  b text NOT NULL,\n  c int\n);\n");
    let found = findings(&[FIRST, SECOND], 2, &[edited, SECOND]);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].file.as_str(), found[0].line, found[0].rule.as_str()),
        ("001_a.up.sql", 2, "edited")
    );
    assert!(found[0].mistake);
    assert_eq!(
        found[0].message,
        "it was run, and differs from line 2 on:\n-   b text\n+   b text NOT NULL,\n+   c int"
    );
    // One that was never run may change.
    assert_eq!(findings(&[FIRST, SECOND], 0, &[edited, SECOND]), []);
    // White space at the end counts: it is what was run.
    assert_eq!(findings(&[SECOND], 1, &[("002_b.up.sql", "CREATE TABLE b (c text); \n")]).len(), 1);
}

#[test]
fn a_way_down_may_be_written_and_changed_later() {
    let down = |text| ("001_a.down.sql", text);
    assert_eq!(findings(&[FIRST], 1, &[FIRST, down("DROP TABLE a;")]), []);
    assert_eq!(findings(&[FIRST, down("DROP TABLE a;")], 1, &[FIRST, down("DROP TABLE IF EXISTS a;")]), []);
    assert_eq!(findings(&[FIRST, down("DROP TABLE a;")], 1, &[FIRST]), []);
}

#[test]
fn a_removed_file_is_refused() {
    let found = findings(&[FIRST, SECOND], 2, &[SECOND]);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].file.as_str(), found[0].rule.as_str()), ("001_a.up.sql", "removed"));
    assert_eq!(findings(&[FIRST, SECOND], 1, &[FIRST]), []);
}

#[test]
fn a_renamed_file_is_refused() {
    let found = findings(&[FIRST], 1, &[("001_other.up.sql", FIRST.1)]);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].file.as_str(), found[0].rule.as_str()), ("001_other.up.sql", "renamed"));
    assert!(found[0].help.contains("001_a"));
    // Renamed and edited are two.
    let found = findings(&[FIRST], 1, &[("001_other.up.sql", "SELECT 1")]);
    let rules: Vec<&str> = found.iter().map(|finding| finding.rule.as_str()).collect();
    assert_eq!(rules, ["edited", "renamed"]);
}

#[test]
fn a_new_file_before_what_was_run_is_refused() {
    let later = ("005_e.up.sql", "SELECT 1;");
    let found = findings(&[FIRST, later], 2, &[FIRST, SECOND, later]);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].file.as_str(), found[0].rule.as_str()), ("002_b.up.sql", "reordered"));
    assert_eq!(found[0].help, "give it a higher number, such as 006");
    // Before what was only recorded it may come.
    assert_eq!(findings(&[FIRST, later], 1, &[FIRST, SECOND, later]), []);
}

/// A plan records the whole folder, also what it does not run.
#[test]
fn what_was_recorded_and_never_run_is_new() {
    let later = ("005_e.up.sql", "SELECT 1;");
    let mut rows = record(&[FIRST, SECOND, later], 3);
    rows[1].pinned_at = None;
    let found = history(&registry(&[FIRST, SECOND, later]), &rows);
    assert_eq!((found.len(), found[0].rule.as_str()), (1, "reordered"));
    // Whatever stands for it was run, maybe by what stands for that.
    let third = ("003_c.up.sql", "-- replaces: 002_b\nSELECT 1;");
    let fifth = ("005_e.up.sql", "-- replaces: 003_c\nSELECT 1;");
    let mut rows = record(&[FIRST, SECOND, third, fifth], 4);
    (rows[1].pinned_at, rows[2].pinned_at) = (None, None);
    assert_eq!(history(&registry(&[FIRST, SECOND, third, fifth]), &rows), []);
}

#[test]
fn a_file_that_cannot_be_read_is_not_gone() {
    let step = ("001_a.up.toml", "deploy = true\n");
    for run in [vec![step], vec![FIRST, step]] {
        for broken in [&b"deploy = "[..], b"deploy = true # \xff"] {
            let files = run.iter().map(|(name, text)| {
                let bytes = if *name == step.0 { broken } else { text.as_bytes() };
                ((*name).to_owned(), bytes.to_vec())
            });
            let registry = read(&files.collect::<Vec<_>>());
            assert_eq!(registry.mistakes.len(), 1, "{:?}", registry.mistakes);
            assert_eq!(history(&registry, &record(&run, 1)), []);
        }
    }
}

#[test]
fn a_renumbered_file_is_gone_and_new() {
    let later = ("005_e.up.sql", "SELECT 1;");
    let found = findings(&[FIRST, SECOND, later], 3, &[FIRST, ("003_b.up.sql", SECOND.1), later]);
    let rules: Vec<(&str, &str)> =
        found.iter().map(|finding| (finding.file.as_str(), finding.rule.as_str())).collect();
    assert_eq!(rules, [("002_b.up.sql", "removed"), ("003_b.up.sql", "reordered")]);
}

#[test]
fn another_way_up_is_an_edit() {
    let toml = ("001_a.up.toml", "deploy = true\n");
    let found = findings(&[FIRST], 1, &[FIRST, toml]);
    assert_eq!((found[0].file.as_str(), found[0].rule.as_str()), ("001_a.up.toml", "edited"));
    let found = findings(&[FIRST, toml], 1, &[FIRST]);
    assert_eq!(found[0].message, "it was run, and is gone");
    // What was recorded can't be read any more: still refused.
    let mut rows = record(&[FIRST], 1);
    rows[0].files = "broken".to_owned();
    rows[0].checksum = "other".to_owned();
    assert_eq!(history(&registry(&[FIRST]), &rows).len(), 1);
}

#[test]
fn long_differences_are_cut() {
    let was: String = (0..100).map(|n| format!("a{n}\n")).collect();
    let (line, shown) = difference(&format!("x\n{was}"), "x\n");
    assert_eq!(line, 2);
    assert_eq!(shown.lines().count(), 21);
    assert!(shown.ends_with("- ... 80 more lines"));
    assert_eq!(difference("a\n", "a"), (2, "  (the end of the last line)".to_owned()));
}

#[test]
fn what_was_recorded_is_read_again() {
    let files = [FIRST, ("001_a.down.sql", "DROP TABLE a;"), ("001_a.up.toml", "deploy = true\n")];
    let registry = registry(&files);
    let mut stored = row(&registry.migrations[0], 7);
    assert_eq!(recorded(&stored).unwrap(), registry.migrations[0]);
    stored.files = stored.files.replace("b text", "b int");
    assert_eq!(recorded(&stored).unwrap_err().why, "its files are not what its checksum says");
    stored.files = "{".to_owned();
    assert!(recorded(&stored).is_err());
}

proptest! {
    #[test]
    fn a_difference_rebuilds_the_text(was in "[ab\n]{0,20}", is in "[ab\n]{0,20}") {
        let (line, shown) = difference(&was, &is);
        let (was, is): (Vec<&str>, Vec<&str>) = (was.lines().collect(), is.lines().collect());
        let same = usize::try_from(line).unwrap() - 1;
        let lines = |sign: &str| -> Vec<String> {
            shown.lines().filter_map(|line| line.strip_prefix(sign)?.strip_prefix(' ')).map(str::to_owned).collect()
        };
        prop_assert_eq!(&was[..same], &is[..same]);
        let (gone, come) = (lines("-"), lines("+"));
        let mut built: Vec<&str> = was[..same].to_vec();
        built.extend(come.iter().map(String::as_str));
        built.extend(&was[same + gone.len()..]);
        prop_assert_eq!(built, is);
    }
}
