mod behind;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{EncodingKey, Header};
use proptest::prelude::*;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use self::behind::{Asked, Behind, Nothing, sandbox};
use super::super::auth::{Demands, Users};
use super::super::{Door, GithubApi, Limits, Listener, SLOW, Setup};
use super::*;
use crate::client::{Answered, Client as Caller, ClientError};
use crate::faults::Faults;
use crate::flows::gits::Place;
use crate::metrics::Metrics;
use crate::sandbox::{Author, Branch, Change, FileChange, MOST_FILES, OperationId};

const NOW: i64 = 1_750_000_000;
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const SERVICE: &str = "planted-service-token";
const SHA: &str = "0123456789abcdef0123456789abcdef01234567";
const ROUTES: [(&str, &str); 5] = [
    ("POST", "/api/v1/git/clone"),
    ("POST", "/api/v1/git/pull"),
    ("POST", "/api/v1/git/push"),
    ("GET", "/api/v1/git/sandboxes/s-1/archive"),
    ("DELETE", "/api/v1/git/sandboxes/s-1"),
];

struct World {
    at: String,
    behind: Arc<Behind>,
    parts: Arc<GitParts>,
    _dir: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}/cutover.db", dir.path().display());
        let db = crate::store::open(&url, Faults::none()).await.unwrap();
        let (clock, behind) = (Clock::manual(NOW * 1000), Arc::new(Behind::default()));
        let demands = Demands { tenant_claim: "org_id".into(), ..Demands::default() };
        let users = Users::new(clock.clone(), demands, Some(&SECRET.to_owned().into()), None);
        let auth = Auth { service_token: Some(SERVICE.into()), users: Some(Arc::new(users)), rates: None };
        let parts = Arc::new(GitParts::new(auth, behind.clone(), clock.clone()));
        let door = Door::new(Setup {
            tls: None,
            allow: None,
            metrics: Metrics::new(),
            apis: routes(parts.clone()),
            inbox: Arc::new(Nothing),
            db,
            clock,
            secrets: vec!["secret".into()],
            app_id: 7,
            trusted: Vec::new(),
            github_api: Box::new(|| GithubApi::NotAsked),
            redis: Box::new(|| crate::doors::http::RedisCheck::NotConfigured),
            limits: Limits::default(),
        });
        let listener = Listener::open("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let at = listener.address().to_string();
        tokio::spawn(listener.serve(door, CancellationToken::new()));
        Self { at, behind, parts, _dir: dir }
    }

    async fn sent(
        &self,
        (method, path): (&str, &str),
        token: &str,
        names: &[&str],
        body: impl Into<Vec<u8>>,
    ) -> Result<Answered, ClientError> {
        let url = format!("http://{}{path}", self.at).parse().unwrap();
        let client = Caller::new().unwrap();
        let mut request =
            client.request(Method::from_bytes(method.as_bytes()).unwrap(), url).bearer_auth(token);
        for name in names {
            request = request.header("Idempotency-Key", *name);
        }
        client.send(request.body(body.into()), Duration::from_secs(30)).await
    }

    async fn call(&self, route: (&str, &str), token: &str, body: &Value) -> (u16, Value) {
        let answer = self.sent(route, token, &[], body.to_string()).await.unwrap();
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    /// A push that is refused: status, code and text.
    async fn refused(&self, body: &Value) -> (u16, String, String) {
        let (status, answer) = self.call(ROUTES[2], SERVICE, body).await;
        let text = |name: &str| answer["error"][name].as_str().unwrap().to_owned();
        assert_eq!(self.behind.taken(), [], "{body}");
        (status, text("code"), text("message"))
    }
}

/// Keeps all that is logged on this thread.
fn planted_log() -> (impl tracing::Subscriber, Arc<Mutex<Vec<u8>>>) {
    let log = Arc::new(Mutex::new(Vec::new()));
    let (layer, kept) = (tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE), log.clone());
    (layer.with_writer(move || Kept(kept.clone())).finish(), log)
}

struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn user(claims: Value) -> String {
    let mut claims = claims;
    claims["exp"] = json!(NOW + 60);
    jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

fn good(route: (&str, &str)) -> Value {
    match route {
        (_, "/api/v1/git/clone") => json!({ "project_id": "p1", "ref": "main" }),
        (_, "/api/v1/git/pull") => json!({ "sandbox": "s-1" }),
        (_, "/api/v1/git/push") => push_body(),
        _ => Value::Null,
    }
}

fn push_body() -> Value {
    json!({
        "project_id": "p1", "branch": "main", "expected": SHA, "message": "Change\n", "time": NOW, "operation": "op-1",
        "author": { "name": "Ana", "email": "ana@example.com" },
        "files": [
            { "path": "a.txt", "content": "hi\n" },
            { "path": "run", "content_base64": STANDARD.encode(b"\0\xff"), "executable": true },
            { "path": "old", "remove": true },
        ],
    })
}

fn push_ask() -> PushAsk {
    PushAsk {
        place: Place { project: Some("p1".into()), ..Place::default() },
        change: Change {
            branch: Branch::parse("main").unwrap(),
            expected: SHA.into(),
            files: vec![
                FileChange::write("a.txt", b"hi\n".to_vec(), false).unwrap(),
                FileChange::write("run", b"\0\xff".to_vec(), true).unwrap(),
                FileChange::remove("old").unwrap(),
            ],
            message: "Change\n".into(),
            author: Author::new("Ana", "ana@example.com").unwrap(),
            time: NOW,
            force: false,
        },
        operation: OperationId::parse("op-1").unwrap(),
    }
}

/// The body with a field changed; `null` takes it away.
fn but(field: &str, value: Value) -> Value {
    let mut body = push_body();
    let at = body.pointer_mut(&field[..field.rfind('/').unwrap()]).unwrap();
    match at {
        Value::Array(list) => list[field[field.rfind('/').unwrap() + 1..].parse::<usize>().unwrap()] = value,
        Value::Object(map) => {
            let name = &field[field.rfind('/').unwrap() + 1..];
            let _ = if value.is_null() { map.remove(name) } else { map.insert(name.into(), value) };
        }
        _ => panic!("{field}"),
    }
    body
}

#[tokio::test]
async fn a_service_calls_for_all_a_user_for_the_own_tenant_and_nobody_else() {
    let world = World::new().await;
    for route in ROUTES {
        for token in ["wrong", "", "a.b.c"] {
            let (status, answer) = world.call(route, token, &good(route)).await;
            assert_eq!((status, &answer["error"]["code"]), (401, &json!("unauthorized")), "{route:?}");
        }
        let (status, answer) = world.call(route, &user(json!({ "sub": "u" })), &good(route)).await;
        assert_eq!((status, &answer["error"]["code"]), (403, &json!("no_tenant")), "{route:?}");
        assert_eq!(world.behind.taken(), []);
        for (token, within) in [
            (SERVICE.to_owned(), None),
            (user(json!({ "sub": "u", "org_id": "t7" })), Some(TenantId::from("t7"))),
        ] {
            let (status, answer) = world.call(route, &token, &good(route)).await;
            let expected = if route.0 == "DELETE" { 204 } else { 200 };
            assert_eq!(status, expected, "{route:?} {answer}");
            let asked = world.behind.taken();
            let own = match &asked[..] {
                [Asked::Clone(ask)] => &ask.place.within,
                [Asked::Pull(ask)] => &ask.within,
                [Asked::Push(ask)] => &ask.place.within,
                [Asked::Archive(id, own) | Asked::Release(id, own)] if id == "s-1" => own,
                other => panic!("{route:?}: {other:?}"),
            };
            assert_eq!(*own, within, "{route:?}");
        }
    }
}

#[tokio::test]
async fn bodies_are_understood_in_both_spellings_and_answered_in_one() {
    let world = World::new().await;
    let place = Place { tenant: Some("t1".into()), repository: Some("Acme/web".into()), ..Place::default() };
    for body in [
        json!({ "tenant_id": "t1", "repository": "Acme/web", "ref": "HEAD" }),
        json!({ "tenantId": "t1", "repoFullName": "Acme/web", "ref": "HEAD" }),
    ] {
        let (status, view) = world.call(ROUTES[0], SERVICE, &body).await;
        assert_eq!((status, &view), (200, &serde_json::to_value(sandbox(None)).unwrap()));
        assert_eq!(view["ref"], "HEAD");
        let ask = CloneAsk { place: place.clone(), reference: Some("HEAD".into()) };
        assert_eq!(world.behind.taken(), [Asked::Clone(ask)]);
    }
    let (status, _) = world.call(ROUTES[1], SERVICE, &json!({ "sandbox": "s-9", "ref": SHA })).await;
    let ask = PullAsk { sandbox: "s-9".into(), reference: Some(SHA.into()), within: None };
    assert_eq!((status, world.behind.taken()), (200, vec![Asked::Pull(ask)]));
    for body in [
        push_body(),
        but("/expected", json!(SHA.to_uppercase())),
        but("/branch", json!("refs/heads/main")),
        but(
            "/files/1",
            json!({ "path": "run", "contentBase64": "AP8=", "executable": true, "remove": false }),
        ),
    ] {
        let (status, view) = world.call(ROUTES[2], SERVICE, &body).await;
        assert_eq!(
            (status, &view["operation"], &view["pushed"]),
            (200, &json!("op-1"), &json!(true)),
            "{view}"
        );
        assert_eq!(world.behind.taken(), [Asked::Push(push_ask())]);
    }
    // The operation's name from the header, from both, from two lines.
    let without = but("/operation", Value::Null).to_string();
    for (names, body) in [
        (&["op-1"][..], without.clone()),
        (&["\"op-1\""], without.clone()),
        (&["op-1"], push_body().to_string()),
        (&["op-1", "op-1"], without.clone()),
    ] {
        assert_eq!(world.sent(ROUTES[2], SERVICE, names, body).await.unwrap().status, 200, "{names:?}");
        assert_eq!(world.behind.taken(), [Asked::Push(push_ask())]);
    }
    for (names, body) in [
        (&["op-2"][..], push_body().to_string()),
        (&["op-1", "op-2"], without.clone()),
        (&["op 1"], without.clone()),
        (&[], without),
    ] {
        let answer = world.sent(ROUTES[2], SERVICE, names, body).await.unwrap();
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(answer.status == 400 && text.contains("operation: "), "{names:?}: {text}");
    }
    assert_eq!(world.behind.taken(), []);
}

#[tokio::test]
async fn each_mistake_is_told_by_its_field() {
    let world = World::new().await;
    let file = |value: Value| but("/files/1", value);
    let cases = [
        (but("/more", json!(1)), "more: unknown field"),
        (but("/author/more", json!(1)), "author.more: unknown field"),
        (file(json!({ "path": "a", "content": "", "mode": "644" })), "files[1].mode: unknown field"),
        (but("/branch", Value::Null), "missing field `branch`"),
        (but("/author/email", Value::Null), "author: missing field `email`"),
        (but("/force", json!("yes")), "force: invalid type"),
        (but("/files", json!("all")), "files: invalid type"),
        (file(json!({ "path": 7, "content": "" })), "files[1].path: invalid type"),
        (but("/branch", json!("a..b")), "branch: "),
        (but("/branch", json!("-f")), "branch: "),
        (but("/expected", json!(&SHA[1..])), "expected: "),
        (but("/expected", json!("main")), "expected: "),
        (but("/message", json!(" \n")), "message: "),
        (but("/message", json!("a\0b")), "message: "),
        (but("/message", json!("x".repeat(64 * 1024 + 1))), "message: "),
        (but("/author/name", json!("a\nb")), "author: "),
        (but("/author/email", json!("<x>")), "author: "),
        (but("/time", Value::Null), "time: needed"),
        (but("/time", json!(-1)), "time: "),
        (but("/time", json!(NOW * 1000)), "time: "),
        (but("/time", json!("2025-06-15T15:06:40Z")), "time: invalid type"),
        (but("/operation", json!("a/b")), "operation: "),
        (but("/files", json!([])), "files: at least one"),
        (file(json!({ "path": "a" })), "files[1]: exactly one"),
        (file(json!({ "path": "a", "content": "", "content_base64": "" })), "files[1]: exactly one"),
        (file(json!({ "path": "a", "content": "", "remove": true })), "files[1]: exactly one"),
        (file(json!({ "path": "a", "content_base64": "", "remove": true })), "files[1]: exactly one"),
        (file(json!({ "path": "a", "remove": false })), "files[1]: exactly one"),
        (file(json!({ "path": "a", "remove": true, "executable": true })), "files[1].executable: "),
        (file(json!({ "path": "a", "content_base64": "AP8" })), "files[1].content_base64: "),
        (file(json!({ "path": "a.txt", "content": "" })), "files[1].path: it stands above"),
        (file(json!({ "path": "../a", "content": "" })), "files[1].path: "),
        (file(json!({ "path": "/a", "content": "" })), "files[1].path: "),
        (file(json!({ "path": ".Git/config", "content": "" })), "files[1].path: "),
        (file(json!({ "path": "", "remove": true })), "files[1].path: "),
    ];
    for (body, says) in cases {
        let (status, code, text) = world.refused(&body).await;
        assert_eq!((status, code.as_str()), (400, "bad_request"), "{says}: {text}");
        assert!(text.starts_with(says) && text.len() < 1_000, "{says}: {text}");
    }
    for (route, body, says) in [
        (ROUTES[0], json!({ "project_id": "p", "ref": "a b" }), "ref: "),
        (ROUTES[0], json!({ "project_id": "p", "method": "oauth" }), "method: unknown field"),
        (ROUTES[0], json!([]), "the body is no JSON object"),
        (ROUTES[1], json!({ "sandbox": "s", "ref": "" }), "ref: "),
        (ROUTES[1], json!({ "ref": "main" }), "missing field `sandbox`"),
    ] {
        let (status, answer) = world.call(route, SERVICE, &body).await;
        let text = answer["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(status == 400 && text.starts_with(says), "{route:?} {body}: {answer}");
    }
    for text in ["", "nul\0", "{}{}", "{\"sandbox\":\"s\"} x", "\u{feff}{}"] {
        assert_eq!(world.sent(ROUTES[1], SERVICE, &[], text).await.unwrap().status, 400, "{text}");
    }
    assert_eq!(world.behind.taken(), []);
}

#[tokio::test]
async fn each_error_has_its_status_on_every_route() {
    let world = World::new().await;
    let why = || "why".to_owned();
    let after = Duration::from_millis(2_500);
    let errors = [
        (GitsError::BadRequest(why()), 400, "bad_request", None),
        (GitsError::Unknown("project"), 404, "not_found", None),
        (GitsError::Ambiguous(vec![why(), why()]), 400, "ambiguous", None),
        (GitsError::NoCredential { why: why(), mend: why() }, 409, "no_credential", None),
        (GitsError::NotFound(why()), 404, "not_found", None),
        (GitsError::NoAccess(why()), 403, "no_access", None),
        (GitsError::Rejected(why()), 409, "remote_rejected", None),
        (GitsError::RateLimited { retry_after: after }, 429, "rate_limited", Some("3")),
        (GitsError::Unavailable(why()), 503, "github_unavailable", None),
        (GitsError::Quota(why()), 422, "quota", None),
        (GitsError::TimedOut(after), 504, "timed_out", None),
        (GitsError::Busy, 503, "busy", Some("5")),
        (GitsError::Expired, 410, "expired", None),
        (GitsError::Damaged(why()), 502, "damaged", None),
        (GitsError::Internal("planted-inside".into()), 500, "internal", None),
    ];
    for route in ROUTES {
        for (error, status, code, retry) in errors.clone() {
            world.behind.errors.lock().unwrap().push_back(error.clone());
            let answer = world.sent(route, SERVICE, &[], good(route).to_string()).await.unwrap();
            let body: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!((answer.status, &body["error"]["code"]), (status, &json!(code)), "{route:?} {error}");
            let told = answer.headers.get("retry-after").map(|value| value.to_str().unwrap());
            assert_eq!(told, retry, "{route:?} {error}");
            assert_eq!(body.to_string().contains(&error.to_string()), code != "internal", "{body}");
        }
    }
}

#[tokio::test]
async fn bodies_are_bounded_each_and_together() {
    let world = World::new().await;
    let all = world.parts.room.left();
    let fits = but("/files/0/content", json!("x".repeat(LARGEST_PUSH - 1_024)));
    assert_eq!(world.call(ROUTES[2], SERVICE, &fits).await.0, 200);
    assert_eq!(world.behind.taken().len(), 1);
    let over = but("/files/0/content", json!("x".repeat(LARGEST_PUSH)));
    let (status, code, text) = world.refused(&over).await;
    assert_eq!((status, code.as_str()), (413, "too_large"), "{text}");
    let small = json!({ "sandbox": "x".repeat(LARGEST_CALL) });
    assert_eq!(world.call(ROUTES[1], SERVICE, &small).await.0, 413);
    let many: Vec<Value> =
        (0..=MOST_FILES).map(|n| json!({ "path": n.to_string(), "remove": true })).collect();
    assert_eq!(world.call(ROUTES[2], SERVICE, &but("/files", json!(many[1..]))).await.0, 200);
    world.behind.taken();
    let (status, _, text) = world.refused(&but("/files", json!(many))).await;
    assert!(status == 400 && text.starts_with("files: more than 10000"), "{text}");
    assert_eq!(world.parts.room.left(), all);

    // A length that nobody said counts as it comes.
    let room = &world.parts.room;
    let flowing = |n: usize| {
        Body::from_stream(futures::stream::iter(
            std::iter::repeat_n(vec![b'x'; 1_000], n).map(Ok::<_, io::Error>),
        ))
    };
    let code =
        |read: Result<(Vec<u8>, Held), Refusal>| read.map(|(bytes, _)| bytes.len()).map_err(|of| of.code);
    assert_eq!(code(room.read(flowing(3), 3_000).await), Ok(3_000));
    assert_eq!(code(room.read(flowing(4), 3_999).await), Err("too_large"));
    let broken = futures::stream::iter([Ok(vec![1]), Err(io::Error::other("gone"))]);
    assert_eq!(code(room.read(Body::from_stream(broken), 99).await), Err("broken_off"));
    let mut held = Vec::new();
    while let Ok((_, room)) = room.read(flowing(1_000), LARGEST_PUSH).await {
        held.push(room);
    }
    assert!(held.len() > 60 && room.left() < 1_000, "{}", held.len());
    assert_eq!(code(room.read(flowing(1_000), LARGEST_PUSH).await), Err("busy"));
    assert_eq!(code(room.read(flowing(3), 3_000).await), Ok(3_000), "small ones pass");
    held.clear();
    assert_eq!(room.left(), all);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let clock = Clock::manual(0);
    let room = Room::new(clock.clone());
    let never = Body::from_stream(futures::stream::pending::<io::Result<Vec<u8>>>());
    let reading = room.read(never, 99);
    let moving = async {
        loop {
            clock.advance(Duration::from_secs(7));
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        read = reading => assert_eq!(read.err().unwrap().code, "too_slow"),
        () = moving => unreachable!(),
    }
}

#[tokio::test]
async fn an_archive_comes_whole_or_is_seen_to_be_cut() {
    let world = World::new().await;
    let parts = [vec![1; 70_000], vec![2; 10], vec![3; 40_000]];
    // A part is never longer than what is asked for at a time.
    let parts: Vec<Vec<u8>> = parts.iter().flat_map(|part| part.chunks(PART).map(<[u8]>::to_vec)).collect();
    *world.behind.parts.lock().unwrap() = (parts.clone(), false);
    let answer = world.sent(ROUTES[3], SERVICE, &[], "").await.unwrap();
    assert_eq!((answer.status, answer.headers["x-commit-sha"].to_str().unwrap()), (200, SHA));
    assert_eq!(answer.headers["content-type"], "application/x-tar");
    assert_eq!(answer.body, parts.concat());
    *world.behind.parts.lock().unwrap() = (parts, true);
    let broken = world.sent(ROUTES[3], SERVICE, &[], "").await;
    assert!(matches!(broken, Err(ClientError::Broken(_))), "{broken:?}");
}

#[tokio::test]
async fn a_push_goes_on_when_its_caller_goes_away() {
    let world = World::new().await;
    let gate = Arc::new(Notify::new());
    *world.behind.gate.lock().unwrap() = Some(gate.clone());
    let body = push_body().to_string();
    let mut stream = TcpStream::connect(&world.at).await.unwrap();
    let head = format!(
        "POST /api/v1/git/push HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {SERVICE}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    world.behind.begun.notified().await;
    let all = world.parts.room.left();
    drop(stream);
    // The door has seen that the caller is gone once another call on a new connection is answered.
    world.call(ROUTES[4], SERVICE, &Value::Null).await;
    assert_eq!(world.parts.room.left(), all, "its room is held to its end");
    world.behind.taken();
    gate.notify_one();
    world.behind.done.notified().await;
    assert_eq!(world.behind.taken(), [Asked::Push(push_ask())]);
}

#[tokio::test]
async fn a_body_has_its_room_until_git_is_done_with_it() {
    let world = World::new().await;
    let (all, gate) = (world.parts.room.left(), Arc::new(Notify::new()));
    *world.behind.gate.lock().unwrap() = Some(gate.clone());
    for route in &ROUTES[..3] {
        let body = good(*route);
        let looking = async {
            world.behind.begun.notified().await;
            assert!(world.parts.room.left() < all, "{route:?}");
            gate.notify_one();
        };
        let ((status, answer), ()) = tokio::join!(world.call(*route, SERVICE, &body), looking);
        assert_eq!((status, world.parts.room.left()), (200, all), "{route:?}: {answer}");
    }
}

/// Whoever calls, right or wrong: what it shows stands in no answer and in no line of the log.
#[tokio::test]
async fn no_bearer_is_in_an_answer_or_in_the_log() {
    let (subscriber, log) = planted_log();
    let _guard = tracing::subscriber::set_default(subscriber);
    let world = World::new().await;
    let own = json!({ "sub": "u", "org_id": "t7" });
    let bearers = ["planted-guess".to_owned(), user(own.clone()), format!("{}x", user(own)), SERVICE.into()];
    let mut told = String::new();
    for route in ROUTES {
        for bearer in &bearers {
            let errors = [GitsError::Internal("inside".into()), GitsError::Busy];
            world.behind.errors.lock().unwrap().extend(errors);
            for _ in 0..3 {
                let answer = world.sent(route, bearer, &["op-1"], good(route).to_string()).await.unwrap();
                told.push_str(&format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body)));
            }
            world.behind.errors.lock().unwrap().clear();
        }
    }
    let logged = String::from_utf8(log.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("answered") && told.contains("unauthorized"), "nothing was looked at: {logged}");
    for bearer in &bearers {
        assert!(!told.contains(bearer) && !logged.contains(bearer), "{bearer} was shown");
    }
}

#[tokio::test]
async fn the_document_describes_what_is_served_and_long_work_has_its_time() {
    let world = World::new().await;
    let (_, document) = world.call(("GET", "/openapi.json"), SERVICE, &Value::Null).await;
    let mut ids = BTreeSet::new();
    for (method, path) in ROUTES {
        let operation = &document["paths"][path.replace("s-1", "{id}")][method.to_lowercase()];
        assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{method} {path}");
        assert!(operation["responses"]["401"].is_object() && operation["responses"]["default"].is_object());
        assert_eq!(SLOW.contains(&path), method == "POST", "{path}");
    }
    for name in ["GitClone", "GitPull", "GitPush", "GitAuthor", "GitFile"] {
        assert!(document["components"]["schemas"][name]["properties"].is_object(), "{name}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_asked_for(bytes: Vec<u8>, executable: bool, force: bool, time in 0_i64..=253_402_300_799) {
        let mut body = but("/files", json!([
            { "path": "a/b", "content_base64": STANDARD.encode(&bytes), "executable": executable },
        ]));
        (body["force"], body["time"]) = (json!(force), json!(time));
        let read: PushBody = ask::read(body.to_string().as_bytes()).unwrap();
        let made = read.ask(&HeaderMap::new(), None).unwrap().change;
        let expected = FileChange::write("a/b", bytes, executable).unwrap();
        prop_assert_eq!((made.files, made.force, made.time), (vec![expected], force, time));
    }

    #[test]
    fn no_body_is_a_panic(bytes: Vec<u8>, at in 0_usize..600, with: u8) {
        let _ = ask::read::<PushBody>(&bytes);
        let mut body = push_body().to_string().into_bytes();
        let at = at % body.len();
        body[at] = with;
        if let Ok(read) = ask::read::<PushBody>(&body) {
            let _ = read.ask(&HeaderMap::new(), None);
        }
    }
}
