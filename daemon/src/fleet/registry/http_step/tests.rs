use std::time::Duration;

use cutover_shared::fleet::LintFinding;
use serde_json::json;

use super::http_step;
use crate::fleet::migration::{CallTo, FunctionKind, HttpStep};

fn read(text: &str) -> (Option<HttpStep>, Vec<LintFinding>) {
    let mut findings = Vec::new();
    let step = http_step("f.up.toml", text.to_owned(), &mut findings).map(|read| read.step);
    (step, findings)
}

#[test]
fn a_whole_step() {
    let text = r#"
description = "Tags of notes"
deploy = true
timeout = "5m"
idempotent = true

[[call]]
mutation = "migrations:addTags"
args = { batch = 100, share = 0.5, names = ["a", "b"], deep = { on = true } }
paged = true

[[call]]
url = "https://example.com/hook?a=b"

[verify]
query = "migrations:tagsAdded"
expect = { missing = 0 }
"#;
    let (step, findings) = read(text);
    assert!(findings.is_empty(), "{findings:?}");
    let step = step.unwrap();
    assert!(step.deploy && step.idempotent);
    assert_eq!(step.timeout, Some(Duration::from_secs(300)));
    assert_eq!(step.text, text);
    let [first, second] = step.calls.as_slice() else { unreachable!() };
    let to = CallTo::Function { kind: FunctionKind::Mutation, path: "migrations:addTags".to_owned() };
    assert_eq!((&first.to, first.paged), (&to, true));
    assert_eq!(first.args, json!({"batch": 100, "share": 0.5, "names": ["a", "b"], "deep": {"on": true}}));
    assert_eq!(second.to, CallTo::Url("https://example.com/hook?a=b".to_owned()));
    assert_eq!((&second.args, second.paged), (&json!({}), false));
    let verify = step.verify.unwrap();
    assert_eq!(verify.expect, json!({"missing": 0}));
    let to = CallTo::Function { kind: FunctionKind::Query, path: "migrations:tagsAdded".to_owned() };
    assert_eq!(verify.call.to, to);
}

#[test]
fn each_mistake_has_its_line() {
    for (text, line, part) in [
        ("deploy = true\ndeplyo = 1", 2, "unknown field `deplyo`"),
        ("deploy = \"yes\"", 1, "invalid type"),
        ("deploy = true\nx = [", 2, ""),
        ("description = \"x\"", 1, "the step does nothing"),
        ("deploy = true\ntimeout = \"5\"", 2, "`timeout`: `5` is no length of time"),
        ("deploy = true\n\n[[call]]\nargs = {}", 3, "one of query, mutation, action and url"),
        ("[[call]]\nquery = \"a:b\"\nurl = \"https://a\"", 1, "one of query, mutation, action and url"),
        ("[[call]]\nquery = \"a:b\"\nmutation = \"a:b\"", 1, "one of query, mutation, action and url"),
        ("[[call]]\nquery = \"a b\"", 1, "\"a b\" is no path of a function"),
        ("[[call]]\nurl = \"a\"", 1, "`url` is no address"),
        ("[[call]]\nurl = \"ftp://a\"", 1, "`url` is neither http nor https"),
        ("[[call]]\nurl = \"https://a:b@c\"", 1, "`url` holds a user or a password"),
        ("[[call]]\nquery = \"a\"\nargs = { tenantId = 1 }", 1, "`tenantId` stands in args"),
        ("[[call]]\nquery = \"a\"\nargs = { at = 2024-01-01 }", 1, "2024-01-01 is a date"),
        ("[[call]]\nquery = \"a\"\nargs = { at = [inf] }", 1, "inf can't be written as JSON"),
        ("deploy = true\n[verify]\nquery = \"a\"", 2, "missing field `expect`"),
        ("deploy = true\n[verify]\nquery = \"a\"\nexpect = {}", 2, "`expect` is empty"),
        ("deploy = true\n[verify]\nexpect = { a = 1 }", 2, "one of query, mutation, action and url"),
        (
            "deploy = true\n[verify]\nquery = \"a\"\npaged = true\nexpect = { a = 1 }",
            4,
            "unknown field `paged`",
        ),
    ] {
        let (_, findings) = read(text);
        let [finding] = findings.as_slice() else { unreachable!("{text}: {findings:?}") };
        assert!(finding.mistake && finding.rule == "toml");
        assert!(finding.message.contains(part), "{text}: {}", finding.message);
        assert_eq!(finding.line, line, "{text}: {}", finding.message);
        assert!(!finding.help.is_empty());
        assert!(!finding.message.contains("a:b@c"));
    }
}
