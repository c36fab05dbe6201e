//! Payloads that none of us wrote: all that npm `@octokit/webhooks-examples` has are taken, and handled without a dead letter.

use std::path::Path;

use cutover_shared::rpc::{Answer, Query};
use cutover_shared::webhook::{WebhookAnswer, WebhookQuery};
use cutover_shared::window::WindowAsk;
use cutover_tests::harness::Hook;
use cutover_tui::conn::Conn;
use futures::{StreamExt as _, stream};
use serde_json::Value;

use super::stage::Stage;
use super::webhook::settled;

const SECRET: &str = "planted-webhook-secret-of-the-examples";

/// Each edition of GitHub with how many payloads it has.
const EDITIONS: [(&str, usize); 6] = [
    ("api.github.com", 329),
    ("ghes-31", 49),
    ("ghes-32", 49),
    ("ghes-33", 50),
    ("ghes-34", 124),
    ("ghes-35", 125),
];

/// Events with their payloads.
fn examples(edition: &str) -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/webhooks-examples");
    let packed = std::fs::read(folder.join(format!("{edition}.json.zst"))).unwrap();
    let text = zstd::stream::decode_all(packed.as_slice()).unwrap();
    let events: Vec<Value> = serde_json::from_slice(&text).unwrap();
    let examples = events.iter().flat_map(|event| {
        let name = event["name"].as_str().unwrap().to_owned();
        event["examples"].as_array().unwrap().iter().map(move |example| (name.clone(), example.clone()))
    });
    examples.collect()
}

async fn of_state(conn: &Conn, state: &str) -> Vec<(String, Option<String>)> {
    let ask = WindowAsk { filter: format!("state:{state}"), limit: 500, ..WindowAsk::default() };
    match conn.query(Query::Webhook(WebhookQuery::Window { ask })).await.unwrap() {
        Answer::Webhook(WebhookAnswer::Window(window)) => {
            window.rows.into_iter().map(|row| (row.guid, row.note)).collect()
        }
        other => panic!("another answer: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_is_taken_and_none_dies() {
    let stage = Stage::of(20, Some(4), "[http]\nlisten = \"127.0.0.1:0\"\n").await;
    stage.reconfigure("app_id = ", &format!("webhook_secret = {SECRET:?}\napp_id = "));
    let daemon = stage.daemon().await;
    let hook = Hook::new(&stage.home, SECRET, stage.sim.app_id());
    let conn = stage.connect().await;
    for (edition, count) in EDITIONS {
        let examples = examples(edition);
        assert_eq!(examples.len(), count, "{edition}");
        let answers: Vec<_> = stream::iter(examples.iter().enumerate())
            .map(|(number, (event, payload))| {
                let (hook, guid) = (&hook, format!("{}-{number:04}", edition.replace('.', "-")));
                async move {
                    let answer = hook.deliver(&guid, event, payload.to_string().as_bytes()).await.unwrap();
                    (guid, event, answer)
                }
            })
            .buffer_unordered(16)
            .collect()
            .await;
        for (guid, event, answer) in answers {
            assert_eq!(answer.status, 202, "{guid} {event}: {}", answer.body);
        }
    }
    settled(&conn).await;
    assert_eq!(of_state(&conn, "dead").await, Vec::new());
    assert!(of_state(&conn, "handled").await.len() > 20);
    daemon.stop().await.unwrap();
}
