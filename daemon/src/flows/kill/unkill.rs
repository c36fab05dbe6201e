//! Letting go of a kill: what was switched is switched back, rollout by rollout, and runs may move again.

use cutover_shared::mapping::Mode;
use cutover_shared::rollout::{ChangeView, RolloutName};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{KillSwitch, Marker, SETTING, setting};
use crate::audit::Who;
use crate::flows::ceiling;
use crate::mapping::mode;
use crate::rollout::book::RolloutError;
use crate::rollout::state::Killed;
use crate::run::Pull;
use crate::store::{Lane, SettingOp, Unit, WriteError};

/// What the mode was before a kill of everything that was let go of for other rollouts than `github-auth`, which the mode stands
/// above: it is put back with that one.
const MODE_OWED: &str = "kill.mode_before";

/// The mode that is to be put back, as it is stored.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct OwedMode {
    before: Mode,
    /// When the kill set it to `off`: one that was set at another time is somebody's word.
    off_at: i64,
}

/// A kill as it is stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct StoredKill {
    #[serde(flatten)]
    pub(super) marker: Marker,
    /// What the mode was; a kill sets it to `off`.
    #[serde(default)]
    pub(super) mode_before: Option<Mode>,
}

impl KillSwitch {
    /// Lets go of `pull`: called when an operator has set a mode. A kill that came since holds.
    pub async fn let_go(&self, pull: Pull, who: &Who) -> Result<bool, RolloutError> {
        // Setting the mode is a conscious act on the rollout that the mode stands above; the others stay killed.
        self.unkill_some(|name| name == RolloutName::GithubAuth, "the mode was set", who).await?;
        Ok(self.release(pull, Unit::new(), "mode.set", who).await?)
    }

    /// Brings back one rollout, or all, and lets runs move again. The mode is as it was before the kill.
    pub async fn unkill(
        &self,
        name: Option<RolloutName>,
        reason: &str,
        who: &Who,
    ) -> Result<Vec<ChangeView>, RolloutError> {
        // An old kill that is not stored yet must not come after the letting go.
        self.settle().await?;
        let pull = self.0.brake.newest();
        let is_named = |of| name.is_none_or(|name| name == of);
        if pull.is_some() {
            // What is not named stays killed when the brake is let go.
            let marker = self.stored_kill().await.marker;
            let killed = killed(&marker);
            for other in RolloutName::ALL.iter().copied().filter(|of| !is_named(*of)) {
                self.0.rollouts.note_kill(other, &killed, who).await?;
            }
        }
        let changes = self.unkill_some(is_named, reason, who).await?;
        let unit = if is_named(RolloutName::GithubAuth) {
            self.mode_back(who).await
        } else {
            self.mode_later(who).await
        };
        match (pull, unit) {
            (Some(pull), unit) => {
                self.release(pull, unit.unwrap_or_default(), reason, who).await?;
            }
            (None, Some(unit)) => self.0.db.write(Lane::Urgent, unit).await?,
            (None, None) => return Ok(changes),
        }
        ceiling::follow(&self.0.db, &self.0.rollouts, who).await?;
        Ok(changes)
    }

    async fn unkill_some(
        &self,
        is_named: impl Fn(RolloutName) -> bool,
        reason: &str,
        who: &Who,
    ) -> Result<Vec<ChangeView>, RolloutError> {
        let mut changes = Vec::new();
        for name in RolloutName::ALL.iter().copied().filter(|of| is_named(*of)) {
            changes.extend(self.0.rollouts.unkill(name, reason, who).await?);
        }
        Ok(changes)
    }

    async fn release(&self, pull: Pull, unit: Unit, by: &str, who: &Who) -> Result<bool, WriteError> {
        let _one = self.0.storing.lock().await;
        if self.0.brake.newest() != Some(pull) {
            return Ok(false);
        }
        let at = self.0.clock.now();
        let record = who.did(at, "unkill", "all", json!({ "by": by }));
        let unit = unit.with(setting("null", at, who.operator.as_str())).with(record);
        self.0.db.write(Lane::Urgent, unit).await?;
        let released = self.0.brake.release(pull);
        self.0.rollouts.router().tell();
        Ok(released)
    }

    /// Every rollout stays killed until somebody brings it back, also when the mode is set.
    pub(super) async fn note(&self, marker: &Marker, who: &Who) -> Result<(), WriteError> {
        for name in RolloutName::ALL.iter().copied() {
            match self.0.rollouts.note_kill(name, &killed(marker), who).await {
                Ok(_) => {}
                Err(RolloutError::Write(error)) => return Err(error),
                // The brake and the stored kill hold everything; only the timeline lacks a line.
                Err(error) => {
                    tracing::error!(%error, rollout = %name, "the kill is not in the rollout's timeline");
                }
            }
        }
        Ok(())
    }

    /// The mode before the kill: that of an earlier one that still holds, else what is stored.
    pub(super) async fn mode_before(&self) -> Option<Mode> {
        match self.stored_kill().await.mode_before {
            Some(mode) => Some(mode),
            None => Some(self.off_since().await?.0),
        }
    }

    /// The unit that sets the mode back; none where somebody has set it since, or nothing is known.
    async fn mode_back(&self, who: &Who) -> Option<Unit> {
        let before = self.mode_before().await.filter(|before| *before != Mode::Off)?;
        let at = self.0.clock.now();
        let (_, off_at) = self.off_since().await?;
        off_at?;
        let detail = json!({ "before": Mode::Off, "after": before, "by": "unkill" });
        let back = mode::set_mode_op(before, at, who.operator.as_str());
        Some(Unit::new().with(back).with(who.did(at, "mode.set", "mode", detail)))
    }

    /// The unit that keeps what the mode was until `github-auth` is brought back.
    async fn mode_later(&self, who: &Who) -> Option<Unit> {
        let before = self.mode_before().await.filter(|before| *before != Mode::Off)?;
        let off_at = self.off_since().await?.1?;
        let (at, by) = (self.0.clock.now(), who.operator.0.clone());
        let value = serde_json::to_string(&OwedMode { before, off_at }).ok()?;
        Some(Unit::new().with(SettingOp::Set { name: MODE_OWED.to_owned(), value, at, by }))
    }

    /// What the mode was before the kill that set it to `off`, or what it is; and since when it is `off`, where it is.
    async fn off_since(&self) -> Option<(Mode, Option<i64>)> {
        let now = mode::view(&self.0.db, None, true).await.ok()?;
        let Some(off_at) = now.changed_at.filter(|_| now.mode == Mode::Off) else {
            return Some((now.mode, None));
        };
        let owed = self.0.db.setting(MODE_OWED).await.ok()?;
        let owed = owed.and_then(|(value, ..)| serde_json::from_str::<OwedMode>(&value).ok());
        let before = owed.filter(|owed| owed.off_at == off_at).map_or(Mode::Off, |owed| owed.before);
        Some((before, Some(off_at)))
    }

    async fn stored_kill(&self) -> StoredKill {
        let stored = self.0.db.setting(SETTING).await.ok().flatten();
        stored.and_then(|(value, ..)| serde_json::from_str(&value).ok()).unwrap_or_default()
    }
}

fn killed(marker: &Marker) -> Killed {
    Killed { at: marker.at, by: marker.by.clone(), reason: marker.reason.clone() }
}
