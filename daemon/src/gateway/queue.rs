//! Work on queues that stand in the store: parallel across them, in order within each.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::store::{QueueHead, ReadError, Waits};

/// Heads of queues that are looked at in one page.
const HEADS: u32 = 256;

/// Queues, and what is done with what waits in them.
#[async_trait]
pub(super) trait Queues: Send + Sync + 'static {
    type Key: Clone + Ord + Hash + Send + Sync + 'static;

    /// All of them together, as the log calls them.
    const NAME: &'static str;

    /// Heads of up to `limit` queues with a greater key than `after`, by key.
    async fn heads(
        &self,
        after: Option<&Self::Key>,
        limit: u32,
    ) -> Result<Vec<QueueHead<Self::Key>>, ReadError>;

    /// When a queue whose head is due may be begun with, monotonic as `now` is. None: when there is news.
    fn opens(&self, _queue: &Self::Key, now: Duration) -> Option<Duration> {
        Some(now)
    }

    /// One turn at a queue: what waits in it in order, as long as it is due and succeeds. Must not panic.
    ///
    /// # Errors
    /// The store does not answer; whoever goes on must wait.
    async fn turn(&self, queue: &Self::Key) -> Result<(), String>;
}

/// What looking for work found.
struct Found<K> {
    ready: Vec<K>,
    /// When the first of those that are not ready yet is, monotonic.
    next: Option<Duration>,
}

/// Works on up to `parallel` queues at once until it is dropped. `news`: something may be there to be worked on.
pub(super) async fn work<Q: Queues>(queues: Arc<Q>, clock: &Clock, news: &Notify, parallel: usize) {
    let (mut turns, mut busy, mut from) = (JoinSet::new(), HashSet::new(), None);
    let mut waits = Waits::default();
    loop {
        let free = parallel.max(1).saturating_sub(busy.len());
        let found = match look(queues.as_ref(), clock, &busy, &mut from, free).await {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(%error, "the {} can't be read now; trying again", Q::NAME);
                clock.sleep(waits.longer()).await;
                continue;
            }
        };
        for queue in found.ready {
            busy.insert(queue.clone());
            let queues = Arc::clone(&queues);
            turns.spawn(async move {
                let turn = queues.turn(&queue).await;
                (queue, turn)
            });
        }
        let due = async {
            match found.next {
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(ended) = turns.join_next() => {
                // A turn catches what it calls; nothing else in it may panic.
                let Ok((queue, turn)) = ended else {
                    busy.clear();
                    turns.shutdown().await;
                    continue;
                };
                busy.remove(&queue);
                match turn {
                    Ok(()) => waits = Waits::default(),
                    Err(why) => {
                        tracing::error!(why, "the {} can't be worked on now; trying again", Q::NAME);
                        clock.sleep(waits.longer()).await;
                    }
                }
            }
            () = news.notified() => {}
            () = due => {}
        }
    }
}

/// Up to `most` queues that are ready, beginning after the one that was begun with last, so that each gets its turn.
async fn look<Q: Queues>(
    queues: &Q,
    clock: &Clock,
    busy: &HashSet<Q::Key>,
    from: &mut Option<Q::Key>,
    most: usize,
) -> Result<Found<Q::Key>, ReadError> {
    let mut found = Found { ready: Vec::new(), next: None };
    if most == 0 {
        return Ok(found);
    }
    // In this order: when time passes in between, it is looked again too early, never too late.
    let (monotonic, now) = (clock.monotonic(), clock.now());
    let (start, mut after, mut wrapped) = (from.clone(), from.clone(), from.is_none());
    loop {
        let heads = queues.heads(after.as_ref(), HEADS).await?;
        for head in &heads {
            if wrapped && start.as_ref().is_some_and(|start| head.queue > *start) {
                return Ok(found);
            }
            if !busy.contains(&head.queue)
                && let Some(opens) = queues.opens(&head.queue, monotonic)
            {
                let at = monotonic.saturating_add(until(head.due_at, now)).max(opens);
                if at <= monotonic {
                    found.ready.push(head.queue.clone());
                } else {
                    found.next = Some(found.next.map_or(at, |next| next.min(at)));
                }
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

/// From `now` until `at`, both in milliseconds; nothing when it is past.
pub(super) fn until(at: i64, now: i64) -> Duration {
    Duration::from_millis(u64::try_from(at.saturating_sub(now)).unwrap_or(0))
}

#[cfg(test)]
mod tests;
