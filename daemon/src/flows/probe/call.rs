//! One call, read as far as it is needed.

use std::ops::ControlFlow;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Url};
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};

use super::Probe;
use super::rule::{MOST_EVENTS, Seen};
use crate::client::sse::Events;
use crate::client::{Client, ClientError};
use crate::clock::Clock;
use crate::hex::hex;

/// Letters of an event's name that are kept.
const LONGEST_NAME: usize = 100;

/// What is gathered of an answer while it comes. Its content is held for the search only.
struct Gathered {
    seen: Seen,
    content: Vec<u8>,
    hash: Sha256,
    too_many: bool,
}

/// Where a call goes, and what it sends.
pub(super) struct Sent {
    pub(super) url: Url,
    /// None: a GET.
    pub(super) post: Option<String>,
}

pub(super) async fn call(client: &Client, clock: &Clock, probe: &Probe, sent: Sent) -> Result<Seen, String> {
    let mut request = match sent.post {
        None => client.request(Method::GET, sent.url),
        Some(body) if body.is_empty() => client.request(Method::POST, sent.url).body(body),
        Some(body) => {
            let json = HeaderValue::from_static("application/json");
            client.request(Method::POST, sent.url).header(CONTENT_TYPE, json).body(body)
        }
    };
    if let Some(token) = &probe.token {
        request = request.bearer_auth(token.expose_secret());
    }
    let seen =
        Seen { status: 0, events: Vec::new(), bytes: 0, digest: String::new(), matched: None, ended: false };
    let mut got = Gathered { seen, content: Vec::new(), hash: Sha256::new(), too_many: false };
    let answer = match &probe.rule.end_event {
        None => {
            let take = |part: &[u8]| {
                got.content(part);
                ControlFlow::Continue(())
            };
            let answer = client.stream(request, probe.timeout, clock, take).await;
            got.seen.ended = true;
            answer
        }
        Some(end) => {
            let mut events = Events::new();
            let take = |part: &[u8]| {
                events.feed(part, |event| {
                    let name: String = event.name.chars().take(LONGEST_NAME).collect();
                    got.too_many = !got.seen.count(&name);
                    // So that text can't move from a name to the data, or between two events, unseen.
                    got.hash.update((name.len() as u64).to_be_bytes());
                    got.hash.update(&name);
                    got.hash.update((event.data.len() as u64).to_be_bytes());
                    got.content(&event.data);
                    got.seen.ended = event.name == *end;
                    if got.seen.ended || got.too_many {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                })
            };
            let request = request.header(ACCEPT, HeaderValue::from_static("text/event-stream"));
            client.stream(request, probe.timeout, clock, take).await
        }
    };
    if got.too_many {
        return Err(format!("more than {MOST_EVENTS} kinds of events"));
    }
    got.seen.status = answer.map_err(|error| said(&error, &got.seen, probe))?;
    got.seen.digest = hex(&got.hash.finalize());
    got.seen.matched = probe.rule.contains.as_ref().map(|text| holds(&got.content, text.as_bytes()));
    Ok(got.seen)
}

impl Gathered {
    fn content(&mut self, part: &[u8]) {
        self.seen.bytes = self.seen.bytes.saturating_add(part.len() as u64);
        self.hash.update(part);
        self.content.extend_from_slice(part);
    }
}

/// What broke off, and how far it had come.
fn said(error: &ClientError, seen: &Seen, probe: &Probe) -> String {
    let events: u64 = seen.events.iter().map(|kind| kind.count).sum();
    match (&probe.rule.end_event, error) {
        (Some(end), ClientError::Broken(why)) if events > 0 => {
            format!("the stream broke after {events} events, before `{end}`: {why}")
        }
        (Some(end), _) => format!("{error}, and no `{end}` after {events} events"),
        (None, _) => error.to_string(),
    }
}

fn holds(content: &[u8], text: &[u8]) -> bool {
    // The standard library's search of texts takes linear time, windows over bytes do not.
    match (std::str::from_utf8(content), std::str::from_utf8(text)) {
        (Ok(content), Ok(text)) => content.contains(text),
        _ => String::from_utf8_lossy(content).contains(&*String::from_utf8_lossy(text)),
    }
}
