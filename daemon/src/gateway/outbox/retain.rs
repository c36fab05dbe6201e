//! Dispatches are forgotten when their delivery is, and never while they wait.

use std::sync::Arc;
use std::time::Duration;

use super::Outbox;
use crate::store::{Lane, OutboxOp, ReadError, Unit, WriteError};

/// How often is looked, and units in one round.
const EVERY: Duration = Duration::from_secs(60);
const STEPS: usize = 100;

#[derive(Debug, thiserror::Error)]
enum NotForgotten {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl Outbox {
    /// Forgets dispatches that ended longer ago than `keep` and whose delivery is forgotten, until it is dropped.
    pub async fn retain(self: Arc<Self>, keep: Duration) {
        loop {
            // From its beginning: what the clock does meanwhile counts.
            let next = self.clock.monotonic().saturating_add(EVERY);
            if let Err(error) = self.forget(keep).await {
                tracing::warn!(%error, "old dispatches could not be forgotten; trying again in a minute");
            }
            self.clock.sleep_until(next).await;
        }
    }

    async fn forget(&self, keep: Duration) -> Result<(), NotForgotten> {
        let before = self.clock.now().saturating_sub(i64::try_from(keep.as_millis()).unwrap_or(i64::MAX));
        for _ in 0..STEPS {
            if !self.db.is_dispatch_forgettable(before).await? {
                break;
            }
            self.db.write(Lane::Run, Unit::new().with(OutboxOp::Forget { before })).await?;
        }
        Ok(())
    }
}
