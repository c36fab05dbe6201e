//! The worker: parallel across installations, in order within each. A delivery that fails holds its installation until its
//! next try is due, or until it is dead.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cutover_shared::webhook::DeliveryState;
use futures::FutureExt as _;

use super::Inbox;
use super::tries::{self, Next};
use crate::gateway::events::Effects;
use crate::gateway::queue::{self, Queues, until};
use crate::store::{DeliveryRow, InboxOp, Lane, QueueHead, ReadError, Unit, WriteError};

/// Deliveries of one installation that are handled before another installation gets the place.
const TURN: u32 = 64;

/// Rows after which a unit of ended deliveries takes no other: what holds a group commit up, holds up acknowledgements.
const ROWS: usize = 256;

/// Why a delivery was not handled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandleError {
    /// No other try will help.
    #[error("{0}")]
    Hopeless(String),
    /// The next try may help.
    #[error("{0}")]
    Failed(String),
}

/// What is done with a delivery.
#[async_trait]
pub trait Handler: Send + Sync {
    /// What follows from it. May be asked again for the same delivery; nothing may happen before [`Handler::committed`] that
    /// must happen once.
    async fn handle(&self, delivery: &DeliveryRow, body: &[u8]) -> Result<Effects, HandleError>;

    /// The effects are in the store. What is in memory may follow now; a crash before this loses that memory anyway.
    fn committed(&self, effects: &Effects);
}

/// How the worker works.
#[derive(Clone, Copy, Debug)]
pub struct WorkSettings {
    /// Installations that are worked on at once.
    pub parallel: usize,
    /// Tries before a delivery is dead.
    pub tries: u32,
}

/// An inbox, and what is done with what waits in it.
struct Worker {
    inbox: Arc<Inbox>,
    handler: Arc<dyn Handler>,
    tries: u32,
}

impl Inbox {
    /// Handles deliveries until it is dropped.
    pub async fn work(self: Arc<Self>, handler: Arc<dyn Handler>, settings: WorkSettings) {
        let worker = Worker { inbox: Arc::clone(&self), handler, tries: settings.tries };
        queue::work(Arc::new(worker), &self.clock, &self.news, settings.parallel).await;
    }

    /// How long ago it was received.
    fn lag(&self, delivery: &DeliveryRow) -> Duration {
        until(self.clock.now(), delivery.received_at)
    }
}

#[async_trait]
impl Queues for Worker {
    type Key = i64;
    const NAME: &'static str = "inbox";

    async fn heads(&self, after: Option<&i64>, limit: u32) -> Result<Vec<QueueHead>, ReadError> {
        self.inbox.db.queue_heads(after.copied(), limit).await
    }

    async fn turn(&self, queue: &i64) -> Result<(), String> {
        let waiting = self.inbox.db.queue(*queue, TURN).await.map_err(|error| error.to_string())?;
        let now = self.inbox.clock.now();
        let mut due = waiting.iter().take_while(|delivery| delivery.due_at <= now);
        loop {
            let (mut good, mut unit, mut bad) = (Vec::new(), Unit::new(), None);
            for delivery in due.by_ref() {
                match self.outcome(delivery).await? {
                    Ok(effects) => {
                        unit = unit.joined(self.end(delivery, &effects));
                        good.push((delivery, effects));
                        if unit.rows() >= ROWS {
                            break;
                        }
                    }
                    Err(error) => {
                        bad = Some((delivery, error));
                        break;
                    }
                }
            }
            let ended = good.is_empty() && bad.is_none();
            if ended || !self.ends(good, unit).await? {
                return Ok(());
            }
            if let Some((delivery, error)) = bad
                && !self.settle(delivery, Err(error)).await?
            {
                return Ok(());
            }
        }
    }
}

impl Worker {
    /// Ends deliveries that succeeded, all in one unit: a commit is what a delivery without effects costs most. What can't go
    /// together goes one by one. True when the next of the queue may follow.
    async fn ends(&self, good: Vec<(&DeliveryRow, Effects)>, unit: Unit) -> Result<bool, String> {
        if good.len() > 1 {
            match self.inbox.db.write(Lane::Handler, unit).await {
                Ok(()) => {
                    for (delivery, effects) in &good {
                        self.handler.committed(effects);
                        self.inbox.metrics.webhook_processed(self.inbox.lag(delivery));
                    }
                    return Ok(true);
                }
                Err(error @ (WriteError::Unavailable(_) | WriteError::Closed)) => {
                    return Err(error.to_string());
                }
                Err(_) => {}
            }
        }
        for (delivery, effects) in good {
            if !self.settle(delivery, Ok(effects)).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What the handler says of a delivery; a panic of its is a failure.
    async fn outcome(&self, delivery: &DeliveryRow) -> Result<Result<Effects, HandleError>, String> {
        let begun = self.inbox.clock.monotonic();
        let outcome = match self.inbox.db.delivery_body(delivery.seq).await {
            Err(error) => return Err(error.to_string()),
            Ok(None) => Err(HandleError::Hopeless("its payload is not kept any more".to_owned())),
            Ok(Some(body)) => AssertUnwindSafe(self.handler.handle(delivery, &body))
                .catch_unwind()
                .await
                .unwrap_or_else(|_| Err(HandleError::Failed("the handler panicked; see the log".to_owned()))),
        };
        self.inbox.metrics.webhook_handling(self.inbox.clock.monotonic().saturating_sub(begun));
        Ok(outcome)
    }

    /// Stores what came of one; true when the next of its queue may follow.
    async fn settle(
        &self,
        delivery: &DeliveryRow,
        outcome: Result<Effects, HandleError>,
    ) -> Result<bool, String> {
        let (unit, effects, over) = match outcome {
            Ok(effects) => (self.end(delivery, &effects), Some(effects), true),
            Err(error) => {
                let (op, over) = self.failure(delivery, &error);
                (Unit::new().with(op), None, over)
            }
        };
        match self.inbox.db.write(Lane::Handler, unit).await {
            Ok(()) => {
                match effects {
                    Some(effects) => {
                        self.handler.committed(&effects);
                        self.inbox.metrics.webhook_processed(self.inbox.lag(delivery));
                    }
                    None => self.failed(delivery, over),
                }
                Ok(over)
            }
            // Somebody else moved it in between.
            Err(WriteError::Precondition { .. }) => Ok(false),
            Err(WriteError::Unavailable(why)) => Err(why),
            Err(WriteError::Closed) => Err("the store is closed".to_owned()),
            Err(error @ (WriteError::Conflict { .. } | WriteError::TooLarge { .. })) => {
                let (op, over) = self.failure(delivery, &HandleError::Failed(error.to_string()));
                self.inbox
                    .db
                    .write(Lane::Handler, Unit::new().with(op))
                    .await
                    .map_err(|error| error.to_string())?;
                self.failed(delivery, over);
                Ok(over)
            }
        }
    }

    /// Counted once it is stored.
    fn failed(&self, delivery: &DeliveryRow, over: bool) {
        if over {
            self.inbox.metrics.webhook_dead(self.inbox.lag(delivery));
        } else {
            self.inbox.metrics.webhook_retried();
        }
    }

    /// The effects and the delivery's end, as one unit: both are there or none.
    fn end(&self, delivery: &DeliveryRow, effects: &Effects) -> Unit {
        let state = if effects.note.is_some() { DeliveryState::Handled } else { DeliveryState::Ignored };
        let end =
            InboxOp::End { seq: delivery.seq, state, at: self.inbox.clock.now(), note: effects.note.clone() };
        Unit::new().with(end).with_all(effects.ops.iter().cloned())
    }

    /// What becomes of a failed one, and whether its queue goes on.
    fn failure(&self, delivery: &DeliveryRow, error: &HandleError) -> (InboxOp, bool) {
        let (seq, now, attempts) =
            (delivery.seq, self.inbox.clock.now(), delivery.attempts.saturating_add(1));
        let next = match error {
            HandleError::Hopeless(_) => Next::Dead,
            HandleError::Failed(_) => tries::next(attempts, self.tries, rand::random()),
        };
        let why = error.to_string();
        match next {
            Next::Again(wait) => {
                tracing::warn!(
                    guid = delivery.guid,
                    event = delivery.event,
                    attempts,
                    why,
                    "a delivery failed"
                );
                let due_at = now.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
                (InboxOp::Retry { seq, attempts, due_at, note: why }, false)
            }
            Next::Dead => {
                tracing::error!(
                    guid = delivery.guid,
                    event = delivery.event,
                    attempts,
                    why,
                    "a delivery is dead"
                );
                (InboxOp::End { seq, state: DeliveryState::Dead, at: now, note: Some(why) }, true)
            }
        }
    }
}
