use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::faults::Faults;
use crate::hex::hex;

/// What the inbox does with a delivery.
#[derive(Clone, Copy, PartialEq)]
enum Does {
    Keep,
    Refuse,
    Panic,
    Hang,
}

struct FakeInbox {
    does: Mutex<Does>,
    kept: Mutex<Vec<Arrival>>,
    came: Notify,
    go: Notify,
    /// How many it is asked for now, and how many at the most.
    inside: AtomicUsize,
    most_inside: AtomicUsize,
}

#[async_trait]
impl Take for FakeInbox {
    async fn take(&self, arrival: Arrival) -> Result<(), WriteError> {
        self.came.notify_one();
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_inside.fetch_max(inside, Ordering::SeqCst);
        let does = *self.does.lock().unwrap();
        match does {
            Does::Keep => {}
            Does::Refuse => return Err(WriteError::Unavailable("secret path".into())),
            Does::Panic => panic!("a fault of the inbox"),
            Does::Hang => self.go.notified().await,
        }
        self.inside.fetch_sub(1, Ordering::SeqCst);
        self.kept.lock().unwrap().push(arrival);
        Ok(())
    }
}

/// An open door on a real store, with an inbox that does as it is told.
pub(super) struct World {
    clock: Clock,
    pub(super) at: SocketAddr,
    inbox: Arc<FakeInbox>,
    pub(super) db: Db,
    door: Arc<Door>,
    metrics: Metrics,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    _dir: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        Self::with(Limits { failed_signatures_per_minute: 3, ..Limits::default() }, &[]).await
    }

    async fn with(limits: Limits, trusted: &[&str]) -> Self {
        let trusted = trusted.iter().map(|net| net.parse().unwrap()).collect();
        Self::of(|setup| Setup { limits, trusted, ..setup }).await
    }

    pub(super) async fn of(change: impl FnOnce(Setup) -> Setup) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}/cutover.db", dir.path().display());
        let db = crate::store::open(&url, Faults::none()).await.unwrap();
        let clock = Clock::manual(0);
        let inbox = Arc::new(FakeInbox {
            does: Mutex::new(Does::Keep),
            kept: Mutex::default(),
            came: Notify::new(),
            go: Notify::new(),
            inside: AtomicUsize::new(0),
            most_inside: AtomicUsize::new(0),
        });
        let metrics = Metrics::new();
        let door = Door::new(change(Setup {
            apis: OpenApiRouter::new(),
            tls: None,
            allow: None,
            metrics: metrics.clone(),
            inbox: inbox.clone(),
            db: db.clone(),
            clock: clock.clone(),
            secrets: ["new", "old"].map(|secret| SecretString::from(secret.to_owned())).to_vec(),
            app_id: 7,
            trusted: Vec::new(),
            github_api: Box::new(|| GithubApi::NotAsked),
            redis: Box::new(|| crate::doors::http::RedisCheck::NotConfigured),
            limits: Limits::default(),
        }));
        let listener = Listener::open("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (at, stop) = (listener.address(), CancellationToken::new());
        let serving = tokio::spawn(listener.serve(door.clone(), stop.clone()));
        Self { clock, at, inbox, db, door, metrics, stop, serving, _dir: dir }
    }

    fn does(&self, does: Does) {
        *self.inbox.does.lock().unwrap() = does;
    }

    fn kept(&self) -> usize {
        self.inbox.kept.lock().unwrap().len()
    }

    /// Sends bytes on a connection of its own, and reads the answer to its end.
    async fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.at).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        read(stream).await
    }

    async fn send(&self, call: &Call) -> Answer {
        self.raw(&call.bytes()).await
    }

    /// Moves the clock on until this has come.
    async fn moving<T>(&self, by: Duration, work: impl Future<Output = T>) -> T {
        tokio::select! {
            out = work => out,
            () = async { loop { self.clock.advance(by); tokio::task::yield_now().await; } } => unreachable!(),
        }
    }
}

async fn read(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    // A server that has answered before the body's end may reset the rest.
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer {
        status,
        head: head.to_lowercase(),
        body: serde_json::from_str(body).unwrap_or(serde_json::Value::Null),
    }
}

#[derive(Debug)]
struct Answer {
    /// 0 for none.
    status: u16,
    head: String,
    body: serde_json::Value,
}

impl Answer {
    fn code(&self) -> (u16, &str) {
        (self.status, self.body["error"]["code"].as_str().unwrap_or_default())
    }
}

/// A delivery as GitHub sends it, to be spoilt.
#[derive(Clone)]
struct Call {
    method: &'static str,
    path: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn signed(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", hex(&mac.finalize().into_bytes()))
}

fn push() -> Call {
    call(br#"{"installation":{"id":42},"repository":{"id":9,"full_name":"octo/hello"}}"#.to_vec())
}

fn call(body: Vec<u8>) -> Call {
    let headers = vec![
        ("host", "localhost".into()),
        ("connection", "close".into()),
        ("content-type", "application/json".into()),
        ("content-length", body.len().to_string()),
        ("x-hub-signature-256", signed("new", &body)),
        ("x-github-hook-installation-target-type", "integration".into()),
        ("x-github-hook-installation-target-id", "7".into()),
        ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958".into()),
        ("x-github-event", "push".into()),
    ];
    Call { method: "POST", path: "/webhooks/github", headers, body }
}

impl Call {
    fn set(mut self, name: &'static str, value: &str) -> Self {
        self = self.without(name);
        self.headers.push((name, value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(own, _)| *own != name);
        self
    }

    fn bad(self) -> Self {
        self.set("x-hub-signature-256", &format!("sha256={}", "0".repeat(64)))
    }

    fn head(&self) -> Vec<u8> {
        let lines: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("{} {} HTTP/1.1\r\n{lines}\r\n", self.method, self.path).into_bytes()
    }

    fn bytes(&self) -> Vec<u8> {
        [self.head(), self.body.clone()].concat()
    }
}

#[tokio::test]
async fn a_delivery_is_kept_as_it_came_and_acknowledged() {
    let world = World::new().await;
    for path in WEBHOOKS {
        let answer = world.send(&Call { path, ..push() }).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let expected = serde_json::json!({
            "status": "accepted", "event_type": "push", "delivery_id": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
            "repository": "octo/hello", "installation_id": 42,
        });
        assert_eq!(answer.body, expected);
    }
    let kept = world.inbox.kept.lock().unwrap();
    assert_eq!(kept.len(), 3);
    assert_eq!((&kept[0].body[..], kept[0].event.as_str()), (&push().body[..], "push"));
    assert_eq!((kept[0].envelope.installation, kept[0].envelope.repo_id), (Some(42), Some(9)));
}

#[tokio::test]
async fn each_fault_has_its_answer_and_nothing_is_kept() {
    let limits = Limits { failed_signatures_per_minute: 100, ..Limits::default() };
    let world = World::with(limits, &[]).await;
    let form = "application/x-www-form-urlencoded";
    let cases = [
        (push().set("content-type", form), 415, "unsupported_media_type"),
        (push().without("content-type"), 415, "unsupported_media_type"),
        (push().without("x-hub-signature-256"), 401, "bad_signature"),
        (push().bad(), 401, "bad_signature"),
        (push().set("x-hub-signature-256", &signed("third", &push().body)), 401, "bad_signature"),
        (push().set("x-github-hook-installation-target-id", "8"), 401, "other_app"),
        (push().without("x-github-hook-installation-target-id"), 401, "other_app"),
        (push().without("x-github-delivery"), 400, "bad_header"),
        (push().set("x-github-delivery", &"a".repeat(65)), 400, "bad_header"),
        (push().set("x-github-delivery", "a b"), 400, "bad_header"),
        (push().without("x-github-event"), 400, "bad_header"),
        (push().set("x-github-event", "Push"), 400, "bad_header"),
        (call(b"[]".to_vec()), 400, "bad_payload"),
        (call(b"not json".to_vec()), 400, "bad_payload"),
        (Call { method: "GET", ..push() }, 405, "method_not_allowed"),
        (Call { method: "PUT", ..push() }, 405, "method_not_allowed"),
        (Call { path: "/webhooks/gitlab", ..push() }, 404, "not_found"),
        (Call { method: "DELETE", path: "/health", ..push() }, 405, "method_not_allowed"),
        // The first fault in the order of checks is the one that is said.
        (
            call(b"[]".to_vec()).bad().set("content-type", form).without("x-github-event"),
            415,
            "unsupported_media_type",
        ),
        (call(b"[]".to_vec()).bad().set("x-github-hook-installation-target-id", "8"), 401, "bad_signature"),
        (
            call(b"[]".to_vec()).set("x-github-hook-installation-target-id", "8").without("x-github-event"),
            401,
            "other_app",
        ),
        (call(b"[]".to_vec()).without("x-github-event"), 400, "bad_header"),
    ];
    for (call, status, code) in cases {
        let answer = world.send(&call).await;
        assert_eq!(answer.code(), (status, code), "{answer:?}");
        let id = answer.body["error"]["request_id"].as_str().unwrap();
        assert!(answer.head.contains(&format!("x-request-id: {id}")), "{answer:?}");
    }
    assert_eq!(world.kept(), 0);
}

#[tokio::test]
async fn what_github_may_send_otherwise_is_taken() {
    let world = World::new().await;
    for call in [
        push().set("x-hub-signature-256", &signed("old", &push().body)),
        push().set("content-type", "Application/JSON; charset=utf-8"),
        push()
            .without("x-github-hook-installation-target-type")
            .without("x-github-hook-installation-target-id"),
        push().set("x-github-event", "an_event_of_2030"),
        call(b"{}".to_vec()),
    ] {
        assert_eq!(world.send(&call).await.status, 202);
    }
}

#[tokio::test]
async fn what_is_not_durable_is_not_acknowledged() {
    let world = World::new().await;
    world.does(Does::Refuse);
    let answer = world.send(&push()).await;
    assert_eq!(answer.code(), (503, "not_durable"));
    assert!(answer.head.contains("retry-after: 5"), "{answer:?}");
    assert!(!answer.body.to_string().contains("secret path"));
    world.does(Does::Panic);
    assert_eq!(world.send(&push()).await.code(), (500, "internal"));
    world.does(Does::Hang);
    let answer = world.moving(Duration::from_secs(1), world.send(&push())).await;
    assert_eq!(answer.code(), (503, "not_durable"));
    world.does(Does::Keep);
    assert_eq!(world.send(&push()).await.status, 202);
}

#[tokio::test]
async fn the_largest_body_is_taken_and_one_byte_more_is_not() {
    let world = World::new().await;
    let body = |length: usize| [b"{\"a\":\"", &vec![b'x'; length - 8][..], b"\"}"].concat();
    let chunked = |call: Call| {
        let call = call.without("content-length").set("transfer-encoding", "chunked");
        let size = format!("{:x}\r\n", call.body.len()).into_bytes();
        [call.head(), size, call.body.clone(), b"\r\n0\r\n\r\n".to_vec()].concat()
    };
    let largest = call(body(LARGEST_BODY));
    assert_eq!(world.send(&largest).await.status, 202);
    assert_eq!(world.raw(&chunked(largest)).await.status, 202);
    // Declared too large, it is refused before any of it has come.
    let larger = call(body(LARGEST_BODY + 1));
    assert_eq!(world.raw(&larger.head()).await.code(), (413, "too_large"));
    let mut stream = TcpStream::connect(world.at).await.unwrap();
    let all = chunked(larger);
    // Without the end: the answer comes at the byte that is too much.
    stream.write_all(&all[..all.len() - 7]).await.unwrap();
    assert_eq!(read(stream).await.code(), (413, "too_large"));
    assert_eq!(world.kept(), 2);
}

#[tokio::test]
async fn bad_signatures_limit_their_address_only() {
    let limits = Limits { failed_signatures_per_minute: 3, ..Limits::default() };
    let world = World::with(limits, &["127.0.0.1/32"]).await;
    let from = |call: Call, address| call.set("x-forwarded-for", address);
    for _ in 0..3 {
        assert_eq!(world.send(&from(push().bad(), "192.0.2.1")).await.status, 401);
    }
    // Refused before the body has come, and before anything else is looked at.
    let answer = world.raw(&from(push().set("content-type", "x/y"), "192.0.2.1").head()).await;
    assert_eq!(answer.code(), (429, "rate_limited"));
    assert!(answer.head.contains("retry-after: 60"), "{answer:?}");
    // A forged entry to the left changes nothing.
    assert_eq!(world.send(&from(push(), "198.51.100.1, 192.0.2.1")).await.status, 429);
    for _ in 0..20 {
        assert_eq!(world.send(&from(push(), "192.0.2.2")).await.status, 202);
    }
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.send(&from(push(), "192.0.2.1")).await.status, 202);
    // A verified delivery came from there: strangers behind the same address don't shut it out.
    for _ in 0..5 {
        assert_eq!(world.send(&from(push().bad(), "192.0.2.1")).await.status, 401);
    }
    assert_eq!(world.send(&from(push(), "192.0.2.1")).await.status, 202);
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let world = World::new().await;
    let mut stream = TcpStream::connect(world.at).await.unwrap();
    stream.write_all(b"POST /webhooks/github HTTP/1.1\r\nhost:").await.unwrap();
    let answer = world.moving(Duration::from_secs(1), read(stream)).await;
    assert!(matches!(answer.status, 0 | 408), "{answer:?}");
    assert_eq!(world.send(&push()).await.status, 202);
}

#[tokio::test]
async fn a_request_id_is_taken_over_when_it_is_sane() {
    let world = World::new().await;
    let answer = world.send(&push().set("x-request-id", "abc-1.2_3")).await;
    assert!(answer.head.contains("x-request-id: abc-1.2_3"), "{answer:?}");
    for odd in ["a b", "<x>", &"a".repeat(65)] {
        let answer = world.send(&push().set("x-request-id", odd)).await;
        assert!(answer.head.contains("x-request-id: 0") && !answer.head.contains(odd), "{answer:?}");
    }
}

#[tokio::test]
async fn a_stop_lets_the_request_under_way_end() {
    let world = World::new().await;
    world.does(Does::Hang);
    let mut stream = TcpStream::connect(world.at).await.unwrap();
    stream.write_all(&push().without("connection").bytes()).await.unwrap();
    world.inbox.came.notified().await;
    world.stop.cancel();
    world.inbox.go.notify_one();
    let answer = read(stream).await;
    assert_eq!(answer.status, 202);
    world.serving.await.unwrap();
    assert_eq!(world.inbox.kept.lock().unwrap().len(), 1);
    assert!(TcpStream::connect(world.at).await.is_err());
}

#[tokio::test]
async fn what_does_not_end_is_cut() {
    let limits = Limits { drain: Duration::from_secs(5), ..Limits::default() };
    let mut world = World::with(limits, &[]).await;
    world.does(Does::Hang);
    let mut stream = TcpStream::connect(world.at).await.unwrap();
    stream.write_all(&push().bytes()).await.unwrap();
    world.inbox.came.notified().await;
    world.stop.cancel();
    let serving = std::mem::replace(&mut world.serving, tokio::spawn(async {}));
    world.moving(Duration::from_millis(100), serving).await.unwrap();
    assert!(world.clock.monotonic() < Duration::from_secs(30));
    assert_eq!(read(stream).await.status, 0);
}

#[tokio::test]
async fn health_says_what_is_known() {
    let world = World::new().await;
    let health = Call { method: "GET", path: "/health", body: Vec::new(), ..push() };
    let health = health.set("content-length", "0");
    let answer = world.send(&health).await;
    let checks =
        serde_json::json!({"database": "healthy", "github_api": "not asked yet", "redis": "not configured"});
    assert_eq!((answer.status, &answer.body["status"]), (200, &"healthy".into()));
    assert_eq!(answer.body["checks"], checks);
    world.db.close().await;
    world.clock.advance(Duration::from_secs(1));
    let answer = world.send(&health).await;
    assert_eq!((answer.status, &answer.body["status"]), (503, &"unhealthy".into()));
    assert_eq!(answer.body["checks"]["database"], "unhealthy");
}

mod api;
mod ofrep;
mod room;
mod schema;
mod tls;
