//! How the legacy arm stands by once the target answers for everybody (C8).

use cutover_shared::rollout::{RepairView, Stage, Standby, StandbyState};

use super::criteria::time;
use super::state::State;

/// In `live` and `complete`; `owed` is what the legacy arm owes.
pub fn standby(state: &State, owed: &RepairView) -> Option<Standby> {
    let since = state.stage_since;
    let (kind, text) = match state.stage {
        Stage::Live if owed.failed > 0 => {
            let text = format!(
                "{} writes of legacy failed: going back loses them; runbooks/repair_queue.md",
                owed.failed
            );
            (StandbyState::Hot, text)
        }
        Stage::Live => {
            let text = match owed.waiting {
                0 => "legacy has all that was answered: going back loses nothing".to_owned(),
                n => format!("{n} writes are on their way to legacy: going back loses nothing"),
            };
            (StandbyState::Hot, text)
        }
        Stage::Complete => {
            let text = format!(
                "legacy is not written since {}: going back leaves out what the target answered since, and is open until legacy \
                 is taken down",
                time(since)
            );
            (StandbyState::Unwritten, text)
        }
        Stage::Off | Stage::DualWrite | Stage::Shadow | Stage::Canary(_) => return None,
    };
    let RepairView { waiting, failed, oldest_ms, .. } = *owed;
    Some(Standby { state: kind, since, waiting, failed, lag_ms: oldest_ms, text })
}

#[cfg(test)]
mod tests {
    use cutover_shared::rollout::RolloutName;

    use super::*;

    #[test]
    fn it_stands_by_in_live_lags_by_what_is_owed_and_is_left_behind_in_complete() {
        let at =
            |stage: &str| State::begin(RolloutName::GithubAuth, stage.parse().unwrap(), 1_750_000_000_000);
        let owed = RepairView { waiting: 3, failed: 0, oldest_ms: 4_000, blocks: false };
        assert_eq!(standby(&at("canary-100"), &owed), None);
        let live = standby(&at("live"), &owed).unwrap();
        assert_eq!((live.state, live.waiting, live.lag_ms), (StandbyState::Hot, 3, 4_000));
        assert!(live.text.contains("3 writes are on their way"), "{}", live.text);
        let failed = standby(&at("live"), &RepairView { failed: 2, ..owed.clone() }).unwrap();
        assert!(failed.text.contains("2 writes of legacy failed"), "{}", failed.text);
        let complete = standby(&at("complete"), &RepairView::default()).unwrap();
        assert_eq!(complete.state, StandbyState::Unwritten);
        assert!(complete.text.contains("not written since 2025-06-15 15:06Z"), "{}", complete.text);
    }
}
