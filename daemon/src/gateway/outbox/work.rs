//! The worker: parallel across queues, in order within each. A dispatch that fails holds its queue until its next try is due, or
//! until it is dead; while the other side is left alone, nothing of it is begun.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use reqwest::Method;
use secrecy::ExposeSecret as _;

use super::answer::{Verdict, judge};
use super::breaker::{Breaker, Gate};
use super::call::NoCall;
use super::{Outbox, Service, Target};
use crate::client::ClientError;
use crate::gateway::inbox::tries::{self, Next};
use crate::gateway::queue::{self, Queues};
use crate::metrics::{Dispatch, Metrics};
use crate::store::{DispatchRow, Lane, OutboxOp, QueueHead, ReadError, Unit, WriteError};

/// Dispatches of one queue before another queue gets the place.
const TURN: u32 = 32;

#[async_trait]
impl Queues for Outbox {
    type Key = String;
    const NAME: &'static str = "outbox";

    async fn heads(&self, after: Option<&String>, limit: u32) -> Result<Vec<QueueHead<String>>, ReadError> {
        self.db.dispatch_heads(after.map(String::as_str), limit).await
    }

    fn opens(&self, queue: &String, now: Duration) -> Option<Duration> {
        let target = Target::of(queue);
        // What is not configured is given up, and for that nobody has to be asked.
        let gate = self.service(target).map(|_| self.breaker(target, |breaker| breaker.gate(now)));
        match gate.unwrap_or(Gate::Go) {
            Gate::Go => Some(now),
            Gate::Shut(at) => Some(at),
            // The end of the call under way wakes whoever waits.
            Gate::Trying => None,
        }
    }

    async fn turn(&self, queue: &String) -> Result<(), String> {
        let waiting = self.db.dispatch_queue(queue, TURN).await.map_err(|error| error.to_string())?;
        let target = Target::of(queue);
        for dispatch in waiting {
            if dispatch.due_at > self.clock.now() {
                break;
            }
            let verdict = match self.service(target) {
                Some(service) => {
                    if self.breaker(target, |breaker| breaker.enter(self.clock.monotonic())) != Gate::Go {
                        break;
                    }
                    let _leave = Leave { outbox: self, target };
                    let tried = AssertUnwindSafe(self.attempt(&dispatch, target, service)).catch_unwind();
                    tried.await.unwrap_or_else(|_| {
                        let why = "sending it panicked; see the log".to_owned();
                        Ok(Verdict::Again { why, wait: None, sick: false })
                    })?
                }
                None => Verdict::Refused { why: format!("{} is not configured", target.name()) },
            };
            if !self.end(&dispatch, target, verdict).await? {
                break;
            }
        }
        Ok(())
    }
}

impl Outbox {
    /// Sends until it is dropped.
    pub async fn work(self: Arc<Self>) {
        queue::work(Arc::clone(&self), &self.clock, &self.news, self.settings.parallel).await;
    }

    fn breaker<T>(&self, target: Target, f: impl FnOnce(&mut Breaker) -> T) -> T {
        let breaker: &Mutex<Breaker> = match target {
            Target::Engine => &self.engine,
            Target::Scheduler => &self.scheduler,
        };
        f(&mut breaker.lock().unwrap_or_else(PoisonError::into_inner))
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
