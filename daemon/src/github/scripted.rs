//! A transport that answers by script and remembers what it was asked, and a way to let time pass.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use super::transport::{Transport, WireRequest};
pub(crate) use super::transport::{WireAnswer, WireFailure};
use super::{GitHub, GitHubSettings};
use crate::clock::Clock;

pub(crate) const FIRST: &str = include_str!("testdata/first.pem");
pub(crate) const SECOND: &str = include_str!("testdata/second.pem");
pub(crate) const SECOND_PUBLIC: &str = include_str!("testdata/second.pub.pem");
/// 2023-11-14T22:13:20Z.
pub(crate) const START: i64 = 1_700_000_000_000;

/// One request as the server sees it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) authorization: String,
    pub(crate) if_none_match: Option<String>,
    pub(crate) body: Option<Bytes>,
}

impl Seen {
    pub(crate) fn is_mint(&self) -> bool {
        self.method == "POST" && self.uri.ends_with("/access_tokens")
    }
}

pub(crate) type Reply = Result<WireAnswer, WireFailure>;

pub(crate) struct Scripted {
    handler: Box<dyn Fn(&Seen) -> Reply + Send + Sync>,
    seen: Mutex<Vec<Seen>>,
    /// Answers are held back while this has no permits.
    pub(crate) gate: Semaphore,
}

impl Scripted {
    pub(crate) fn new(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            handler: Box::new(handler),
            seen: Mutex::default(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
        })
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn mints(&self) -> usize {
        self.seen().iter().filter(|seen| seen.is_mint()).count()
    }
}

#[async_trait]
impl Transport for Scripted {
    async fn exchange(&self, request: WireRequest) -> Reply {
        let seen = Seen {
            method: request.method.to_string(),
            uri: request.uri.to_string(),
            authorization: request.authorization.expose_secret().to_owned(),
            if_none_match: request.if_none_match.map(|etag| etag.to_str().unwrap().to_owned()),
            body: request.body,
        };
        self.seen.lock().unwrap().push(seen.clone());
        let _open = self.gate.acquire().await.unwrap();
        (self.handler)(&seen)
    }
}

/// An answer with a JSON body.
pub(crate) fn answer(status: u16, body: impl Into<String>) -> WireAnswer {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    WireAnswer { status: StatusCode::from_u16(status).unwrap(), headers, body: Bytes::from(body.into()) }
}

pub(crate) fn message(status: u16, text: &str) -> WireAnswer {
    answer(status, serde_json::json!({ "message": text }).to_string())
}

pub(crate) trait With {
    fn with(self, name: &'static str, value: impl ToString) -> Self;
}

impl With for WireAnswer {
    fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers
            .insert(HeaderName::from_static(name), HeaderValue::from_str(&value.to_string()).unwrap());
        self
    }
}

/// An hour's token.
pub(crate) fn token(text: &str, now: i64) -> WireAnswer {
    let expires = rfc3339(now + 3_600_000);
    answer(201, serde_json::json!({ "token": text, "expires_at": expires }).to_string())
}

pub(crate) fn rfc3339(ms: i64) -> String {
    chrono::DateTime::from_timestamp_millis(ms).unwrap().to_rfc3339()
}

pub(crate) fn http_date(ms: i64) -> String {
    chrono::DateTime::from_timestamp_millis(ms).unwrap().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

pub(crate) fn settings() -> GitHubSettings {
    GitHubSettings::new("https://ghe.example/api/v3", 77, vec![SecretString::from(FIRST)])
}

pub(crate) fn github(clock: &Clock, script: &Arc<Scripted>) -> GitHub {
    github_with(clock, script, &settings())
}

pub(crate) fn github_with(clock: &Clock, script: &Arc<Scripted>, settings: &GitHubSettings) -> GitHub {
    GitHub::over(settings, clock.clone(), Arc::clone(script) as Arc<dyn Transport>).unwrap()
}

/// Runs `work` and lets the manual clock go on, 100 ms whenever nothing else can run.
pub(crate) async fn drive<T>(clock: &Clock, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    loop {
        for _ in 0..20 {
            tokio::select! {
                biased;
                out = &mut work => return out,
                () = tokio::task::yield_now() => {}
            }
        }
        clock.advance(Duration::from_millis(100));
    }
}
