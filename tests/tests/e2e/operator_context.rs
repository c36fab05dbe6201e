//! G10 by RPC: what operators ask of a repository, and a comment that is posted exactly once.

use cutover_shared::context::{
    ContextAct, ContextAnswer, ContextAsk, ContextQuery, ContextReceipt, MAX_PART, Place,
};
use cutover_shared::error::ErrorCode;
use cutover_shared::ids::{ActKey, InstallationId};
use cutover_shared::rpc::{Act, Answer, Query, Receipt, Role};
use cutover_tests::github_sim::{Effect, Fault, NewPull, RouteKind};
use cutover_tests::world::{AccountKind, Level, Selection};
use serde_json::{Value, json};

use super::stage::{Stage, audit};

const WORDS: &str = "planted words of a comment\nwith a line";

/// What `zoe/app` holds.
struct Zoe {
    repo: i64,
    installation: i64,
    pull: i64,
    issue: i64,
}

/// A world with `zoe/app`, which the index knows once a plan has swept.
async fn zoe(stage: &Stage) -> Zoe {
    let world = stage.sim.world();
    let zoe = world.add_account("zoe", AccountKind::User).unwrap();
    let repo = world.add_repo(zoe, "app").unwrap();
    let installation = world.install(zoe, Selection::All).unwrap();
    for permission in ["pull_requests", "issues"] {
        world.permit(installation, permission, Level::Write).unwrap();
    }
    let files = (0..30).map(|n| format!("src/f{n}.rs")).collect();
    let (title, base, head) = ("More".to_owned(), "main".to_owned(), "topic".to_owned());
    let pull = world.open_pull(repo, NewPull { title, base, head, files, labels: vec!["review".into()] });
    let issue = world.open_issue(repo, "It burns");
    world.comment(repo, issue, "looks \u{1b}[31mhot");
    Zoe { repo, installation, pull, issue }
}

fn comment(zoe: &Zoe) -> Act {
    let place = Place { repository: "zoe/app".into(), installation: None };
    Act::Context(ContextAct::Comment { place, number: zoe.issue, text: WORDS.into() })
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_ask_as_the_installation_that_sees_the_repository() {
    let stage = Stage::of(20, Some(4), "").await;
    let _daemon = stage.daemon().await;
    stage.import().await;
    stage.say(&[0], &["map", "plan"]).await;
    let zoe = zoe(&stage).await;
    let (pull, issue, id) = (zoe.pull.to_string(), zoe.issue.to_string(), zoe.installation.to_string());

    // Younger than the index: nobody is known to see it, and the way on is told.
    let said = stage.say(&[2], &["context", "pr", "zoe/app", &pull]).await;
    assert!(said.stderr.contains("no installation sees zoe/app"), "{}", said.stderr);
    assert!(said.stderr.contains("cutover map plan --refresh"), "{}", said.stderr);
    let named = stage.ask(&[0], &["context", "pr", "zoe/app", &pull, "--installation", &id]).await;
    stage.say(&[0], &["map", "plan", "--refresh"]).await;

    // The same JSON as over HTTP.
    let found = stage.ask(&[0], &["context", "pr", "ZOE/App", &pull]).await;
    let whole = json!({ "diff": true, "files": true, "comments": true });
    assert_eq!((&found["pr"]["title"], &found["complete"]), (&json!("More"), &whole));
    assert_eq!(found["repository"]["full_name"], "zoe/app");
    assert_eq!((found["files"].as_array().unwrap().len(), &found["diff"]), (30, &named["diff"]));
    let diff = stage.say(&[0], &["context", "pr", "zoe/app", &pull, "--diff"]).await;
    assert_eq!(Some(diff.stdout.as_str()), found["diff"].as_str());
    let said = stage.say(&[0], &["context", "pr", "zoe/app", &pull]).await;
    for words in ["zoe/app#1, More", "topic into main", "+30 -30", "10 more; --json has all", &id] {
        assert!(said.stdout.contains(words), "{words} is not in {}", said.stdout);
    }

    let branches = stage.ask(&[0], &["context", "branches", "zoe/app"]).await;
    let sha = branches["branches"][0]["commit"]["sha"].as_str().unwrap().to_owned();
    let commit = stage.ask(&[0], &["context", "commit", "zoe/app", &sha]).await;
    assert_eq!((&commit["commit"]["sha"], commit["diff"].is_array()), (&json!(sha), true));
    let between = stage.ask(&[0], &["context", "compare", "zoe/app", "release", "main"]).await;
    assert_eq!((&between["status"], &between["total_commits"]), (&json!("ahead"), &json!(1)));
    let said = stage.say(&[0], &["context", "issue", "zoe/app", &issue]).await;
    assert!(said.stdout.contains("It burns") && !said.stdout.contains('\u{1b}'), "{}", said.stdout);
    for args in [
        &["branches", "zoe/app"][..],
        &["commit", "zoe/app", &sha],
        &["compare", "zoe/app", "release", "main"],
    ] {
        stage.say(&[0], &[&["context"], args].concat()).await;
    }

    let path = "CHANGELOG.md";
    let file = stage.ask(&[0], &["context", "file", "zoe/app", path, "--ref", "main"]).await;
    let piped = stage.say(&[0], &["context", "file", "zoe/app", path]).await.stdout;
    assert_eq!((&file["path"], &file["size"]), (&json!(path), &json!(piped.len())));
    let target = stage.home.dir().join("out.md");
    stage.say(&[0], &["context", "file", "zoe/app", path, "-o", &target.display().to_string()]).await;
    assert_eq!(std::fs::read_to_string(&target).unwrap(), piped);

    // What is not there is told apart from what nobody sees; nonsense is neither.
    let said = stage.say(&[2], &["context", "file", "zoe/app", "no/where", "--json"]).await;
    let error: Value = serde_json::from_str(&said.stderr).unwrap();
    assert_eq!(error["error"]["code"], "not_found");
    stage.say(&[2], &["context", "pr", "zoe", "1"]).await;
    stage.say(&[2], &["context", "file", "zoe/app", "../x"]).await;
    stage.say(&[6], &["context", "issue", "zoe/app", &issue, "--installation", "1"]).await;
    stage.sim.world().suspend(zoe.installation).unwrap();
    stage.say(&[0], &["map", "plan", "--refresh"]).await;
    let said = stage.say(&[3], &["context", "issue", "zoe/app", &issue]).await;
    assert!(said.stderr.contains(&format!("cutover installation show {id}")), "{}", said.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_over_the_frame_comes_in_parts() {
    let stage = Stage::of(20, Some(4), "").await;
    let zoe = zoe(&stage).await;
    let files = (0..3_000).map(|n| format!("{}{n}", "deep/".repeat(250))).collect();
    let pull = stage.sim.world().open_pull(zoe.repo, NewPull { files, ..NewPull::default() });
    let _daemon = stage.daemon().await;
    stage.import().await;
    stage.say(&[0], &["map", "plan"]).await;

    let conn = stage.connect().await;
    let place = Place { repository: "zoe/app".into(), installation: None };
    let mut query = ContextQuery::Ask { place, ask: ContextAsk::PullRequest { number: pull } };
    let (mut text, mut parts) = (String::new(), 0);
    let name = loop {
        let Answer::Context(ContextAnswer::Part(part)) = conn.query(Query::Context(query)).await.unwrap()
        else {
            panic!("another answer");
        };
        assert!(part.text.len() <= MAX_PART && part.installation == InstallationId(zoe.installation));
        text += &part.text;
        parts += 1;
        let Some(document) = part.more else { break None };
        if parts == 2 {
            break Some(document);
        }
        query = ContextQuery::Part { document, from: text.len() as u64 };
    };
    let calls = stage.sim.calls().total();
    assert!(parts > 1, "one part of {} bytes", text.len());
    let beyond = ContextQuery::Part { document: name.unwrap_or_default(), from: u64::MAX };
    assert_eq!(conn.query(Query::Context(beyond)).await.unwrap_err().code, ErrorCode::NotFound);
    assert_eq!(stage.sim.calls().total(), calls, "parts are not asked for at GitHub");
    let found = stage.ask(&[0], &["context", "pr", "zoe/app", &pull.to_string()]).await;
    assert!(found.to_string().len() > MAX_PART, "it needs several parts");
    assert_eq!(found["files"].as_array().unwrap().len(), 3_000);
    assert_eq!((&found["diff"], &found["complete"]["diff"]), (&Value::Null, &json!(false)));
    let said = stage.say(&[6], &["context", "pr", "zoe/app", &pull.to_string(), "--diff"]).await;
    assert!(said.stdout.is_empty() && said.stderr.contains("too large"), "{}", said.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_is_shown_no_code() {
    let stage = Stage::of(20, Some(4), "").await;
    let zoe = zoe(&stage).await;
    let _daemon = stage.daemon().await;
    stage.import().await;
    stage.say(&[0], &["map", "plan"]).await;
    let (viewer, operator) =
        (stage.connect_as(Some(Role::Viewer)).await, stage.connect_as(Some(Role::Operator)).await);
    let before = audit(&operator).await.len();
    let calls = stage.sim.calls().total();
    let text = || "main".to_owned();
    let mut asks: Vec<ContextQuery> = [
        ContextAsk::PullRequest { number: zoe.pull },
        ContextAsk::Commit { sha: text() },
        ContextAsk::File { path: "CHANGELOG.md".into(), reference: None },
        ContextAsk::Compare { base: "release".into(), head: text() },
        ContextAsk::Branches { cursor: None },
        ContextAsk::Issue { number: zoe.issue },
    ]
    .into_iter()
    .map(|ask| {
        let place = Place { repository: "zoe/app".into(), installation: None };
        ContextQuery::Ask { place, ask }
    })
    .collect();
    asks.push(ContextQuery::Part { document: "x".into(), from: 0 });
    for ask in &asks {
        let error = viewer.query(Query::Context(ask.clone())).await.unwrap_err();
        assert_eq!((error.code, error.message.contains(ask.name())), (ErrorCode::Role, true), "{error}");
    }
    let error = viewer.act(ActKey::fresh(), comment(&zoe)).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Role);
    assert_eq!(stage.sim.calls().total(), calls, "GitHub hears nothing of it");
    let records = audit(&operator).await.split_off(before);
    let refused: Vec<&str> = records.iter().map(|record| record.subject.as_str()).collect();
    let wanted: Vec<&str> = asks.iter().map(ContextQuery::name).chain(["context.comment"]).collect();
    assert_eq!(refused, wanted);
    for ask in &asks[..6] {
        operator.query(Query::Context(ask.clone())).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_is_posted_exactly_once_and_recorded_without_its_words() {
    let stage = Stage::of(20, Some(4), "").await;
    let zoe = zoe(&stage).await;
    let daemon = stage.daemon().await;
    stage.import().await;
    stage.say(&[0], &["map", "plan"]).await;
    let said = || stage.sim.world().comments(zoe.repo, zoe.issue);
    let file = stage.home.write("comment.md", WORDS.as_bytes()).unwrap().display().to_string();
    let (issue, pull) = (zoe.issue.to_string(), zoe.pull.to_string());
    let args = ["context", "comment", "zoe/app", &issue, "--body-file", &file, "--key", "monday"];
    let first = stage.ask(&[0], &args).await;
    assert_eq!(first["body"], WORDS);
    // A kill stops what decides and what runs; people can still say what happens.
    stage.say(&[0, 1], &["kill", "--reason", "e2e"]).await;
    assert_eq!(stage.ask(&[0], &args).await, first);
    daemon.kill().await.unwrap();
    let daemon = stage.daemon().await;
    assert_eq!(stage.ask(&[0], &args).await, first);
    assert_eq!(said().len(), 2, "one, and the one that was there");

    // From standard input, on a pull request.
    let typed = stage.cli.fed(&["context", "comment", "zoe/app", &pull, "--body-file", "-"], b"typed").await;
    let typed = typed.unwrap();
    assert!(typed.code == 0 && typed.stdout.contains(&format!("on zoe/app#{pull}")), "{typed:?}");
    assert_eq!(stage.sim.world().comments(zoe.repo, zoe.pull), ["typed"]);

    // GitHub takes it, and its answer never comes: nobody knows, and the key posts no second one.
    stage.sim.faults().add(Fault::on(RouteKind::CreateComment, Effect::Cut { after: 0 }));
    let args = ["context", "comment", "zoe/app", &issue, "--body-file", &file, "--key", "tuesday"];
    let open = stage.say(&[6], &args).await;
    assert!(
        open.stderr.contains("nobody knows") && open.stderr.contains("cutover context issue"),
        "{open:?}"
    );
    assert_eq!(said().len(), 3);
    let again = stage.say(&[3], &args).await;
    assert!(again.stderr.contains("fresh key"), "{}", again.stderr);
    daemon.kill().await.unwrap();
    let _daemon = stage.daemon().await;
    stage.say(&[3], &args).await;
    assert_eq!(said().len(), 3);

    // What certainly was not posted may be tried again with its key.
    stage.sim.faults().add(Fault::status(RouteKind::CreateComment, 422));
    let conn = stage.connect().await;
    let key = ActKey::from("wednesday");
    assert_eq!(conn.act(key.clone(), comment(&zoe)).await.unwrap_err().code, ErrorCode::GitHub);
    let Receipt::Context(receipt) = conn.act(key, comment(&zoe)).await.unwrap() else {
        panic!("another receipt");
    };
    let ContextReceipt::Commented { installation, .. } = *receipt;
    assert_eq!((installation.0, said().len()), (zoe.installation, 4));

    let records = audit(&conn).await;
    let records: Vec<_> = records.iter().filter(|record| record.act == "context.comment").collect();
    let outcomes: Vec<&str> =
        records.iter().map(|record| record.detail["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["posted", "posted", "unknown", "failed", "posted"]);
    assert_eq!(records[0].subject, format!("zoe/app#{issue}"));
    let export = stage.say(&[0], &["audit", "export"]).await.stdout;
    assert!(!export.contains("planted words") && !stage.log().contains("planted words"));
    stage.say(&[0], &["audit", "verify"]).await;
}
