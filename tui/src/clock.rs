//! The only place where this program asks for the time. It shares no code with the daemon's clock, because
//! neither side owns the other; deadlines of calls are real time by nature.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The longest wait that anybody may ask for; far from where `Instant` would overflow at the peer.
pub const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Milliseconds since the epoch, UTC.
#[expect(clippy::disallowed_methods, reason = "the one reading of the system's time in this program")]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The moment `after` from now, at most [`LONGEST`] away.
#[expect(clippy::disallowed_methods, reason = "tarpc wants deadlines as instants of this process")]
pub(crate) fn deadline(after: Duration) -> Instant {
    Instant::now() + after.min(LONGEST)
}

/// What `work` answers, or none when `limit` ends first; `work` is dropped then.
#[expect(clippy::disallowed_methods, reason = "`--timeout` is real time")]
pub(crate) async fn within<F: Future>(limit: Duration, work: F) -> Option<F::Output> {
    tokio::time::timeout(limit.min(LONGEST), work).await.ok()
}

/// Waits before a new try to connect.
#[expect(clippy::disallowed_methods, reason = "the pause between two tries is real time")]
pub(crate) async fn pause(length: Duration) {
    tokio::time::sleep(length).await;
}
