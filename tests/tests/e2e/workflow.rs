//! From a delivery to the engine: matched, durable, sent in order, taken once, whatever is killed when.

use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_shared::ids::ActKey;
use cutover_shared::rpc::{Act, Answer, Query, Topic};
use cutover_shared::window::WindowAsk;
use cutover_shared::workflow::{
    DispatchState, DispatchView, NewWorkflow, WorkflowAct, WorkflowAnswer, WorkflowQuery,
};
use cutover_tests::engine_sim::{EngineSim, Fault};
use cutover_tests::harness::{Ended, Hook};
use cutover_tui::conn::Conn;
use serde_json::{Value, json};

use super::stage::Stage;

const TOKEN: &str = "planted-engine-token";

/// A workflow that waits for any push to a repository.
pub fn any(name: &str, repository: &str) -> NewWorkflow {
    serde_json::from_value(json!({
        "name": name,
        "trigger": { "repository": repository, "events": ["push"], "branches": ["main", "!main/x"] },
        "definition": { "nodes": [name] },
    }))
    .unwrap()
}

async fn stage(secret: &str, engine: &EngineSim) -> Stage {
    let more = format!("[http]\nlisten = \"127.0.0.1:0\"\n\n[engine]\nurl = {:?}\n", engine.url());
    let stage = Stage::of(20, Some(4), &more).await;
    stage.reconfigure("app_id = ", &format!("webhook_secret = {secret:?}\napp_id = "));
    let token = stage.home.write("engine.token", TOKEN.as_bytes()).unwrap();
    stage.reconfigure("[engine]\n", &format!("[engine]\ntoken_file = {token:?}\n"));
    stage
}

fn push(repository: &str, branch: &str, n: usize) -> Vec<u8> {
    json!({
        "ref": format!("refs/heads/{branch}"), "n": n,
        "repository": { "id": 1, "full_name": repository }, "installation": { "id": 7 },
        "sender": { "login": "ana", "type": "User" }, "commits": [],
    })
    .to_string()
    .into_bytes()
}

async fn put(conn: &Conn, id: &str, repository: &str) {
    let act = WorkflowAct::Put { id: id.into(), workflow: Box::new(any(id, repository)) };
    conn.act(ActKey::fresh(), Act::Workflow(act)).await.unwrap();
}

async fn dispatches(conn: &Conn) -> Vec<DispatchView> {
    let ask = WindowAsk { limit: 500, ..WindowAsk::default() };
    match conn.query(Query::Workflow(WorkflowQuery::Dispatches { ask })).await.unwrap() {
        Answer::Workflow(WorkflowAnswer::Dispatches(window)) => window.rows.into_iter().rev().collect(),
        other => panic!("another answer: {other:?}"),
    }
}

/// Waits until the dispatches are as wanted, woken by the daemon.
async fn until(conn: &Conn, wanted: impl Fn(&[DispatchView]) -> bool) -> Vec<DispatchView> {
    let waiting = async {
        let (mut epoch, mut seen) = (0, 0);
        loop {
            let changes = conn.changes(epoch, vec![(Topic::Outbox, seen)]).await.unwrap();
            let outbox = changes.versions.iter().find(|(topic, _)| *topic == Topic::Outbox);
            (epoch, seen) = (changes.epoch, outbox.map_or(0, |(_, version)| *version));
            let all = dispatches(conn).await;
            if wanted(&all) {
                return all;
            }
        }
    };
    Clock::system().timeout(Duration::from_secs(60), waiting).await.expect("it never came to that")
}

fn all_are(state: DispatchState, count: usize) -> impl Fn(&[DispatchView]) -> bool {
    move |all| all.len() == count && all.iter().all(|dispatch| dispatch.state == state)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_match_is_sent_until_the_engine_takes_it_and_runs_once() {
    let secret = "planted-webhook-secret-of-the-workflows";
    let engine = EngineSim::start(TOKEN).await.unwrap();
    let stage = stage(secret, &engine).await;
    let hook = Hook::new(&stage.home, secret, stage.sim.app_id());
    let daemon = stage.daemon().await;
    let conn = stage.connect().await;
    let file = stage.home.write("wf.json", &serde_json::to_vec(&any("Review", "Acme/*")).unwrap()).unwrap();
    let file = file.display().to_string();
    stage.say(&[0], &["workflow", "add", "wf-1", "--file", &file]).await;
    put(&conn, "wf-other", "other/*").await;

    engine.fail([Fault::Status(502, None), Fault::Status(503, None)]);
    let body = push("acme/web", "main", 1);
    assert_eq!(hook.deliver("d-1", "push", &body).await.unwrap().status, 202);
    assert_eq!(hook.deliver("d-2", "push", &push("acme/web", "topic", 2)).await.unwrap().status, 202);
    let all = until(&conn, all_are(DispatchState::Sent, 1)).await;
    assert_eq!(
        (all[0].workflow.as_deref(), all[0].attempts, all[0].guid.as_deref()),
        (Some("wf-1"), 2, Some("d-1"))
    );
    assert_eq!(all[0].execution_id.as_deref(), Some("exec-1"));
    let taken = engine.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(engine.calls(), vec![taken[0].key.clone(); 3], "each try has the same key");
    let data = &taken[0].body["execution_context"]["trigger_data"];
    assert_eq!(taken[0].body["workflow_definition"], json!({ "nodes": ["Review"] }));
    assert_eq!((&data["delivery_id"], &data["payload"]["n"]), (&json!("d-1"), &json!(1)));

    // A delivery that comes again, or is handled again, is sent no second time.
    assert_eq!(hook.deliver("d-1", "push", &body).await.unwrap().status, 202);
    stage.say(&[0], &["webhook", "replay", "d-1"]).await;
    let said = stage.say(&[0], &["webhook", "show", "d-1"]).await;
    assert!(said.stdout.contains("wf-1") && said.stdout.contains("exec-1"), "{}", said.stdout);
    let test = stage.ask(&[0], &["workflow", "test", "d-2"]).await;
    assert_eq!((&test[0]["workflow"], &test[0]["matched"]), (&json!("wf-1"), &json!(false)));
    let failed: Vec<&Value> =
        test[0]["steps"].as_array().unwrap().iter().filter(|step| step["passed"] == false).collect();
    assert_eq!(
        (failed.len(), &failed[0]["rule"], &failed[0]["found"]),
        (1, &json!("branches"), &json!("topic"))
    );
    // Somebody wants it once more: that is another execution.
    stage.say(&[3], &["workflow", "replay", "--filter", "state:sent"]).await;
    stage.say(&[0], &["workflow", "replay", "--filter", "state:sent", "--yes", "1"]).await;
    engine.until(|engine| engine.taken().len() == 2).await;
    until(&conn, all_are(DispatchState::Sent, 1)).await;
    stage.say(&[0], &["workflow", "remove", "wf-1"]).await;
    stage.say(&[6, 2, 3], &["workflow", "show", "wf-1"]).await;
    assert_eq!(daemon.stop().await.unwrap(), Ended::Code(0));
    assert!(!stage.log().contains(TOKEN), "the token is in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_killed_between_engine_and_store_runs_nothing_twice_and_keeps_the_order() {
    let secret = "planted-webhook-secret-of-the-killed-workflows";
    let engine = EngineSim::start(TOKEN).await.unwrap();
    let stage = stage(secret, &engine).await;
    let hook = Hook::new(&stage.home, secret, stage.sim.app_id());
    let daemon = stage.daemon().await;
    let conn = stage.connect().await;
    for id in ["a", "b"] {
        put(&conn, id, &format!("acme/{id}")).await;
    }
    // The engine takes the first two, and its answers never come.
    engine.fail([Fault::TakenAndHeld, Fault::TakenAndHeld]);
    for n in 0..6 {
        for id in ["a", "b"] {
            let body = push(&format!("acme/{id}"), "main", n);
            assert_eq!(hook.deliver(&format!("{id}-{n}"), "push", &body).await.unwrap().status, 202);
        }
    }
    until(&conn, |all| all.len() == 12).await;
    engine.until(|engine| engine.taken().len() == 2).await;
    assert_eq!(daemon.kill().await.unwrap(), Ended::Signal(9));
    engine.release();

    engine.fail([Fault::TakenAndDropped, Fault::Status(500, None)]);
    let daemon = stage.daemon().await;
    let conn = stage.connect().await;
    until(&conn, all_are(DispatchState::Sent, 12)).await;
    let taken = engine.taken();
    assert_eq!(taken.len(), 12, "each once");
    for id in ["a", "b"] {
        let order: Vec<i64> = taken
            .iter()
            .filter(|taken| taken.body["execution_context"]["workflow_id"] == id)
            .map(|taken| taken.body["execution_context"]["trigger_data"]["payload"]["n"].as_i64().unwrap())
            .collect();
        assert_eq!(order, [0, 1, 2, 3, 4, 5], "{id}");
    }
    assert!(engine.calls().len() > 12, "those that were under way were sent again");
    assert_eq!(daemon.stop().await.unwrap(), Ended::Code(0));
}
