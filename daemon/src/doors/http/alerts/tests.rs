use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::super::{Door, GithubApi, Limits, Listener, RedisCheck, Setup, Take};
use super::*;
use crate::client::Client as Caller;
use crate::clock::Clock;
use crate::flows::incident::Incidents;
use crate::flows::proof::tests::{Scripted, proofs_of};
use crate::gateway::inbox::Arrival;
use crate::metrics::Metrics;
use crate::rollout::book::Rollouts;
use crate::store::{Db, WriteError};

struct Nothing;

#[async_trait]
impl Take for Nothing {
    async fn take(&self, _: Arrival) -> Result<(), WriteError> {
        Err(WriteError::Closed)
    }
}

struct World {
    at: String,
    db: Db,
    rollouts: Rollouts,
    _dir: tempfile::TempDir,
}

fn selection(default: Option<Option<RolloutName>>) -> Selection {
    Selection {
        severity_label: "severity".into(),
        severity: "critical".into(),
        rollout_label: "cutover_rollout".into(),
        default,
    }
}

impl World {
    async fn new() -> Self {
        let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::manual(1_750_000_000_000));
        let proofs = proofs_of(&dir, &clock, 3, "canary-50".parse().unwrap(), Scripted::default()).await;
        let (db, rollouts) = (proofs.db, proofs.rollouts);
        let incidents = Incidents { db: db.clone(), clock: clock.clone(), rollouts: rollouts.clone() };
        let parts = AlertParts {
            auth: Auth::default(),
            credentials: Credentials { token: Some("right".into()), basic: Some("monitor:pass:word".into()) },
            selection: selection(None),
            alerts: Alerts::new(incidents),
        };
        let door = Door::new(Setup {
            tls: None,
            allow: None,
            metrics: Metrics::new(),
            apis: routes(Arc::new(parts)),
            inbox: Arc::new(Nothing),
            db: db.clone(),
            clock,
            secrets: vec!["secret".into()],
            app_id: 7,
            trusted: Vec::new(),
            github_api: Box::new(|| GithubApi::NotAsked),
            redis: Box::new(|| RedisCheck::NotConfigured),
            limits: Limits::default(),
        });
        let listener = Listener::open("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let at = format!("http://{}/api/v1/alerts/alertmanager", listener.address());
        tokio::spawn(listener.serve(door, CancellationToken::new()));
        Self { at, db, rollouts, _dir: dir }
    }

    async fn post(&self, authorization: &str, body: impl Into<Vec<u8>>) -> (u16, Value) {
        let client = Caller::new().unwrap();
        let request = client.request(Method::POST, self.at.parse().unwrap());
        let request = request.header("authorization", authorization).body(body.into());
        let answer = client.send(request, Duration::from_secs(20)).await.unwrap();
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    fn stage(&self) -> String {
        self.rollouts.state(RolloutName::GithubAuth).unwrap().1.stage.to_string()
    }
}

/// As Alertmanager 0.28 sends it.
fn payload(alerts: &[Value]) -> String {
    json!({
        "version": "4", "groupKey": "{}:{alertname=\"ImportsFail\"}", "truncatedAlerts": 0, "status": "firing",
        "receiver": "cutover", "groupLabels": { "alertname": "ImportsFail" }, "commonLabels": {},
        "commonAnnotations": {}, "externalURL": "http://alertmanager:9093", "alerts": alerts, "grown": { "later": [1] },
    })
    .to_string()
}

fn alert(status: &str, labels: Value) -> Value {
    json!({
        "status": status, "labels": labels, "annotations": { "summary": "every import\nfails" },
        "startsAt": "2025-06-15T15:00:00.123456789Z",
        "endsAt": if status == "firing" { "0001-01-01T00:00:00Z" } else { "2025-06-15T15:05:00Z" },
        "generatorURL": "http://prometheus/graph", "fingerprint": "0a1b2c3d4e5f6071",
    })
}

fn critical(rollout: &str) -> Value {
    json!({ "alertname": "ImportsFail", "severity": "critical", "cutover_rollout": rollout })
}

#[tokio::test]
async fn a_critical_alert_is_an_incident_until_it_is_resolved() {
    let world = World::new().await;
    let body = payload(&[alert("firing", critical("github-auth"))]);
    let (status, answer) = world.post("Bearer right", body.clone()).await;
    assert_eq!((status, answer["declared"].as_array().unwrap().len()), (200, 1), "{answer}");
    assert_eq!(world.stage(), "shadow");
    let open = world.db.incidents_open().await.unwrap();
    assert_eq!(
        (open[0].text.as_str(), open[0].opened_by.as_str()),
        ("ImportsFail: every import fails", "alertmanager")
    );
    let (status, answer) = world.post("Bearer right", body).await;
    assert_eq!((status, &answer["known"], world.stage().as_str()), (200, &json!(1), "shadow"));
    let over = payload(&[alert("resolved", critical("github-auth"))]);
    // `monitor:pass:word`
    let (status, answer) = world.post("Basic bW9uaXRvcjpwYXNzOndvcmQ=", over).await;
    assert_eq!((status, answer["closed"].as_array().unwrap().len()), (200, 1), "{answer}");
    assert!(world.db.incidents_open().await.unwrap().is_empty());
}

#[tokio::test]
async fn others_are_left_alone_and_broken_ones_do_no_harm() {
    let world = World::new().await;
    let mut nameless = alert("firing", critical("all"));
    nameless["fingerprint"] = json!("../../etc");
    let body = payload(&[
        alert("firing", json!({ "severity": "warning", "cutover_rollout": "all" })),
        alert("firing", json!({ "severity": "critical" })),
        alert("firing", critical("github-oauth")),
        nameless,
        json!({ "status": "firing", "labels": { "severity": 7 } }),
        json!(3),
    ]);
    let (status, answer) = world.post("Bearer right", body).await;
    assert_eq!((status, &answer["ignored"], &answer["rejected"]), (200, &json!(2), &json!(4)), "{answer}");
    assert_eq!((world.stage().as_str(), &answer["declared"]), ("canary-50", &json!([])));
}

#[tokio::test]
async fn nobody_declares_without_the_credentials_and_no_body_is_too_much() {
    let world = World::new().await;
    let body = payload(&[alert("firing", critical("all"))]);
    for wrong in [
        "Bearer wrong",
        "Bearer",
        "Bearer ",
        "Basic right",
        "Basic bW9uaXRvcjpwYXNz",
        "right",
        "Digest right",
    ] {
        assert_eq!(world.post(wrong, body.clone()).await.0, 401, "{wrong}");
    }
    for odd in ["", "[]", "{}", "{\"alerts\":7}", "nul\0"] {
        assert_eq!(world.post("Bearer right", odd).await.0, 400, "{odd}");
    }
    assert_eq!(world.post("Bearer right", vec![b' '; LONGEST + 1]).await.0, 413);
    assert_eq!(world.stage(), "canary-50");
    // More than are taken at once: the first are, and the sender is told.
    let many: Vec<Value> = (0..=TAKEN_MOST)
        .map(|n| {
            let mut one = alert("firing", critical("github-auth"));
            one["fingerprint"] = json!(format!("{n:016x}"));
            one
        })
        .collect();
    let (status, answer) = world.post("Bearer right", payload(&many)).await;
    assert_eq!((status, &answer["error"]["code"]), (413, &json!("too_many")));
    assert_ne!(world.stage(), "canary-50");
}

#[tokio::test]
async fn what_is_not_stored_is_not_acknowledged() {
    let world = World::new().await;
    world.db.close().await;
    let (status, _) = world.post("Bearer right", payload(&[alert("firing", critical("all"))])).await;
    let plan = world.rollouts.router().plan(RolloutName::GithubAuth).unwrap();
    assert_eq!((status, plan.stage.to_string().as_str()), (503, "shadow"));
}

#[test]
fn the_default_stands_for_alerts_that_name_no_rollout() {
    let raw = RawValue::from_string(alert("firing", json!({ "severity": "critical" })).to_string()).unwrap();
    let of = |default| selection(default).read(&raw).unwrap().map(|alert| alert.rollout);
    assert_eq!(of(None), None);
    assert_eq!(of(Some(None)), Some(None));
    assert_eq!(of(Some(Some(RolloutName::GitSandbox))), Some(Some(RolloutName::GitSandbox)));
}

proptest::proptest! {
    /// Whatever comes: an answer, and never a panic.
    #[test]
    fn any_alert_is_read_or_refused(text in ".{0,40}", status in "firing|resolved|.{0,9}", fingerprint in ".{0,70}") {
        let told = json!({
            "status": status, "labels": { "severity": "critical", "cutover_rollout": "all", "alertname": text },
            "startsAt": text, "endsAt": text, "fingerprint": fingerprint,
        });
        let raw = RawValue::from_string(told.to_string()).unwrap();
        let _ = selection(None).read(&raw);
        let _ = RawValue::from_string(text).map(|raw| selection(None).read(&raw));
    }
}
