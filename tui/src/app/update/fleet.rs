//! Keys on failures by their error and on a tenant's history.

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::fleet::FailureGroup;

use super::{Effect, key::follow, move_to};
use crate::keymap::Action;
use crate::plain::fleet::filter;
use crate::state::verb::retry_group;
use crate::state::why::{layer_twin, runnable};
use crate::state::{Layer, Screen, State, Subject};

/// A key on one of these layers. False where it means what it means on any other.
pub(super) fn key(state: &mut State, action: Option<Action>, effects: &mut Vec<Effect>) -> bool {
    match (state.layers.top(), action) {
        (Some(Layer::Failures { cursor }), Some(action)) => {
            let cursor = *cursor;
            on_failures(state, cursor, action, effects)
        }
        (Some(Layer::History { .. }), Some(Action::Next)) => {
            older(state);
            true
        }
        (Some(Layer::History { .. }), Some(Action::Previous)) => {
            newer(state);
            true
        }
        (Some(Layer::Detail { subject, .. }), Some(Action::History)) => {
            let Subject::Instance(view) = &**subject else { return false };
            let tenant = view.tenant.clone();
            state.layers.push(Layer::History { tenant, pages: Vec::new(), scroll: 0 });
            true
        }
        _ => false,
    }
}

fn on_failures(state: &mut State, cursor: usize, action: Action, effects: &mut Vec<Effect>) -> bool {
    match action {
        Action::Open => {
            if let Some(group) = group(state, cursor) {
                state.layers.clear();
                move_to::filtered(state, Screen::Fleet, &filter(&group));
            }
            true
        }
        Action::FleetRetry => {
            retry(state, cursor, effects);
            true
        }
        Action::CopyCommand => {
            let twin = layer_twin(&Layer::Failures { cursor }).unwrap_or_default();
            effects.push(Effect::Copy(runnable(state, &twin)));
            true
        }
        _ => false,
    }
}

fn group(state: &State, at: usize) -> Option<FailureGroup> {
    let failures = &state.fleet_as_told()?.failures;
    failures.get(at.min(failures.len().saturating_sub(1))).cloned()
}

/// Asks about the group of this line.
pub(super) fn retry(state: &mut State, at: usize, effects: &mut Vec<Effect>) {
    let intent = match (state.disarmed(Action::FleetRetry), group(state, at)) {
        (Some((message, hint)), _) => Err(RpcError::new(ErrorCode::WrongState, message, hint)),
        (None, Some(group)) => retry_group(state, &group),
        (None, None) => {
            Err(RpcError::new(ErrorCode::WrongState, "nothing failed", "there is nothing to retry"))
        }
    };
    follow(state, Action::FleetRetry, intent, effects);
}

/// The page after the one that is shown, where there is one.
pub(super) fn older(state: &mut State) {
    let Some(Layer::History { tenant, pages, .. }) = state.layers.top() else { return };
    let next = state.history(tenant, pages.last()).and_then(|page| page.next.clone());
    if let (Some(next), Some(Layer::History { pages, scroll, .. })) = (next, state.layers.top_mut()) {
        pages.push(next);
        *scroll = 0;
    }
}

/// The page before it.
pub(super) fn newer(state: &mut State) {
    if let Some(Layer::History { pages, scroll, .. }) = state.layers.top_mut()
        && pages.pop().is_some()
    {
        *scroll = 0;
    }
}
