//! Acts on their way.

use cutover_shared::error::RpcError;
use cutover_shared::mapping::MapReceipt;
use cutover_shared::rpc::{Act, Receipt, Topic};
use cutover_shared::webhook::{WebhookAct, WebhookReceipt};

use super::{Effect, send};
use crate::keymap::Action;
use crate::state::errand::{Next, Outcome, Plan, Step};
use crate::state::verb::recover_found;
use crate::state::{Layer, ListId, Screen, Slot, State};
use crate::theme::Role;

/// Acts under way at most; the kill switch never waits behind them.
const MOST_GOING: usize = 50;

/// Begins what was asked for, or confirmed.
pub(super) fn begin(state: &mut State, plan: Plan, effects: &mut Vec<Effect>) {
    let kills = matches!(plan.steps.first(), Some(Step::Act(Act::Kill { .. })));
    if !kills && state.errands.going() >= MOST_GOING {
        let text = format!("{}: not sent, {MOST_GOING} acts are under way", plan.title);
        return state.toasts.push(text, Role::Warn, state.now);
    }
    state.toasts.push(format!("{} ...", plan.title), Role::Info, state.now);
    let number = state.feeds.number();
    if let Next::Act(act, what) = state.errands.begin(plan, state.now, number) {
        send(effects, act, what);
    }
}

/// The daemon answered an act.
pub(super) fn acted(
    state: &mut State,
    act: u64,
    result: Result<Receipt, RpcError>,
    effects: &mut Vec<Effect>,
) {
    super::kill::acted(state, act, &result, effects);
    let planned = result.as_ref().ok().and_then(Receipt::planned).map(|run| run.id.clone());
    let report = match &result {
        Ok(Receipt::Map(MapReceipt::SpotCheck(report))) => Some(report.clone()),
        _ => None,
    };
    let look = |act: &Act| matches!(act, Act::Webhook(WebhookAct::Recover { look: true, .. }));
    let found = match &result {
        Ok(Receipt::Webhook(WebhookReceipt { recovery: Some(found), .. }))
            if state.errands.under_way(act).is_some_and(look) =>
        {
            Some(found.clone())
        }
        _ => None,
    };
    let number = state.feeds.number();
    let Some((next, errand)) = state.errands.acted(act, result, state.now, number) else { return };
    let (title, outcome) = (errand.title.clone(), errand.outcome.clone());
    // Whatever the act did, what is shown is older than it.
    const OLDER: &[Topic] = &[
        Topic::Runs,
        Topic::Mapping,
        Topic::Mode,
        Topic::Tokens,
        Topic::Inbox,
        Topic::Outbox,
        Topic::Rollouts,
        Topic::Fleet,
    ];
    state.feeds.touch(OLDER, State::touches);
    match next {
        Next::Act(act, what) => return send(effects, act, what),
        Next::Wait => return,
        Next::Ended => {}
    }
    match outcome {
        Outcome::Going => {}
        Outcome::Done(text) => state.toasts.push(text, Role::Good, state.now),
        Outcome::Failed(error) => {
            if state.options.bell {
                effects.push(Effect::Bell);
            }
            state.toasts.push(format!("{title}: {}", error.message), Role::Bad, state.now);
            state.layers.push(Layer::Refusal { title, error });
        }
        Outcome::NotKnown(_) => {
            state.toasts.push(
                format!("{title}: not known whether it was done; L asks again"),
                Role::Warn,
                state.now,
            );
        }
    }
    // Who made a plan wants to read it; who has gone on to something else is not torn away.
    if let Some(run) = planned.filter(|_| state.layers.is_empty()) {
        open_run(state, run);
    }
    if let Some(report) = report.filter(|_| state.layers.is_empty()) {
        state.layers.push(Layer::SpotCheck { report, scroll: 0 });
    }
    let intent = found.filter(|_| state.layers.is_empty()).and_then(|found| recover_found(state, &found));
    if let Some(intent) = intent {
        super::key::follow(state, Action::Recover, Ok(intent), effects);
    }
}

/// Shows one run with its items.
pub(super) fn open_run(state: &mut State, run: cutover_shared::ids::RunId) {
    if let Some(items) = state.tables.get_mut(&ListId::Items) {
        if items.of.as_ref() != Some(&run) {
            state.feeds.forget(&Slot::List(ListId::Items));
        }
        items.show_of(run);
    }
    state.screen = Screen::Run;
}

/// Errands that wait for a run's state go on.
pub(super) fn due(state: &mut State, effects: &mut Vec<Effect>) {
    let waits: Vec<_> =
        state.errands.all().filter_map(|errand| errand.awaited().map(|(id, _)| id.clone())).collect();
    for run in waits {
        let Some(now) = super::answer::state_of(state, &run) else { continue };
        let number = state.feeds.number();
        match state.errands.seen(&run, now, state.now, number) {
            Some(Next::Act(act, what)) => send(effects, act, what),
            Some(Next::Wait | Next::Ended) | None => {}
        }
    }
}
