//! The long-poll: answers when something was committed that the caller has not seen, at most ten times a second.

use std::time::Duration;

use cutover_shared::error::RpcError;
use cutover_shared::rpc::{CHANGES_WAIT, Changes, Topic};

use super::{Parts, read_error};
use crate::store::Versions;

/// Commits that come within this time are told together.
const GATHER: Duration = Duration::from_millis(100);

pub(super) async fn changes(parts: &Parts, epoch: u64, seen: Vec<(Topic, u64)>) -> Result<Changes, RpcError> {
    let mut versions = parts.db.versions();
    if epoch == parts.epoch && !is_news(&versions.borrow_and_update(), &seen) {
        let news = versions.wait_for(|now| is_news(now, &seen));
        if let Ok(Ok(_)) = parts.clock.timeout(CHANGES_WAIT, async { news.await.map(drop) }).await {
            parts.clock.sleep(GATHER).await;
        }
    }
    // All of them, also those without a commit since the start: what a caller does not name wakes nobody.
    let now = {
        let versions = versions.borrow();
        Topic::ALL.iter().map(|topic| (*topic, versions.get(topic).copied().unwrap_or(0))).collect()
    };
    let runs = parts.db.unfinished_runs().await.map_err(read_error)?;
    let moving = runs.iter().filter(|run| run.state.is_moving()).map(|run| parts.engine.show(run)).collect();
    Ok(Changes { epoch: parts.epoch, versions: now, moving })
}

/// A topic that the caller named has moved; of topics that it did not name it wants to hear nothing.
fn is_news(now: &Versions, seen: &[(Topic, u64)]) -> bool {
    seen.iter().any(|(topic, version)| now.get(topic).copied().unwrap_or(0) != *version)
}
