use std::time::Duration;

use cutover_shared::fleet::LintFinding;

use super::{FrontMatter, front_matter, length};
use crate::fleet::migration::Chunk;
use crate::fleet::registry::token::tokens;

fn read(text: &str) -> (FrontMatter, Vec<LintFinding>) {
    let mut findings = Vec::new();
    let matter = front_matter("f.up.sql", text, &tokens(text), &mut findings);
    (matter, findings)
}

fn good(text: &str) -> FrontMatter {
    let (matter, findings) = read(text);
    assert!(findings.is_empty(), "{findings:?}");
    matter
}

/// The line, what is wrong and the mend of the only mistake.
fn wrong(text: &str) -> (u32, String, String) {
    let (_, findings) = read(text);
    let [finding] = findings.as_slice() else { unreachable!("{text}: {findings:?}") };
    assert!(finding.mistake && finding.rule == "front-matter");
    (finding.line, finding.message.clone(), finding.help.clone())
}

#[test]
fn every_key_is_read() {
    let text = "-- Gives every note a slug.\n-- timeout: 5m\n-- lock_timeout: \"3s\"\n--chunk: 500\n-- cursor: a-1\n\
                -- verify: SELECT count(*) = 0\n--   FROM notes\n--   WHERE slug IS NULL;\n-- replaces: 001_x\n\n\
                UPDATE notes SET slug = id WHERE id > :cursor AND id < :chunk;";
    assert_eq!(
        good(text),
        FrontMatter {
            description: Some("Gives every note a slug.".to_owned()),
            is_outside: false,
            timeout: Some(Duration::from_secs(300)),
            lock_timeout: Some(Duration::from_secs(3)),
            chunk: Some(Chunk { rows: 500, start: "a-1".to_owned() }),
            verify: Some("SELECT count(*) = 0\nFROM notes\nWHERE slug IS NULL".to_owned()),
            replaces: Some("001_x".to_owned()),
        }
    );
}

#[test]
fn a_description_goes_before_the_first_remark() {
    assert_eq!(good("-- one\n-- description: two: three\nSELECT 1").description.unwrap(), "two: three");
    assert_eq!(good("\n--\n-- squawk-ignore x\n-- Note: this\nSELECT 1").description.unwrap(), "Note: this");
    assert_eq!(good("SELECT 1; -- no").description, None);
    assert!(good("-- transaction: none\nSELECT 1").is_outside);
    assert!(!good("-- transaction: one\nSELECT 1").is_outside);
    assert_eq!(good("-- chunk: 5\nSELECT :cursor, :chunk").chunk.unwrap().start, "0");
}

#[test]
fn each_mistake_has_its_line_and_its_mend() {
    for (text, line, message, help) in [
        ("-- a\n-- transacton: none", 2, "`transacton` is not known", "did you mean `transaction`?"),
        ("-- Timeout: 5s", 1, "`Timeout` is not known", "did you mean `timeout`?"),
        ("-- lock-timeout: 5s", 1, "`lock-timeout` is not known", "did you mean `lock_timeout`?"),
        ("-- transaction: off", 1, "`transaction`: `off` is neither `one` nor `none`", "write `none` for"),
        ("-- timeout: 5", 1, "`timeout`: `5` is no length of time", "30s, 5m"),
        ("-- timeout: 0s", 1, "`timeout`: `0s` is out of range", "more than 0"),
        ("-- lock_timeout: 8d", 1, "`lock_timeout`: `8d` is out of range", "at most 7d"),
        (
            "-- timeout: 99999999999999999999d",
            1,
            "`timeout`: `99999999999999999999d` is no length of time",
            "30s",
        ),
        ("-- timeout:", 1, "`timeout` has no value", "write one"),
        ("-- timeout: 1s\n-- timeout: 2s", 2, "`timeout` stands there twice", "remove one"),
        ("-- chunk: x\n", 1, "`chunk`: `x` is no number of rows", "from 1 to 1000000"),
        ("-- chunk: 0\n", 1, "`chunk`: `0` is no number of rows", "from 1 to 1000000"),
        ("-- cursor: 5", 1, "`cursor` without `chunk`", "write `-- chunk: 1000`"),
        (
            "-- chunk: 5\nSELECT :chunk",
            1,
            "`chunk` without `:cursor` in a statement",
            "id <= :cursor + :chunk",
        ),
        // A cast, a text, a comment and a function's body are no places for it.
        (
            "-- chunk: 5\nSELECT :chunk, a::cursor, ':cursor', $$:cursor$$ -- :cursor",
            1,
            "`chunk` without `:cursor` in a statement",
            "id <= :cursor + :chunk",
        ),
        (
            "-- chunk: 5\n-- transaction: none\nSELECT :chunk, :cursor",
            1,
            "`chunk` and `transaction: none` together",
            "remove `transaction: none`",
        ),
        ("-- verify: SELECT 1; SELECT 2", 1, "`verify`: it is 2 statements", "one query"),
        ("-- verify: DELETE FROM a", 1, "`verify`: it is not a query", "one query"),
        ("-- verify: SELECT 'a", 1, "`verify`: a text in quotes is not ended", "end it"),
        (
            "SELECT 1;\n-- transaction: none\nSELECT 2;",
            2,
            "`transaction:` stands below the first statement, where it is not read",
            "move it to the head",
        ),
    ] {
        let (at, what, mend) = wrong(text);
        assert_eq!((at, what.as_str()), (line, message), "{text}");
        assert!(mend.contains(help), "{text}: {mend}");
    }
}

#[test]
fn a_wait_for_a_lock_is_shorter_than_its_statement() {
    for text in
        ["-- timeout: 5s\n-- lock_timeout: 5s", "-- description: x\n-- lock_timeout: 1m\n-- timeout: 59s"]
    {
        let (_, findings) = read(text);
        let [finding] = findings.as_slice() else { unreachable!("{findings:?}") };
        assert_eq!((finding.rule.as_str(), finding.line, finding.mistake), ("lock-timeout", 2, true));
    }
    good("-- timeout: 5s\n-- lock_timeout: 4999ms");
    good("-- lock_timeout: 5m");
}

#[test]
fn a_key_in_a_text_is_no_front_matter() {
    assert_eq!(good("SELECT '\n-- transaction: none\n';\n-- description: late"), FrontMatter::default());
}

#[test]
fn lengths_are_as_the_configuration_writes_them() {
    for (text, millis) in
        [("1ms", 1), ("30s", 30_000), ("5m", 300_000), ("2h", 7_200_000), ("7d", 604_800_000)]
    {
        assert_eq!(length(text).unwrap(), Duration::from_millis(millis), "{text}");
    }
}
