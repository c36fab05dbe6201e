//! What is forgotten: writes that ended, and records that agree. What is owed never is.

use std::time::Duration;

use super::Second;
use crate::store::{Lane, SecondOp, Unit};

const HOUR: Duration = Duration::from_secs(60 * 60);

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Writes that ended are kept for so long.
const ENDED_MS: i64 = 7 * DAY_MS;

/// Records that agree are kept for so long.
const AGREED_MS: i64 = 30 * DAY_MS;

impl Second {
    /// Forgets by the clock.
    pub(super) async fn retain(&self) {
        loop {
            self.parts().clock.sleep(HOUR).await;
            if let Err(why) = self.forget().await {
                tracing::warn!(why, "old records of both arms stay for now");
            }
        }
    }

    pub(super) async fn forget(&self) -> Result<(), String> {
        let parts = self.parts();
        let now = parts.clock.now();
        let (ended, agreed) = (now.saturating_sub(ENDED_MS), now.saturating_sub(AGREED_MS));
        loop {
            // A comparison that has read one book must find the other as it was.
            let _one = self.0.comparing.lock().await;
            let is_there = parts.db.is_second_forgettable(ended, agreed).await;
            if !is_there.map_err(|error| error.to_string())? {
                return Ok(());
            }
            let unit = Unit::new().with(SecondOp::Forget { ended, agreed });
            parts.db.write(Lane::Run, unit).await.map_err(|error| error.to_string())?;
        }
    }
}
