//! What is made of GitHub's answers about webhooks, and what is sent.

use std::sync::Arc;

use super::super::scripted::{START, Scripted, answer, drive, github, message, token};
use super::super::transport::WireAnswer;
use super::super::{GitHub, Traffic};
use super::*;
use crate::clock::Clock;

fn over(reply: impl Fn() -> WireAnswer + Send + Sync + 'static) -> (Arc<Scripted>, GitHub) {
    at(&Clock::manual(START), reply)
}

fn at(clock: &Clock, reply: impl Fn() -> WireAnswer + Send + Sync + 'static) -> (Arc<Scripted>, GitHub) {
    let script = Scripted::new(move |seen| Ok(if seen.is_mint() { token("ghs_1", START) } else { reply() }));
    let github = github(clock, &script);
    (script, github)
}

const HOOK: &str = r#"{"id":5,"name":"web","active":true,"events":["push","pull_request","push"],
    "config":{"url":"https://a/h","insecure_ssl":"0","secret":"********"}}"#;

#[tokio::test]
async fn a_webhook_is_read_whatever_form_its_flags_have() {
    let (_, github) = over(|| answer(200, HOOK));
    let read = github.reader(Traffic::Background).repo_hook(7, "o/r", 5).await.unwrap();
    let HookRead::Found(hook) = read else { panic!("{read:?}") };
    assert_eq!(hook.events, ["pull_request", "push"]);
    assert!(hook.has_secret && hook.active && !hook.insecure_ssl);
    assert_eq!(hook.content_type, "form");
    let (_, github) =
        over(|| answer(200, r#"{"id":5,"config":{"url":"u","insecure_ssl":1,"content_type":"json"}}"#));
    let read = github.reader(Traffic::Background).repo_hook(7, "o/r", 5).await.unwrap();
    let HookRead::Found(hook) = read else { panic!("{read:?}") };
    assert!(hook.insecure_ssl && !hook.has_secret && hook.content_type == "json");
}

#[tokio::test]
async fn what_may_not_be_read_is_no_error() {
    for (status, wanted) in [(404, HookRead::NotFound), (403, HookRead::Forbidden)] {
        let clock = Clock::manual(START);
        let (_, github) = at(&clock, move || message(status, "Resource not accessible by integration"));
        let reader = github.reader(Traffic::Background);
        assert_eq!(drive(&clock, reader.repo_hook(7, "o/r", 5)).await, Ok(wanted));
        assert_eq!(drive(&clock, reader.repo_hooks(7, "o/r", None)).await, Ok(Hooks::Refused));
    }
}

#[tokio::test]
async fn changes_name_the_repository_encoded_and_carry_the_secret_once() {
    let (script, github) = over(|| answer(204, ""));
    let writer = github.writer(Traffic::Background);
    assert_eq!(writer.delete_hook(7, "o/r x", 5).await, Ok(Deleted::Done));
    assert!(matches!(writer.delete_hook(7, "o/../x", 5).await, Err(GitHubError::BadInput { .. })));
    let seen = script.seen().pop().unwrap();
    assert!(seen.method == "DELETE" && seen.uri.ends_with("/repos/o/r%20x/hooks/5"), "{seen:?}");

    let (script, github) = over(|| answer(201, HOOK));
    let secret = SecretString::from("s3");
    let events = ["push".to_owned()];
    let new = NewHook {
        url: "https://a/h",
        events: &events,
        content_type: "json",
        active: false,
        insecure_ssl: true,
        secret: Some(&secret),
    };
    let made = github.writer(Traffic::Background).create_hook(7, "o/r", &new).await.unwrap();
    assert!(matches!(made, Created::Done(hook) if hook.id == 5));
    let body: serde_json::Value =
        serde_json::from_slice(&script.seen().pop().unwrap().body.unwrap()).unwrap();
    assert_eq!(
        body,
        serde_json::json!({"name": "web", "active": false, "events": ["push"], "config": {
            "url": "https://a/h", "content_type": "json", "insecure_ssl": "1", "secret": "s3"}})
    );
    assert!(!format!("{new:?}").contains("s3"));
}
