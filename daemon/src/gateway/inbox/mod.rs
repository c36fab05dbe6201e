//! The inbox (G1, G2): what is taken is durable before it is acknowledged, and handled in the order of each installation.

pub mod replay;
mod retain;
#[cfg(test)]
mod tests;
pub(super) mod tries;
mod work;

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;

pub use self::work::{HandleError, Handler, WorkSettings};
use super::envelope::Envelope;
use super::queue::until;
use crate::clock::Clock;
use crate::hex::hex;
use crate::metrics::Metrics;
use crate::store::{Db, InboxOp, Lane, NewDelivery, Unit, WriteError};

/// A verified delivery.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// `X-GitHub-Delivery`.
    pub guid: String,
    /// `X-GitHub-Event`.
    pub event: String,
    pub envelope: Envelope,
    /// The body as it came.
    pub body: Bytes,
}

/// What is known of a delivery before anybody reads it.
pub trait Judge: Send + Sync {
    /// Whether anything may follow from an event, in this repository. What it does not await is ended as it is taken, so that
    /// it costs no more than its insert.
    fn awaits(&self, event: &str, repository: Option<&str>) -> bool;
}

/// Deliveries on their way through.
pub struct Inbox {
    db: Db,
    clock: Clock,
    metrics: Metrics,
    judge: Option<Arc<dyn Judge>>,
    /// Something may be there to be handled.
    news: Notify,
}

impl Inbox {
    /// An inbox over the store. Nothing is handled until [`Inbox::work`] goes.
    pub fn new(db: Db, clock: Clock) -> Arc<Self> {
        Arc::new(Self { db, clock, metrics: Metrics::process(), judge: None, news: Notify::new() })
    }

    /// As [`Inbox::new`], but only what is awaited has to be handled.
    pub fn judged(db: Db, clock: Clock, judge: Arc<dyn Judge>) -> Arc<Self> {
        Arc::new(Self { db, clock, metrics: Metrics::process(), judge: Some(judge), news: Notify::new() })
    }

    /// Takes a delivery. When this answers `Ok`, it survives whatever happens next.
    ///
    /// # Errors
    /// It is not durable; the sender must be told, so that GitHub keeps it as failed.
    pub async fn take(&self, arrival: Arrival) -> Result<(), WriteError> {
        self.keep(Lane::Urgent, arrival, self.clock.now()).await
    }

    /// Takes a delivery that GitHub logged earlier, at `delivered_at`: how new its facts are is told by then, not by now.
    ///
    /// # Errors
    /// It is not durable.
    pub async fn take_late(&self, arrival: Arrival, delivered_at: i64) -> Result<(), WriteError> {
        // A clock that is ahead must not make facts that nothing is newer than; GitHub's second may still be going on.
        let latest = self.clock.now().saturating_add(1_000);
        self.keep(Lane::Handler, arrival, delivered_at.min(latest)).await
    }

    async fn keep(&self, lane: Lane, arrival: Arrival, received_at: i64) -> Result<(), WriteError> {
        let repository = arrival.envelope.repository.as_deref();
        let awaited = self.judge.as_ref().is_none_or(|judge| judge.awaits(&arrival.event, repository));
        let now = self.clock.now();
        let delivery = NewDelivery {
            guid: arrival.guid,
            event: arrival.event,
            action: arrival.envelope.action,
            installation: arrival.envelope.installation,
            repo_id: arrival.envelope.repo_id,
            repository: arrival.envelope.repository,
            received_at,
            digest: digest(&arrival.body).await?,
            body: arrival.body,
            ended_at: (!awaited).then_some(now),
        };
        let unit = Unit::new().with(InboxOp::Receive(Box::new(delivery)));
        self.db.write(lane, unit).await?;
        if awaited {
            self.news.notify_one();
        } else {
            self.metrics.webhook_processed(until(now, received_at));
        }
        Ok(())
    }
}

/// Bodies larger than this, in bytes, are hashed where no other request waits for the thread.
const LARGE: usize = 256 * 1024;

/// SHA-256, lower-case hex.
async fn digest(body: &Bytes) -> Result<String, WriteError> {
    if body.len() <= LARGE {
        return Ok(hex(&Sha256::digest(body)));
    }
    let body = body.clone();
    tokio::task::spawn_blocking(move || hex(&Sha256::digest(&body)))
        .await
        .map_err(|error| WriteError::Unavailable(format!("a body could not be hashed: {error}")))
}
