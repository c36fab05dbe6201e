use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Value, json};

use super::super::Setup;
use super::super::tests::World as Served;
use super::*;
use crate::client::Client as Caller;
use crate::gateway::triggers::{Files, FilesError, Listing};

struct Nothing;

#[async_trait]
impl Files for Nothing {
    async fn of(&self, _: i64, _: &str, _: i64) -> Result<Listing, FilesError> {
        Ok(Listing::default())
    }
}

struct World(Served);

impl World {
    async fn new() -> Self {
        let door = Served::of(|setup| {
            setup.clock.jump_wall(5);
            let (db, clock) = (setup.db.clone(), setup.clock.clone());
            let triggers = Triggers::new(db.clone(), clock.clone(), Arc::new(Nothing));
            let auth = Auth { service_token: Some("right".into()), ..Auth::default() };
            Setup { apis: routes(Arc::new(WorkflowParts { triggers, db, clock, auth })), ..setup }
        });
        Self(door.await)
    }

    async fn call(&self, method: Method, rest: &str, token: &str, body: Vec<u8>) -> (u16, Value) {
        let client = Caller::new().unwrap();
        let url = format!("http://{}/api/v1/workflows{rest}", self.0.at).parse().unwrap();
        let request = client.request(method, url).bearer_auth(token).body(body);
        let answer = client.send(request, Duration::from_secs(20)).await.unwrap();
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    async fn put(&self, id: &str, body: Value) -> (u16, Value) {
        self.call(Method::PUT, &format!("/{id}"), "right", body.to_string().into_bytes()).await
    }

    async fn get(&self, rest: &str) -> (u16, Value) {
        self.call(Method::GET, rest, "right", Vec::new()).await
    }
}

fn workflow(branches: &[&str]) -> Value {
    json!({
        "name": "Review",
        "trigger": { "repository": "a/b", "events": ["push"], "branches": branches },
        "definition": { "nodes": [1] },
    })
}

#[tokio::test]
async fn a_workflow_is_put_shown_listed_and_removed() {
    let world = World::new().await;
    let (status, made) = world.put("wf-1", workflow(&["main"])).await;
    assert_eq!((status, &made["id"], &made["definition"]), (201, &json!("wf-1"), &json!({ "nodes": [1] })));
    assert_eq!(world.put("wf-1", workflow(&["topic"])).await.0, 200, "replaced");
    assert_eq!(world.put("wf-2", workflow(&[])).await.0, 201);
    let (status, shown) = world.get("/wf-1").await;
    assert_eq!((status, &shown["trigger"]["branches"]), (200, &json!(["topic"])));
    assert_eq!((&shown["updated_by"], &shown["updated_at"]), (&json!("http"), &json!(5)));
    let (status, list) = world.get("?limit=1&offset=1").await;
    assert_eq!((status, &list["total"], &list["workflows"][0]["id"]), (200, &json!(2), &json!("wf-2")));
    assert_eq!(list["workflows"][0].get("definition"), None, "it may be large");
    assert_eq!(world.get("?filter=id:wf-1").await.1["total"], 1);
    for odd in ["?filter=nope:1", "?limit=x", "?other=1"] {
        assert_eq!(world.get(odd).await.0, 400, "{odd}");
    }
    let remove = || world.call(Method::DELETE, "/wf-1", "right", Vec::new());
    assert_eq!((remove().await.0, remove().await.0, world.get("/wf-1").await.0), (204, 404, 404));
    let audit = world.0.db.audit_newest(None, 10).await.unwrap();
    let acts: Vec<bool> = audit.iter().map(|row| row.bytes.contains("workflow.")).collect();
    assert_eq!(acts, [true; 4], "each change is recorded, and no refusal is");
}

#[tokio::test]
async fn nobody_gets_in_without_the_token_and_a_mistake_is_told_with_its_place() {
    let world = World::new().await;
    for (method, rest) in
        [(Method::GET, ""), (Method::GET, "/wf"), (Method::PUT, "/wf"), (Method::DELETE, "/wf")]
    {
        let (status, answer) = world.call(method, rest, "wrong", Vec::new()).await;
        assert_eq!((status, &answer["error"]["code"]), (401, &json!("unauthorized")));
    }
    let told = async |id: &str, body: Value| {
        let (status, answer) = world.put(id, body).await;
        assert_eq!(status, 400, "{answer}");
        answer["error"]["message"].as_str().unwrap().to_owned()
    };
    assert!(told("wf", workflow(&["main", "a["])).await.starts_with("trigger.branches[1]: this is no glob"));
    let mut unknown = workflow(&[]);
    unknown["trigger"]["branchs"] = json!([]);
    let message = told("wf", unknown).await;
    assert!(message.contains("branchs") && message.contains("line 1"), "{message}");
    let mut text = workflow(&[]);
    text["definition"] = json!("text");
    assert!(told("wf", text).await.starts_with("definition: "));
    assert!(told("-wf", workflow(&[])).await.starts_with("id: "));
    let long = vec![b' '; LONGEST + 1];
    assert_eq!(world.call(Method::PUT, "/wf", "right", long).await.0, 413);
    assert_eq!(world.get("").await.1["total"], 0, "nothing was registered");
}
