//! People come back from GitHub, and others pretend to.

use std::time::Duration;

use cutover_daemon::gateway::integrations::event;
use cutover_daemon::store::{Lane, Select, Unit};
use cutover_tests::github_sim::{Effect, Fault, RouteKind};
use cutover_tests::world::Selection;
use http::Method;
use serde_json::{Value, json};

use super::api::{AFTER, Api, CALLBACK, Options, header};

fn state_of(link: &str) -> &str {
    link.split_once("state=").unwrap().1
}

fn code_of(answer: &Value) -> &str {
    answer["error"]["code"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn an_installation_is_connected_listed_for_its_user_only_and_let_go() {
    let api = Api::new(Options::default()).await;
    let link = api.link("user-1").await;
    assert!(
        link.starts_with(&format!("{}/github-apps/cutover-sim/installations/new?state=i1.", api.sim.host()))
    );
    let (id, query) = api.sim.person(api.ana).install(&link, api.acme, Selection::All).unwrap();
    // A scanner that looks at the address first uses nothing up.
    assert_eq!(api.send(Method::HEAD, &format!("{CALLBACK}?{query}"), &[]).await.status, 405);
    let (status, answer) = api.back(&query).await;
    assert_eq!(
        (status, &answer["status"], &answer["verified"]),
        (200, &json!("connected"), &json!("by_code"))
    );
    assert_eq!((&answer["account"], &answer["continue_at"]), (&json!("acme"), &json!(AFTER)));
    let listed = api.listed("user-1").await;
    let connected = listed[0]["id"].as_str().unwrap();
    let shape = json!({
        "id": connected, "integration_id": "github_app", "provider": "github", "integration_type": "github",
        "name": "GitHub App Integration", "is_active": true, "created_at": "2026-11-18T11:06:40Z",
        "credential_data": {
            "installation_id": id.to_string(), "setup_action": "install", "callback_timestamp": "2026-11-18T11:06:40Z",
        },
    });
    assert_eq!(listed, std::slice::from_ref(&shape));
    assert_eq!(answer["integration"], shape);
    assert_eq!(api.get("/api/v1/app/integrations/github", "user-1").await["total_count"], 1);
    assert_eq!(api.listed("user-2").await, [] as [Value; 0]);

    // The same address once more: the state was good once.
    assert_eq!(api.back(&query).await.0, 410);
    // Once more with a new link: the same integration, come back later.
    api.clock.advance(Duration::from_secs(5));
    let again = api.link("user-1").await;
    let (state, code) = (state_of(&again), api.sim.person(api.ana).code());
    let query = format!("installation_id={id}&setup_action=update&state={state}&code={code}");
    assert_eq!(api.back(&query).await.0, 200);
    let listed = api.listed("user-1").await;
    assert_eq!((listed.len(), listed[0]["id"].as_str()), (1, Some(connected)));
    assert_eq!(listed[0]["credential_data"]["callback_timestamp"], "2026-11-18T11:06:45Z");

    let path = format!("/api/v1/app/integrations/{connected}");
    let (status, answer) = api.call(Method::DELETE, &path, "user-2").await;
    assert_eq!((status, code_of(&answer)), (404, "not_found"));
    assert_eq!(api.listed("user-1").await.len(), 1);
    assert_eq!(api.call(Method::DELETE, &path, "user-1").await.0, 200);
    assert_eq!(api.call(Method::DELETE, &path, "user-1").await.0, 404);
    assert_eq!(api.listed("user-1").await, [] as [Value; 0]);
    let all = api.get("/api/v1/app/integrations?include_inactive=true", "user-1").await;
    assert_eq!((&all["total_count"], &all["integrations"][0]["is_active"]), (&json!(1), &json!(false)));
    for path in ["/api/v1/app/integrations", "/api/v1/app/integrations/github/install"] {
        assert_eq!(api.send(Method::GET, path, &[]).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn what_was_verified_and_stored_goes_on_to_the_scheduler_and_nothing_else() {
    let api = Api::new(Options { forwards: true, ..Options::default() }).await;
    let sent = async || {
        let all = Select { limit: 10, ..Select::default() };
        api.db.dispatches_window(&all).await.unwrap().rows
    };
    let link = api.link("user-1").await;
    let (id, query) = api.sim.person(api.ana).install(&link, api.acme, Selection::All).unwrap();
    // Claimed by somebody else, changed by nobody we know, asked for, declined: none of it is an installation of a user here.
    let claim = api.link("user-m").await;
    let code = api.sim.person(api.mallory).code();
    let claim = format!("installation_id={id}&setup_action=install&state={}&code={code}", state_of(&claim));
    assert_eq!(code_of(&api.back(&claim).await.1), "installation_not_yours");
    assert_eq!(api.back(&format!("installation_id={id}&setup_action=update")).await.0, 200);
    let request = api.link("user-m").await;
    let request = api.sim.person(api.mallory).request(&request, api.acme).unwrap();
    assert_eq!(api.back(&request).await.0, 200);
    assert_eq!(api.back("error=access_denied").await.0, 400);
    assert_eq!(sent().await, []);

    assert_eq!(api.back(&query).await.0, 200);
    assert_eq!(api.back(&query).await.0, 410, "the state was good once");
    let rows = sent().await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    let stored = format!("{:?}", rows[0]);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let secret = matches!(&*name, "state" | "code");
        assert!(!secret || !stored.contains(&*value), "{name} is in {stored}");
    }
    // It was durable before anything was sent; a worker of any later process sends it.
    let scheduler = api.scheduler.as_ref().unwrap();
    assert_eq!(scheduler.calls(), [] as [String; 0]);
    let worker = tokio::spawn(api.outbox.clone().work());
    scheduler.until(|scheduler| !scheduler.taken().is_empty()).await;
    worker.abort();
    let taken = scheduler.taken().remove(0);
    let body = json!({ "installation_id": id, "setup_action": "install", "state": "user-1", "code": null });
    assert_eq!((taken.path.as_str(), &taken.body), ("/api/v1/auth/github/callback", &body));
}

#[tokio::test]
async fn a_forged_installation_id_connects_nothing_and_uses_the_state_up() {
    let api = Api::new(Options::default()).await;
    let link = api.link("user-1").await;
    let (victim, _) = api.sim.person(api.ana).install(&link, api.acme, Selection::All).unwrap();
    for id in [victim, victim + 1_000] {
        let link = api.link("user-m").await;
        let (state, code) = (state_of(&link), api.sim.person(api.mallory).code());
        let query = format!("installation_id={id}&setup_action=install&state={state}&code={code}");
        let (status, answer) = api.back(&query).await;
        assert_eq!((status, code_of(&answer)), (403, "installation_not_yours"), "{answer}");
        let code = api.sim.person(api.mallory).code();
        let query = format!("installation_id={id}&setup_action=install&state={state}&code={code}");
        assert_eq!(code_of(&api.back(&query).await.1), "state_used");
    }
    assert_eq!(api.listed("user-m").await, [] as [Value; 0]);
    // The owner's own way is still open.
    let (state, code) = (state_of(&link), api.sim.person(api.ana).code());
    let query = format!("installation_id={victim}&setup_action=install&state={state}&code={code}");
    assert_eq!(api.back(&query).await.0, 200);
}

#[tokio::test]
async fn what_github_does_not_send_is_refused() {
    let api = Api::new(Options::default()).await;
    let link = api.link("user-1").await;
    let state = state_of(&link);
    let (id, _) = api.sim.person(api.ana).install(&link, api.acme, Selection::All).unwrap();
    let code = || api.sim.person(api.ana).code();
    let install = format!("installation_id={id}&setup_action=install");
    let forged = format!("{}x", &state[..state.len() - 1]);
    for (query, status, why) in [
        (format!("{install}&code={}", code()), 400, "bad_state"),
        (format!("{install}&code={}&state=user-1", code()), 400, "bad_state"),
        (format!("{install}&code={}&state={forged}", code()), 400, "bad_state"),
        (format!("{install}&code={}&state={state}&state={state}", code()), 400, "bad_request"),
        (format!("{install}&state={state}"), 400, "code_missing"),
        (format!("{install}&state={state}&code=guessed"), 400, "bad_code"),
        (
            format!("installation_id=-1&setup_action=install&state={state}&code={}", code()),
            400,
            "bad_request",
        ),
        (format!("setup_action=install&state={state}&code={}", code()), 400, "bad_request"),
        (format!("installation_id={id}&setup_action=remove&state={state}"), 400, "bad_request"),
        (format!("error=access_denied&state={state}"), 400, "not_completed"),
        (String::new(), 400, "bad_state"),
    ] {
        let (said, answer) = api.back(&query).await;
        assert_eq!((said, code_of(&answer)), (status, why), "{query}: {answer}");
    }
    // A change at GitHub that began there.
    let (status, answer) =
        api.back(&format!("installation_id={id}&setup_action=update&code={}", code())).await;
    assert_eq!((status, &answer["status"]), (200, &json!("noted")));
    assert_eq!(api.listed("user-1").await, [] as [Value; 0]);
    // None of it used the state up; a code is good once.
    let spent = code();
    api.clock.advance(Duration::from_secs(599));
    assert_eq!(api.back(&format!("{install}&state={state}&code={spent}")).await.0, 200);
    let fresh = api.link("user-1").await;
    let state = state_of(&fresh);
    assert_eq!(code_of(&api.back(&format!("{install}&state={state}&code={spent}")).await.1), "bad_code");
    api.clock.advance(Duration::from_secs(600));
    let late = api.back(&format!("{install}&state={state}&code={}", code())).await;
    assert_eq!((late.0, code_of(&late.1)), (410, "state_expired"));
}

#[tokio::test]
async fn while_github_does_not_answer_nothing_is_used_up() {
    let api = Api::new(Options::default()).await;
    let link = api.link("user-1").await;
    let (_, query) = api.sim.person(api.ana).install(&link, api.acme, Selection::All).unwrap();
    api.sim
        .faults()
        .add(Fault::on(RouteKind::GetInstallation, Effect::Status { status: 404, retry_after: None }));
    // A 404 that is none uses the state up: GitHub said that it does not exist.
    assert_eq!(api.back(&query).await.0, 403);
    let fresh = api.link("user-1").await;
    let (id, state) = (api.sim.world().read(|w| w.installations().next().unwrap().id), state_of(&fresh));
    let query = |code: String| format!("installation_id={id}&setup_action=install&state={state}&code={code}");
    for kind in [RouteKind::ExchangeCode, RouteKind::UserInstallations] {
        api.sim.faults().add(Fault::on(kind, Effect::Status { status: 502, retry_after: None }));
        let (status, answer) = api.back(&query(api.sim.person(api.ana).code())).await;
        assert_eq!((status, code_of(&answer)), (503, "github_unavailable"));
    }
    assert_eq!(api.back(&query(api.sim.person(api.ana).code())).await.0, 200);
}

#[tokio::test]
async fn without_a_client_only_an_installation_of_these_minutes_is_taken_and_never_anothers() {
    let api = Api::new(Options { with_client: false, ..Options::default() }).await;
    let old = api.sim.world().install(api.mallory, Selection::All).unwrap();
    api.clock.advance(Duration::from_secs(3600));
    let link = api.link("user-1").await;
    let (id, query) = api.sim.person(api.ana).install(&link, api.acme, Selection::All).unwrap();
    let (status, answer) = api.back(&query).await;
    assert_eq!((status, &answer["verified"]), (200, &json!("by_state_and_app")), "{answer}");
    for claimed in [old, id] {
        let link = api.link("user-m").await;
        let query = format!("installation_id={claimed}&setup_action=install&state={}", state_of(&link));
        assert_eq!(code_of(&api.back(&query).await.1), "installation_not_yours");
    }
    assert_eq!(api.listed("user-m").await, [] as [Value; 0]);
}

#[tokio::test]
async fn a_request_waits_for_the_owner_and_githubs_event_connects_it() {
    let api = Api::new(Options::default()).await;
    let link = api.link("user-1").await;
    let query = api.sim.person(api.mallory).request(&link, api.acme).unwrap();
    let (status, answer) = api.back(&query).await;
    assert_eq!((status, &answer["status"]), (200, &json!("requested")));
    assert_eq!(answer["integration"]["credential_data"]["installation_id"], Value::Null);
    assert_eq!(api.listed("user-1").await, [] as [Value; 0]);
    let id = api.sim.world().install(api.acme, Selection::All).unwrap();
    let told = async |action: &str, requester: i64| {
        let body = json!({"action": action, "installation": {"id": id, "account": {"id": api.acme, "login": "acme"}},
            "requester": {"id": requester}});
        let ops = event::effects(&api.sim.host()[7..], "installation", body.to_string().as_bytes(), 1);
        api.db.write(Lane::Handler, Unit::new().with_all(ops)).await.unwrap();
        api.listed("user-1").await
    };
    assert_eq!(told("created", api.ana).await, [] as [Value; 0], "somebody else's request");
    let listed = told("created", api.mallory).await;
    assert_eq!(listed[0]["credential_data"]["installation_id"], id.to_string());
    assert_eq!(told("deleted", 0).await, [] as [Value; 0]);
}

#[tokio::test]
async fn people_see_a_page_that_leads_to_the_configured_place_only() {
    let api = Api::new(Options { auth_per_minute: 3, ..Options::default() }).await;
    let link = api.link("user-1").await;
    let (_, query) = api.sim.person(api.ana).install(&link, api.acme, Selection::All).unwrap();
    let query = format!("{CALLBACK}?{query}&redirect_uri=https://evil.example&next=//evil.example");
    for (path, status, says) in [
        (query.as_str(), 200, "GitHub is connected."),
        (query.as_str(), 410, "was used before"),
        (&format!("{CALLBACK}?error=%3Cscript%3E"), 400, "was not completed"),
        (query.as_str(), 429, "too many calls"),
    ] {
        let answer = api.send(Method::GET, path, &[("accept", "text/html,application/xhtml+xml,*/*")]).await;
        let page = String::from_utf8(answer.body.to_vec()).unwrap();
        assert_eq!(answer.status, status, "{page}");
        assert!(page.contains(says) && page.contains(AFTER), "{page}");
        assert!(!page.contains("evil") && !page.contains("<script") && !page.contains("i1."), "{page}");
        assert_eq!(page.contains("http-equiv=\"refresh\""), status == 200);
        assert_eq!(header(&answer, "content-type"), "text/html; charset=utf-8");
        assert_eq!(header(&answer, "cache-control"), "no-store");
        assert_eq!(header(&answer, "referrer-policy"), "no-referrer");
        assert!(header(&answer, "content-security-policy").starts_with("default-src 'none'"));
        assert_eq!(header(&answer, "retry-after").is_empty(), status != 429);
    }
    api.clock.advance(Duration::from_secs(60));
    assert_eq!(api.send(Method::GET, &query, &[]).await.status, 410);
}
