//! Lines instead of a screen, from a pipe.

use super::desk::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn a_script_plans_and_applies() {
    let desk = Desk::new().await;
    let tenants = desk.stage.ask(&[0], &["tenant", "list", "--all-rows"]).await;
    let tenant = tenants["rows"][0]["id"].as_str().unwrap();
    let script = format!("tenants\nfilter tenant:{tenant}\n1\ndry-run\napply\nwrong\n{tenant}\n");
    let said = desk.stage.cli.fed(&["--plain"], script.as_bytes()).await.unwrap();
    assert_eq!(said.code, 0, "{said:?}");
    for part in ["connected to demo", "! that is not what was asked for", "* run "] {
        assert!(said.stdout.contains(part), "{part} is not in {}", said.stdout);
    }
    assert!(!said.stdout.contains('\x1b') && !said.stdout.contains("too fast"), "{}", said.stdout);
    let run = desk.run().await;
    let id = run["id"].as_str().unwrap();
    desk.stage.say(&[0], &["watch", id]).await;
    assert_eq!(run["scope"], format!("tenant:{tenant}"));
    assert_eq!(desk.run().await["state"], "done");
}
