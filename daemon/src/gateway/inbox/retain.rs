//! What is forgotten, and when: bodies first, then that there was a delivery at all.

use std::sync::Arc;
use std::time::Duration;

use super::Inbox;
use crate::store::{InboxOp, Lane, ReadError, Unit, WriteError};

/// How much longer than its body a delivery is known, so that a late double is not handled twice.
const TOMBSTONE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How often is looked. Each time forgets at most [`STEPS`] units, so that a long list never holds up the writer.
const EVERY: Duration = Duration::from_secs(60);

/// Units in one round: with 256 rows each, 25,600 deliveries a minute.
const STEPS: usize = 100;

#[derive(Debug, thiserror::Error)]
enum NotForgotten {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl Inbox {
    /// Forgets what ended longer ago than `keep`, until it is dropped.
    pub async fn retain(self: Arc<Self>, keep: Duration) {
        loop {
            // From its beginning: what the clock does meanwhile counts.
            let next = self.clock.monotonic().saturating_add(EVERY);
            if let Err(error) = self.forget(keep).await {
                tracing::warn!(%error, "old deliveries could not be forgotten; trying again in a minute");
            }
            self.clock.sleep_until(next).await;
        }
    }

    async fn forget(&self, keep: Duration) -> Result<(), NotForgotten> {
        let before = |age: Duration| {
            self.clock.now().saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
        };
        let (bodies, rows) = (before(keep), before(keep.saturating_add(TOMBSTONE)));
        for _ in 0..STEPS {
            if !self.db.is_forgettable(bodies, rows).await? {
                break;
            }
            // One unit a turn: what is urgent gets in between.
            let unit = Unit::new()
                .with(InboxOp::DropBodies { before: bodies })
                .with(InboxOp::Forget { before: rows });
            self.db.write(Lane::Run, unit).await?;
        }
        Ok(())
    }
}
