//! The worker: parallel across queues, in order within each. A dispatch that fails holds its queue until its next try is due, or
//! until it is dead; while the other side is left alone, nothing of it is begun.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::BackoffBuilder as _;
use futures::FutureExt as _;
use reqwest::{Method, Url};
use secrecy::ExposeSecret as _;
use serde_json::Map;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;

use super::answer::{Verdict, judge};
use super::body::{self, Delivered};
use super::breaker::{Breaker, Gate};
use super::{ContextError, Outbox, ROOM_KIB, Service, Target};
use crate::client::ClientError;
use crate::gateway::inbox::tries::{self, Next};
use crate::gateway::triggers::Event;
use crate::store::{DispatchHead, DispatchRow, Lane, OutboxOp, ReadError, Unit, WriteError};

/// Dispatches of one queue before another queue gets the place.
const TURN: u32 = 32;

/// Heads of queues that are looked at in one page.
const HEADS: u32 = 256;

const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What looking for work found.
struct Found {
    ready: Vec<String>,
    /// When the first of those that are not due yet is, monotonic.
    next: Option<Duration>,
}

/// What one turn at a queue ended with.
enum Turn {
    Over,
    /// Our own store does not answer; whoever goes on must wait.
    NoStore(String),
}

/// A call that is ready to be made.
struct Call {
    url: Url,
    key: String,
    body: Vec<u8>,
    _room: OwnedSemaphorePermit,
}

/// Why no call was made.
enum NoCall {
    Store(String),
    /// As if the other side had answered so.
    Verdict(Verdict),
}

impl Outbox {
    /// Sends until it is dropped.
    pub async fn work(self: Arc<Self>) {
        let (mut turns, mut busy, mut from) = (JoinSet::new(), HashSet::new(), None);
        let mut waits = waits();
        loop {
            let free = self.settings.parallel.max(1).saturating_sub(busy.len());
            let found = match self.look(&busy, &mut from, free).await {
                Ok(found) => found,
                Err(error) => {
                    tracing::error!(%error, "the outbox can't be read now; trying again");
                    self.clock.sleep(waits.next().unwrap_or(LONGEST_WAIT)).await;
                    continue;
                }
            };
            for queue in found.ready {
                busy.insert(queue.clone());
                let outbox = Arc::clone(&self);
                turns.spawn(async move {
                    let turn = outbox.turn(&queue).await;
                    (queue, turn)
                });
            }
            let due = async {
                match found.next {
                    Some(at) => self.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(ended) = turns.join_next() => {
                    // A turn catches what the call throws; nothing else in it may panic.
                    let Ok((queue, turn)) = ended else {
                        busy.clear();
                        turns.shutdown().await;
                        continue;
                    };
                    busy.remove(&queue);
                    match turn {
                        Turn::Over => waits = self::waits(),
                        Turn::NoStore(why) => {
                            tracing::error!(why, "the outbox can't be worked on now; trying again");
                            self.clock.sleep(waits.next().unwrap_or(LONGEST_WAIT)).await;
                        }
                    }
                }
                () = self.news.notified() => {}
                () = due => {}
            }
        }
    }

    /// Up to `most` queues whose first dispatch is due, beginning after the one that was begun with last, so that each gets its
    /// turn.
    async fn look(
        &self,
        busy: &HashSet<String>,
        from: &mut Option<String>,
        most: usize,
    ) -> Result<Found, ReadError> {
        let mut found = Found { ready: Vec::new(), next: None };
        if most == 0 {
            return Ok(found);
        }
        let (start, mut after, mut wrapped) = (from.clone(), from.clone(), from.is_none());
        loop {
            let heads = self.db.dispatch_heads(after.as_deref(), HEADS).await?;
            for head in &heads {
                if wrapped && start.as_ref().is_some_and(|start| head.queue > *start) {
                    return Ok(found);
                }
                if !busy.contains(&head.queue) {
                    self.take(&mut found, head);
                }
                if found.ready.len() == most {
                    *from = Some(head.queue.clone());
                    return Ok(found);
                }
            }
            match heads.last() {
                Some(last) if heads.len() == HEADS as usize => after = Some(last.queue.clone()),
                _ if wrapped => return Ok(found),
                _ => (wrapped, after) = (true, None),
            }
        }
    }

    fn take(&self, found: &mut Found, head: &DispatchHead) {
        let (now, monotonic) = (self.clock.now(), self.clock.monotonic());
        let target = Target::of(&head.queue);
        let gate = match self.service(target) {
            Some(_) => self.breaker(target, |breaker| breaker.gate(monotonic)),
            // It is given up, and for that nobody has to be asked.
            None => Gate::Go,
        };
        let due = monotonic.saturating_add(until(head.due_at, now));
        let at = match gate {
            Gate::Go if due <= monotonic => return found.ready.push(head.queue.clone()),
            Gate::Go => due,
            Gate::Shut(at) => at.max(due),
            // The end of the call under way wakes whoever waits.
            Gate::Trying => return,
        };
        found.next = Some(found.next.map_or(at, |next| next.min(at)));
    }

    fn breaker<T>(&self, target: Target, f: impl FnOnce(&mut Breaker) -> T) -> T {
        let breaker: &Mutex<Breaker> = match target {
            Target::Engine => &self.engine,
            Target::Scheduler => &self.scheduler,
        };
        f(&mut breaker.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// One turn at a queue: its waiting dispatches in order, as long as they are due and taken.
    async fn turn(&self, queue: &str) -> Turn {
        let waiting = match self.db.dispatch_queue(queue, TURN).await {
            Ok(waiting) => waiting,
            Err(error) => return Turn::NoStore(error.to_string()),
        };
        let target = Target::of(queue);
        for dispatch in waiting {
            if dispatch.due_at > self.clock.now() {
                return Turn::Over;
            }
            let Some(service) = self.service(target) else {
                let why = format!("{} is not configured", target.name());
                match self.end(&dispatch, target, Verdict::Refused { why }).await {
                    Ok(true) => continue,
                    Ok(false) => return Turn::Over,
                    Err(why) => return Turn::NoStore(why),
                }
            };
            if self.breaker(target, |breaker| breaker.enter(self.clock.monotonic())) != Gate::Go {
                return Turn::Over;
            }
            let leave = Leave { outbox: self, target };
            let verdict = match AssertUnwindSafe(self.attempt(&dispatch, target, service)).catch_unwind().await {
                Ok(Ok(verdict)) => verdict,
                Ok(Err(why)) => return Turn::NoStore(why),
                Err(_) => {
                    let why = "sending it panicked; see the log".to_owned();
                    Verdict::Again { why, wait: None, sick: false }
                }
            };
            drop(leave);
            match self.end(&dispatch, target, verdict).await {
                Ok(true) => {}
                Ok(false) => return Turn::Over,
                Err(why) => return Turn::NoStore(why),
            }
        }
        Turn::Over
    }

    /// One try.
    async fn attempt(&self, dispatch: &DispatchRow, target: Target, service: &Service) -> Result<Verdict, String> {
        let call = match self.call(dispatch, service).await {
            Ok(call) => call,
            Err(NoCall::Store(why)) => return Err(why),
            Err(NoCall::Verdict(verdict)) => return Ok(verdict),
        };
        let mut request = self
            .client
            .request(Method::POST, call.url)
            .header("content-type", "application/json")
            .header("idempotency-key", call.key)
            .body(call.body);
        if let Some(token) = &service.token {
            request = request.bearer_auth(token.expose_secret());
        }
        let answer = self.client.send(request, self.settings.patience).await;
        let now = self.clock.monotonic();
        Ok(match answer {
            Ok(answer) => {
                let after = answer.headers.get("retry-after").and_then(|value| value.to_str().ok());
                let verdict = judge(target.name(), answer.status, after, &answer.body, self.clock.now());
                self.breaker(target, |breaker| match &verdict {
                    Verdict::Again { wait: Some(wait), .. } => breaker.hold(now, *wait),
                    Verdict::Again { sick: true, .. } => breaker.failed(now),
                    _ => breaker.answered(),
                });
                verdict
            }
            Err(error) => {
                self.breaker(target, |breaker| breaker.failed(now));
                let why = match error {
                    ClientError::Broken(_) => format!("{} was not reached: {error}", target.name()),
                    _ => format!("{}: {error}", target.name()),
                };
                Verdict::Again { why, wait: None, sick: true }
            }
        })
    }

    /// Puts a call together out of what is stored.
    async fn call(&self, dispatch: &DispatchRow, service: &Service) -> Result<Call, NoCall> {
        let store = |error: ReadError| NoCall::Store(error.to_string());
        let refused = |why: String| NoCall::Verdict(Verdict::Refused { why });
        let gone = || refused("the payload of its delivery is not kept any more".to_owned());
        let delivery = self.db.delivery(&dispatch.guid).await.map_err(store)?;
        let delivery = delivery.filter(|delivery| delivery.kept).ok_or_else(gone)?;
        let kib = usize::try_from(delivery.bytes / 512).unwrap_or(ROOM_KIB).clamp(1, ROOM_KIB);
        let room = self.room.clone().acquire_many_owned(u32::try_from(kib).unwrap_or(u32::MAX)).await;
        let room = room.map_err(|_| NoCall::Store("the outbox is closed".to_owned()))?;
        let payload = self.db.delivery_body(delivery.seq).await.map_err(store)?.ok_or_else(gone)?;
        let delivered = Delivered {
            guid: &dispatch.guid,
            event: &dispatch.event,
            installation: delivery.installation,
            repository: dispatch.repository.as_deref(),
            received_at: delivery.received_at,
            payload: &payload,
        };
        let (path, body) = match &dispatch.workflow {
            None => ("api/v1/triggers/github/events", body::forward(&delivered)),
            Some(id) => {
                let workflow = self.db.workflow(id).await.map_err(store)?;
                let workflow =
                    workflow.ok_or_else(|| refused(format!("workflow {id} is not registered any more")))?;
                let context = match workflow.attach_context {
                    true => self.context(&delivered).await.map_err(NoCall::Verdict)?,
                    false => Map::new(),
                };
                ("workflows/execute", body::execute(&delivered, id, &workflow.definition, &context))
            }
        };
        let body = body.map_err(|error| refused(format!("it can't be written as JSON: {error}")))?;
        // The service's own address may have a path.
        let url = format!("{}/{path}", service.url.as_str().trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|error| refused(format!("its address is none: {error}")))?;
        Ok(Call { url, key: key(dispatch), body, _room: room })
    }

    async fn context(&self, delivered: &Delivered<'_>) -> Result<Map<String, serde_json::Value>, Verdict> {
        let refused = |why: &str| Verdict::Refused { why: why.to_owned() };
        let context = self
            .context
            .as_ref()
            .ok_or_else(|| refused("the workflow asks for context, and this daemon attaches none"))?;
        let event = Event::read(delivered.event, delivered.payload).map_err(|why| Verdict::Refused { why })?;
        let Some(repository) = delivered.repository else { return Ok(Map::new()) };
        context.of(delivered.installation, repository, &event).await.map_err(|error| match error {
            ContextError::Failed(why) => {
                Verdict::Again { why: format!("its context: {why}"), wait: None, sick: false }
            }
            ContextError::Hopeless(why) => Verdict::Refused { why: format!("its context: {why}") },
        })
    }

    /// Stores what came of a try; true when the next of its queue may follow.
    async fn end(&self, dispatch: &DispatchRow, target: Target, verdict: Verdict) -> Result<bool, String> {
        let (seq, now) = (dispatch.seq, self.clock.now());
        let attempts = dispatch.attempts.saturating_add(1);
        let dead = |why: String| OutboxOp::Dead { seq, at: now, attempts, note: why };
        let (op, outcome, over) = match verdict {
            Verdict::Taken { execution_id, note } => {
                (OutboxOp::Sent { seq, at: now, execution_id, note }, Executed::Sent, true)
            }
            Verdict::Refused { why } => (dead(why), Executed::Dead, true),
            Verdict::Again { why, wait, .. } => {
                match tries::next(attempts, self.settings.tries, rand::random()) {
                    Next::Dead => (dead(why), Executed::Dead, true),
                    Next::Again(pause) => {
                        let pause = wait.map_or(pause, |wait| wait.max(pause));
                        let pause = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
                        let due_at = now.saturating_add(pause);
                        (OutboxOp::Retry { seq, attempts, due_at, note: why }, Executed::Failed, false)
                    }
                }
            }
        };
        executed(dispatch, target, outcome, &op);
        match self.db.write(Lane::Handler, Unit::new().with(op)).await {
            Ok(()) => Ok(over),
            // Somebody else moved it in between.
            Err(WriteError::Precondition { .. }) => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Executed {
    Sent,
    Failed,
    Dead,
}

/// The one place that every try passes, for figures and the log.
fn executed(dispatch: &DispatchRow, target: Target, outcome: Executed, op: &OutboxOp) {
    let (seq, guid, workflow, to) =
        (dispatch.seq, dispatch.guid.as_str(), dispatch.workflow.as_deref(), target.name());
    match (outcome, op) {
        (Executed::Failed, OutboxOp::Retry { attempts, note, .. }) => {
            tracing::warn!(seq, guid, workflow, to, attempts, why = note, "a dispatch failed");
        }
        (Executed::Dead, OutboxOp::Dead { attempts, note, .. }) => {
            tracing::error!(seq, guid, workflow, to, attempts, why = note, "a dispatch is dead");
        }
        _ => tracing::info!(seq, guid, workflow, to, "a dispatch was taken"),
    }
}

/// Gives a breaker's leave back when the call did not happen.
struct Leave<'a> {
    outbox: &'a Outbox,
    target: Target,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        let now = self.outbox.clock.monotonic();
        self.outbox.breaker(self.target, |breaker| breaker.left(now));
    }
}

/// Stays the same over every try, so that the other side can tell a repeat; another one when somebody wants it once more.
fn key(dispatch: &DispatchRow) -> String {
    let round = if dispatch.round == 0 { String::new() } else { format!("-{}", dispatch.round) };
    format!("{}-{}{round}", dispatch.guid, dispatch.seq)
}

/// How long to wait for a store that does not answer, ever longer.
fn waits() -> impl Iterator<Item = Duration> {
    backon::ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(LONGEST_WAIT)
        .without_max_times()
        .with_jitter()
        .build()
}

fn until(at: i64, now: i64) -> Duration {
    Duration::from_millis(u64::try_from(at.saturating_sub(now)).unwrap_or(0))
}
