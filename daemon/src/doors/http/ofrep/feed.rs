//! Streams of changes: one event when something changed that decisions stand on, a comment in between. A stream is pulled by its
//! reader and keeps nothing for it: whoever reads slowly finds several changes told as one.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use cutover_shared::rollout::{Operation, RolloutName};
use sha2::{Digest as _, Sha256};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::sync::CancellationToken;

use super::evaluation::{refetch, tag};
use crate::clock::{Clock, Millis};
use crate::rollout::router::Router;

/// Between two signs of life; clients and proxies close what is silent for a minute or two.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(15);

/// A reader that has not taken its last event for so long after the next was due is cut.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A stream ends by itself after this, before its connection gets too old; the reader comes again.
pub(super) const LONGEST: Duration = Duration::from_secs(9 * 60);

/// How soon it is to come again, in milliseconds.
const RETRY: u32 = 1_000;

/// How everything stands, and since when.
pub(super) struct Standing {
    router: Router,
    clock: Clock,
    last: Mutex<(String, Millis)>,
}

impl Standing {
    pub(super) fn new(router: Router, clock: Clock) -> Self {
        let last = Mutex::new((config_tag(&router), clock.now()));
        Self { router, clock, last }
    }

    /// The tag of what decides now, and since when it does.
    pub(super) fn look(&self) -> (String, Millis) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = config_tag(&self.router);
        if last.0 != now {
            *last = (now, self.clock.now());
        }
        last.clone()
    }
}

/// Over what is the same for all tenants: versions, what holds above them, and the switch.
fn config_tag(router: &Router) -> String {
    let mut hash = Sha256::new();
    hash.update([u8::from(router.is_killed())]);
    for name in RolloutName::ALL.iter().copied() {
        let plan = router.plan(name);
        hash.update(plan.as_ref().map_or(0, |plan| plan.version).to_be_bytes());
        hash.update([u8::from(plan.as_ref().is_some_and(|plan| plan.killed))]);
        hash.update(plan.as_ref().map(|plan| plan.stage.to_string()).unwrap_or_default());
    }
    for operation in Operation::ALL.iter().copied() {
        hash.update(router.decide(operation, "").why.word());
    }
    tag(&hash.finalize())
}

/// The reader takes nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the reader is too slow")]
pub(super) struct TooSlow;

/// One stream.
pub(super) struct Feed {
    standing: std::sync::Arc<Standing>,
    changes: watch::Receiver<u64>,
    clock: Clock,
    stop: CancellationToken,
    /// Of what was told last.
    told: Option<String>,
    /// When the next sign of life is due.
    beat: Duration,
    end: Duration,
    _place: OwnedSemaphorePermit,
}

impl Feed {
    /// Tells first how things stand: a change may have come between the reader's evaluation and its stream.
    pub(super) fn new(
        standing: std::sync::Arc<Standing>,
        stop: CancellationToken,
        place: OwnedSemaphorePermit,
    ) -> Self {
        let clock = standing.clock.clone();
        let now = clock.monotonic();
        Self {
            changes: standing.router.changes(),
            standing,
            clock,
            stop,
            told: None,
            beat: now.saturating_add(HEARTBEAT),
            end: now.saturating_add(LONGEST),
            _place: place,
        }
    }

    /// The next frame; none at the end.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, TooSlow>> {
        // Asked for as soon as the frame before has gone out: late is a reader that takes nothing.
        if self.clock.monotonic() > self.beat.saturating_add(PATIENCE) {
            return Some(Err(TooSlow));
        }
        loop {
            self.changes.mark_unchanged();
            let (tag, since) = self.standing.look();
            if self.told.as_ref() != Some(&tag) {
                let retry = if self.told.is_none() { format!("retry: {RETRY}\n") } else { String::new() };
                let frame = format!("{retry}data: {}\n\n", refetch(&tag, since));
                self.told = Some(tag);
                return Some(Ok(self.alive(frame.into())));
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                changed = self.changes.changed() => changed.ok()?,
                () = self.clock.sleep_until(self.end) => return None,
                () = self.clock.sleep_until(self.beat) => return Some(Ok(self.alive(Bytes::from_static(b":\n\n")))),
            }
        }
    }

    fn alive(&mut self, frame: Bytes) -> Bytes {
        self.beat = self.clock.monotonic().saturating_add(HEARTBEAT);
        frame
    }
}
