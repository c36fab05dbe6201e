//! The worker: parallel across queues, in order within each. A dispatch that fails holds its queue until its next try is due, or
//! until it is dead; while the other side is left alone, nothing of it is begun.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use reqwest::Method;
use secrecy::ExposeSecret as _;
use tokio::task::JoinSet;

use super::answer::{Verdict, judge};
use super::breaker::{Breaker, Gate};
use super::call::NoCall;
use super::{Outbox, Service, Target};
use crate::client::ClientError;
use crate::gateway::inbox::tries::{self, Next};
use crate::metrics::{Dispatch, Metrics};
use crate::store::{DispatchHead, DispatchRow, Lane, OutboxOp, ReadError, Unit, Waits, WriteError};

/// Dispatches of one queue before another queue gets the place.
const TURN: u32 = 32;

/// Heads of queues that are looked at in one page.
const HEADS: u32 = 256;

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

impl Outbox {
    /// Sends until it is dropped.
    pub async fn work(self: Arc<Self>) {
        let (mut turns, mut busy, mut from) = (JoinSet::new(), HashSet::new(), None);
        let mut waits = Waits::default();
        loop {
            let free = self.settings.parallel.max(1).saturating_sub(busy.len());
            let found = match self.look(&busy, &mut from, free).await {
                Ok(found) => found,
                Err(error) => {
                    tracing::error!(%error, "the outbox can't be read now; trying again");
                    self.clock.sleep(waits.longer()).await;
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
                        Turn::Over => waits = Waits::default(),
                        Turn::NoStore(why) => {
                            tracing::error!(why, "the outbox can't be worked on now; trying again");
                            self.clock.sleep(waits.longer()).await;
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
            let verdict =
                match AssertUnwindSafe(self.attempt(&dispatch, target, service)).catch_unwind().await {
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
    async fn attempt(
        &self,
        dispatch: &DispatchRow,
        target: Target,
        service: &Service,
    ) -> Result<Verdict, String> {
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
        let begun = self.clock.monotonic();
        let answer = self.client.send(request, self.settings.patience).await;
        let now = self.clock.monotonic();
        let verdict = match answer {
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
        };
        let outcome = match &verdict {
            Verdict::Taken { .. } => Dispatch::Accepted,
            Verdict::Refused { .. } => Dispatch::Refused,
            Verdict::Again { .. } => Dispatch::Failed,
        };
        Metrics::process().dispatched(outcome, now.saturating_sub(begun));
        Ok(verdict)
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
        _ => {
            if workflow.is_some() {
                Metrics::process().workflow_triggered();
            }
            tracing::info!(seq, guid, workflow, to, "a dispatch was taken");
        }
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

fn until(at: i64, now: i64) -> Duration {
    Duration::from_millis(u64::try_from(at.saturating_sub(now)).unwrap_or(0))
}
