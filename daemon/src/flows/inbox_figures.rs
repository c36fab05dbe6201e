//! The inbox in figures: how much came in the last hour, how much failed, what waits and for how long.

use cutover_shared::webhook::InboxFigures;

use crate::gateway::recover;
use crate::store::{Db, ReadError};

/// Minutes that are shown.
const MINUTES: usize = 60;

const MINUTE_MS: i64 = 60_000;

/// The figures at this moment, milliseconds since the epoch.
pub async fn figures(db: &Db, now: i64) -> Result<InboxFigures, ReadError> {
    let counts = db.inbox_counts().await?;
    let last = now.div_euclid(MINUTE_MS);
    let first = last - i64::try_from(MINUTES - 1).unwrap_or(0);
    let (mut received, mut failed) = (vec![0; MINUTES], vec![0; MINUTES]);
    for row in db.inbox_minutes(first * MINUTE_MS).await? {
        // A clock that was set back leaves minutes of the future; they are the last one.
        let at = usize::try_from(row.minute.min(last) - first).unwrap_or(0);
        if let (Some(took), Some(broke)) = (received.get_mut(at), failed.get_mut(at)) {
            *took += row.received;
            *broke += row.failed;
        }
    }
    let (dispatches_waiting, dispatches_dead) = db.outbox_counts().await?;
    Ok(InboxFigures {
        received,
        failed,
        waiting: counts.waiting,
        dead: counts.dead,
        lag_ms: counts.oldest.map_or(0, |at| now.saturating_sub(at).max(0)),
        dispatches_waiting,
        dispatches_dead,
        recovery: recover::last_recovery(db).await?,
    })
}
