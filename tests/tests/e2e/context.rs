//! G10: what a workflow's nodes may ask of GitHub, and what is attached to a dispatch.

use cutover_daemon::client::Client;
use cutover_tests::engine_sim::EngineSim;
use cutover_tests::github_sim::NewPull;
use cutover_tests::harness::Hook;
use cutover_tests::world::{AccountKind, Selection};
use http::Method;
use serde_json::{Value, json};

use super::api::{parsed, send};
use super::stage::Stage;

const TOKEN: &str = "planted-engine-token-of-the-context";
const SERVICE: &str = "planted-service-token-of-the-context";
const SECRET: &str = "planted-webhook-secret-of-the-context";

struct Talk {
    client: Client,
    base: String,
}

impl Talk {
    async fn get(&self, path: &str, token: &str) -> (u16, Value) {
        let bearer = format!("Bearer {token}");
        let path = format!("{}/api/v1/workflows/{path}", self.base);
        parsed(&send(&self.client, Method::GET, &path, &[("authorization", &bearer)]).await)
    }

    async fn put(&self, id: &str, workflow: &Value) {
        let url = format!("{}/api/v1/workflows/{id}", self.base).parse().unwrap();
        let request = self.client.request(Method::PUT, url).bearer_auth(SERVICE).body(workflow.to_string());
        let answer = self.client.send(request, std::time::Duration::from_secs(30)).await.unwrap();
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    }

    async fn comment(&self, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}/api/v1/workflows/{path}", self.base).parse().unwrap();
        let request = self.client.request(Method::POST, url).bearer_auth(SERVICE).body(body.to_string());
        parsed(&self.client.send(request, std::time::Duration::from_secs(30)).await.unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_ask_as_their_workflow_s_installation_and_dispatches_bring_their_context() {
    let engine = EngineSim::start(TOKEN).await.unwrap();
    let more = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n\n[api]\nservice_token = {SERVICE:?}\n\n\
         [engine]\nurl = {:?}\ntoken = {TOKEN:?}\n",
        engine.url()
    );
    let stage = Stage::of(20, Some(4), &more).await;
    stage.reconfigure("app_id = ", &format!("webhook_secret = {SECRET:?}\napp_id = "));
    let world = stage.sim.world();
    let zoe = world.add_account("zoe", AccountKind::User).unwrap();
    let repo = world.add_repo(zoe, "app").unwrap();
    let installation = world.install(zoe, Selection::All).unwrap();
    let pull = NewPull {
        title: "More".into(),
        base: "main".into(),
        head: "topic".into(),
        files: (0..250).map(|n| format!("src/f{n}.rs")).collect(),
        labels: vec!["review".into()],
    };
    let number = world.open_pull(repo, pull);
    world.comment(repo, number, "looks good");
    let daemon = stage.daemon().await;
    let address = std::fs::read_to_string(stage.home.state().join("http.addr")).unwrap();
    let talk = Talk { client: Client::new().unwrap(), base: format!("http://{}", address.trim()) };
    let rule = |installation: Option<i64>| json!({ "repository": "zoe/*", "events": ["pull_request"], "github_app_installation_id": installation });
    let workflow = |installation: Option<i64>, attach: bool| json!({ "name": "w", "trigger": rule(installation), "definition": {}, "attach_context": attach });
    talk.put("mine", &workflow(Some(installation), true)).await;
    talk.put("free", &workflow(None, false)).await;
    let others = stage.sim.world().read(|world| world.installations().next().unwrap().id);
    talk.put("other", &workflow(Some(others), false)).await;

    let path = format!("github/repos/zoe/app/pulls/{number}");
    let (status, found) = talk.get(&format!("mine/{path}"), SERVICE).await;
    assert_eq!(status, 200, "{found}");
    assert_eq!((&found["pr"]["title"], found["files"].as_array().unwrap().len()), (&json!("More"), 250));
    assert_eq!(found["comments"][0]["body"], "looks good");
    assert!(found["diff"].as_str().unwrap().contains("src/f249.rs"));
    assert_eq!(found["complete"], json!({ "diff": true, "files": true, "comments": true }));
    assert_eq!(found["repository"]["full_name"], "zoe/app");
    // Nobody else's eyes: no token, no installation, another one, a repository that is not there.
    assert_eq!(talk.get(&format!("mine/{path}"), "wrong").await.0, 401);
    assert_eq!(talk.get(&format!("free/{path}"), SERVICE).await.0, 403);
    assert_eq!(talk.get(&format!("other/{path}"), SERVICE).await.0, 404);
    assert_eq!(talk.get(&format!("none/{path}"), SERVICE).await.0, 404);
    assert_eq!(talk.get("mine/github/repos/zoe/..%2Fapp/branches", SERVICE).await.0, 400);

    let (_, branches) = talk.get("mine/github/repos/zoe/app/branches", SERVICE).await;
    let head = branches["branches"][0]["commit"]["sha"].as_str().unwrap().to_owned();
    let (_, commit) = talk.get(&format!("mine/github/repos/zoe/app/commits/{head}"), SERVICE).await;
    assert_eq!((&commit["commit"]["sha"], commit["diff"].is_array()), (&json!(head), true));
    let (_, between) = talk.get("mine/github/repos/zoe/app/compare?base=release&head=main", SERVICE).await;
    assert_eq!((&between["status"], &between["total_commits"]), (&json!("ahead"), &json!(1)));
    let (_, file) = talk.get("mine/github/repos/zoe/app/file?path=CHANGELOG.md&ref=main", SERVICE).await;
    assert_eq!((&file["encoding"], file["size"].as_u64() > Some(0)), (&json!("base64"), true));
    let (_, list) = talk.get("mine/github/repositories", SERVICE).await;
    assert_eq!(list["repositories"][0]["full_name"], "zoe/app");
    let (_, issue) = talk.get(&format!("mine/github/repos/zoe/app/issues/{number}"), SERVICE).await;
    assert_eq!(issue["comments"].as_array().unwrap().len(), 1);

    // The App reads only: a comment is refused, and said so.
    let path = format!("mine/github/repos/zoe/app/issues/{number}/comments");
    let (status, refused) = talk.comment(&path, &json!({ "body": "hi" })).await;
    assert_eq!((status, &refused["error"]["code"]), (403, &json!("no_access")), "{refused}");
    assert_eq!(talk.comment(&path, &json!({ "body": " " })).await.0, 400);
    assert_eq!(world.comments(repo, number).len(), 1);

    let hook = Hook::new(&stage.home, SECRET, stage.sim.app_id());
    let event = json!({
        "action": "opened", "number": number, "pull_request": { "number": number, "base": { "ref": "main" } },
        "repository": { "id": repo, "full_name": "zoe/app" }, "installation": { "id": installation },
        "sender": { "login": "zoe", "type": "User" },
    });
    assert_eq!(hook.deliver("c-1", "pull_request", event.to_string().as_bytes()).await.unwrap().status, 202);
    let two = engine.until(|engine| engine.taken().len() == 2);
    cutover_daemon::clock::Clock::system().timeout(std::time::Duration::from_secs(60), two).await.unwrap();
    let taken = engine.taken();
    let data = |id: &str| {
        let one = taken.iter().find(|one| one.body["execution_context"]["workflow_id"] == id).unwrap();
        one.body["execution_context"]["trigger_data"].clone()
    };
    assert_eq!(data("mine")["pr_context"]["pr"]["number"], number);
    assert_eq!(data("mine")["pr_context"]["files"].as_array().unwrap().len(), 250);
    assert!(data("free")["pr_context"].is_null(), "nobody asked for it");
    daemon.stop().await.unwrap();
    let log = stage.log();
    assert!(![TOKEN, SERVICE, SECRET].iter().any(|secret| log.contains(secret)));
}
