//! The kill switch. Twice the key, in any screen and any state: through the daemon where it answers, through the marker
//! where it does not. It never waits for data, and its error is cheap.

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::rpc::{Act, Receipt, Role as Rank};

use super::Effect;
use crate::state::errand::{Plan, Step};
use crate::state::layer::{KILL_PATIENCE_MS, KillLayer};
use crate::state::{Layer, State};

/// Why, for the audit log.
const REASON: &str = "kill switch of the console";

/// The key: the first opens, the second fires.
pub(super) fn pull(state: &mut State, effects: &mut Vec<Effect>) {
    let may = may_not(state);
    match state.layers.kill_mut() {
        None => {
            let layer = match may {
                Some(text) => KillLayer::Failed { text },
                None => KillLayer::Armed,
            };
            state.layers.push(Layer::Kill(layer));
        }
        Some(KillLayer::Armed | KillLayer::Failed { .. }) if may.is_none() => fire(state, effects),
        Some(_) => {}
    }
}

fn may_not(state: &State) -> Option<String> {
    if state.options.read_only {
        return Some("a viewer can't kill: this console was opened with --read-only".to_owned());
    }
    state.role().filter(|role| *role < Rank::Operator).map(|role| {
        format!("it needs the role operator, and you are {role} here. On the daemon's machine: cutover kill --local")
    })
}

fn fire(state: &mut State, effects: &mut Vec<Effect>) {
    if state.welcome().is_none() {
        return mark(state, "the daemon can't be reached", effects);
    }
    let kill = Act::Kill { reason: REASON.to_owned(), rollout: None };
    let plan = Plan {
        title: "kill switch".to_owned(),
        twin: format!("cutover kill --reason '{REASON}'"),
        steps: vec![Step::Act(kill)],
        run: None,
    };
    super::acts::begin(state, plan, effects);
    let act = effects.iter().rev().find_map(|effect| match effect {
        Effect::Act { act, what: Act::Kill { .. } } => Some(*act),
        _ => None,
    });
    let at = state.now;
    if let (Some(layer), Some(act)) = (state.layers.kill_mut(), act) {
        *layer = KillLayer::Asked { act, at };
    }
}

fn mark(state: &mut State, why: &str, effects: &mut Vec<Effect>) {
    if let Some(layer) = state.layers.kill_mut() {
        *layer = KillLayer::Marking { why: why.to_owned() };
    }
    effects.push(Effect::Mark { reason: REASON.to_owned() });
}

/// The answer to the act of the layer.
pub(super) fn acted(
    state: &mut State,
    act: u64,
    result: &Result<Receipt, RpcError>,
    effects: &mut Vec<Effect>,
) {
    let asked = |layer: &KillLayer| matches!(layer, KillLayer::Asked { act: asked, .. } if *asked == act);
    let fell = match result {
        Ok(Receipt::Kill(receipt)) => {
            let owed = if receipt.owed.is_empty() {
                "marker and store have it".to_owned()
            } else {
                format!("still owed: {}", receipt.owed)
            };
            let paused = match receipt.paused.len() {
                1 => "1 run was".to_owned(),
                many => format!("{many} runs were"),
            };
            Ok(format!(
                "every decision is legacy since {}; {paused} told to pause; {owed}",
                crate::plain::time(receipt.at)
            ))
        }
        Ok(_) => Err(None),
        Err(error) if error.code == ErrorCode::Role => Err(Some(error.message.clone())),
        Err(_) => Err(None),
    };
    match (state.layers.kill_mut(), fell) {
        // Late news of a kill is news all the same, also when the marker was written meanwhile.
        (Some(layer), Ok(text)) => *layer = KillLayer::Fired { text },
        (Some(layer), Err(Some(text))) if asked(layer) => *layer = KillLayer::Failed { text },
        (Some(layer), Err(None)) if asked(layer) => mark(state, "the daemon did not do it", effects),
        _ => {}
    }
}

/// The daemon is silent.
pub(super) fn overdue(state: &mut State, effects: &mut Vec<Effect>) {
    if state.kill_limit().is_some_and(|at| state.now >= at) {
        let seconds = KILL_PATIENCE_MS / 1000;
        mark(state, &format!("the daemon did not answer within {seconds} s"), effects);
    }
}

/// The connection broke while the daemon was asked.
pub(super) fn lost(state: &mut State, effects: &mut Vec<Effect>) {
    if matches!(state.layers.kill_mut(), Some(KillLayer::Asked { .. })) {
        mark(state, "the connection broke", effects);
    }
}

/// A daemon that is back obeys the marker before it serves anything; the status says so.
pub(super) fn connected(state: &mut State) {
    state.feeds.touch_all();
}

/// The marker was written, or not.
pub(super) fn marked(state: &mut State, result: Result<String, String>) {
    let text = match &result {
        Ok(file) => format!(
            "kill marker written: {file}. A running daemon obeys it at once, a starting one first of all"
        ),
        Err(why) => format!("NOTHING WAS KILLED: {why}"),
    };
    let now = state.now;
    match state.layers.kill_mut() {
        Some(layer @ KillLayer::Marking { .. }) => {
            *layer = match result {
                Ok(_) => KillLayer::Fired { text },
                Err(_) => KillLayer::Failed { text },
            };
        }
        // The daemon's own answer came first, and the marker only would have said it twice.
        Some(KillLayer::Fired { .. }) => {
            if let Err(why) = result {
                let text = format!("the kill holds; its marker was not written: {why}");
                state.toasts.push(text, crate::theme::Role::Warn, now);
            }
        }
        _ => {
            let role = if result.is_ok() { crate::theme::Role::Good } else { crate::theme::Role::Bad };
            state.toasts.push(text, role, now);
        }
    }
}

#[cfg(test)]
mod tests;
