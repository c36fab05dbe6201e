use serde_json::json;

use super::*;

fn found(value: Value) -> Fetched {
    Fetched { installation: InstallationId(7), value }
}

/// GitHub, or whoever plays it, may answer anything.
#[test]
fn answers_without_a_single_field_are_shown() {
    let style = Style { colour: false, columns: Some(80) };
    for value in [json!(null), json!({}), json!([]), json!({ "pr": 1, "files": [1, null], "comments": {} })] {
        let found = found(value);
        for text in [pull_request, issue, commit, compare, branches] {
            assert!(text(&found, 0, style).ends_with('\n'));
        }
    }
    assert!(posted("a/b#1", InstallationId(1), &json!(null), style).contains("a/b#1"));
}

#[test]
fn long_lists_say_what_they_leave_out() {
    let files: Vec<Value> =
        (0..250).map(|n| json!({ "filename": format!("f{n}"), "additions": 2 })).collect();
    let said: Vec<Value> =
        (0..9).map(|n| json!({ "body": format!("said {n}"), "user": { "login": "ana" } })).collect();
    let value =
        json!({ "pr": { "number": 3 }, "files": files, "comments": said, "complete": { "files": false } });
    let text = pull_request(&found(value), 0, Style::default());
    assert!(text.contains("250, +500 -0") && text.contains("230 more; --json has all"), "{text}");
    assert!(
        text.contains("4 older comments") && text.contains("said 8") && !text.contains("said 3"),
        "{text}"
    );
    assert!(text.contains("GitHub lists 3,000 files at most") && !text.contains("no diff"), "{text}");
}

#[test]
fn nothing_that_a_terminal_obeys_is_printed() {
    let evil = "\u{1b}[2J\u{202e}x";
    let thing =
        json!({ "title": evil, "body": evil, "user": { "login": evil }, "state": evil, "html_url": evil });
    let value = json!({
        "pr": thing, "issue": thing, "files": [{ "filename": evil, "status": evil }], "comments": [thing],
        "commit": { "sha": evil, "commit": { "message": evil, "author": { "name": evil } } },
        "diff": [{ "filename": evil }], "branches": [{ "name": evil }], "next": evil, "commits": [{ "sha": evil }],
    });
    let found = found(value);
    for text in [pull_request, issue, commit, compare, branches] {
        let text = text(&found, 0, Style::default());
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
    }
    assert_eq!(harmless("a\tb\r\n\u{1b}[0m\n"), "a\tb\n\\u{1b}[0m\n");
}

#[test]
fn a_long_comment_is_cut_at_its_lines() {
    let thing = json!({ "body": "a\n".repeat(30) });
    let text = body(&thing, Style::default());
    assert_eq!((text.lines().count(), text.lines().last()), (LINES + 1, Some("  ...")));
    assert_eq!(body(&json!({ "body": "one" }), Style::default()), "  one\n");
}
