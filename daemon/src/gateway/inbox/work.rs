//! The worker: parallel across installations, in order within each. A delivery that fails holds its installation until its
//! next try is due, or until it is dead.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cutover_shared::webhook::DeliveryState;
use futures::FutureExt as _;
use tokio::task::JoinSet;

use super::Inbox;
use super::tries::{self, Next};
use crate::gateway::events::Effects;
use crate::store::{DeliveryRow, InboxOp, Lane, QueueHead, ReadError, Unit, Waits, WriteError};

/// Deliveries of one installation that are handled before another installation gets the place.
const TURN: u32 = 64;

/// Rows after which a unit of ended deliveries takes no other: what holds a group commit up, holds up acknowledgements.
const ROWS: usize = 256;

/// Heads of queues that are looked at in one page.
const HEADS: u32 = 256;

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

/// What looking for work found.
struct Found {
    ready: Vec<i64>,
    /// When the first of those that are not due yet is.
    next_due: Option<i64>,
}

/// What one turn at a queue ended with.
enum Turn {
    Over,
    /// The store does not answer; whoever goes on must wait.
    NoStore(String),
}

impl Inbox {
    /// Handles deliveries until it is dropped.
    pub async fn work(self: Arc<Self>, handler: Arc<dyn Handler>, settings: WorkSettings) {
        let (mut turns, mut busy, mut from) = (JoinSet::new(), HashSet::new(), None);
        let mut waits = Waits::default();
        loop {
            let free = settings.parallel.max(1).saturating_sub(busy.len());
            let found = match self.look(&busy, &mut from, free).await {
                Ok(found) => found,
                Err(error) => {
                    tracing::error!(%error, "the inbox can't be read now; trying again");
                    self.clock.sleep(waits.longer()).await;
                    continue;
                }
            };
            for queue in found.ready {
                busy.insert(queue);
                let (inbox, handler) = (Arc::clone(&self), Arc::clone(&handler));
                turns
                    .spawn(async move { (queue, inbox.turn(queue, handler.as_ref(), settings.tries).await) });
            }
            let due = async {
                match found.next_due {
                    Some(at) => self.clock.sleep(until(at, self.clock.now())).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(ended) = turns.join_next() => {
                    // A turn catches what its handler throws; nothing else in it may panic.
                    let Ok((queue, turn)) = ended else {
                        busy.clear();
                        turns.shutdown().await;
                        continue;
                    };
                    busy.remove(&queue);
                    match turn {
                        Turn::Over => waits = Waits::default(),
                        Turn::NoStore(why) => {
                            tracing::error!(why, "the inbox can't be worked on now; trying again");
                            self.clock.sleep(waits.longer()).await;
                        }
                    }
                }
                () = self.news.notified() => {}
                () = due => {}
            }
        }
    }

    /// Up to `most` queues whose first delivery is due, beginning after the one that was begun with last, so that each
    /// gets its turn.
    async fn look(
        &self,
        busy: &HashSet<i64>,
        from: &mut Option<i64>,
        most: usize,
    ) -> Result<Found, ReadError> {
        let mut found = Found { ready: Vec::new(), next_due: None };
        if most == 0 {
            return Ok(found);
        }
        let now = self.clock.now();
        let (start, mut after, mut wrapped) = (*from, *from, from.is_none());
        loop {
            let heads = self.db.queue_heads(after, HEADS).await?;
            for head in &heads {
                if wrapped && start.is_some_and(|start| head.queue > start) {
                    return Ok(found);
                }
                found.take(head, now, busy);
                if found.ready.len() == most {
                    *from = Some(head.queue);
                    return Ok(found);
                }
            }
            match heads.last() {
                Some(last) if heads.len() == HEADS as usize => after = Some(last.queue),
                _ if wrapped => return Ok(found),
                _ => (wrapped, after) = (true, None),
            }
        }
    }

    /// One turn at a queue: its waiting deliveries in order, as long as they are due and succeed.
    async fn turn(&self, queue: i64, handler: &dyn Handler, tries: u32) -> Turn {
        match self.go(queue, handler, tries).await {
            Ok(()) => Turn::Over,
            Err(why) => Turn::NoStore(why),
        }
    }

    async fn go(&self, queue: i64, handler: &dyn Handler, tries: u32) -> Result<(), String> {
        let waiting = self.db.queue(queue, TURN).await.map_err(|error| error.to_string())?;
        let now = self.clock.now();
        let mut due = waiting.iter().take_while(|delivery| delivery.due_at <= now);
        loop {
            let (mut good, mut unit, mut bad) = (Vec::new(), Unit::new(), None);
            for delivery in due.by_ref() {
                match self.outcome(delivery, handler).await? {
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
            if ended || !self.ends(good, unit, handler, tries).await? {
                return Ok(());
            }
            if let Some((delivery, error)) = bad
                && !self.settle(delivery, Err(error), handler, tries).await?
            {
                return Ok(());
            }
        }
    }

    /// Ends deliveries that succeeded, all in one unit: a commit is what a delivery without effects costs most. What can't go
    /// together goes one by one. True when the next of the queue may follow.
    async fn ends(
        &self,
        good: Vec<(&DeliveryRow, Effects)>,
        unit: Unit,
        handler: &dyn Handler,
        tries: u32,
    ) -> Result<bool, String> {
        if good.len() > 1 {
            match self.db.write(Lane::Handler, unit).await {
                Ok(()) => {
                    for (delivery, effects) in &good {
                        handler.committed(effects);
                        self.metrics.webhook_processed(self.lag(delivery));
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
            if !self.settle(delivery, Ok(effects), handler, tries).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What the handler says of a delivery; a panic of its is a failure.
    async fn outcome(
        &self,
        delivery: &DeliveryRow,
        handler: &dyn Handler,
    ) -> Result<Result<Effects, HandleError>, String> {
        let begun = self.clock.monotonic();
        let outcome = match self.db.delivery_body(delivery.seq).await {
            Err(error) => return Err(error.to_string()),
            Ok(None) => Err(HandleError::Hopeless("its payload is not kept any more".to_owned())),
            Ok(Some(body)) => AssertUnwindSafe(handler.handle(delivery, &body))
                .catch_unwind()
                .await
                .unwrap_or_else(|_| Err(HandleError::Failed("the handler panicked; see the log".to_owned()))),
        };
        self.metrics.webhook_handling(self.clock.monotonic().saturating_sub(begun));
        Ok(outcome)
    }

    /// Stores what came of one; true when the next of its queue may follow.
    async fn settle(
        &self,
        delivery: &DeliveryRow,
        outcome: Result<Effects, HandleError>,
        handler: &dyn Handler,
        tries: u32,
    ) -> Result<bool, String> {
        let (unit, effects, over) = match outcome {
            Ok(effects) => (self.end(delivery, &effects), Some(effects), true),
            Err(error) => {
                let (op, over) = self.failure(delivery, &error, tries);
                (Unit::new().with(op), None, over)
            }
        };
        match self.db.write(Lane::Handler, unit).await {
            Ok(()) => {
                match effects {
                    Some(effects) => {
                        handler.committed(&effects);
                        self.metrics.webhook_processed(self.lag(delivery));
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
                let (op, over) = self.failure(delivery, &HandleError::Failed(error.to_string()), tries);
                self.db
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
        if over { self.metrics.webhook_dead(self.lag(delivery)) } else { self.metrics.webhook_retried() }
    }

    /// How long ago it was received.
    fn lag(&self, delivery: &DeliveryRow) -> Duration {
        until(self.clock.now(), delivery.received_at)
    }

    /// The effects and the delivery's end, as one unit: both are there or none.
    fn end(&self, delivery: &DeliveryRow, effects: &Effects) -> Unit {
        let state = if effects.note.is_some() { DeliveryState::Handled } else { DeliveryState::Ignored };
        let end = InboxOp::End { seq: delivery.seq, state, at: self.clock.now(), note: effects.note.clone() };
        Unit::new().with(end).with_all(effects.ops.iter().cloned())
    }

    /// What becomes of a failed one, and whether its queue goes on.
    fn failure(&self, delivery: &DeliveryRow, error: &HandleError, tries: u32) -> (InboxOp, bool) {
        let (seq, now, attempts) = (delivery.seq, self.clock.now(), delivery.attempts.saturating_add(1));
        let next = match error {
            HandleError::Hopeless(_) => Next::Dead,
            HandleError::Failed(_) => tries::next(attempts, tries, rand::random()),
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

impl Found {
    fn take(&mut self, head: &QueueHead, now: i64, busy: &HashSet<i64>) {
        if busy.contains(&head.queue) {
        } else if head.due_at <= now {
            self.ready.push(head.queue);
        } else {
            self.next_due = Some(self.next_due.map_or(head.due_at, |due| due.min(head.due_at)));
        }
    }
}

fn until(at: i64, now: i64) -> Duration {
    Duration::from_millis(u64::try_from(at.saturating_sub(now)).unwrap_or(0))
}
