//! What the console knows of rollouts beyond their list.

use cutover_shared::rollout::{
    Member, RolloutAnswer, RolloutName, RolloutView, Stage, TimelineView, TrackState,
};
use cutover_shared::rpc::Answer;

use super::{Slot, State, Subject, Value};

impl State {
    /// The rollout under the cursor.
    pub fn rollout_name(&self) -> Option<RolloutName> {
        match self.selected()? {
            Subject::Rollout(line) => Some(line.name),
            _ => None,
        }
    }

    /// A rollout with all that is known of it.
    pub fn rollout(&self, name: RolloutName) -> Option<&RolloutView> {
        match self.feeds.value(&Slot::Rollout(name))? {
            Value::Answer(Answer::Rollout(RolloutAnswer::Show(view))) => Some(view),
            _ => None,
        }
    }

    /// Where it goes next and where it has been.
    pub fn timeline(&self, name: RolloutName) -> Option<&TimelineView> {
        match self.feeds.value(&Slot::Timeline(name))? {
            Value::Answer(Answer::Rollout(RolloutAnswer::Timeline(view))) => Some(view),
            _ => None,
        }
    }

    /// The first tenants that the target answers for, and whether there are more.
    pub fn members(&self, name: RolloutName) -> Option<(&[Member], bool)> {
        match self.feeds.value(&Slot::Members(name))? {
            Value::Answer(Answer::Rollout(RolloutAnswer::Members(page))) => {
                Some((&page.rows, page.next.is_some()))
            }
            _ => None,
        }
    }
}

/// The stage that a rollback leads to: the last one that was passed in which legacy answers for everybody.
pub fn last_good(view: &RolloutView) -> Option<Stage> {
    let passed = view.track.iter().filter(|stage| stage.state == TrackState::Passed);
    passed.map(|stage| stage.stage).rfind(|stage| !stage.opens_target())
}
