//! Flags over HTTP: the contract's rows, who may what, what is told when something changes, and that nobody is ever limited.

use axum::http::header::ETAG;
use cutover_shared::rollout::{Operation, RolloutName, Side, Stage};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::schema::check;
use super::*;
use crate::doors::http::auth::Auth;
use crate::doors::http::auth::scope::{ApiKey, ApiKeys, Scope};
use crate::doors::http::flags::{self, FlagParts};
use crate::doors::http::ofrep::{self, OfrepParts};
use crate::rollout::book::{RolloutSettings, Rollouts};
use crate::rollout::criteria::Rules;
use crate::rollout::evidence::Recorded;
use crate::rollout::router::Router as Decider;
use crate::rollout::stages::Track;
use crate::run::Brake;
use crate::store::{CatalogOp, Lane, Unit, sample};

const CLONE: &str = "git.clone.use_service_layer";
const ONE: &str = "/ofrep/v1/evaluate/flags/git.clone.use_service_layer";
const ALL: &str = "/ofrep/v1/evaluate/flags";
const EVENTS: &str = "/ofrep/v1/events";
const STREAMS: usize = 3;

/// A stream that is silent for longer, by the real clock, is a failure and not a hang.
const LONG: Duration = Duration::from_secs(20);

struct Flags {
    world: World,
    brake: Brake,
    rollouts: Rollouts,
    stop: CancellationToken,
}

fn key(name: &str, scope: Scope, tenants: &[&str]) -> ApiKey {
    let tenants = tenants.iter().map(|tenant| (*tenant).to_owned()).collect();
    ApiKey { name: name.to_owned(), key: SecretString::from(format!("{name}-secret")), scope, tenants }
}

impl Flags {
    /// Both rollouts in `live`, not killed.
    async fn new() -> Self {
        let (brake, stop, mut made) = (Brake::pulled(), CancellationToken::new(), None);
        brake.release(brake.newest().unwrap());
        let router = Decider::new(brake.clone());
        let dir = tempfile::tempdir().unwrap();
        let world = World::of(|setup| {
            let settings = RolloutSettings {
                track: Track::new(&[10, 50, 100]).unwrap(),
                rules: Rules::default(),
                shadow_buckets: 0,
                initial: [Stage::Live; 2],
            };
            let (db, clock) = (setup.db.clone(), setup.clock.clone());
            let evidence = Arc::new(Recorded {
                db: db.clone(),
                clock: clock.clone(),
                limits: crate::rollout::second::RepairLimits {
                    age: std::time::Duration::from_secs(3_600),
                    most: 100,
                },
            });
            let rollouts = Rollouts::new(db, clock.clone(), router.clone(), settings, evidence, dir.path());
            let service = SecretString::from("service-secret");
            let keys = Arc::new(ApiKeys::new(
                Some(&service),
                &[
                    key("client", Scope::Evaluate, &[]),
                    key("acme", Scope::Evaluate, &["acme"]),
                    key("reader", Scope::FlagsRead, &[]),
                    key("writer", Scope::FlagsWrite, &[]),
                ],
            ));
            // A single call a minute: whoever is counted at all shows at once.
            let rates = Some(Arc::new(Rates::new(clock.clone(), 1, 1)));
            let auth = Auth { service_token: Some(service), users: None, rates };
            made = Some(rollouts.clone());
            let parts = OfrepParts::new(router.clone(), keys.clone(), clock, stop.clone(), STREAMS);
            let apis = ofrep::routes(Arc::new(parts)).merge(flags::routes(Arc::new(FlagParts {
                rollouts,
                keys,
                auth,
            })));
            Setup { apis, ..setup }
        })
        .await;
        let rollouts = made.unwrap();
        rollouts.load(|_| Stage::Live).await.unwrap();
        Self { world, brake, rollouts, stop }
    }

    fn kill(&self) {
        self.brake.pull();
        self.rollouts.router().tell();
    }

    async fn send(&self, call: &Call) -> Answer {
        self.world.send(call).await
    }

    /// Every answer is held against the contract.
    async fn evaluate(&self, call: &Call) -> Answer {
        let answer = self.send(call).await;
        let file = match (call.path == ALL, answer.status) {
            (_, 304) => return answer,
            (false, 200) => "evaluation.json",
            (true, 200) => "bulk.json",
            (false, _) => "failure.json",
            (true, _) => "bulk-failure.json",
        };
        check(file, &answer.body).unwrap();
        assert!(answer.head.contains("content-type: application/json"), "{answer:?}");
        answer
    }

    /// A stream after its first event.
    async fn stream(&self) -> Events {
        self.opened().await.0
    }

    /// A stream and its first event.
    async fn opened(&self) -> (Events, Value) {
        let mut stream = TcpStream::connect(self.world.at).await.unwrap();
        stream.write_all(&get(EVENTS, "client").bytes()).await.unwrap();
        let mut events = Events { stream, text: String::new() };
        events.until("\r\n\r\n").await;
        assert!(events.text.starts_with("HTTP/1.1 200"), "{}", events.text);
        assert!(events.text.contains("content-type: text/event-stream"), "{}", events.text);
        let first = events.next().await;
        (events, first)
    }
}

struct Events {
    stream: TcpStream,
    text: String,
}

impl Events {
    /// Reads until this has come, and forgets what was before its end; false at the stream's end.
    async fn until(&mut self, mark: &str) -> bool {
        let mut bytes = [0; 1024];
        loop {
            if self.text.contains(mark) {
                return true;
            }
            let reading = self.stream.read(&mut bytes);
            let read =
                Clock::system().timeout(LONG, reading).await.expect("a stream that says nothing").unwrap();
            if read == 0 {
                return false;
            }
            self.text.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
        }
    }

    /// The data of the next event.
    async fn next(&mut self) -> Value {
        assert!(self.until("data: ").await, "the stream ended");
        self.text = self.text.split_once("data: ").unwrap().1.to_owned();
        assert!(self.until("\n\n").await, "the stream ended");
        let (data, rest) = self.text.split_once("\n\n").unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        check("event.json", &data).unwrap();
        self.text = rest.to_owned();
        data
    }
}

fn post(path: &'static str, body: &str) -> Call {
    let body = body.as_bytes().to_vec();
    let headers = vec![
        ("host", "localhost".into()),
        ("connection", "close".into()),
        ("content-type", "application/json".into()),
        ("content-length", body.len().to_string()),
        ("authorization", "Bearer client-secret".into()),
    ];
    Call { method: "POST", path, headers, body }
}

fn get(path: &'static str, who: &str) -> Call {
    let call = Call { method: "GET", ..post(path, "") };
    call.without("content-length").set("authorization", &format!("Bearer {who}-secret"))
}

fn of(tenant: &str) -> String {
    json!({ "context": { "targetingKey": tenant } }).to_string()
}

fn put(body: &Value, who: &str) -> Call {
    let call = Call { method: "PUT", ..post("/api/v1/flags/git.clone.use_service_layer", &body.to_string()) };
    call.set("authorization", &format!("Bearer {who}-secret"))
}

fn tag(answer: &Answer) -> String {
    let line = format!("{ETAG}: ");
    answer.head.lines().find_map(|own| own.strip_prefix(&line)).unwrap().to_owned()
}

#[tokio::test]
async fn each_row_of_the_contract() {
    let flags = Flags::new().await;
    let answer = flags.evaluate(&post(ONE, &of("acme"))).await;
    let metadata = json!({ "rollout": "git-sandbox", "stage": "live", "version": 1, "why": "everyone",
        "bucket": flags.rollouts.router().decide(Operation::Clone, "acme").bucket });
    let expected =
        json!({ "key": CLONE, "value": true, "reason": "STATIC", "variant": "target", "metadata": metadata });
    assert_eq!((answer.status, answer.body), (200, expected));
    let long = format!("{{\"context\":{{\"targetingKey\":\"{}\"}}}}", "x".repeat(1025));
    let huge = format!("{{\"context\":{{\"targetingKey\":\"t\",\"x\":\"{}\"}}}}", "x".repeat(64 * 1024));
    for (body, code) in [
        ("", "PARSE_ERROR"),
        ("{", "PARSE_ERROR"),
        ("[]", "PARSE_ERROR"),
        ("{\"context\":{\"targetingKey\":\"t\"}} {}", "PARSE_ERROR"),
        ("{\"context\":{\"targetingKey\":\"t\",\"n\":1e999}}", "PARSE_ERROR"),
        (&"[".repeat(1000), "PARSE_ERROR"),
        (&huge, "PARSE_ERROR"),
        ("{}", "TARGETING_KEY_MISSING"),
        ("{\"context\":null}", "TARGETING_KEY_MISSING"),
        ("{\"context\":{}}", "TARGETING_KEY_MISSING"),
        ("{\"context\":{\"targetingKey\":null}}", "TARGETING_KEY_MISSING"),
        ("{\"context\":{\"targetingKey\":\"\"}}", "TARGETING_KEY_MISSING"),
        ("{\"context\":[]}", "INVALID_CONTEXT"),
        ("{\"context\":{\"targetingKey\":7}}", "INVALID_CONTEXT"),
        (&long, "INVALID_CONTEXT"),
    ] {
        for path in [ONE, ALL] {
            let answer = flags.evaluate(&post(path, body)).await;
            assert_eq!(
                (answer.status, answer.body["errorCode"].as_str()),
                (400, Some(code)),
                "{path} {answer:?}"
            );
            assert_eq!(answer.body.get("key"), (path == ONE).then(|| CLONE.into()).as_ref());
        }
    }
    for path in
        ["/ofrep/v1/evaluate/flags/other", "/ofrep/v1/evaluate/flags/%ff", "/ofrep/v1/evaluate/flags/a%2Fb"]
    {
        let answer = flags.evaluate(&post(path, &of("acme"))).await;
        assert_eq!(
            (answer.status, answer.body["errorCode"].as_str()),
            (404, Some("FLAG_NOT_FOUND")),
            "{path}"
        );
    }
    let answer = flags.evaluate(&post(ALL, &of("acme"))).await;
    let keys: Vec<_> =
        answer.body["flags"].as_array().unwrap().iter().map(|flag| flag["key"].as_str().unwrap()).collect();
    assert_eq!(keys, Operation::ALL.iter().map(|operation| operation.flag()).collect::<Vec<_>>());
    assert_eq!(answer.body["eventStreams"][0]["endpoint"]["requestUri"], EVENTS);
}

#[tokio::test]
async fn each_reason_keeps_its_value() {
    let flags = Flags::new().await;
    let who = crate::audit::Who::daemon();
    let seen = async |flags: &Flags| {
        let body = flags.evaluate(&post(ONE, &of("acme"))).await.body;
        (body["value"].clone(), body["reason"].clone(), body["variant"].clone())
    };
    let row = |value: bool, reason: &str, variant: &str| (value.into(), reason.into(), variant.into());
    assert_eq!(seen(&flags).await, row(true, "STATIC", "target"));
    flags.rollouts.flag(Operation::Clone, false, "x", &who).await.unwrap();
    assert_eq!(seen(&flags).await, row(false, "DISABLED", "legacy"));
    flags.rollouts.flag(Operation::Clone, true, "x", &who).await.unwrap();
    let way = crate::rollout::book::Way::Stage(Some("canary-10".parse().unwrap()));
    flags.rollouts.back(RolloutName::GitSandbox, way, "x", Value::Null, false, &who).await.unwrap();
    let target = flags.rollouts.router().decide(Operation::Clone, "acme").side == Side::Target;
    assert_eq!(seen(&flags).await, row(target, "SPLIT", if target { "target" } else { "legacy" }));
    let way = crate::rollout::book::Way::Stage(Some(Stage::Shadow));
    flags.rollouts.back(RolloutName::GitSandbox, way, "x", Value::Null, false, &who).await.unwrap();
    assert_eq!(seen(&flags).await, row(false, "STATIC", "legacy"));
    flags.rollouts.router().set_stale(true);
    assert_eq!(seen(&flags).await, row(false, "UNKNOWN", "legacy"));
    flags.rollouts.router().set_stale(false);
    flags.kill();
    assert_eq!(seen(&flags).await, row(false, "DISABLED", "legacy"));
}

#[tokio::test]
async fn a_tag_covers_the_context_and_the_state() {
    let flags = Flags::new().await;
    let with = |plan: &str| format!("{{\"context\":{{\"targetingKey\":\"acme\",\"plan\":\"{plan}\"}}}}");
    let first = flags.evaluate(&post(ALL, &with("free"))).await;
    let known = tag(&first);
    let again = flags.evaluate(&post(ALL, &with("free")).set("if-none-match", &known)).await;
    assert_eq!((again.status, tag(&again)), (304, known.clone()));
    let query = "/ofrep/v1/evaluate/flags?flagConfigEtag=%22x%22&flagConfigLastModified=7";
    let asked = Call { path: query, ..post(ALL, &with("free")) };
    assert_eq!(flags.send(&asked.set("if-none-match", &known)).await.status, 304);
    // An attribute that no flag looks at is a new context all the same.
    let other = flags.evaluate(&post(ALL, &with("paid")).set("if-none-match", &known)).await;
    assert_eq!(other.status, 200);
    assert_ne!(tag(&other), known);
    for body in [of("acme"), of("globex")] {
        assert_eq!(flags.evaluate(&post(ALL, &body).set("if-none-match", &known)).await.status, 200);
    }
    flags.kill();
    let killed = flags.evaluate(&post(ALL, &with("free")).set("if-none-match", &known)).await;
    assert_eq!(killed.status, 200);
    assert!(killed.body["flags"].as_array().unwrap().iter().all(|flag| flag["value"] == false), "{killed:?}");
    assert_ne!(tag(&killed), known);
}

#[tokio::test]
async fn a_key_may_what_its_scope_says() {
    let flags = Flags::new().await;
    let list = "/api/v1/flags";
    let off = json!({ "on": false, "reason": "smoke" });
    for (who, evaluates, reads, writes) in [
        ("nobody", 401, 401, 401),
        ("client", 200, 403, 403),
        ("acme", 200, 403, 403),
        ("service", 200, 200, 403),
        ("reader", 200, 200, 403),
        ("writer", 200, 200, 200),
    ] {
        // Failed keys are counted in the flags API alone, by address.
        flags.world.clock.advance(Duration::from_secs(120));
        let token = format!("Bearer {who}-secret");
        let evaluated = flags.evaluate(&post(ONE, &of("acme")).set("authorization", &token)).await;
        assert_eq!(evaluated.status, evaluates, "{who}");
        let by_name =
            post(ALL, &of("acme")).without("authorization").set("x-api-key", &format!("{who}-secret"));
        assert_eq!(flags.evaluate(&by_name).await.status, evaluates, "{who}");
        assert_eq!(flags.send(&get(list, who)).await.status, reads, "{who}");
        flags.world.clock.advance(Duration::from_secs(120));
        assert_eq!(flags.send(&put(&off, who)).await.status, writes, "{who}");
    }
    for spoilt in ["Bearer", "Bearer ", "Basic client-secret", "Bearer client-secret2", "client-secret"] {
        let answer = flags.evaluate(&post(ONE, &of("acme")).set("authorization", spoilt)).await;
        assert_eq!((answer.status, answer.body["errorCode"].as_str()), (401, Some("GENERAL")), "{spoilt}");
    }
    assert_eq!(flags.evaluate(&post(ALL, &of("acme")).without("authorization")).await.status, 401);
    // A proxy's own credential does not hide the client's key.
    let both = post(ONE, &of("acme")).set("authorization", "Bearer proxy").set("x-api-key", "client-secret");
    assert_eq!(flags.evaluate(&both).await.status, 200);
    for path in [ONE, ALL] {
        let other = post(path, &of("globex")).set("authorization", "Bearer acme-secret");
        assert_eq!(flags.evaluate(&other).await.status, 403, "{path}");
    }
    let refused = flags.send(&get(EVENTS, "nobody")).await;
    assert_eq!(refused.status, 401);
    check("bulk-failure.json", &refused.body).unwrap();
}

#[tokio::test]
async fn a_flag_is_switched_with_its_name_in_the_audit() {
    let flags = Flags::new().await;
    let listed = flags.send(&get("/api/v1/flags", "reader")).await.body;
    assert_eq!(listed["flags"], json!(flags.rollouts.flags().unwrap()));
    let switched = flags.send(&put(&json!({ "on": false, "reason": "errors" }), "writer")).await;
    assert_eq!((switched.status, &switched.body["flag"]["on"]), (200, &Value::Bool(false)), "{switched:?}");
    assert_eq!(
        (&switched.body["change"]["by"], &switched.body["change"]["reason"]),
        (&"writer".into(), &"errors".into())
    );
    let again = flags.send(&put(&json!({ "on": false, "reason": "errors" }), "writer")).await;
    assert_eq!((again.status, &again.body["change"]), (200, &Value::Null));
    assert_eq!(flags.evaluate(&post(ONE, &of("acme"))).await.body["value"], false);
    let rows = flags.world.db.audit_newest(None, 1).await.unwrap();
    let record = crate::audit::view(&rows[0]);
    assert_eq!((record.act.as_str(), record.actor.as_str()), ("rollout.flag", "writer"));
    assert!(record.origin.starts_with("http 127.0.0.1"), "{}", record.origin);
    for body in [
        json!({}),
        json!({ "on": 1, "reason": "x" }),
        json!({ "on": true, "reason": " " }),
        json!({ "on": true, "reason": "x", "more": 1 }),
    ] {
        assert_eq!(flags.send(&put(&body, "writer")).await.code(), (400, "bad_flag"), "{body}");
    }
    let stray = Call { path: "/api/v1/flags/other", ..put(&json!({ "on": true, "reason": "x" }), "writer") };
    assert_eq!(flags.send(&stray).await.code(), (404, "not_found"));
}

#[tokio::test]
async fn streams_hear_of_a_switch_and_of_a_kill_at_once() {
    let flags = Flags::new().await;
    let mut streams = [flags.stream().await, flags.stream().await];
    flags.world.clock.advance(Duration::from_secs(5));
    assert_eq!(flags.send(&put(&json!({ "on": false, "reason": "x" }), "writer")).await.status, 200);
    let switched = streams[0].next().await;
    assert_eq!((&switched, &switched["lastModified"]), (&streams[1].next().await, &5.into()));
    flags.kill();
    let killed = streams[0].next().await;
    assert_eq!(killed, streams[1].next().await);
    assert_ne!(killed["etag"], switched["etag"]);
    // The clock has stood still: nothing waited. It moves, and the stream shows that it lives.
    assert_eq!(flags.world.clock.monotonic(), Duration::from_secs(5));
    assert!(flags.world.moving(Duration::from_secs(1), streams[0].until(":\n\n")).await);
    flags.stop.cancel();
    for stream in &mut streams {
        assert!(!stream.until("never").await, "a stop ends the stream");
        assert!(stream.text.ends_with("0\r\n\r\n"), "and not in the middle: {}", stream.text);
    }
}

#[tokio::test]
async fn a_tenants_exception_is_told_and_who_comes_later_hears_since_when_it_is_so() {
    let flags = Flags::new().await;
    let rows = vec![sample::link("p", "acme", "Acme/web")];
    flags.world.db.write(Lane::Run, Unit::new().with(CatalogOp::PutLinks { rows })).await.unwrap();
    let (mut stream, before) = flags.opened().await;
    flags.world.clock.advance(Duration::from_secs(7));
    let who = crate::audit::Who::daemon();
    let legacy = Some(Side::Legacy);
    flags
        .rollouts
        .set_override(RolloutName::GitSandbox, &"acme".into(), legacy, "asked", &who)
        .await
        .unwrap();
    let told = stream.next().await;
    assert_ne!(told["etag"], before["etag"]);
    assert_eq!(told["lastModified"], 7);
    flags.world.clock.advance(Duration::from_secs(5));
    assert_eq!(flags.opened().await.1, told);
    assert_eq!(flags.evaluate(&post(ONE, &of("acme"))).await.body["reason"], "TARGETING_MATCH");
}

#[tokio::test]
async fn streams_are_bounded_and_evaluation_is_not() {
    let flags = Flags::new().await;
    let mut open = Vec::new();
    for _ in 0..STREAMS {
        open.push(flags.stream().await);
    }
    let full = flags.send(&get(EVENTS, "client")).await;
    assert_eq!(full.status, 503, "{full:?}");
    check("bulk-failure.json", &full.body).unwrap();
    assert_eq!(flags.evaluate(&post(ONE, &of("acme"))).await.status, 200);
    drop(open.pop());
    // Its place is free once the door has seen that it is gone.
    while flags.send(&get("/health", "client")).await.status == 200 {
        let mut stream = TcpStream::connect(flags.world.at).await.unwrap();
        stream.write_all(&get(EVENTS, "client").bytes()).await.unwrap();
        let mut events = Events { stream, text: String::new() };
        events.until("\r\n\r\n").await;
        if events.text.starts_with("HTTP/1.1 200") {
            return;
        }
        // The door sees it at the next sign of life.
        flags.world.clock.advance(Duration::from_secs(15));
    }
}

#[tokio::test]
async fn nobody_is_ever_told_to_wait() {
    let flags = Flags::new().await;
    let (good, bad) = (post(ONE, &of("acme")), post(ALL, &of("acme")).set("authorization", "Bearer wrong"));
    for n in 0..600 {
        if n == 300 {
            flags.kill();
        }
        let answer = flags.evaluate(&good).await;
        assert_eq!((answer.status, &answer.body["value"]), (200, &Value::Bool(n < 300)), "{n}");
        assert_eq!(flags.evaluate(&bad).await.status, 401, "{n}");
    }
    // The flags API counts failed keys, and no others.
    let stray = put(&json!({ "on": false, "reason": "x" }), "nobody");
    assert_eq!(flags.send(&stray).await.status, 401);
    assert_eq!(flags.send(&stray).await.status, 429);
    for n in 0..20 {
        let answer = flags.send(&put(&json!({ "on": n % 2 == 1, "reason": "x" }), "writer")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

#[tokio::test]
async fn evaluation_needs_no_store() {
    let flags = Flags::new().await;
    flags.world.db.close().await;
    assert_eq!(flags.evaluate(&post(ONE, &of("acme"))).await.body["value"], true);
    let mut stream = flags.stream().await;
    assert_eq!(flags.send(&get("/api/v1/flags", "reader")).await.status, 200);
    let refused = flags.send(&put(&json!({ "on": false, "reason": "x" }), "writer")).await;
    assert_eq!(refused.code(), (503, "store"));
    flags.kill();
    stream.next().await;
    assert_eq!(flags.evaluate(&post(ONE, &of("acme"))).await.body["value"], false);
}
