//! C9: records of sandboxes that the application made are imported, move into the target's book as a run, survive a SIGKILL
//! anywhere, and go back.

use cutover_shared::run::RunState;
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::crash::{Script, in_chunks};
use super::stage::{Stage, audit};

/// Records of the first repositories of the catalog.
const RECORDS: usize = 40;

/// A record for each of them and one of a project that nobody knows, as JSON Lines.
fn lines(stage: &Stage) -> String {
    let row = |n: usize, tenant: &str, project: &str, name: &str| {
        let record = json!({
            "sandboxId": format!("sb-{n:02}"), "tenantId": tenant, "projectId": project, "repoFullName": name,
            "commitSha": format!("{n:040x}"), "treeSha": format!("{:040x}", n + 1_000), "branch": "main",
            "state": "active", "updatedAt": "2026-01-31T12:00:00Z",
        });
        format!("{record}\n")
    };
    let known = stage.catalog.rows.iter().take(RECORDS).enumerate();
    let known = known.map(|(n, at)| row(n, &at.tenant_id, &at.project_id, &at.repo_full_name));
    let unknown = row(99, &stage.catalog.rows[0].tenant_id, "nobody's", "acme/site");
    known.chain([unknown]).collect()
}

async fn books(stage: &Stage) -> Value {
    stage.ask(&[0], &["rollout", "records", "list", "--all-rows"]).await["rows"].clone()
}

fn in_target(rows: &Value) -> usize {
    rows.as_array().unwrap().iter().filter(|row| row["target"] == true && row["legacy"] == true).count()
}

/// A stage with a catalog and records, and a running daemon's work behind it.
async fn prepared() -> Stage {
    let stage = Stage::new().await;
    let daemon = stage.daemon().await;
    stage.import().await;
    let file = stage.home.write("git_sandboxes.ndjson", lines(&stage).as_bytes()).unwrap();
    let args = ["rollout", "records", "import", &file.display().to_string()];
    assert_eq!(stage.ask(&[0], &args).await["added"], RECORDS + 1);
    assert_eq!(stage.ask(&[0], &args).await["unchanged"], RECORDS + 1);
    daemon.stop().await.unwrap();
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn records_move_by_command_and_both_books_agree() {
    let stage = prepared().await;
    let _daemon = stage.daemon().await;
    let said = stage.say(&[2], &["rollout", "records", "plan", "--tenant", "nobody"]).await;
    let told = said.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("cutover rollout records import"), "{told}");
    let bad = stage.home.write("bad.ndjson", b"{\"sandboxId\":\"x\"}\n").unwrap().display().to_string();
    let said = stage.say(&[3], &["rollout", "records", "import", &bad]).await;
    assert!(said.stderr.contains(":1: commitSha: is needed in every row"), "{}", said.stderr);

    let before = books(&stage).await;
    assert_eq!((before.as_array().unwrap().len(), in_target(&before)), (RECORDS + 1, 0));
    let text = stage.say(&[0], &["rollout", "records", "plan", "--all"]).await.stdout;
    assert!(text.contains("cutover") && text.contains("rollout records apply"), "{text}");
    let run = stage.ask(&[0], &["rollout", "records", "plan", "--all"]).await;
    assert_eq!(run["kind"], "sandbox-records");
    assert_eq!(
        run["summary"],
        json!({ "records": RECORDS + 1, "changes": RECORDS, "left_out": [["unknown_project", 1]] })
    );
    let (id, digest) = (run["id"].as_str().unwrap(), run["digest"].as_str().unwrap());
    stage.say(&[3], &["rollout", "records", "apply", id]).await;
    stage.say(&[0, 1], &["rollout", "records", "apply", id, "--approve", digest]).await;
    assert_eq!(stage.ask(&[0], &["run", "show", id]).await["state"], "done");
    assert_eq!(in_target(&books(&stage).await), RECORDS);
    let found = stage.ask(&[0], &["rollout", "reconcile", "git-sandbox"]).await;
    let found = &found["reconciled"];
    assert_eq!((&found["compared"], &found["mismatch_ppm"]), (&json!(RECORDS), &json!(0)), "{found}");

    stage.say(&[0, 1], &["run", "undo", id]).await;
    assert_eq!(stage.ask(&[0], &["run", "show", id]).await["state"], "undone");
    assert_eq!(books(&stage).await, before);
    stage.say(&[0], &["audit", "verify"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_anywhere_moves_nothing_twice_and_leaves_nothing_out() {
    let stage = prepared().await;
    let scenarios = [
        "run.plan.page:1",
        "run.chunk.before:2",
        "run.chunk.after:1",
        "run.chunk.after:3",
        "run.pass.end:1",
        "run.verify.end:1",
        "store.commit.before:5",
        "store.commit.before:8",
        "store.commit.after:6",
        "store.commit.after:9",
    ];
    let stage = &stage;
    stream::iter(scenarios)
        .map(|at| async move {
            let stage = stage.fork();
            let mut script = Script::begin(&stage, at).await;
            let before = script.json(&["rollout", "records", "list", "--all-rows"]).await;
            let planned = script.json(&["rollout", "records", "plan", "--all"]).await;
            let id = planned["id"].as_str().unwrap();
            let run = script.bring(id, RunState::Done).await;
            let counts = &run.progress.counts;
            assert_eq!((counts.done, counts.skipped), (RECORDS as u64, 1), "{at}");
            let moved = script.json(&["rollout", "records", "list", "--all-rows"]).await;
            assert_eq!(in_target(&moved["rows"]), RECORDS, "{at}");
            let records = audit(&stage.connect().await).await;
            assert_eq!(in_chunks(&records, id, "apply"), RECORDS as u64 + 1, "{at}: each item in one chunk");

            let run = script.bring(id, RunState::Undone).await;
            assert_eq!(
                (run.progress.counts.undone, run.progress.counts.superseded),
                (RECORDS as u64, 0),
                "{at}"
            );
            assert_eq!(script.json(&["rollout", "records", "list", "--all-rows"]).await, before, "{at}");
            stage.say(&[0], &["audit", "verify"]).await;
            assert_eq!(script.end().await, 1, "{at}: crashes");
        })
        .buffer_unordered(2)
        .collect::<Vec<()>>()
        .await;
}
