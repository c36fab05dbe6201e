use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::run::Brake;

fn read(value: &Value) -> Result<Context, Failure> {
    Context::read(value.to_string().as_bytes())
}

fn context(attributes: &Value) -> Context {
    let mut attributes = attributes.clone();
    attributes["targetingKey"] = "acme".into();
    read(&json!({ "context": attributes })).unwrap()
}

#[test]
fn each_value_of_a_context_has_a_tag_of_its_own() {
    let values = [
        json!({}),
        json!({ "a": 1 }),
        json!({ "a": "1" }),
        json!({ "a": true }),
        json!({ "a": false }),
        json!({ "a": null }),
        json!({ "a": [] }),
        json!({ "a": {} }),
        json!({ "a": [1] }),
        json!({ "a": [[1]] }),
        json!({ "a": "", "b": "" }),
        json!({ "a": { "b": "" } }),
        json!({ "ab": "" }),
        json!({ "a": "b" }),
    ];
    let tags: std::collections::BTreeSet<_> = values.iter().map(|value| context(value).tag(b"x")).collect();
    assert_eq!(tags.len(), values.len());
    assert_ne!(context(&values[0]).tag(b"x"), context(&values[0]).tag(b"y"));
}

#[test]
fn a_tag_does_not_hang_on_the_order_of_names() {
    let one = Context::read(br#"{"context":{"targetingKey":"t","a":1,"b":{"c":2,"d":3}}}"#).unwrap();
    let other = Context::read(br#"{"context":{"b":{"d":3,"c":2},"a":1,"targetingKey":"t"}}"#).unwrap();
    assert_eq!(one, other);
}

#[test]
fn tags_are_found_in_every_form_of_the_header() {
    for line in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*"] {
        assert!(names_tag(std::iter::once(line), "\"a\""), "{line}");
    }
    for line in ["a", "\"b\"", ""] {
        assert!(!names_tag(std::iter::once(line), "\"a\""), "{line}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let names = prop_oneof![Just("targetingKey".to_owned()), Just("context".to_owned()), any::<String>()];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(names.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_a_context_or_a_mistake(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Err(failure) = Context::read(&bytes) {
            prop_assert_eq!(failure.status, StatusCode::BAD_REQUEST);
        }
    }

    #[test]
    fn any_json_is_a_context_or_a_mistake(body in any_json(), wrapped in any::<bool>()) {
        let body = if wrapped { json!({ "context": body }) } else { body };
        match read(&body) {
            Err(failure) => prop_assert_eq!(failure.status, StatusCode::BAD_REQUEST),
            Ok(context) => {
                prop_assert_eq!(Some(context.targeting_key.as_str()), body["context"]["targetingKey"].as_str());
                prop_assert_eq!(read(&body).unwrap(), context);
            }
        }
    }
}

#[test]
fn a_body_that_nests_without_end_is_a_mistake() {
    let deep = format!("{{\"context\":{}", "[".repeat(60_000));
    assert!(Context::read(deep.as_bytes()).is_err());
}

fn feed(clock: &Clock) -> (Feed, Router, CancellationToken) {
    let (brake, stop) = (Brake::pulled(), CancellationToken::new());
    let router = Router::new(brake);
    let standing = Arc::new(Standing::new(router.clone(), clock.clone()));
    let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    (Feed::new(standing, stop.clone(), place), router, stop)
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_cut() {
    let clock = Clock::manual(0);
    let (mut feed, ..) = feed(&clock);
    assert!(feed.next().await.unwrap().unwrap().starts_with(b"retry: 1000\ndata: {"));
    clock.advance(feed::HEARTBEAT + feed::PATIENCE);
    assert_eq!(feed.next().await.unwrap().unwrap(), ":\n\n", "late, and still there");
    clock.advance(feed::HEARTBEAT + feed::PATIENCE + Duration::from_millis(1));
    assert!(feed.next().await.unwrap().is_err());
}

#[tokio::test]
async fn what_changes_nothing_is_not_told_and_a_stream_ends() {
    let clock = Clock::manual(0);
    let (mut one, router, stop) = feed(&clock);
    one.next().await.unwrap().unwrap();
    for _ in 0..1_000 {
        router.tell();
    }
    router.set_stale(true);
    router.set_stale(false);
    clock.advance(feed::HEARTBEAT);
    assert_eq!(one.next().await.unwrap().unwrap(), ":\n\n", "a thousand times nothing is nothing");
    stop.cancel();
    assert!(one.next().await.is_none());
    let (mut other, ..) = feed(&clock);
    other.next().await.unwrap().unwrap();
    let mut beats = 0;
    loop {
        clock.advance(feed::HEARTBEAT);
        match other.next().await {
            Some(frame) => assert_eq!(frame.unwrap(), ":\n\n"),
            None => break,
        }
        beats += 1;
    }
    assert_eq!(beats, feed::LONGEST.as_secs() / feed::HEARTBEAT.as_secs() - 1);
}
