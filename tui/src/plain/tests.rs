use std::time::Duration;

use proptest::prelude::*;

use super::*;

#[test]
fn numbers_have_their_thousands_apart() {
    for (n, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (12_345, "12,345"), (1_000_000, "1,000,000")] {
        assert_eq!(number(n), text);
    }
    assert_eq!((percent(0, 0), percent(999, 1000), percent(u64::MAX, u64::MAX)), (100, 99, 100));
    assert_eq!(
        (decimal(0.44), decimal(12_345.6), decimal(f64::NAN), decimal(-1.0)),
        ("0.4".into(), "12,346".into(), "0.0".into(), "0.0".into())
    );
}

#[test]
fn durations_and_ages_have_units() {
    for (seconds, text) in [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (3_600, "1 h"),
        (11_520, "3 h 12 min"),
        (90_000, "1 d 1 h"),
    ] {
        assert_eq!(span(seconds), text);
    }
    assert_eq!(duration(Duration::from_millis(250)), "250 ms");
    assert_eq!(
        (age(10_000, 10_500), age(200_000, 10_000), age(0, 86_400_000)),
        ("just now".into(), "3 min ago".into(), "in 1 d".into())
    );
    assert_eq!(time(1_787_320_985_000), "2026-08-21 14:03:05Z");
    assert_eq!(time(i64::MAX), format!("{} ms", i64::MAX));
    assert_eq!(age(i64::MIN, i64::MAX), "in 213,503,982,334 d");
}

#[test]
fn durations_are_read_with_and_without_units() {
    let seconds = |s| Ok(Duration::from_secs(s));
    for (text, wanted) in [
        ("90", seconds(90)),
        ("90s", seconds(90)),
        ("5min", seconds(300)),
        ("5 m", seconds(300)),
        ("2h", seconds(7_200)),
        ("365d", seconds(31_536_000)),
        ("1500ms", Ok(Duration::from_millis(1500))),
    ] {
        assert_eq!(parse_duration(text), wanted, "{text}");
    }
    for text in
        ["", "s", "-1s", "1.5h", "5 weeks", "0", "366d", "99999999999999999999s", "18446744073709551615d"]
    {
        assert!(parse_duration(text).is_err(), "{text}");
    }
}

#[test]
fn what_a_terminal_would_obey_is_shown_as_its_code() {
    assert_eq!(clean("a\x1b[2Jb\r\u{202e}\u{9b}"), r"a\u{1b}[2Jb\r\u{202e}\u{9b}");
    assert!(matches!(clean("所有者 é"), std::borrow::Cow::Borrowed(_)));
    let mut block = Block::new();
    block.line("Key", "one\ntwo\x07");
    assert_eq!(block.render(Style::default()), "Key  one\\ntwo\\u{7}\n");
}

#[test]
fn colours_come_only_where_they_are_wanted() {
    let mut block = Block::new();
    block.toned("State", "failed", Tone::Bad);
    assert_eq!(block.render(Style::default()), "State  failed\n");
    let coloured = block.render(Style { colour: true, columns: None });
    assert_eq!(coloured, "\u{1b}[1mState\u{1b}[0m  \u{1b}[31;1mfailed\u{1b}[0m\n");
}

#[test]
fn a_command_between_backticks_is_not_broken() {
    let lines = wrap("look with `cutover run show latest` and then decide", 20);
    assert_eq!(lines, ["look with", "`cutover run show latest`", "and then decide"]);
    assert_eq!(wrap("a ` b c", 3), ["a `", "b c"]);
}

#[test]
fn words_for_a_shell_are_quoted_where_they_must_be() {
    assert_eq!(shell_word("a/b:c=1"), "a/b:c=1");
    assert_eq!(shell_word("it's; rm"), r"'it'\''s; rm'");
    assert_eq!(shell_word(""), "''");
}

const COLUMNS: &[Column] = &[Column::long("NAME"), Column::number("N"), Column::long("WHY")];

proptest! {
    #[test]
    fn a_table_on_a_terminal_keeps_its_width(cells in prop::collection::vec(("\\PC{0,60}", 0_u64..1_000_000, "\\PC{0,90}"), 0..8), columns in 40_usize..120) {
        let rows: Vec<Vec<Cell>> = cells.iter().map(|(a, n, b)| vec![a.into(), number(*n).into(), b.into()]).collect();
        let text = Table::whole(COLUMNS, &rows, Style { colour: false, columns: Some(columns) });
        prop_assert_eq!(text.lines().count(), rows.len() + 1);
        for line in text.lines() {
            prop_assert!(width(line) <= columns, "{} in {line:?}", width(line));
        }
    }

    #[test]
    fn wrapping_loses_no_word(text in "[a-z` ]{0,200}", columns in 1_usize..60) {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        prop_assert_eq!(words(&wrap(&text, columns).join(" ")), words(&text));
    }

    #[test]
    fn durations_never_panic(text in "\\PC{0,12}", digits in "[0-9]{1,22}(ms|s|min|m|h|d)?") {
        let _ = parse_duration(&text);
        let _ = parse_duration(&digits);
    }
}
