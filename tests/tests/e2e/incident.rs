//! Critical incidents by the command line: what is declared, what went back, how it ends.

use serde_json::json;

use super::rollout::refused;
use super::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_incident_tells_what_went_back_and_is_closed_once() {
    let stage = Stage::of(20, None, "").await;
    let daemon = stage.daemon().await;
    stage.import().await;
    stage.say(&[0], &["mode", "set", "on"]).await;
    let all = stage.ask(&[0], &["rollout", "show", "github-auth"]).await["line"]["tenants"].clone();
    assert!(all.as_u64().unwrap() > 1, "{all}");
    stage.say(&[0], &["rollout", "flag", "list", "off", "--reason", "lists are slow"]).await;

    let receipt = stage.ask(&[0], &["incident", "declare", "--all", "--text", "wrong files"]).await;
    let back = json!({
        "rollout": "github-auth", "outcome": "rolled_back", "from": "live", "to": "shadow", "operations": ["import"],
        "off": ["list"], "tenants": { "moved": all, "all": all }, "stored": true,
    });
    assert_eq!(receipt["effects"][0], back);
    assert_eq!(receipt["effects"][1]["outcome"], "left");
    let id = receipt["incident"]["id"].as_str().unwrap();
    let show = stage.ask(&[0], &["rollout", "show", "github-auth"]).await;
    assert_eq!((&show["line"]["stage"], &show["incident"]), (&json!("shadow"), &json!("wrong files")));
    let step = stage.say(&[0], &["rollout", "stage", "github-auth"]).await.stdout;
    assert!(step.contains("CLOSED: incident") && step.contains("`cutover incident list`"), "{step}");

    // A second one finds nobody on the target, and says so.
    let again = stage.say(&[0], &["incident", "declare", "github-auth", "--text", ""]).await.stdout;
    let told = again.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "Text no text was given",
        "Left alone github-auth, in shadow: in this stage the target answers for nobody",
        "Left alone git-sandbox, in off: the incident does not name it",
        "Until closed github-auth does not take its next stage",
    ] {
        assert!(told.contains(words), "{words}: {again}");
    }
    let close = told.split('`').find(|command| command.contains("incident close")).unwrap();
    let close: Vec<&str> = close.split(' ').skip(1).collect();
    assert!(stage.say(&[0], &close).await.stdout.starts_with("Closed"));
    assert!(stage.say(&[0], &["incident", "close", id]).await.stdout.starts_with("Closed"));
    let twice = stage.say(&[0], &["incident", "close", id]).await.stdout;
    assert_eq!(twice, format!("{id} is closed already: nothing was changed\n"));
    assert_eq!(stage.say(&[0], &["incident", "list"]).await.stdout, "no open incidents\n");

    let cases: &[(i32, &[&str], &str, &str, &str)] = &[
        (2, &["incident", "close", "nope"], "not_found", "no incident nope", "`cutover incident list`"),
        (2, &["incident", "close", ""], "usage", "<ID>", ""),
        (
            2,
            &["incident", "declare", "--text", "x"],
            "usage",
            "<ROLLOUT|--all>",
            "Usage: cutover incident declare",
        ),
        (
            2,
            &["incident", "declare", "github-auth"],
            "usage",
            "--text <TEXT>",
            "Usage: cutover incident declare",
        ),
        (
            2,
            &["incident", "declare", "git-sandbx", "--text", "x"],
            "usage",
            "possible values",
            "'git-sandbox'",
        ),
        (
            3,
            &["incident", "declare", "--all", "--text", "x", "--read-only"],
            "role",
            "needs the role operator",
            "--read-only",
        ),
        (
            3,
            &["incident", "close", id, "--role", "viewer"],
            "role",
            "needs the role operator",
            "leave out --role",
        ),
    ];
    for (exit, args, code, what, mend) in cases {
        refused(&stage, *exit, args, code, what, mend).await;
    }
    daemon.stop().await.unwrap();
    let declare = ["incident", "declare", "--all", "--text", "x"];
    refused(&stage, 4, &declare, "not_reached", "can't reach the daemon", "`cutover kill --local`").await;
}
