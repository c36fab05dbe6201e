//! A step forward as a rule: where it leads, and what must hold.

use cutover_shared::rollout::{Criterion, Ring, Stage};

use super::criteria::{Facts, Rules, criteria};
use super::stages::{Illegal, Place, Track};
use super::state::State;

/// The step that is wanted, as far as it is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// None: the next.
    pub stage: Option<Stage>,
    /// None: the next that has tenants.
    pub ring: Option<Ring>,
    /// By number: rings are no limit then.
    pub exact: bool,
}

/// Where it leads, if a step leads there from here. `has`: whether a ring has tenants.
pub fn destination(
    track: &Track,
    state: &State,
    wanted: Wanted,
    has: impl Fn(Ring) -> bool,
) -> Result<Place, Illegal> {
    let from = state.place();
    let has = |ring| !wanted.exact && has(ring);
    let to = track.towards(from, wanted.stage, wanted.ring, has).ok_or(Illegal::Last(from.stage))?;
    track.step(from, to)?;
    Ok(to)
}

/// What must hold before the step. `stopped`: memory says that it is killed or on a way back, whatever the state says.
pub fn conditions(
    state: &State,
    rules: &Rules,
    facts: Facts,
    to: Place,
    stopped: bool,
    now: i64,
) -> Vec<Criterion> {
    let killed = facts.killed || stopped || state.killed.is_some();
    criteria(state, rules, &Facts { killed, ..facts }, to.stage, now)
}
