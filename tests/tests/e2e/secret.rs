//! Promise 9: a secret is in no log, error, RPC answer, plan, CSV or store in clear, whatever is in the catalog.

use std::path::Path;

use cutover_shared::run::RunState;
use cutover_tests::demo::secrets::search;

use super::stage::{Stage, plan_of, set_going, until_state};
use cutover_shared::mapping::MapScope;

/// Shows everything there is to see.
async fn look(stage: &Stage, run: &str) -> String {
    let export = stage.home.dir().join("audit.jsonl").display().to_string();
    let looks: &[&[&str]] = &[
        &["status"],
        &["doctor"],
        &["catalog", "list", "--all-rows"],
        &["catalog", "ddl"],
        &["tenant", "list", "--all-rows"],
        &["project", "list", "--all-rows"],
        &["mode", "get"],
        &["run", "list"],
        &["run", "show", run],
        &["run", "items", run, "--all-rows"],
        &["token", "list"],
        &["audit", "list", "--all-rows"],
        &["audit", "verify"],
        &["audit", "export", &export],
    ];
    let mut printed = String::new();
    for args in looks {
        for json in [&[][..], &["--json"]] {
            let args: Vec<&str> = args.iter().chain(json).copied().collect();
            let said = stage.say(&[0, 1], &args).await;
            printed += &said.stdout;
            printed += &said.stderr;
        }
    }
    printed
}

fn find(stage: &Stage, printed: &str) -> Vec<String> {
    let (state, export) = (stage.home.state(), stage.home.dir().join("audit.jsonl"));
    let places: Vec<&Path> = [&*state, &*export].into_iter().filter(|path| path.exists()).collect();
    let found = search(&stage.catalog, stage.sim.private_key_pem(), printed, &places).unwrap();
    found.into_iter().map(|found| found.place).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn planted_secrets_are_nowhere_even_with_everything_logged() {
    let stage = Stage::new().await;
    stage.reconfigure("[log]\n", "[log]\nlevel = \"trace\"\n");
    let daemon = stage.daemon().await;
    stage.import().await;
    let conn = stage.connect().await;
    let csv = stage.home.dir().join("state").join("plan.csv").display().to_string();
    stage.say(&[0], &["map", "plan", "--refresh", "--csv", &csv]).await;
    let run = plan_of(&conn, MapScope::All, false).await;
    set_going(&conn, &run, None).await;
    until_state(&conn, &run.id, RunState::Done).await;
    let mut printed = stage.say(&[0, 1], &["map", "spot-check"]).await.stdout;
    let installation = stage.sim.world().read(|world| {
        world.installations().find(|installation| installation.suspended_at.is_none()).unwrap().id.to_string()
    });
    printed += &stage.say(&[0], &["token", "refresh", &installation]).await.stdout;
    printed += &stage.say(&[0], &["token", "invalidate", &installation]).await.stdout;
    printed += &look(&stage, run.id.as_str()).await;
    assert_eq!(find(&stage, &printed), [""; 0], "while it runs, write-ahead log and all");
    drop(conn);
    daemon.kill().await.unwrap();
    assert_eq!(find(&stage, &printed), [""; 0], "after a crash");
    assert!(stage.log().contains("\"TRACE\""), "the search saw a log of everything");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_a_wrong_column_is_refused_and_not_repeated() {
    let stage = Stage::of(30, None, "").await;
    let daemon = stage.daemon().await;
    let token = stage.catalog.rows.iter().find_map(|row| row.github_access_token.clone()).unwrap();
    let columns = [
        "projectId",
        "tenantId",
        "repoFullName",
        "repoId",
        "ownerId",
        "ownerLogin",
        "importedCommitSha",
        "importedTreeSha",
        "importedAt",
        "importMethod",
    ];
    let good = ["p1", "t1", "acme/web", "1", "1", "acme", "", "", "", ""];
    let mut csv = columns.join(",") + "\n";
    for wrong in 0..columns.len() {
        let mut row = good.map(str::to_owned);
        row[0] = format!("p{wrong}");
        row[wrong] = if wrong == 2 { format!("acme/{token}") } else { token.clone() };
        csv += &(row.join(",") + "\n");
    }
    // A row that is shifted, a header that is none, and an object with a token for a name.
    let shifted = format!("projectId,tenantId,repoFullName\n{token},p,t,acme/web\n");
    let headless = format!("{token},t,acme/web\n");
    let json = format!(
        "{{\"projectId\":\"p\",\"tenantId\":\"t\",\"repoFullName\":\"a/b\",\"{token}\":1}}\n{{\"{token}\n"
    );
    let mut printed = String::new();
    for (name, text) in
        [("wrong.csv", &csv), ("shifted.csv", &shifted), ("headless.csv", &headless), ("names.jsonl", &json)]
    {
        let file = stage.home.write(name, text.as_bytes()).unwrap().display().to_string();
        for args in [&["--json"][..], &[], &["--skip-bad"], &["--skip-bad", "--json"]] {
            let all: Vec<&str> =
                ["catalog", "import", &file].into_iter().chain(args.iter().copied()).collect();
            let said = stage.say(&[1, 3], &all).await;
            if name == "wrong.csv" && args == ["--json"] {
                let error: serde_json::Value = serde_json::from_str(&said.stderr).unwrap();
                let bad = error["error"]["bad"].as_array().unwrap();
                let named: Vec<_> = bad
                    .iter()
                    .map(|bad| (bad["line"].as_u64().unwrap(), bad["column"].as_str().unwrap()))
                    .collect();
                let expected: Vec<_> =
                    columns.iter().enumerate().map(|(i, column)| (i as u64 + 2, *column)).collect();
                assert_eq!(named, expected, "{}", said.stderr);
            }
            printed += &said.stdout;
            printed += &said.stderr;
        }
    }
    printed += &stage.world().await;
    assert_eq!(find(&stage, &printed), [""; 0]);
    daemon.stop().await.unwrap();
    assert_eq!(find(&stage, &printed), [""; 0]);
}
