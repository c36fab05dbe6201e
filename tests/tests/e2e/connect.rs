//! The whole way with real processes: a user is sent to GitHub, comes back, sees the integration, and loses it when the App is
//! uninstalled; what was secret on the way stands nowhere.

use std::time::Duration;

use cutover_daemon::client::Client;
use cutover_daemon::clock::Clock;
use cutover_tests::harness::{Ended, Hook};
use cutover_tests::world::{AccountKind, Selection};
use http::Method;
use serde_json::{Value, json};

use super::api::{CALLBACK, SECRET, parsed, send, token};
use super::stage::Stage;

const WEBHOOK_SECRET: &str = "planted-webhook-secret-of-the-callback";

struct Calls {
    client: Client,
    base: String,
}

impl Calls {
    fn new(stage: &Stage) -> Self {
        let address = std::fs::read_to_string(stage.home.state().join("http.addr")).unwrap();
        Self { client: Client::new().unwrap(), base: format!("http://{}", address.trim()) }
    }

    async fn call(&self, method: Method, path: &str, bearer: &str) -> (u16, Value) {
        let headers = [("authorization", format!("Bearer {bearer}")), ("accept", "application/json".into())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        parsed(&send(&self.client, method, &format!("{}{path}", self.base), &headers).await)
    }

    async fn active(&self, bearer: &str) -> Vec<Value> {
        let (status, answer) = self.call(Method::GET, "/api/v1/app/integrations", bearer).await;
        assert_eq!(status, 200, "{answer}");
        answer["integrations"].as_array().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_connects_an_installation_and_loses_it_when_the_app_is_uninstalled() {
    let stage = Stage::of(20, Some(4), "[http]\nlisten = \"127.0.0.1:0\"\n").await;
    let client = format!(
        "webhook_secret = {WEBHOOK_SECRET:?}\nclient_id = {:?}\nclient_secret = {:?}\napp_id = ",
        stage.sim.client_id(),
        stage.sim.client_secret()
    );
    stage.reconfigure("app_id = ", &client);
    stage.reconfigure("[log]\n", &format!("[api]\njwt_secret = {SECRET:?}\n\n[log]\nlevel = \"trace\"\n"));
    let ana = stage.sim.world().add_account("ana-of-the-callback", AccountKind::User).unwrap();
    let daemon = stage.daemon().await;
    let calls = Calls::new(&stage);
    let now = Clock::system().now() / 1000;
    let (mine, others) = (token("user-1", now + 600), token("user-2", now + 600));
    let expired = token("user-1", now - 60);
    assert_eq!(calls.call(Method::GET, "/api/v1/app/integrations", &expired).await.0, 401);

    let mut told = String::new();
    let (status, link) = calls.call(Method::GET, "/api/v1/app/integrations/github/install", &mine).await;
    assert_eq!(status, 200, "{link}");
    let link = link["install_url"].as_str().unwrap();
    let (id, query) = stage.sim.person(ana).install(link, ana, Selection::All).unwrap();
    let (status, answer) = calls.call(Method::GET, &format!("{CALLBACK}?{query}"), "").await;
    assert_eq!(status, 200, "{answer}");
    told += &answer.to_string();
    let listed = calls.active(&mine).await;
    assert_eq!(listed[0]["credential_data"]["installation_id"], id.to_string());
    assert_eq!(calls.active(&others).await.len(), 0);
    // A restart forgets nothing: neither the integration nor that the state was used.
    assert_eq!(daemon.kill().await.unwrap(), Ended::Signal(9));
    let daemon = stage.daemon().await;
    let calls = Calls::new(&stage);
    assert_eq!(calls.active(&mine).await, listed);
    let (status, answer) = calls.call(Method::GET, &format!("{CALLBACK}?{query}"), "").await;
    assert_eq!((status, &answer["error"]["code"]), (410, &json!("state_used")));
    told += &answer.to_string();
    let path = format!("/api/v1/app/integrations/{}", listed[0]["id"].as_str().unwrap());
    assert_eq!(calls.call(Method::DELETE, &path, &others).await.0, 404);

    let hook = Hook::new(&stage.home, WEBHOOK_SECRET, stage.sim.app_id());
    let gone =
        json!({"action": "deleted", "installation": {"id": id, "account": {"id": ana, "login": "ana"}}});
    let taken = hook.deliver("c1", "installation", gone.to_string().as_bytes()).await.unwrap();
    assert_eq!(taken.status, 202, "{}", taken.body);
    let emptied = async {
        while !calls.active(&mine).await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    Clock::system().timeout(Duration::from_secs(60), emptied).await.expect("the event has no effect");
    assert_eq!(calls.call(Method::DELETE, &path, &mine).await.0, 404);
    let audit = stage.say(&[0], &["audit", "list", "--all-rows", "--json"]).await.stdout;
    assert!(audit.contains("integration.connect") && audit.contains("user:user-1"), "{audit}");
    told += &audit;
    assert_eq!(daemon.stop().await.unwrap(), Ended::Code(0));

    let log = stage.log();
    assert!(log.contains("\"TRACE\""), "the search saw a log of everything");
    told += &log;
    for file in std::fs::read_dir(stage.home.state()).unwrap() {
        told += &String::from_utf8_lossy(&std::fs::read(file.unwrap().path()).unwrap_or_default());
    }
    let code = query.split(['=', '&']).nth(1).unwrap().to_owned();
    let state = link.split_once("state=").unwrap().1.to_owned();
    let secrets =
        [SECRET, WEBHOOK_SECRET, stage.sim.client_secret(), &mine, &others, &expired, &code, &state, "ghu_"];
    let found: Vec<_> = secrets.into_iter().filter(|secret| told.contains(secret)).collect();
    assert_eq!(found, [""; 0]);
}
