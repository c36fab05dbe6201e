//! Imports by users: what is another tenant's is not there, whatever the request names.

use cutover_daemon::clock::Clock;
use http::Method;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

use super::import::{SECRET, SERVICE, World};

fn user(tenant: &Value) -> String {
    let claims = json!({ "sub": "u", "org_id": tenant, "exp": Clock::system().now() / 1000 + 3_600 });
    jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_comes_to_the_own_tenant_only() {
    let world = World::new().await;
    let (own, other, none) = (user(&json!("t1")), user(&json!("t2")), user(&Value::Null));
    let of_installation = format!("/api/v1/github/repos?installationId={}", world.bench.stage.on_acme);
    let named = json!({ "tenant_id": "t1", "repository": "Acme/repo-0" });
    for (method, path, body) in [
        (Method::POST, "/api/v1/github/import", Some(json!({ "project_id": "p-mapped" }))),
        (Method::POST, "/api/github/import", Some(named)),
        (Method::GET, "/api/v1/github/repos?projectId=p-mapped", None),
        (Method::GET, "/api/v1/github/repos?tenantId=t1", None),
        (Method::GET, of_installation.as_str(), None),
        (Method::POST, "/api/github/import/bridge", Some(json!({ "tenant_id": "t1" }))),
    ] {
        for (token, status, code) in [
            (&*own, 200, None),
            (&other, 404, Some("not_found")),
            (&none, 403, Some("no_tenant")),
            ("guess", 401, Some("unauthorized")),
        ] {
            let answer = world.call(method.clone(), path, token, body.clone()).await;
            let view: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!((answer.status, view["error"]["code"].as_str()), (status, code), "{path}: {view}");
        }
    }
    // More than a tenant is planned for services, and only they take artifacts.
    let all = Some(json!({ "scope": "all" }));
    assert_eq!(world.call(Method::POST, "/api/github/import/bridge", &own, all.clone()).await.status, 404);
    assert_eq!(world.call(Method::POST, "/api/github/import/bridge", SERVICE, all).await.status, 200);
    let (_, view) = world.of("p-mapped").await;
    let path = format!("/api/v1/github/artifacts/{}", view["artifact"].as_str().unwrap());
    assert_eq!(world.call(Method::GET, &path, &own, None).await.status, 401);
    assert_eq!(world.call(Method::GET, &path, SERVICE, None).await.status, 200);
}
