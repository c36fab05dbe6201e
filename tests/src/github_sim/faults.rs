//! Faults on demand: what goes wrong, for which calls, how often.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::route::RouteKind;

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// This status with GitHub's text for it; the call itself isn't done.
    Status {
        /// 401, 403, 404, 429, 500, 502, 503 or any other.
        status: u16,
        /// `Retry-After`, seconds.
        retry_after: Option<u64>,
    },
    /// 403 with the text and headers of a primary limit that is used up.
    PrimaryLimit,
    /// The secondary limit's text with this status, 403 or 429.
    SecondaryLimit {
        /// 403 or 429.
        status: u16,
        /// `Retry-After`, seconds.
        retry_after: Option<u64>,
    },
    /// A commit is answered by the one before it: right in form, and wrong.
    OlderCommit,
    /// The answer starts after this time of the clock; further faults apply too.
    Latency(Duration),
    /// The call is done, and the connection cut after so many bytes of the answer's body.
    Cut {
        /// Bytes of the body that still arrive.
        after: usize,
    },
    /// The call is done, and the answer's body drips.
    SlowBody {
        /// Bytes in a drop.
        drop: usize,
        /// Time of the clock between two drops.
        pause: Duration,
    },
}

/// A fault: an [`Effect`] on calls that fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    kind: Option<RouteKind>,
    installation: Option<i64>,
    skip: u32,
    times: u32,
    effect: Effect,
}

impl Fault {
    /// On the next call of any kind.
    pub fn any(effect: Effect) -> Self {
        Self { kind: None, installation: None, skip: 0, times: 1, effect }
    }

    /// On the next call of one kind.
    pub fn on(kind: RouteKind, effect: Effect) -> Self {
        Self { kind: Some(kind), ..Self::any(effect) }
    }

    /// A status without `Retry-After` on the next call of one kind.
    pub fn status(kind: RouteKind, status: u16) -> Self {
        Self::on(kind, Effect::Status { status, retry_after: None })
    }

    /// Only calls about this installation.
    #[must_use]
    pub fn installation(mut self, id: i64) -> Self {
        self.installation = Some(id);
        self
    }

    /// Not the first `calls` that fit.
    #[must_use]
    pub fn after(mut self, calls: u32) -> Self {
        self.skip = calls;
        self
    }

    /// So many calls instead of one.
    #[must_use]
    pub fn times(mut self, calls: u32) -> Self {
        self.times = calls;
        self
    }

    /// Every call until [`Faults::clear`].
    #[must_use]
    pub fn always(self) -> Self {
        self.times(u32::MAX)
    }

    /// Whether it hits this call; uses itself up.
    fn hits(&mut self, kind: RouteKind, installation: Option<i64>) -> bool {
        let fits = self.kind.is_none_or(|wanted| wanted == kind)
            && (self.installation.is_none() || self.installation == installation);
        if !fits {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        if self.times != u32::MAX {
            self.times = self.times.saturating_sub(1);
        }
        true
    }
}

/// The script of faults. Clones share one script.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Script>>);

#[derive(Debug, Default)]
struct Script {
    faults: Vec<Fault>,
    replication_lag: Duration,
}

/// What one call suffers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Suffered {
    pub(super) latency: Duration,
    pub(super) effect: Option<Effect>,
}

impl Faults {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a fault behind those that are there; the first that fits hits.
    pub fn add(&self, fault: Fault) {
        if fault.times > 0 {
            self.script().faults.push(fault);
        }
    }

    /// A token gets 401 until it is so old, as with GitHub's replicas. Zero ends it.
    pub fn set_replication_lag(&self, lag: Duration) {
        self.script().replication_lag = lag;
    }

    /// How many faults still wait.
    pub fn waiting(&self) -> usize {
        self.script().faults.len()
    }

    /// Ends all faults and the lag.
    pub fn clear(&self) {
        *self.script() = Script::default();
    }

    pub(super) fn replication_lag(&self) -> Duration {
        self.script().replication_lag
    }

    pub(super) fn suffer(&self, kind: RouteKind, installation: Option<i64>) -> Suffered {
        let mut script = self.script();
        let mut out = Suffered::default();
        for fault in &mut script.faults {
            if !fault.hits(kind, installation) {
                continue;
            }
            if let Effect::Latency(length) = fault.effect {
                out.latency += length;
            } else {
                out.effect = Some(fault.effect);
                break;
            }
        }
        script.faults.retain(|fault| fault.times > 0);
        out
    }
}
