//! Rollouts: a step forward, the way back, and holding automation.

use cutover_shared::error::RpcError;
use cutover_shared::ids::TenantId;
use cutover_shared::rollout::{CriterionState, Ring, RolloutAct, RolloutLine, StepView};
use cutover_shared::rpc::{Act, Role};

use super::{Intent, no};
use crate::keymap::{Action, Tier};
use crate::plain::number;
use crate::plain::rollout::criterion;
use crate::state::dialog::{Dialog, Field, UNTYPED};
use crate::state::errand::{Plan, Step};
use crate::state::layer::Layer;
use crate::state::rollout::last_good;
use crate::state::{Counted, State, Subject};

/// Tenants that a question names.
const NAMED: usize = 8;

/// What a rollback leads to, while the track is not known.
const LAST_GOOD: &str = "the last good stage";

/// What a rollback says of itself: it must never wait for a text.
const REASON: &str = "rolled back from the console";

fn selected(state: &State) -> Result<RolloutLine, RpcError> {
    match state.selected() {
        Some(Subject::Rollout(line)) => Ok(*line),
        _ => Err(no("no rollout is selected", "stand on one in Rollouts")),
    }
}

/// Who is in.
pub(super) fn members(state: &State) -> Result<Intent, RpcError> {
    let name = selected(state)?.name;
    Ok(Intent::Open(Layer::Members { name, cursor: 0 }))
}

/// Where it has been.
pub(super) fn timeline(state: &State) -> Result<Intent, RpcError> {
    let name = selected(state)?.name;
    Ok(Intent::Open(Layer::Timeline { name, scroll: 0 }))
}

/// The next step: looked at first, so that the question tells what exactly it would do.
pub(super) fn advance(state: &State) -> Result<Intent, RpcError> {
    let line = selected(state)?;
    let last = |view: &cutover_shared::rollout::RolloutView| {
        !view.track.iter().any(|stage| stage.state == cutover_shared::rollout::TrackState::Next)
    };
    if state.rollout(line.name).is_some_and(last) {
        return Err(no(
            format!("{} is at its last stage: {}", line.name, line.stage),
            format!("{} leads back", state.keymap.key(Action::RolloutBack)),
        ));
    }
    Ok(Intent::Count(Counted::Step { name: line.name }))
}

/// The question about a step, now that the daemon has said what it would do.
pub fn stepped(state: &State, step: &StepView) -> Intent {
    let (name, to) = (step.rollout, step.to);
    let ring = Some(step.ring);
    let digest = step.digest.clone();
    let act = RolloutAct::Stage { name, to, exact: None, ring, digest, override_reason: None };
    let (open, asked) = match step.ring {
        Ring::All => (String::new(), String::new()),
        ring => (format!(" for ring {ring}"), format!(" --ring {ring}")),
    };
    let plan = Plan {
        title: format!("{name} to {to}{open}"),
        twin: format!("cutover rollout stage {name} --to {to}{asked} --approve {}", step.digest.as_str()),
        steps: vec![Step::Act(Act::Rollout(act))],
        run: None,
    };
    let title = format!("Advance {name}: {} to {to}{open}", step.from);
    let mut dialog = Dialog::new(title, Tier::Live, "Advance", plan, state.now);
    dialog.effect.push(moving(step));
    if step.returning_count > 0 {
        dialog
            .effect
            .push(format!("{} to legacy.", tenants(step.returning_count, "moves back", "move back")));
    }
    dialog.effect.push(format!(
        "{} of {} answer on the target then.",
        number(step.inside),
        number(step.tenants)
    ));
    // What does not hold comes first: the rest may be below the edge of a low terminal.
    let mut all: Vec<_> = step.criteria.iter().collect();
    all.sort_by_key(|one| one.state == CriterionState::Holds);
    for one in all {
        dialog.effect.push(format!("{}  {}: {}", criterion(one.state), one.name, one.text));
    }
    dialog.effect.push(format!("Digest {}", step.digest.as_str()));
    let (back, kill) = (state.keymap.key(Action::RolloutBack), state.keymap.key(Action::Kill));
    dialog.undo = format!("{back} goes back to {} at once; {kill} kills", way_back(state, step));
    dialog.fields = vec![Field::exactly(format!("type `{name}`"), name.word())];
    let mut failing = step.criteria.iter().filter(|one| one.state != CriterionState::Holds);
    let many = failing.clone().count();
    match failing.clone().find(|one| !one.may_override) {
        Some(hard) => {
            dialog.blocked =
                Some(format!("{} does not hold, and nobody may pass it: {}", hard.name, hard.text));
        }
        None if !step.open && state.role() < Some(Role::Approver) => {
            let first = failing.next().map_or("a criterion", |one| one.name.as_str());
            let text = format!("{first} does not hold; an approver may pass it, with a reason");
            dialog.blocked = Some(text);
        }
        None if !step.open => {
            let what = if many == 1 {
                "a criterion does not hold".to_owned()
            } else {
                format!("{many} criteria do not hold")
            };
            dialog.fields.push(Field::something(format!("{what}: why pass it all the same? (audited)")));
        }
        None => {}
    }
    Intent::Ask(Box::new(dialog))
}

/// Where a rollback leads from the step's stage. From a share it is no share.
fn way_back(state: &State, step: &StepView) -> String {
    let before = Some(step.from).filter(|from| !from.opens_target());
    let good = before.or_else(|| state.rollout(step.rollout).and_then(last_good));
    good.map_or_else(|| LAST_GOOD.to_owned(), |stage| stage.to_string())
}

fn moving(step: &StepView) -> String {
    let names: Vec<&str> = step.moving.iter().take(NAMED).map(TenantId::as_str).collect();
    let rest = step.moving_count.saturating_sub(u64::try_from(names.len()).unwrap_or(u64::MAX));
    let more = if rest > 0 { format!(" and {} more", number(rest)) } else { String::new() };
    match step.moving_count {
        0 => "No tenant moves to the target.".to_owned(),
        n => format!("{} to the target: {}{more}.", tenants(n, "moves", "move"), names.join(", ")),
    }
}

fn tenants(count: u64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 tenant {one}") } else { format!("{} tenants {many}", number(count)) }
}

/// Back to the last good stage. Legal in every state.
pub(super) fn back(state: &State) -> Result<Intent, RpcError> {
    let line = selected(state)?;
    let name = line.name;
    // Of one that is killed, and of one whose track has not come, the daemon knows the stage.
    let to = state.rollout(name).and_then(last_good);
    if state.rollout(name).is_some() && to.is_none() {
        return Err(no(
            format!("{name} is at its first stage: {}", line.stage),
            "there is nothing to go back to",
        ));
    }
    let place = to.map_or_else(|| LAST_GOOD.to_owned(), |to| to.to_string());
    let option = to.map_or(String::new(), |to| format!(" --to {to}"));
    let reason = crate::plain::shell_option("--reason", REASON);
    let plan = Plan {
        title: format!("{name} back to {place}"),
        twin: format!("cutover rollback {name}{option} {reason}"),
        steps: vec![Step::Act(Act::Rollout(RolloutAct::Rollback { name, to, reason: REASON.to_owned() }))],
        run: None,
    };
    let title = format!("Roll back {name}: {} to {place}", line.stage);
    let mut dialog = Dialog::new(title, Tier::Reversible, "Roll back", plan, state.now);
    dialog.effect = vec![
        format!(
            "{name} goes from {} to {place}, at once, in memory first and then in the store.",
            line.stage
        ),
        format!(
            "{} of {} tenants answer on the target now; afterwards legacy answers for all of them.",
            number(line.inside),
            number(line.tenants)
        ),
    ];
    if line.killed {
        dialog.effect.push("It is killed: legacy answers for everybody, also afterwards.".to_owned());
    }
    let key = state.keymap.key(Action::Advance);
    dialog.undo = format!("{key} advances again, when its criteria hold");
    Ok(Intent::Ask(Box::new(dialog)))
}

/// Holds automation and every advance, with a reason; or lets go.
pub(super) fn freeze(state: &State) -> Result<Intent, RpcError> {
    let line = selected(state)?;
    let (name, key) = (line.name, state.keymap.key(Action::FreezeRollout));
    let (word, act, button) = if line.frozen {
        ("unfreeze", RolloutAct::Unfreeze { name }, "Let go")
    } else {
        ("freeze", RolloutAct::Freeze { name, reason: String::new() }, "Freeze")
    };
    let plan = Plan {
        title: format!("{word} {name}"),
        twin: format!("cutover rollout {word} {name}{}", if line.frozen { "" } else { UNTYPED }),
        steps: vec![Step::Act(Act::Rollout(act))],
        run: None,
    };
    let title =
        if line.frozen { format!("Let go of the freeze of {name}") } else { format!("Freeze {name}") };
    let mut dialog = Dialog::new(title, Tier::Reversible, button, plan, state.now);
    dialog.effect.push(if line.frozen {
        "Automation goes on, and the next stage is open when its criteria hold.".to_owned()
    } else {
        "Automation stands still and nothing advances. Rollback and kill stay possible.".to_owned()
    });
    dialog.undo = format!("{key} once more");
    if !line.frozen {
        dialog.fields = vec![Field::something("why")];
    }
    Ok(Intent::Ask(Box::new(dialog)))
}

#[cfg(test)]
mod tests;
