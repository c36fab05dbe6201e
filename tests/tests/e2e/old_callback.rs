//! The old OAuth callback lives as long as somebody needs it, and the application learns how far the migration is.

use std::time::Duration;

use cutover_daemon::store::{CatalogOp, Lane, LinkRow, MappingOp, MappingRow, Unit};
use cutover_shared::ids::{InstallationId, LinkKey};
use http::Method;
use serde_json::{Value, json};

use super::api::{Api, Options, START, header, parsed};

const PATH: &str = "/api/github/callback";

/// A repository of a tenant's project, not planned yet.
async fn add_link(api: &Api, tenant: &str, name: &str) -> LinkKey {
    let key = LinkKey(format!("{tenant}/{name}"));
    let row = LinkRow {
        key: key.clone(),
        project: format!("p-{name}").as_str().into(),
        tenant: tenant.into(),
        repo_lname: name.into(),
        repo_full_name: name.into(),
        repo_id: None,
        owner_id: None,
        owner_login: None,
        token: None,
        imported_commit_sha: None,
        imported_tree_sha: None,
        imported_at: None,
        import_method: None,
        app_installation: None,
        app_status: None,
        fingerprint: "f".into(),
    };
    api.db.write(Lane::Run, Unit::new().with(CatalogOp::PutLinks { rows: vec![row] })).await.unwrap();
    key
}

async fn set(api: &Api, tenant: &str, key: &LinkKey, status: &str) {
    let row = MappingRow {
        key: key.clone(),
        tenant: tenant.into(),
        status: status.into(),
        installation: Some(InstallationId(7)),
        repo_id: None,
        confidence: 100,
        body: "{}".into(),
        fingerprint: "m".into(),
        run: "r".into(),
    };
    api.db.write(Lane::Run, Unit::new().with(MappingOp::Put { rows: vec![row], at: 1 })).await.unwrap();
}

#[tokio::test]
async fn it_says_that_it_is_deprecated_and_sends_on_what_came() {
    let api = Api::new(Options { auth_per_minute: 2, ..Options::default() }).await;
    let page = format!("{}/github-apps/cutover-sim/installations/new", api.sim.host());
    let answer = api.send(Method::GET, &format!("{PATH}?code=c%2B1&state=a%20b&next=//evil"), &[]).await;
    assert_eq!(answer.status, 307);
    assert_eq!(header(&answer, "location"), "https://app.example/oauth?code=c%2B1&state=a%20b&next=//evil");
    assert_eq!(header(&answer, "deprecation"), format!("@{}", START / 1000 - 86_400));
    assert_eq!(header(&answer, "sunset"), "Wed, 18 Nov 2026 11:07:40 GMT");
    let link = header(&answer, "link");
    assert!(link.contains(&format!("<{page}>; rel=\"deprecation\"")), "{link}");
    assert!(link.contains(&format!("<{page}>; rel=\"successor-version\"")), "{link}");
    let (_, body) = parsed(&answer);
    assert_eq!((&body["deprecated"], &body["migration_url"]), (&json!(true), &json!(page)));
    assert_eq!(body["sunset"], "2026-11-18T11:07:40Z");
    assert_eq!(api.send(Method::GET, PATH, &[]).await.status, 307);
    let over = api.send(Method::GET, PATH, &[]).await;
    assert_eq!((over.status, header(&over, "retry-after")), (429, "30"));
}

#[tokio::test]
async fn it_ends_when_its_day_has_come_and_everything_is_mapped_whichever_is_later() {
    let api = Api::new(Options::default()).await;
    let status = async || api.send(Method::GET, PATH, &[]).await.status;
    assert_eq!(status().await, 307, "nothing is unmapped, and its day has not come");
    let one = add_link(&api, "t1", "acme/one").await;
    api.clock.advance(Duration::from_secs(60));
    for word in ["pending", "unmappable"] {
        assert_eq!(status().await, 307, "its day has come, and one is not mapped");
        set(&api, "t1", &one, word).await;
    }
    assert_eq!(status().await, 307);
    set(&api, "t1", &one, "mapped").await;
    let answer = api.send(Method::GET, PATH, &[]).await;
    assert_eq!(answer.status, 410);
    assert!(!header(&answer, "sunset").is_empty() && !header(&answer, "link").is_empty());
    let (_, body) = parsed(&answer);
    assert!(body["error"]["message"].as_str().unwrap().contains("/installations/new"), "{body}");
    add_link(&api, "t2", "acme/two").await;
    assert_eq!(status().await, 307, "a new one is not mapped");
}

#[tokio::test]
async fn without_a_handler_it_says_so_and_without_a_day_it_never_ends() {
    let api = Api::new(Options { oauth_target: None, sunset: None, ..Options::default() }).await;
    let answer = api.send(Method::GET, &format!("{PATH}?code=x"), &[]).await;
    assert_eq!((answer.status, header(&answer, "sunset")), (501, ""));
    assert_eq!(parsed(&answer).1["error"]["code"], "oauth_fallback_not_configured");
    assert!(header(&answer, "deprecation").starts_with('@'));
}

#[tokio::test]
async fn a_banner_learns_of_its_own_tenant_only() {
    let api = Api::new(Options { api_per_minute: 2, ..Options::default() }).await;
    for (n, word) in ["mapped", "pending", "unmappable"].into_iter().enumerate() {
        let key = add_link(&api, "user-1", &format!("acme/r{n}")).await;
        set(&api, "user-1", &key, word).await;
    }
    add_link(&api, "user-1", "acme/new").await;
    let path = "/api/v1/migration/status";
    let mine = api.get(path, "user-1").await;
    let figures = ["repositories", "mapped", "pending", "unmappable", "unplanned"].map(|name| &mine[name]);
    assert_eq!(figures, [4, 1, 1, 1, 1].map(Value::from).each_ref());
    assert_eq!((&mine["mode"], &mine["is_canary"]), (&json!("off"), &json!(false)));
    assert!(mine["install_url"].as_str().unwrap().contains("?state=i1."), "{mine}");
    let other = api.get(path, "user-2").await;
    assert_eq!((&other["tenant_id"], &other["repositories"]), (&json!("user-2"), &json!(0)));
    assert_eq!(api.send(Method::GET, path, &[]).await.status, 401);
    // Each user has calls of their own.
    assert_eq!(api.call(Method::GET, path, "user-1").await.0, 200);
    assert_eq!(api.call(Method::GET, path, "user-1").await.0, 429);
    assert_eq!(api.call(Method::GET, path, "user-2").await.0, 200);
}
