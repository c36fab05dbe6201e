//! Rollouts by the command line as an operator on call meets them: each refusal says what, why and what to do next.

use serde_json::Value;

use super::stage::Stage;

/// Calls with `--json` and without: exit code, code of the error, and words of its message and its hint.
pub async fn refused(stage: &Stage, exit: i32, args: &[&str], code: &str, what: &str, mend: &str) {
    let said = stage.say(&[exit], &[args, &["--json"]].concat()).await;
    assert_eq!(said.stdout, "", "{args:?}");
    let error: Value = serde_json::from_str(&said.stderr).unwrap();
    let word = |key: &str| error["error"][key].as_str().unwrap().to_owned();
    assert_eq!(word("code"), code, "{args:?}: {error}");
    assert!(word("message").contains(what), "{args:?}: {error}");
    assert!(word("hint").contains(mend), "{args:?}: {error}");
    let said = stage.say(&[exit], args).await;
    let told = said.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.stdout.is_empty() && told.contains(what) && told.contains(mend),
        "{args:?}: {}",
        said.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_says_what_why_and_what_to_do_next() {
    let stage = Stage::of(20, None, "").await;
    let daemon = stage.daemon().await;
    stage.import().await;
    let tenants = stage.ask(&[0], &["tenant", "list"]).await;
    let tenant = tenants["rows"][0]["id"].as_str().unwrap();
    let (slip, meant) = (format!("{tenant}x"), format!("did you mean {tenant}?"));
    let step = stage.ask(&[0], &["rollout", "stage", "github-auth"]).await;
    let digest = step["digest"].as_str().unwrap();
    let before = stage.ask(&[0], &["rollout", "show", "github-auth"]).await["line"]["version"].clone();

    let take = ["rollout", "stage", "github-auth", "--approve", digest];
    let with = |more: &[&'static str]| [&take[..], more].concat();
    let look = "`cutover rollout stage github-auth`";
    let cases: &[(i32, &[&str], &str, &str, &str)] = &[
        (2, &["rollout", "flag", "improt", "off", "--reason", "x"], "usage", "there are import, list", ""),
        (2, &["rollout", "show", "gihub-auth"], "usage", "possible values: github-auth", "'github-auth'"),
        (
            2,
            &["rollout", "freeze", "github-auth"],
            "usage",
            "--reason <TEXT>",
            "Usage: cutover rollout freeze",
        ),
        (
            2,
            &["rollout", "freeze", "github-auth", "--reason", ""],
            "usage",
            "--reason says nothing",
            "audit log",
        ),
        (
            2,
            &["rollout", "flag", "import", "off", "--reason", " "],
            "usage",
            "--reason says nothing",
            "audit log",
        ),
        (2, &with(&["--override", ""]), "usage", "--override says nothing", "audit log"),
        (
            2,
            &["rollout", "stage", "github-auth", "--to", "canary-101"],
            "usage",
            "canary-1 to canary-100",
            "",
        ),
        (
            3,
            &["rollout", "stage", "github-auth", "--to", "live"],
            "wrong_state",
            "already",
            "cutover rollout show github-auth",
        ),
        (
            3,
            &["rollout", "stage", "github-auth", "--to", "shadow"],
            "wrong_state",
            "that is a rollback",
            "`cutover rollback github-auth --to shadow --reason TEXT`",
        ),
        (
            3,
            &["rollout", "stage", "git-sandbox", "--to", "live"],
            "wrong_state",
            "none is skipped",
            "stage git-sandbox`",
        ),
        (3, &["rollout", "stage", "github-auth", "--approve", "00"], "stale_plan", "is not the digest", look),
        (3, &take, "gate", "does not hold", "nobody may pass"),
        (3, &with(&["--override", "we know"]), "gate", "does not hold", look),
        (
            3,
            &with(&["--override", "we know", "--role", "operator"]),
            "role",
            "rollout.stage --override needs the role approver",
            "leave out --role",
        ),
        (
            2,
            &["rollout", "override", "github-auth", &slip, "target", "--reason", "x"],
            "not_found",
            &slip,
            &meant,
        ),
        (
            2,
            &["rollout", "override", "github-auth", &slip, "none", "--reason", "x"],
            "not_found",
            &slip,
            &meant,
        ),
        (2, &["rollout", "override", "github-auth", "", "none", "--reason", "x"], "usage", "<TENANT>", ""),
        (2, &["rollout", "ring", "beta", "add", &slip], "not_found", &slip, "`cutover tenant list`"),
        (2, &["rollout", "ring", "beta", "remove", &slip], "not_found", &slip, &meant),
        (
            2,
            &["rollout", "records", "plan", "--tenant", &slip],
            "usage",
            "no imported record",
            "records list`",
        ),
        (
            2,
            &["rollout", "repair", "github-auth", "17"],
            "not_found",
            "17",
            "`cutover rollout repairs github-auth`",
        ),
        (
            3,
            &["rollout", "baseline", "github-auth"],
            "wrong_state",
            "no call",
            "`cutover rollout show github-auth`",
        ),
        (
            2,
            &["rollout", "changes", "github-auth", "--after", "x"],
            "usage",
            "`x` is no cursor",
            "leave out --after",
        ),
        (
            2,
            &["rollout", "timeline", "github-auth", "--after", "x"],
            "usage",
            "`x` is no cursor",
            "leave out --after",
        ),
        (
            2,
            &["rollout", "mismatches", "github-auth", "--after", "x"],
            "usage",
            "`x` is no cursor",
            "leave out --after",
        ),
        (
            2,
            &["rollout", "explain", tenant, "import", "--at", "2020-01-01T00:00:00Z"],
            "not_found",
            "nothing was recorded of github-auth",
            "`cutover rollout changes github-auth`",
        ),
        (
            2,
            &["rollout", "explain", tenant, "import", "--at", "2200-01-01T00:00:00Z"],
            "usage",
            "not past",
            "leave out --at",
        ),
        (
            3,
            &["rollout", "decide", "github-auth", "migrate", "--reason", "x", "--role", "operator"],
            "role",
            "rollout.decide needs the role approver",
            "leave out --role",
        ),
    ];
    for (exit, args, code, what, mend) in cases {
        refused(&stage, *exit, args, code, what, mend).await;
    }
    let after = stage.ask(&[0], &["rollout", "show", "github-auth"]).await["line"]["version"].clone();
    assert_eq!(after, before, "a refusal changes nothing");
    // What decides answers for any name, and says that nobody has it.
    let doubt = stage.ask(&[0], &["rollout", "explain", &slip, "import"]).await;
    assert!(doubt["note"].as_str().unwrap().contains(&meant), "{doubt}");

    daemon.stop().await.unwrap();
    for args in [&["rollout", "list"][..], &["rollout", "freeze", "github-auth", "--reason", "x"]] {
        refused(&stage, 4, args, "not_reached", "can't reach the daemon", "is cutoverd running?").await;
    }
    let back = ["rollback", "github-auth", "--reason", "x"];
    refused(&stage, 4, &back, "not_reached", "can't reach the daemon", "`cutover kill --local`").await;
}
