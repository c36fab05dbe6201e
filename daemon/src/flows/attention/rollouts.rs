//! What needs a person about rollouts.

use cutover_shared::rollout::{RolloutName, Stage};
use cutover_shared::status::{Attention, Health};
use cutover_shared::verdict::{Judgement, ReadingState, Verdict};

use super::{ago, command, runbook, say};

const RUNBOOK: &str = "rolled_back.md";

/// How one rollout stands.
#[derive(Clone, Debug, PartialEq)]
pub struct RolloutNow {
    pub name: RolloutName,
    pub stage: Stage,
    /// By a kill of its own, not by one of everything.
    pub killed: bool,
    /// Why it is frozen.
    pub freeze: Option<String>,
    pub judgement: Option<Judgement>,
    /// The newest way back that the daemon went by itself: when, to which stage, why.
    pub went_back: Option<(i64, Stage, String)>,
    /// What an open incident says, with its id.
    pub incident: Option<(String, String)>,
}

/// What needs a person, rollout by rollout.
pub(super) fn rollouts(now: i64, standing: &[RolloutNow], all: &mut Vec<Attention>) {
    for one in standing {
        let name = one.name;
        if one.killed {
            let why = "Its own kill holds: legacy answers for everybody, until somebody lets go of it.";
            let text = format!("{name} is killed: legacy for everybody");
            let said =
                command(say(Health::Warning, text, why), format!("cutover unkill {name} --reason TEXT"));
            all.push(runbook(said, "kill.md"));
        }
        if let Some((id, text)) = &one.incident {
            let why = "A critical incident is open: no stage advances until it is closed.";
            let said = say(Health::Bad, format!("incident about {name}: {text}"), why);
            all.push(runbook(command(said, format!("cutover incident close {id}")), RUNBOOK));
        }
        frozen_breach(one, all);
        if let Some((at, to, reason)) = one.went_back.as_ref().filter(|(_, to, _)| one.stage <= *to) {
            let why = format!(
                "It went back to {to} by itself {} ago, and has not gone forward since.",
                ago(now, Some(*at))
            );
            let said = say(Health::Warning, format!("{name} rolled back by itself: {reason}"), why);
            all.push(runbook(command(said, format!("cutover rollout show {name}")), RUNBOOK));
        }
        near(one, all);
    }
}

fn frozen_breach(one: &RolloutNow, all: &mut Vec<Attention>) {
    let (Some(freeze), Some(judgement)) = (&one.freeze, &one.judgement) else { return };
    let fired = judgement.fired.as_ref().filter(|_| judgement.verdict == Verdict::Breach);
    let (Some(fired), true) = (fired, one.stage.opens_target() && !one.killed) else { return };
    let text = format!("{} should go back, and is frozen: {}", one.name, fired.reading.text());
    let why = format!("A freeze stops the daemon, and not you. Frozen because: {freeze}.");
    let said = command(say(Health::Bad, text, why), format!("cutover rollback {} --reason TEXT", one.name));
    all.push(runbook(said, RUNBOOK));
}

/// Half of a trigger is a warning, while there is somebody to be harmed.
fn near(one: &RolloutNow, all: &mut Vec<Attention>) {
    let Some(judgement) = one.judgement.as_ref().filter(|_| one.stage.opens_target() && !one.killed) else {
        return;
    };
    for reading in judgement.readings.iter().filter(|reading| reading.state == ReadingState::Warning) {
        let text = format!("{} comes near a trigger: {}", one.name, reading.text());
        let why =
            format!("A warning from {} on, half of the trigger.", reading.unit.amount(reading.warning_at));
        all.push(command(say(Health::Warning, text, why), format!("cutover rollout show {}", one.name)));
    }
}

#[cfg(test)]
mod tests;
