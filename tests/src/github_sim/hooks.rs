//! The App's webhook: what is delivered, how that went, and the log of it that GitHub keeps for three days.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cutover_daemon::clock::Millis;
use http::StatusCode;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::answer::{Answer, Query};
use super::json;
use super::server::Shared;
use crate::harness::{Hook, HookAnswer};
use crate::world::rng::Rng;

/// GitHub keeps a delivery for so long.
const KEPT_MS: Millis = 3 * 24 * 60 * 60 * 1_000;

/// Deliveries that the log keeps at most.
const MOST: usize = 1_000_000;

const MEDIA: &str = "application/json; charset=utf-8";

/// How an attempt to deliver went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was answered with this status.
    Answered(u16),
    /// Nobody answered: no connection, or no answer in time.
    NeverSent,
}

/// What goes wrong on the way of many deliveries.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disorder {
    /// Decides everything below.
    pub seed: u64,
    /// Share, in thousandths, that is not sent.
    pub drop: usize,
    /// Share, in thousandths, that is sent twice.
    pub duplicate: usize,
    /// They are sent in another order than they happened.
    pub reorder: bool,
}

#[derive(Debug, Clone)]
struct Attempt {
    id: i64,
    guid: String,
    at: Millis,
    redelivery: bool,
    fate: Fate,
    event: String,
    payload: Option<Arc<str>>,
}

/// The log, newest last.
#[derive(Default)]
pub(super) struct HookLog(Mutex<Book>);

#[derive(Default)]
struct Book {
    attempts: VecDeque<Attempt>,
    last: i64,
    sender: Option<Arc<Hook>>,
}

impl HookLog {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn number(&mut self) -> i64 {
        self.last += 1;
        self.last
    }

    fn keep(&mut self, attempt: Attempt) {
        if self.attempts.len() >= MOST {
            self.attempts.pop_front();
        }
        self.attempts.push_back(attempt);
    }

    /// Forgets what GitHub keeps no longer.
    fn expire(&mut self, now: Millis) {
        self.attempts.retain(|attempt| attempt.at > now - KEPT_MS);
    }
}

/// The hand that makes events and sees to their delivery.
#[derive(Clone)]
pub struct Hooks(pub(super) Arc<Shared>);

impl Hooks {
    /// Where deliveries are sent from now on; none: nowhere.
    pub fn set_sender(&self, sender: Option<Hook>) {
        self.0.hooks.book().sender = sender.map(Arc::new);
    }

    /// Logs a delivery that went this way, and sends nothing. Its GUID.
    pub fn record(&self, event: &str, payload: &str, fate: Fate) -> String {
        let guid = self.guid();
        self.log(&guid, event, Some(payload.into()), false, fate);
        guid
    }

    /// Logs another attempt at a delivery of [`Hooks::record`], and sends nothing.
    pub fn record_again(&self, guid: &str, fate: Fate) {
        if let Some(first) = self.find(|attempt| attempt.guid == guid) {
            self.log(guid, &first.event, first.payload, true, fate);
        }
    }

    /// Loses the payload of a delivery.
    pub fn lose_payload(&self, guid: &str) {
        for attempt in self.0.hooks.book().attempts.iter_mut().filter(|attempt| attempt.guid == guid) {
            attempt.payload = None;
        }
    }

    /// Sends once and logs how it went. The GUID, and what was answered.
    pub async fn send(&self, event: &str, payload: &str) -> (String, Option<HookAnswer>) {
        let guid = self.guid();
        let answer = self.attempt(&guid, event, payload, false).await;
        (guid, answer)
    }

    /// Sends `(event, payload)` one after the other, with what goes wrong. GUIDs in the order in which they happened.
    pub async fn send_all(&self, batch: &[(String, String)], disorder: Disorder) -> Vec<String> {
        let mut rng = Rng::of(&[disorder.seed]);
        let guids: Vec<String> = batch.iter().map(|_| self.guid()).collect();
        let mut order: Vec<usize> = (0..batch.len()).collect();
        if disorder.reorder {
            rng.shuffle(&mut order);
        }
        for at in order {
            let ((event, payload), guid) = (&batch[at], &guids[at]);
            if rng.permille(disorder.drop) {
                self.log(guid, event, Some(payload.as_str().into()), false, Fate::NeverSent);
                continue;
            }
            self.attempt(guid, event, payload, false).await;
            if rng.permille(disorder.duplicate) {
                self.attempt(guid, event, payload, true).await;
            }
        }
        guids
    }

    async fn attempt(&self, guid: &str, event: &str, payload: &str, again: bool) -> Option<HookAnswer> {
        let sender = self.0.hooks.book().sender.clone();
        let answer = match sender {
            Some(sender) => sender.deliver(guid, event, payload.as_bytes()).await.ok(),
            None => None,
        };
        let fate = answer.as_ref().map_or(Fate::NeverSent, |answer| Fate::Answered(answer.status));
        self.log(guid, event, Some(payload.into()), again, fate);
        answer
    }

    fn guid(&self) -> String {
        let number = self.0.hooks.book().number();
        format!("{number:08x}-cafe-4000-8000-{number:012x}")
    }

    fn find(&self, is: impl Fn(&Attempt) -> bool) -> Option<Attempt> {
        self.0.hooks.book().attempts.iter().find(|attempt| is(attempt)).cloned()
    }

    fn log(&self, guid: &str, event: &str, payload: Option<Arc<str>>, redelivery: bool, fate: Fate) {
        let at = self.0.clock.now();
        let mut book = self.0.hooks.book();
        let id = 900_000_000_000 + book.number();
        let (guid, event) = (guid.to_owned(), event.to_owned());
        book.keep(Attempt { id, guid, at, redelivery, fate, event, payload });
    }
}

/// `GET /app/hook/deliveries`
pub(super) fn list(shared: &Shared, query: &Query) -> Answer {
    let mut book = shared.hooks.book();
    book.expire(shared.clock.now());
    let per_page = query.get("per_page").and_then(|text| text.parse().ok()).unwrap_or(30_usize).clamp(1, 100);
    let before = match query.get("cursor") {
        None => i64::MAX,
        Some(cursor) => match cursor.strip_prefix("v1_").and_then(|id| id.parse().ok()) {
            Some(id) => id,
            None => return Answer::unprocessable("Invalid cursor"),
        },
    };
    let mut rest = book.attempts.iter().rev().filter(|attempt| attempt.id < before);
    let page: Vec<&Attempt> = rest.by_ref().take(per_page).collect();
    let link = rest.next().and(page.last()).map(|last| {
        let url = format!("{}/app/hook/deliveries", shared.base);
        format!("<{url}?per_page={per_page}&cursor=v1_{}>; rel=\"next\"", last.id)
    });
    Answer { link, ..Answer::ok(page.into_iter().map(item).collect()) }
}

/// `GET /app/hook/deliveries/{id}`
pub(super) fn show(shared: &Shared, id: i64) -> Answer {
    let mut book = shared.hooks.book();
    book.expire(shared.clock.now());
    let Some(attempt) = book.attempts.iter().find(|attempt| attempt.id == id) else {
        return Answer::not_found();
    };
    let mut shown = item(attempt);
    shown["url"] = format!("{}/app/hook/deliveries/{id}", shared.base).into();
    shown["response"] = json!({ "headers": {}, "payload": null });
    let headers = json!({
        "X-GitHub-Delivery": attempt.guid,
        "X-GitHub-Event": attempt.event,
        "X-GitHub-Hook-Installation-Target-Type": "integration",
        "X-GitHub-Hook-Installation-Target-ID": shared.settings.app_id,
    });
    // The payload keeps its bytes: a value would put its fields in another order.
    let payload = attempt.payload.as_deref().and_then(|text| RawValue::from_string(text.to_owned()).ok());
    let request = serde_json::to_string(&Request { headers, payload }).unwrap_or_default();
    let mut text = shown.to_string();
    text.pop();
    Answer::bytes(MEDIA, format!("{text},\"request\":{request}}}").into_bytes())
}

#[derive(serde::Serialize)]
struct Request {
    headers: Value,
    payload: Option<Box<RawValue>>,
}

/// `POST /app/hook/deliveries/{id}/attempts`: sends again, in its own time.
pub(super) fn redeliver(shared: &Arc<Shared>, id: i64) -> Answer {
    let hooks = Hooks(Arc::clone(shared));
    shared.hooks.book().expire(shared.clock.now());
    let Some(attempt) = hooks.find(|attempt| attempt.id == id) else { return Answer::not_found() };
    let Some(payload) = attempt.payload else {
        return Answer::unprocessable("This delivery can't be redelivered.");
    };
    let has_sender = shared.hooks.book().sender.is_some();
    if has_sender {
        tokio::spawn(async move { hooks.attempt(&attempt.guid, &attempt.event, &payload, true).await });
    }
    Answer::json(StatusCode::ACCEPTED, json!({}))
}

fn item(attempt: &Attempt) -> Value {
    let payload: Value =
        attempt.payload.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let (status, code) = match attempt.fate {
        Fate::Answered(code @ 200..=299) => ("OK".to_owned(), code),
        Fate::Answered(code) => (format!("Invalid HTTP Response: {code}"), code),
        Fate::NeverSent => ("failed to connect to host".to_owned(), 0),
    };
    json!({
        "id": attempt.id,
        "guid": attempt.guid,
        "delivered_at": json::time(attempt.at),
        "redelivery": attempt.redelivery,
        "duration": 0.05,
        "status": status,
        "status_code": code,
        "event": attempt.event,
        "action": payload["action"],
        "installation_id": payload["installation"]["id"],
        "repository_id": payload["repository"]["id"],
        "throttled_at": null,
    })
}
