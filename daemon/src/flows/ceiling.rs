//! The mode is the ceiling of `github-auth` (B8): whoever changes it, the rollout follows at once.

use cutover_shared::rpc::Topic;

use crate::audit::Who;
use crate::clock::Clock;
use crate::mapping::mode;
use crate::rollout::book::{RolloutError, Rollouts};
use crate::store::Db;

/// Between tries while the store does not answer.
const RETRY: std::time::Duration = std::time::Duration::from_secs(1);

/// Tells the rollout what mode and list are stored.
///
/// # Errors
/// As the store's, and [`RolloutError::Unread`] before the rollouts were loaded.
pub async fn follow(db: &Db, rollouts: &Rollouts, who: &Who) -> Result<(), RolloutError> {
    let view = mode::view(db, None, false).await?;
    rollouts.set_ceiling(view.mode, &view.canary.into_iter().collect(), who).await
}

/// Follows every later change, whoever makes it. Runs until it is dropped.
pub async fn keep(db: Db, rollouts: Rollouts, clock: Clock) {
    let mut versions = db.versions();
    loop {
        let seen = versions.borrow_and_update().get(&Topic::Mode).copied();
        while let Err(error) = follow(&db, &rollouts, &Who::daemon()).await {
            tracing::warn!(%error, "the rollout does not know the mode yet");
            clock.sleep(RETRY).await;
        }
        let moved = versions.wait_for(|now| now.get(&Topic::Mode).copied() != seen).await;
        if moved.is_err() {
            return;
        }
    }
}
