use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::answer::{Verdict, judge};
use super::body::{Delivered, execute, forward};
use super::breaker::{Breaker, Gate};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn an_answer_is_taken_again_or_refused() {
    let judge = |status, after, body: &str| judge("the engine", status, after, body.as_bytes(), 0);
    let taken = |id: Option<&str>| Verdict::Taken { execution_id: id.map(str::to_owned), note: None };
    assert_eq!(judge(200, None, r#"{"execution_id":"e1"}"#), taken(Some("e1")));
    assert_eq!(judge(202, None, r#"{"execution_id":17}"#), taken(Some("17")));
    assert_eq!(judge(200, None, "fine"), taken(None));
    let had =
        Verdict::Taken { execution_id: Some("e1".into()), note: Some("the engine had it already".into()) };
    assert_eq!(judge(409, None, r#"{"execution_id":"e1"}"#), had);
    for status in [408, 425, 429, 500, 502, 503] {
        assert!(matches!(judge(status, None, ""), Verdict::Again { wait: None, .. }), "{status}");
    }
    let busy = Verdict::Again {
        why: "the engine answered 429: slow down".into(),
        wait: Some(seconds(7)),
        sick: false,
    };
    assert_eq!(judge(429, Some("7"), "slow\n down\u{1b}"), busy);
    for after in ["99999999999", "Sun, 22 Nov 2099 10:00:00 GMT"] {
        assert!(
            matches!(judge(503, Some(after), ""), Verdict::Again { wait: Some(wait), sick: true, .. } if wait == seconds(3600))
        );
    }
    assert!(matches!(judge(503, Some("soon"), ""), Verdict::Again { wait: None, .. }));
    for status in [302, 400, 401, 403, 404, 422] {
        assert!(matches!(judge(status, None, ""), Verdict::Refused { .. }), "{status}");
    }
}

#[test]
fn the_breaker_opens_after_failures_in_a_row_and_closes_after_one_call() {
    let mut breaker = Breaker::default();
    for _ in 0..4 {
        assert_eq!(breaker.enter(seconds(0)), Gate::Go);
        breaker.failed(seconds(0));
    }
    breaker.answered();
    for _ in 0..5 {
        assert_eq!(breaker.enter(seconds(0)), Gate::Go, "an answer in between counts from the beginning");
        breaker.failed(seconds(0));
    }
    assert_eq!(breaker.gate(seconds(4)), Gate::Shut(seconds(5)));
    assert_eq!(breaker.enter(seconds(5)), Gate::Go);
    assert_eq!(breaker.enter(seconds(5)), Gate::Trying, "one call only");
    breaker.failed(seconds(6));
    assert_eq!(breaker.gate(seconds(6)), Gate::Shut(seconds(16)), "twice as long");
    assert_eq!(breaker.enter(seconds(16)), Gate::Go);
    breaker.left(seconds(16));
    assert_eq!(breaker.enter(seconds(16)), Gate::Go, "the call was not made");
    breaker.answered();
    assert_eq!(breaker.gate(seconds(16)), Gate::Go);
    breaker.hold(seconds(16), seconds(30));
    assert_eq!(breaker.gate(seconds(16)), Gate::Shut(seconds(46)));
}

proptest! {
    #[test]
    fn a_breaker_never_stays_shut_for_ever(acts in prop::collection::vec((0..5_u8, 0..90_u64), 0..60)) {
        let (mut breaker, mut now) = (Breaker::default(), 0);
        for (act, pause) in acts {
            now += pause;
            match act {
                0 => breaker.answered(),
                1 => breaker.hold(seconds(now), seconds(pause)),
                2 => breaker.left(seconds(now)),
                _ => if breaker.enter(seconds(now)) == Gate::Go { breaker.failed(seconds(now)); },
            }
            match breaker.gate(seconds(now)) {
                Gate::Go => {}
                Gate::Shut(at) => {
                    prop_assert!(at > seconds(now) && at <= seconds(now + 90));
                    prop_assert_eq!(breaker.gate(at), Gate::Go);
                }
                Gate::Trying => prop_assert!(false, "no call is under way"),
            }
        }
    }
}

const PAYLOAD: &str = r#"{"action":"opened","repository":{"full_name":"a/b","big":12345678901234567890},"sender":{"login":"ana"},"number":5}"#;

fn delivered(payload: &str) -> Delivered<'_> {
    Delivered {
        guid: "g-1",
        event: "pull_request",
        installation: Some(7),
        repository: Some("a/b"),
        received_at: 1_800_000_000_000,
        payload: payload.as_bytes(),
    }
}

#[test]
fn the_bodies_are_those_of_the_reference() {
    let payload: Value = serde_json::from_str(PAYLOAD).unwrap();
    let body = execute(&delivered(PAYLOAD), "wf", r#"{"nodes":[1]}"#, &Map::new()).unwrap();
    assert!(String::from_utf8(body.clone()).unwrap().contains(PAYLOAD), "byte for byte");
    let trigger_data = json!({
        "event": "pull_request", "action": "opened", "repository": payload["repository"], "sender": { "login": "ana" },
        "payload": payload, "timestamp": "2027-01-15T08:00:00.000Z", "delivery_id": "g-1",
    });
    let expected = json!({
        "workflow_definition": { "nodes": [1] },
        "execution_context": { "workflow_id": "wf", "trigger_type": "github", "trigger_data": trigger_data },
        "priority": "normal",
    });
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
    let body = forward(&delivered(PAYLOAD)).unwrap();
    let expected = json!({
        "event_type": "pull_request", "delivery_id": "g-1", "payload": payload, "installation_id": 7,
        "repository_name": "a/b", "timestamp": "2027-01-15T08:00:00.000Z",
    });
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
    let context = json!({ "pr_context": { "pr": 5 } }).as_object().unwrap().clone();
    let body: Value =
        serde_json::from_slice(&execute(&delivered("{}"), "wf", "{}", &context).unwrap()).unwrap();
    assert_eq!(body["execution_context"]["trigger_data"]["pr_context"]["pr"], 5);
    assert_eq!(body["execution_context"]["trigger_data"]["action"], Value::Null);
}
