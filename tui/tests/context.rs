//! What GitHub says about a repository: parts put together, texts for people, content byte for byte, comments that say something.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panic")]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cutover_shared::context::{
    ContextAct, ContextAnswer, ContextAsk, ContextPart, ContextQuery, ContextReceipt, LONGEST_COMMENT, Place,
};
use cutover_shared::ids::InstallationId;
use cutover_shared::rpc::{Act, Answer, Query, Receipt};
use serde_json::{Value, json};
use support::{Daemon, Reply};

const SHA: &str = "6dcb09b5b57875f334f61aebed695e2e4193db5e";

fn part(text: &str, from: usize, to: usize) -> Answer {
    Answer::Context(ContextAnswer::Part(ContextPart {
        installation: InstallationId(41_000_001),
        size: text.len() as u64,
        from: from as u64,
        text: text[from..to].to_owned(),
        more: (to < text.len()).then(|| "doc".to_owned()),
    }))
}

/// A daemon that answers each question with one document, in parts of so many bytes.
fn daemon(document: impl Fn(&ContextAsk) -> Value + Send + 'static, step: usize) -> Daemon {
    let mut text = String::new();
    Daemon::start()
        .answers(move |query| {
            let from = match query {
                Query::Context(ContextQuery::Ask { ask, .. }) => {
                    text = document(&ask).to_string();
                    0
                }
                Query::Context(ContextQuery::Part { document, from }) => {
                    assert_eq!(document, "doc");
                    usize::try_from(from).unwrap()
                }
                other => panic!("{other:?}"),
            };
            Reply::Say(part(&text, from, text.len().min(from + step)))
        })
        .obeys(|act| {
            let Act::Context(ContextAct::Comment { text, .. }) = act else { panic!("{act:?}") };
            let page = "https://github.com/acme/web/pull/7#issuecomment-99";
            let comment = json!({ "id": 99, "body": text, "html_url": page });
            let installation = InstallationId(41_000_001);
            Reply::Say(Receipt::Context(Box::new(ContextReceipt::Commented { installation, comment })))
        })
}

fn said(who: &str, at: &str, body: &str) -> Value {
    json!({ "user": { "login": who }, "created_at": at, "body": body })
}

fn files() -> Value {
    let file = |name: &str, status: &str, plus: u64, minus: u64| json!({ "filename": name, "status": status, "additions": plus, "deletions": minus });
    let mut moved =
        file("src/doors/http/a_very_long_name_of_a_file_that_no_terminal_holds.rs", "renamed", 0, 0);
    moved["previous_filename"] = json!("src/door.rs");
    json!([file("README.md", "modified", 12, 3), file("src/new.rs", "added", 1_204, 0), moved])
}

fn commit(message: &str) -> Value {
    json!({ "sha": SHA, "html_url": "https://github.com/acme/web/commit/6dcb09b", "parents": [{ "sha": SHA }],
            "stats": { "additions": 1_216, "deletions": 3 },
            "commit": { "message": message, "author": { "name": "Ana", "email": "ana@acme.example", "date": "2026-08-20T14:03:05Z" } } })
}

fn document(ask: &ContextAsk) -> Value {
    let repository = json!({ "full_name": "acme/web" });
    let comments = json!([
        said(
            "ana",
            "2026-08-19T09:00:00Z",
            "Looks good.\n\nBut why is the second door closed when it rains, and who opens it again afterwards?"
        ),
        said("bot\u{1b}[31m", "2026-08-21T09:00:00Z", &"line\n".repeat(12)),
    ]);
    let thing = json!({
        "number": 7, "title": "Doors close by themselves", "state": "open", "draft": true,
        "user": { "login": "ana" }, "labels": [{ "name": "review" }, { "name": "urgent" }],
        "head": { "ref": "topic/doors" }, "base": { "ref": "main" }, "body": "They burn.",
        "created_at": "2026-08-01T08:00:00Z", "updated_at": "2026-08-20T08:00:00Z", "html_url": "https://github.com/acme/web/pull/7",
    });
    match ask {
        ContextAsk::PullRequest { .. } => json!({
            "pr": thing, "diff": "diff --git a/x b/x\n+\u{1b}[31mred\n", "files": files(), "comments": comments,
            "repository": repository, "complete": { "diff": true, "files": false, "comments": true },
        }),
        ContextAsk::Commit { .. } => {
            json!({ "commit": commit("Close doors\n\nAll of them."), "diff": files(), "repository": repository })
        }
        ContextAsk::File { path, reference } => {
            let bytes: &[u8] =
                if path.ends_with(".bin") { &[0, 159, 146, 150] } else { b"one\ttwo\n\x1b[2J\n" };
            json!({ "path": path, "ref": reference, "size": bytes.len(), "encoding": "base64", "content": BASE64.encode(bytes) })
        }
        ContextAsk::Compare { .. } => json!({
            "status": "diverged", "ahead_by": 2, "behind_by": 1, "total_commits": 2, "files": files(),
            "commits": [commit("Close doors"), commit("Open them again, all of them, one after the other, from left to right")],
            "html_url": "https://github.com/acme/web/compare/a...b",
        }),
        ContextAsk::Branches { .. } => json!({
            "branches": [{ "name": "main", "commit": { "sha": SHA }, "protected": true }, { "name": "topic/doors", "commit": { "sha": SHA }, "protected": false }],
            "next": "https://api.github.com/repositories/1/branches?page=2",
        }),
        ContextAsk::Issue { .. } => json!({ "issue": thing, "comments": comments, "complete": true }),
    }
}

#[tokio::test]
async fn texts() {
    let daemon = daemon(document, usize::MAX / 2);
    let mut env = daemon.env();
    env.columns = Some(80);
    let body = daemon.folder.path().join("body.md");
    std::fs::write(&body, "Done.").unwrap();
    let body = body.to_str().unwrap().to_owned();
    for (name, args) in [
        ("context_pr", &["pr", "acme/web", "7"][..]),
        ("context_pr_diff", &["pr", "acme/web", "7", "--diff"]),
        ("context_commit", &["commit", "acme/web", SHA]),
        ("context_compare", &["compare", "acme/web", "a", "b"]),
        ("context_branches", &["branches", "acme/web"]),
        ("context_issue", &["issue", "acme/web", "7"]),
        ("context_file", &["file", "acme/web", "notes.txt"]),
        ("context_comment", &["comment", "acme/web", "7", "--body-file", &body]),
    ] {
        let args = [&["context"], args].concat();
        let ran = daemon.run_in(&env, &args, b"").await;
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}");
        for line in ran.out.lines() {
            assert!(line.contains("https://") || cutover_tui::plain::width(line) <= 80, "{line}");
        }
        assert!(!ran.out.contains('\u{1b}'), "{:?}", ran.out);
        insta::assert_snapshot!(name, ran.out);
        daemon.run(&[&args[..], &["--json"]].concat()).await.json();
    }
}

#[tokio::test]
async fn parts_are_put_together_and_json_is_what_github_said() {
    for step in [1, 7, 500] {
        let daemon = daemon(document, step);
        let ran = daemon.run(&["context", "issue", "acme/web", "7", "--installation", "5", "--json"]).await;
        assert_eq!(ran.json(), document(&ContextAsk::Issue { number: 7 }));
        let place = Place { repository: "acme/web".into(), installation: Some(InstallationId(5)) };
        let first = Query::Context(ContextQuery::Ask { place, ask: ContextAsk::Issue { number: 7 } });
        let queries = &daemon.state.lock().unwrap().queries;
        assert!(queries[0] == first && queries.len() > 1);
    }
}

#[tokio::test]
async fn parts_that_do_not_fit_end_the_call() {
    let text = "{}".to_owned();
    for bad in [(1, 2), (0, 0)] {
        let text = text.clone();
        let daemon = Daemon::start().answers(move |_| Reply::Say(part(&text, bad.0, bad.1)));
        let ran = daemon.run(&["context", "branches", "acme/web"]).await;
        assert!(ran.code == 6 && ran.err.contains("do not fit together"), "{ran:?}");
    }
    let daemon = Daemon::start().answers(|_| Reply::Say(part("no json", 0, 7)));
    assert_eq!(daemon.run(&["context", "branches", "acme/web"]).await.code, 6);
}

#[tokio::test]
async fn content_goes_out_byte_for_byte_but_not_to_a_terminal() {
    let daemon = daemon(document, 10);
    let content = "one\ttwo\n\u{1b}[2J\n";
    let args = ["context", "file", "acme/web", "notes.txt", "--ref", "main"];
    assert_eq!(daemon.run(&args).await.out, content);
    assert_eq!(daemon.run(&[&args[..], &["-o", "-"]].concat()).await.out, content);
    let target = daemon.folder.path().join("x.bin");
    let target = target.to_str().unwrap();
    let ran = daemon.run(&["context", "file", "acme/web", "x.bin", "-o", target]).await;
    assert!(ran.code == 0 && ran.out.contains("4 bytes of x.bin"), "{ran:?}");
    assert_eq!(std::fs::read(target).unwrap(), [0, 159, 146, 150]);

    let mut env = daemon.env();
    env.columns = Some(80);
    let ran = daemon.run_in(&env, &["context", "file", "acme/web", "a/x.bin"], b"").await;
    assert!(ran.code == 2 && ran.out.is_empty() && ran.err.contains("-o x.bin"), "{ran:?}");
    let asked = daemon.state.lock().unwrap().queries.len();
    let ran = daemon.run(&[&args[..], &["-o", target, "--json"]].concat()).await;
    assert_eq!((ran.code, daemon.state.lock().unwrap().queries.len()), (2, asked), "{ran:?}");
}

#[tokio::test]
async fn a_diff_that_github_does_not_make_is_said() {
    let daemon = daemon(|_| json!({ "pr": {}, "diff": null, "files": [] }), 100);
    let ran = daemon.run(&["context", "pr", "acme/web", "7", "--diff"]).await;
    assert!(ran.code == 6 && ran.out.is_empty() && ran.err.contains("too large"), "{ran:?}");
    assert_eq!(
        daemon.run(&["context", "pr", "acme/web", "7", "--diff", "--json"]).await.json()["diff"],
        Value::Null
    );
}

#[tokio::test]
async fn a_comment_says_something_that_github_takes() {
    let daemon = daemon(document, 100);
    let args = ["context", "comment", "acme/web", "7", "--body-file", "-"];
    let longest = "é".repeat(LONGEST_COMMENT);
    for bad in
        [&b""[..], b" \n ", b"\xff\xfe", format!("{longest}x").as_bytes(), "x".repeat(1 << 20).as_bytes()]
    {
        let ran = daemon.run_in(&daemon.env(), &args, bad).await;
        assert!(ran.code == 2 && ran.err.contains("nothing was posted"), "{ran:?}");
    }
    let ran = daemon.run(&["context", "comment", "acme/web", "7", "--body-file", "/no/where"]).await;
    assert_eq!((ran.code, daemon.acts().len()), (2, 0), "{ran:?}");

    let ran = daemon.run_in(&daemon.env(), &[&args[..], &["--json"]].concat(), longest.as_bytes()).await;
    assert_eq!(ran.json()["body"], longest.as_str());
    let place = Place { repository: "acme/web".into(), installation: None };
    assert_eq!(daemon.acts(), [Act::Context(ContextAct::Comment { place, number: 7, text: longest })]);
}
