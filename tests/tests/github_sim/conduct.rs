//! ETags, limits, faults, counters, objects.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cutover_daemon::clock::Clock;
use cutover_tests::github_sim::{
    Conditional, CredentialKind, Effect, EtagScope, Fault, PrimaryLimits, Principal, RouteKind,
    SecondaryLimits, Sim, SimSettings,
};
use cutover_tests::world::objects::object_id;
use cutover_tests::world::{World, WorldSpec};
use http::Method;
use serde_json::{Value, json};

use crate::stage::{START, Stage};

#[tokio::test]
async fn an_etag_is_its_tokens_own_and_a_304_is_free() {
    for (scope, later) in [(EtagScope::Token, 200), (EtagScope::Principal, 304)] {
        let stage = Stage::with(SimSettings { etag_scope: scope, ..SimSettings::default() }).await;
        let path = "/repos/acme/five";
        let token = stage.mint(stage.on_acme).await;
        let first = stage.get(&token, path).await;
        let etag = first.header("etag");
        assert_eq!(first.header("x-ratelimit-used"), "1");
        let again = stage.get_with(&token, path, &[("if-none-match", etag)]).await;
        assert_eq!((again.status, again.bytes.len()), (304, 0));
        assert_eq!(again.header("x-ratelimit-used"), "1");
        let renewed = stage.mint(stage.on_acme).await;
        let renewed = stage.get_with(&renewed, path, &[("if-none-match", etag)]).await;
        assert_eq!(renewed.status, later);
        let solo = stage.mint(stage.on_solo).await;
        stage.sim.calls().reset();
        let foreign = stage.get_with(&solo, path, &[("if-none-match", etag)]).await;
        assert_eq!(foreign.status, 200);
        assert_eq!(stage.sim.calls().counts().foreign_etags, 1);
        stage.sim.world().rename_repo(stage.repos[4], "Five").unwrap();
        let stale = stage.get_with(&token, path, &[("if-none-match", etag)]).await;
        assert_eq!(stale.status, 200);
        assert_eq!(stage.sim.calls().log()[1].conditional, Conditional::Stale);
    }
}

#[tokio::test]
async fn a_primary_limit_is_an_installations_and_renews_itself() {
    let stage = Stage::with(SimSettings {
        primary: PrimaryLimits { installation: 2, ..PrimaryLimits::default() },
        ..SimSettings::default()
    })
    .await;
    let tokens = [stage.mint(stage.on_acme).await, stage.mint(stage.on_acme).await];
    for (token, left) in tokens.iter().zip(["1", "0"]) {
        let reply = stage.get(token, "/repos/acme/one").await;
        assert_eq!((reply.status, reply.header("x-ratelimit-remaining")), (200, left));
    }
    let over = stage.get(&tokens[0], "/repos/acme/one").await;
    assert_eq!((over.status, over.header("x-ratelimit-remaining")), (403, "0"));
    assert!(over.message().starts_with("API rate limit exceeded for installation ID"));
    assert_eq!(over.header("x-ratelimit-reset"), (START / 1_000 + 3_600).to_string());
    let rate = stage.get(&tokens[0], "/rate_limit").await;
    assert_eq!((rate.status, &rate.body["rate"]["remaining"]), (200, &json!(0)));
    let solo = stage.mint(stage.on_solo).await;
    assert_eq!(stage.get(&solo, "/repos/solo/a").await.status, 200);
    stage.clock.advance(Duration::from_secs(3_600));
    let token = stage.mint(stage.on_acme).await;
    assert_eq!(stage.get(&token, "/repos/acme/one").await.status, 200);
    stage.sim.set_limit(Principal::Installation(stage.on_acme), 100);
    stage.sim.set_remaining(Principal::Installation(stage.on_acme), 7);
    let reply = stage.get(&token, "/repos/acme/one").await;
    assert_eq!((reply.header("x-ratelimit-limit"), reply.header("x-ratelimit-remaining")), ("100", "6"));
}

#[tokio::test]
async fn secondary_limits_count_points_and_calls_in_flight() {
    let stage = Stage::new().await;
    stage.sim.set_secondary(Some(SecondaryLimits { points_a_minute: 7, ..SecondaryLimits::default() }));
    let jwt = stage.jwt();
    stage.mint(stage.on_acme).await;
    assert_eq!(stage.get(&jwt, "/app").await.status, 200);
    assert_eq!(stage.get(&jwt, "/app").await.status, 200);
    let over = stage.get(&jwt, "/app").await;
    assert_eq!((over.status, over.header("retry-after")), (403, "60"));
    assert!(over.message().contains("secondary rate limit"));
    assert_ne!(over.header("x-ratelimit-remaining"), "0");
    stage.clock.advance(Duration::from_secs(60));
    assert_eq!(stage.get(&jwt, "/app").await.status, 200);

    stage.sim.set_secondary(Some(SecondaryLimits {
        concurrent: 4,
        status: 429,
        retry_after: None,
        ..SecondaryLimits::default()
    }));
    stage.sim.calls().reset();
    let second = Duration::from_secs(1);
    stage.sim.faults().add(Fault::any(Effect::Latency(second)).times(4));
    let (calls, clock) = (stage.sim.calls(), stage.clock.clone());
    let held = futures::future::join_all((0..4).map(|_| stage.get(&jwt, "/app")));
    let fifth = async {
        while calls.in_flight() < 4 {
            tokio::task::yield_now().await;
        }
        let fifth = stage.get(&jwt, "/app").await;
        clock.advance(second);
        fifth
    };
    let (held, fifth) = futures::join!(held, fifth);
    assert!(held.iter().all(|reply| reply.status == 200));
    assert_eq!((fifth.status, fifth.header("retry-after")), (429, ""));
    assert_eq!(calls.counts().max_in_flight, 5);
}

#[tokio::test]
async fn faults_come_as_scripted_and_calls_are_counted() {
    let stage = Stage::new().await;
    let (faults, calls, jwt) = (stage.sim.faults(), stage.sim.calls(), stage.jwt());
    faults.add(Fault::status(RouteKind::Mint, 502).installation(stage.on_acme).after(1).times(2));
    assert_eq!(stage.post_mint(&jwt, stage.on_solo, "").await.status, 201);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(stage.post_mint(&jwt, stage.on_acme, "").await.status);
    }
    assert_eq!((statuses, faults.waiting()), (vec![201, 502, 502, 201], 0));
    assert_eq!(calls.count(RouteKind::Mint), 5);
    assert_eq!(calls.count_for(stage.on_acme, RouteKind::Mint), 4);
    assert_eq!(calls.counts().by_status[&502], 2);

    let token = stage.mint(stage.on_acme).await;
    for (effect, status, retry_after, says) in [
        (Effect::Status { status: 503, retry_after: Some(9) }, 503, "9", ""),
        (Effect::Status { status: 429, retry_after: None }, 429, "", "Too Many Requests"),
        (Effect::PrimaryLimit, 403, "", "API rate limit exceeded"),
        (Effect::SecondaryLimit { status: 429, retry_after: Some(30) }, 429, "30", "secondary"),
    ] {
        faults.add(Fault::on(RouteKind::GetRepo, effect));
        let reply = stage.get(&token, "/repos/acme/one").await;
        assert_eq!((reply.status, reply.header("retry-after")), (status, retry_after));
        assert!(reply.message().contains(says));
        let spent = reply.header("x-ratelimit-remaining") == "0";
        assert_eq!(spent, effect == Effect::PrimaryLimit);
    }
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    faults.add(Fault::on(RouteKind::GetRepo, Effect::Cut { after: 40 }));
    assert!(stage.call(Method::GET, "/repos/acme/one", &headers, "").await.is_none());
    faults.add(Fault::on(RouteKind::GetRepo, Effect::SlowBody { drop: 1_000, pause: Duration::ZERO }));
    assert_eq!(stage.get(&token, "/repos/acme/one").await.body["id"], stage.repos[0]);

    faults.set_replication_lag(Duration::from_secs(3));
    let fresh = stage.mint(stage.on_acme).await;
    assert_eq!(stage.get(&fresh, "/repos/acme/one").await.status, 401);
    stage.clock.advance(Duration::from_secs(3));
    assert_eq!(stage.get(&fresh, "/repos/acme/one").await.status, 200);

    assert!(calls.writes().is_empty());
    let last = calls.log().pop().unwrap();
    assert_eq!((last.credential, last.principal), (CredentialKind::Installation, Some(stage.on_acme)));
    assert!(!format!("{:?}", calls.log()).contains("ghs_"));
    calls.reset();
    assert_eq!((calls.total(), calls.log().len()), (0, 0));
    let deleted = stage.call(Method::DELETE, "/repos/acme/one", &headers, "").await.unwrap();
    assert_eq!((deleted.status, &deleted.body["status"]), (404, &json!("404")));
    assert_eq!(calls.writes().len(), 1);
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_no_call_in_flight() {
    let stage = Stage::new().await;
    stage.sim.faults().add(Fault::any(Effect::Latency(Duration::from_secs(9))));
    let calls = stage.sim.calls();
    {
        let call = stage.get("", "/rate_limit");
        tokio::pin!(call);
        while calls.in_flight() == 0 {
            assert!(futures::poll!(&mut call).is_pending());
            tokio::task::yield_now().await;
        }
    }
    while calls.in_flight() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(calls.log()[0].status, 0);
    stage.sim.faults().add(Fault::any(Effect::Latency(Duration::from_secs(9))));
    let sim = stage.sim;
    sim.stop().await;
}

#[tokio::test]
async fn objects_fit_together() {
    let stage = Stage::new().await;
    let token = stage.mint(stage.on_acme).await;
    let get = async |path: &str| stage.get(&token, path).await;
    let commit = get("/repos/acme/one/commits/main").await.body;
    let sha = commit["sha"].as_str().unwrap().to_owned();
    let tree = commit["commit"]["tree"]["sha"].as_str().unwrap();
    let git = get(&format!("/repos/acme/one/git/commits/{sha}")).await.body;
    assert_eq!(git["tree"]["sha"], tree);
    let parent = git["parents"][0]["sha"].as_str().unwrap();
    assert_eq!(get(&format!("/repos/acme/one/commits/{parent}")).await.status, 200);
    let whole = get(&format!("/repos/acme/one/git/trees/{tree}?recursive=1")).await.body;
    let entries = whole["tree"].as_array().unwrap();
    for entry in entries.iter().filter(|entry| entry["type"] == "blob") {
        let at = entry["sha"].as_str().unwrap();
        let blob = get(&format!("/repos/acme/one/git/blobs/{at}")).await.body;
        let text = blob["content"].as_str().unwrap();
        assert!(text.ends_with('\n') && text.lines().all(|line| line.len() <= 60));
        let bytes = STANDARD.decode(text.replace('\n', "")).unwrap();
        assert_eq!(object_id("blob", &bytes).to_string(), at);
        let path = entry["path"].as_str().unwrap().replace('\u{fc}', "%C3%BC");
        let file = get(&format!("/repos/acme/one/contents/{path}?ref={sha}")).await.body;
        assert_eq!((&file["sha"], &file["content"]), (&entry["sha"], &blob["content"]));
    }
    let folder = entries.iter().find(|entry| entry["path"] == "src").unwrap();
    let url = folder["url"].as_str().unwrap();
    let flat = get(url).await.body;
    assert_eq!((&flat["sha"], &flat["tree"][1]["path"]), (&folder["sha"], &json!("net")));
    assert_eq!(get("/repos/acme/one/contents/src").await.body[1]["type"], "dir");
    assert_eq!(get("/repos/acme/one/branches").await.body[0]["commit"]["sha"], sha);
    assert_eq!(get("/repos/acme/two/commits/main").await.body["sha"].as_str().map(|s| s == sha), Some(false));
    assert_eq!(get(&format!("/repos/acme/two/commits/{sha}")).await.status, 422);
    assert_eq!(get("/repos/acme/one/contents/none").await.status, 404);
    let raw = [("accept", "application/vnd.github.raw+json")];
    let raw = stage.get_with(&token, "/repos/acme/one/contents/run.sh", &raw).await;
    assert_eq!(raw.bytes, "#!/bin/sh\nexec true\n");
    let pushed = stage.sim.world().push(stage.repos[0]).unwrap().to_string();
    let head = get("/repos/acme/one/commits/HEAD").await.body;
    assert_eq!((&head["sha"], &head["parents"][0]["sha"]), (&json!(pushed), &json!(sha)));
}

#[tokio::test]
async fn octocrab_reads_a_generated_world() {
    let made = World::generate(&WorldSpec::default()).unwrap();
    let requests = made.world.requests().len();
    let clock = Clock::system();
    let sim = Sim::start(made.world, clock, SimSettings::default()).await.unwrap();
    let key = jsonwebtoken::EncodingKey::from_rsa_pem(sim.private_key_pem().as_bytes()).unwrap();
    let app = octocrab::Octocrab::builder()
        .base_uri(sim.api_base())
        .unwrap()
        .app(u64::try_from(sim.app_id()).unwrap().into(), key)
        .build()
        .unwrap();
    let found = app.apps().installations().per_page(100).send().await.unwrap().items;
    assert_eq!(found.len(), 50);
    let raw: Value = app.get("/app/installations?per_page=100", None::<&()>).await.unwrap();
    let live = raw.as_array().unwrap().iter().find(|i| i["suspended_at"].is_null()).unwrap();
    let id = live["id"].as_u64().unwrap();
    let asked: Value = app.get("/app/installation-requests", None::<&()>).await.unwrap();
    assert_eq!(asked.as_array().unwrap().len(), requests);

    let on = app.installation(id.into()).unwrap();
    let listed: octocrab::models::InstallationRepositories =
        on.get("/installation/repositories", None::<&()>).await.unwrap();
    let repo = &listed.repositories[0];
    let owner = repo.owner.as_ref().unwrap().login.clone();
    let handle = on.repos(owner, repo.name.clone());
    assert_eq!(handle.get().await.unwrap().id, repo.id);
    let files = handle.get_content().path("README.md").send().await.unwrap().items;
    assert!(files[0].decoded_content().unwrap().starts_with("# Repository"));
    let none = on.repos("none", "none").get().await.unwrap_err();
    assert!(matches!(none, octocrab::Error::GitHub { source, .. } if source.status_code == 404));
}
