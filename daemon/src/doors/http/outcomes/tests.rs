use std::time::Duration;

use cutover_shared::rollout::RolloutName;
use reqwest::Method;
use serde_json::{Value, json};

use super::super::Setup;
use super::super::tests::World as Served;
use super::*;
use crate::client::Client as Caller;
use crate::rollout::metrics::{Flush, Recorder, Windows};

struct World {
    door: Served,
    flush: Flush,
}

impl World {
    async fn new() -> Self {
        let mut made = None;
        let door = Served::of(|setup| {
            setup.clock.jump_wall(1_750_000_000_000);
            let (db, clock, recorder) = (setup.db.clone(), setup.clock.clone(), Recorder::new());
            let windows = Windows::new(db.clone(), clock.clone());
            let (metrics, moments) = (setup.metrics.clone(), Arc::new(|_: RolloutName| Vec::new()));
            made = Some(Flush::new(db.clone(), clock.clone(), recorder.clone(), windows, metrics, moments));
            let auth = Auth { service_token: Some("right".into()), ..Auth::default() };
            let outcomes = Outcomes::new(db, clock, recorder);
            Setup { apis: routes(Arc::new(OutcomeParts { auth, outcomes })), ..setup }
        })
        .await;
        Self { door, flush: made.unwrap() }
    }

    async fn post(&self, token: &str, body: impl Into<Vec<u8>>) -> (u16, Value) {
        let client = Caller::new().unwrap();
        let url = format!("http://{}/api/v1/outcomes", self.door.at).parse().unwrap();
        let request = client.request(Method::POST, url).bearer_auth(token).body(body.into());
        let answer = client.send(request, Duration::from_secs(20)).await.unwrap();
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    async fn counted(&self) -> u64 {
        self.flush.flush().await.unwrap();
        let rows = self.door.db.rollout_windows(RolloutName::GitSandbox, 0, i64::MAX, 99).await.unwrap();
        rows.iter().map(|row| row.calls).sum()
    }
}

fn good() -> Value {
    json!({ "flag": "git.clone.use_service_layer", "tenant": "acme", "side": "target", "ok": false, "gross": true, "duration_ms": 3 })
}

#[tokio::test]
async fn a_batch_is_counted_and_what_is_wrong_in_it_is_said() {
    let world = World::new().await;
    let odd = json!({ "operation": "clone", "tenant": "acme", "side": "left", "ok": true, "duration_ms": 3 });
    let batch = json!({ "id": "b-1", "outcomes": [good(), odd, good(), 7] }).to_string();
    let (status, receipt) = world.post("right", batch.clone()).await;
    assert_eq!((status, &receipt["counted"], &receipt["repeated"]), (200, &json!(2), &json!(false)));
    let rejected = receipt["rejected"].as_array().unwrap();
    assert_eq!(rejected.iter().map(|of| of["index"].clone()).collect::<Vec<_>>(), [json!(1), json!(3)]);
    assert!(rejected[0]["reason"].as_str().unwrap().contains("left"), "{rejected:?}");
    let (status, again) = world.post("right", batch).await;
    assert_eq!((status, &again["counted"], &again["repeated"]), (200, &json!(2), &json!(true)));
    assert_eq!(world.counted().await, 2);
    let (status, other) = world.post("right", json!({ "id": "b-1", "outcomes": [good()] }).to_string()).await;
    assert_eq!((status, &other["error"]["code"]), (409, &json!("other_batch")));
}

#[tokio::test]
async fn nobody_counts_without_the_token_and_no_body_is_too_much() {
    let world = World::new().await;
    let batch = json!({ "id": "b", "outcomes": [good()] }).to_string();
    assert_eq!(world.post("wrong", batch).await.0, 401);
    for body in [
        "",
        "[]",
        "{}",
        "{\"id\":\"b\",\"outcomes\":[],\"more\":1}",
        "{\"id\":\"b\",\"outcomes\":[]}",
        "nul\0",
    ] {
        assert_eq!(world.post("right", body).await.0, 400, "{body}");
    }
    let many = json!({ "id": "b", "outcomes": vec![good(); 1_001] }).to_string();
    assert_eq!(world.post("right", many).await.0, 400);
    assert_eq!(world.post("right", vec![b' '; LONGEST + 1]).await.0, 413);
    let deep = format!("{{\"id\":\"b\",\"outcomes\":[{}1{}]}}", "[".repeat(60_000), "]".repeat(60_000));
    let (status, _) = world.post("right", deep).await;
    assert!(status == 400 || status == 200, "{status}");
    assert_eq!(world.counted().await, 0);
}
