//! What the door says about itself: the document, health, metrics; and who may deliver.

use std::collections::BTreeSet;

use axum::extract::Path;
use ipnet::IpNet;
use serde_json::Value;
use utoipa_axum::routes;

use super::*;
use crate::github::{GitHub, GitHubSettings};

fn plain(method: &'static str, path: &str) -> Call {
    // Tests are few and short: what they leak is little.
    let path: &'static str = Box::leak(path.to_owned().into_boxed_str());
    Call { method, path, body: Vec::new(), ..push() }.set("content-length", "0")
}

/// An area's routes.
fn apis() -> OpenApiRouter {
    #[utoipa::path(get, path = "/api/v1/things/{id}", responses((status = 200, description = "One")))]
    async fn one(Path(id): Path<String>) -> String {
        id
    }
    #[utoipa::path(put, path = "/api/v1/things/{id}", responses((status = 200, description = "Put")))]
    async fn put(Path(id): Path<String>) -> String {
        id
    }
    OpenApiRouter::new().routes(routes!(one, put))
}

async fn document(world: &World) -> Value {
    world.send(&plain("GET", "/openapi.json")).await.body
}

#[tokio::test]
async fn the_document_is_what_is_served() {
    let world = World::of(|setup| Setup { apis: apis(), ..setup }).await;
    let document = document(&world).await;
    let paths = document["paths"].as_object().unwrap();
    let own = ["/health", "/health/live", "/health/ready", "/metrics", "/openapi.json"];
    let expected: BTreeSet<&str> = own.into_iter().chain(WEBHOOKS).chain(["/api/v1/things/{id}"]).collect();
    assert_eq!(paths.keys().map(String::as_str).collect::<BTreeSet<_>>(), expected);
    let mut ids = BTreeSet::new();
    for (template, operations) in paths {
        let path = template.replace("{id}", "7");
        let operations = operations.as_object().unwrap();
        for method in ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"] {
            let answer = world.send(&plain(method, &path)).await;
            let Some(operation) = operations.get(&method.to_lowercase()) else {
                assert_eq!(answer.code(), (405, "method_not_allowed"), "{method} {path}");
                let allow = answer.head.lines().find_map(|line| line.strip_prefix("allow: ")).unwrap();
                let allowed: BTreeSet<&str> =
                    allow.split(',').map(str::trim).filter(|m| *m != "head").collect();
                assert_eq!(allowed, operations.keys().map(String::as_str).collect(), "{method} {path}");
                continue;
            };
            assert!(!matches!(answer.status, 0 | 404 | 405), "{method} {path}: {answer:?}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{operation}");
            let refusal = &operation["responses"]["default"]["content"]["application/json"]["schema"]["$ref"];
            assert_eq!(refusal, "#/components/schemas/Error", "{method} {path}");
            // What was answered is one of what is described.
            let described = operation["responses"].as_object().unwrap();
            let status = answer.status.to_string();
            assert!(described.contains_key(&status), "{method} {path}: {status} is not described");
        }
        for other in [format!("{path}/x"), format!("{path}/"), path.to_uppercase(), format!("/x{path}")] {
            assert_eq!(world.send(&plain("GET", &other)).await.code(), (404, "not_found"), "{other}");
        }
    }
}

#[tokio::test]
async fn every_reference_of_the_document_leads_somewhere() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let world = World::new().await;
    let document = document(&world).await;
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.contains("#/components/schemas/Error") && found.len() >= 3, "{found:?}");
    for reference in &found {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference} leads nowhere");
    }
    let schemes = &document["components"]["securitySchemes"];
    for name in ["service", "user"] {
        assert_eq!((&schemes[name]["type"], &schemes[name]["scheme"]), (&"http".into(), &"bearer".into()));
    }
    let accepted = &document["paths"]["/webhooks/github"]["post"]["responses"]["202"];
    let schema = accepted["content"]["application/json"]["schema"]["$ref"].as_str().unwrap();
    let fields = document.pointer(&format!("{}/properties", &schema[1..])).unwrap().as_object().unwrap();
    let fields: BTreeSet<&str> = fields.keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        BTreeSet::from(["status", "event_type", "delivery_id", "repository", "installation_id"])
    );
}

#[tokio::test]
async fn a_scrape_shows_what_happened_and_callers_make_no_series() {
    let world = World::of(|setup| Setup { apis: apis(), ..setup }).await;
    assert_eq!(world.send(&push()).await.status, 202);
    world.send(&push().bad()).await;
    world.does(Does::Refuse);
    assert_eq!(world.send(&push()).await.status, 503);
    for n in 0..50 {
        world.send(&plain("GET", &format!("/api/v1/things/{n}"))).await;
        world.send(&plain("GET", &format!("/stray/{n}"))).await;
    }
    let text = {
        let mut stream = TcpStream::connect(world.at).await.unwrap();
        stream.write_all(&plain("GET", "/metrics").bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        String::from_utf8(bytes).unwrap()
    };
    assert!(text.to_lowercase().contains("content-type: text/plain; version=0.0.4"), "{text}");
    for line in [
        "github_webhook_received 2",
        "github_webhook_failed 1",
        "cutover_webhook_acknowledge_seconds_count 2",
        "cutover_webhook_body_bytes_count 2",
        "cutover_http_request_seconds_count{route=\"/webhooks/github\",status=\"2xx\"} 1",
        "cutover_http_request_seconds_count{route=\"/webhooks/github\",status=\"4xx\"} 1",
        "cutover_http_request_seconds_count{route=\"/webhooks/github\",status=\"5xx\"} 1",
        "cutover_http_request_seconds_count{route=\"/api/v1/things/{id}\",status=\"2xx\"} 50",
        "cutover_http_request_seconds_count{route=\"none\",status=\"4xx\"} 50",
    ] {
        assert!(text.lines().any(|own| own == line), "{line}\n{text}");
    }
    assert!(!text.contains("stray"));
}

async fn health(world: &World, path: &str) -> (u16, String, String) {
    // A finding is good for a second.
    world.clock.advance(Duration::from_secs(1));
    let answer = world.send(&plain("GET", path)).await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (answer.status, text(&answer.body["status"]), text(&answer.body["checks"]["github_api"]))
}

#[tokio::test]
async fn github_takes_readiness_away_and_never_liveness() {
    let github = Arc::new(Mutex::new(GithubApi::Answers));
    let told = github.clone();
    let world =
        World::of(|setup| Setup { github_api: Box::new(move || *told.lock().unwrap()), ..setup }).await;
    let minutes = |n: u64| Duration::from_secs(60 * n);
    for (state, word, ready) in [
        (GithubApi::Answers, "healthy", (200, "healthy")),
        (GithubApi::NotAsked, "not asked yet", (200, "healthy")),
        (GithubApi::Exhausted, "rate limited", (200, "degraded")),
        (GithubApi::Unreachable { over: minutes(4) }, "unreachable", (200, "degraded")),
        (GithubApi::Unreachable { over: minutes(5) }, "unreachable", (503, "unhealthy")),
        (GithubApi::KeysRefused { over: minutes(6) }, "the App's keys are refused", (503, "unhealthy")),
    ] {
        *github.lock().unwrap() = state;
        let live = if ready.1 == "healthy" { "healthy" } else { "degraded" };
        for path in ["/health", "/health/live"] {
            assert_eq!(health(&world, path).await, (200, live.into(), word.into()), "{state:?}");
        }
        assert_eq!(
            health(&world, "/health/ready").await,
            (ready.0, ready.1.into(), word.into()),
            "{state:?}"
        );
    }
    *github.lock().unwrap() = GithubApi::Answers;
    world.db.close().await;
    for path in ["/health", "/health/live", "/health/ready"] {
        assert_eq!(health(&world, path).await, (503, "unhealthy".into(), "healthy".into()), "{path}");
    }
}

#[tokio::test]
async fn a_door_that_stops_is_not_ready() {
    let mut world = World::new().await;
    let door = world.door.clone();
    assert_eq!(super::super::health::ready(State(door.clone())).await.status(), 200);
    world.stop.cancel();
    (&mut world.serving).await.unwrap();
    assert_eq!(super::super::health::ready(State(door.clone())).await.status(), 503);
    assert_eq!(super::super::health::live(State(door)).await.status(), 200);
}

/// A GitHub that answers `GET /meta`, as long as it has something to say.
struct Meta {
    base: String,
    hooks: Arc<Mutex<Option<Vec<&'static str>>>>,
}

impl Meta {
    async fn new() -> Self {
        let hooks = Arc::new(Mutex::new(Some(vec!["192.0.2.0/24"])));
        let told = hooks.clone();
        let meta = move || {
            let hooks = told.lock().unwrap().clone();
            async move {
                let hooks = hooks.ok_or(StatusCode::BAD_GATEWAY)?;
                Ok::<_, StatusCode>(axum::Json(serde_json::json!({ "hooks": hooks, "web": ["10.0.0.0/8"] })))
            }
        };
        let router = axum::Router::new().route("/meta", axum::routing::get(meta));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { base, hooks }
    }

    fn says(&self, hooks: Option<&[&'static str]>) {
        *self.hooks.lock().unwrap() = hooks.map(<[_]>::to_vec);
    }

    async fn list(&self, db: &Db, clock: &Clock) -> Arc<AllowList> {
        let key = include_str!("../../../github/testdata/first.pem");
        let settings = GitHubSettings::new(self.base.clone(), 7, vec![SecretString::from(key)]);
        let github = GitHub::new(&settings, clock.clone()).unwrap();
        let extra: Vec<IpNet> = vec!["198.51.100.7/32".parse().unwrap()];
        AllowList::new(extra, db.clone(), github, clock.clone()).await
    }
}

#[tokio::test]
async fn only_githubs_addresses_may_deliver_when_that_is_asked_for() {
    let meta = Meta::new().await;
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/list.db", dir.path().display());
    let (db, clock) = (crate::store::open(&url, Faults::none()).await.unwrap(), Clock::manual(0));
    let list = meta.list(&db, &clock).await;
    let trusted = vec!["127.0.0.1/32".parse().unwrap()];
    let allow = Some(list.clone());
    let world = World::of(|setup| Setup { allow, trusted, ..setup }).await;
    let from = |address| push().set("x-forwarded-for", address);
    // Never had: nobody can tell, and GitHub shall come again.
    let answer = world.send(&from("192.0.2.9")).await;
    assert_eq!(answer.code(), (503, "no_allow_list"));
    assert!(answer.head.contains("retry-after"));
    assert_eq!(world.send(&from("198.51.100.7")).await.status, 202);

    assert!(list.refresh().await);
    assert_eq!(world.send(&from("192.0.2.9")).await.status, 202);
    for path in WEBHOOKS {
        let answer = world.send(&Call { path, ..from("203.0.113.1") }).await;
        assert_eq!(answer.code(), (403, "not_allowed"), "{path}");
    }
    // Refused before its body is asked for, and whatever it signs.
    assert_eq!(world.raw(&from("203.0.113.1").head()).await.status, 403);
    // Everything else is for everybody.
    assert_eq!(world.send(&plain("GET", "/health").set("x-forwarded-for", "203.0.113.1")).await.status, 200);

    // Nonsense and outages change nothing.
    for hooks in [Some(&["everything"][..]), Some(&[][..]), Some(&["0.0.0.0/0"][..]), None] {
        meta.says(hooks);
        assert!(!world_moves(&clock, list.refresh()).await, "{hooks:?}");
        assert_eq!(world.send(&from("192.0.2.9")).await.status, 202, "{hooks:?}");
        assert_eq!(world.send(&from("203.0.113.1")).await.status, 403, "{hooks:?}");
    }
    // A start without GitHub has the last good one.
    let again = meta.list(&db, &clock).await;
    assert_eq!(again.judge("192.0.2.9".parse().unwrap()), super::super::allow::Verdict::Allowed);
    assert_eq!(again.judge("203.0.113.1".parse().unwrap()), super::super::allow::Verdict::NotAllowed);
    meta.says(Some(&["203.0.113.0/24"]));
    assert!(list.refresh().await);
    assert_eq!(world.send(&from("203.0.113.1")).await.status, 202);
    assert_eq!(world.send(&from("192.0.2.9")).await.status, 403);
}

/// Lets the clock go on until this has come.
async fn world_moves<T>(clock: &Clock, work: impl Future<Output = T>) -> T {
    tokio::select! {
        out = work => out,
        () = async { loop { clock.advance(Duration::from_millis(100)); tokio::task::yield_now().await; } } => unreachable!(),
    }
}
