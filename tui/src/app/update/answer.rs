//! What the daemon says.

use cutover_shared::audit::AuditAnswer;
use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::fleet::FleetAnswer;
use cutover_shared::installation::InstallationAnswer;
use cutover_shared::rollout::RolloutAnswer;
use cutover_shared::rpc::{Answer, Changes, Topic, Welcome};
use cutover_shared::run::{RunAnswer, RunState};
use cutover_shared::webhook::WebhookAnswer;
use cutover_shared::workflow::WorkflowAnswer;

use super::Effect;
use super::key::{act_on, follow};
use crate::keymap::Action;
use crate::state::layer::ChainLayer;
use crate::state::verb::{stepped, with_count};
use crate::state::{Counted, Layer, Link, Slot, State, Value};
use crate::theme::Role;

pub(super) fn opened(
    state: &mut State,
    result: Result<Welcome, RpcError>,
    luck: u16,
    effects: &mut Vec<Effect>,
) {
    match result {
        Ok(welcome) => {
            let back = state.heard.is_some();
            if back {
                state.toasts.push("connected again", Role::Good, state.now);
            }
            state.link = Link::Connected { welcome, since: state.now };
            state.heard = Some(state.now);
            state.feeds.touch_all();
            super::kill::connected(state);
        }
        Err(error) => lost(state, error, luck, effects),
    }
}

pub(super) fn changed(
    state: &mut State,
    result: Result<Changes, RpcError>,
    luck: u16,
    effects: &mut Vec<Effect>,
) {
    let changes = match result {
        Ok(changes) => changes,
        Err(error) => return lost(state, error, luck, effects),
    };
    state.heard = Some(state.now);
    if changes.epoch == state.epoch {
        let moved = |(topic, version): &&(Topic, u64)| state.versions.get(topic) != Some(version);
        let topics: Vec<Topic> = changes.versions.iter().filter(moved).map(|(topic, _)| *topic).collect();
        state.feeds.touch(&topics, State::touches);
    } else {
        state.feeds.touch_all();
    }
    state.epoch = changes.epoch;
    state.versions = changes.versions.into_iter().collect();
    if state.frozen.is_some() {
        state.held = Some(changes.moving);
        return;
    }
    // A run that has just ended is not among the moving any more: its last state is asked for.
    if state.moving.iter().any(|run| !changes.moving.iter().any(|other| other.id == run.id)) {
        state.feeds.touch(&[Topic::Runs], State::touches);
    }
    state.moving = changes.moving;
    state.pace();
}

pub(super) fn answered(
    state: &mut State,
    ask: u64,
    result: Result<Answer, RpcError>,
    effects: &mut Vec<Effect>,
) {
    if let Some(layer) = state.layers.chain_mut(ask) {
        *layer = match result {
            Ok(Answer::Audit(AuditAnswer::Check(check))) => ChainLayer::Checked(check),
            Ok(_) => {
                ChainLayer::Failed(RpcError::new(ErrorCode::Internal, "another answer came", "try again"))
            }
            Err(error) => ChainLayer::Failed(error),
        };
        return;
    }
    // A connection that broke says so itself; here it only means that there is no answer.
    if result.as_ref().is_err_and(|error| error.code == ErrorCode::NotReached) && state.welcome().is_none() {
        return;
    }
    if result.is_ok() {
        state.heard = Some(state.now);
    }
    let items = state.tables.get(&crate::state::ListId::Items).and_then(|table| table.of.clone());
    let take = |slot: &Slot, answer: Answer| match (slot, &answer) {
        (Slot::List(list), _) => (list.spec().take)(items.as_ref(), answer).map(Value::Rows),
        (Slot::Status, Answer::Status(_))
        | (Slot::Run(_), Answer::Run(RunAnswer::Show(_)))
        | (Slot::Groups(_), Answer::Run(RunAnswer::Groups(_)))
        | (Slot::Gate(_), Answer::Run(RunAnswer::Gate(_)))
        | (Slot::Latest(_), Answer::Run(RunAnswer::Window(_)))
        | (Slot::Figures, Answer::Webhook(WebhookAnswer::Figures(_)))
        | (Slot::Unwell, Answer::Installation(InstallationAnswer::Window(_)))
        | (Slot::Delivery { .. }, Answer::Webhook(WebhookAnswer::Show(_)))
        | (Slot::Test { .. }, Answer::Workflow(WorkflowAnswer::Test(_)))
        | (Slot::Rollout(_), Answer::Rollout(RolloutAnswer::Show(_)))
        | (Slot::Members(_), Answer::Rollout(RolloutAnswer::Members(_)))
        | (Slot::Timeline(_), Answer::Rollout(RolloutAnswer::Timeline(_)))
        | (Slot::Fleet, Answer::Fleet(FleetAnswer::Status(_)))
        | (Slot::Instance(_), Answer::Fleet(FleetAnswer::Instance(_)))
        | (Slot::History { .. }, Answer::Fleet(FleetAnswer::History(_)))
        | (Slot::Count(Counted::Step { .. }), Answer::Rollout(RolloutAnswer::Step(_)))
        | (Slot::Count(Counted::Deliveries { .. }), Answer::Webhook(WebhookAnswer::Replayable(_)))
        | (
            Slot::Dispatches(_) | Slot::Count(Counted::Dispatches { .. }),
            Answer::Workflow(WorkflowAnswer::Dispatches(_)),
        ) => Some(Value::Answer(answer)),
        _ => None,
    };
    let Some(slot) = state.feeds.answered(ask, result, state.now, take) else { return };
    match &slot {
        Slot::List(list) => {
            let window = match state.feeds.value(&slot) {
                Some(Value::Rows(window)) => Some(window),
                _ => None,
            };
            if let (Some(window), Some(table)) = (window, state.tables.get_mut(list)) {
                table.arrived(window);
            }
        }
        Slot::Latest(filter) => found(state, &filter.clone(), effects),
        Slot::Count(counted) => self::counted(state, &counted.clone(), effects),
        Slot::Status
        | Slot::Run(_)
        | Slot::Groups(_)
        | Slot::Gate(_)
        | Slot::Figures
        | Slot::Unwell
        | Slot::Delivery { .. }
        | Slot::Test { .. }
        | Slot::Rollout(_)
        | Slot::Members(_)
        | Slot::Timeline(_)
        | Slot::Fleet
        | Slot::Instance(_)
        | Slot::History { .. }
        | Slot::Dispatches(_) => {}
    }
}

/// The newest run that an action was looking for.
fn found(state: &mut State, filter: &str, effects: &mut Vec<Effect>) {
    let Some(search) = state.search.take().filter(|search| search.filter == filter) else { return };
    let slot = Slot::Latest(filter.to_owned());
    let feed = state.feeds.get(&slot);
    let error = feed.and_then(|feed| feed.error.clone());
    let view = match feed.and_then(|feed| feed.value.as_ref()) {
        Some(Value::Answer(Answer::Run(RunAnswer::Window(window)))) => window.rows.first().cloned(),
        _ => None,
    };
    let title = search.action.binding().hint.to_owned();
    match (view, error) {
        (Some(view), _) => act_on(state, search.action, &view, effects),
        (None, Some(error)) => state.layers.push(Layer::Refusal { title, error }),
        (None, None) => {
            let error = RpcError::new(ErrorCode::NotFound, search.missing, "4 lists every run");
            state.layers.push(Layer::Refusal { title, error });
        }
    }
}

/// How many an action would take: now it asks.
fn counted(state: &mut State, counted: &Counted, effects: &mut Vec<Effect>) {
    if state.counted.take_if(|waits| waits == counted).is_none() {
        return;
    }
    let feed = state.feeds.get(&Slot::Count(counted.clone()));
    if let Some(Value::Answer(Answer::Rollout(RolloutAnswer::Step(step)))) =
        feed.filter(|feed| feed.error.is_none()).and_then(|feed| feed.value.as_ref())
    {
        let intent = stepped(state, step);
        return follow(state, Action::Advance, Ok(intent), effects);
    }
    let count = match feed.map(|feed| (&feed.value, &feed.error)) {
        Some((_, Some(error))) => Err(error.clone()),
        Some((Some(Value::Answer(Answer::Webhook(WebhookAnswer::Replayable(count)))), None)) => Ok(*count),
        Some((Some(Value::Answer(Answer::Workflow(WorkflowAnswer::Dispatches(window)))), None)) => {
            Ok(window.total)
        }
        _ => return,
    };
    let action = match counted {
        Counted::Deliveries { .. } => Action::ReplayAll,
        Counted::Dispatches { .. } => Action::ReplayDispatches,
        Counted::Step { .. } => Action::Advance,
    };
    let intent = count.and_then(|count| with_count(state, counted, count));
    follow(state, action, intent, effects);
}

fn lost(state: &mut State, error: RpcError, luck: u16, effects: &mut Vec<Effect>) {
    let was = state.welcome().is_some();
    state.link = state.link.failed(error, state.now, luck);
    state.feeds.hung_up();
    if was {
        state.toasts.push("the connection to the daemon broke", Role::Bad, state.now);
        if state.options.bell {
            effects.push(Effect::Bell);
        }
    }
    super::kill::lost(state, effects);
}

/// The run of an errand that waits, as it is now.
pub(super) fn state_of(state: &State, id: &cutover_shared::ids::RunId) -> Option<RunState> {
    let moving = state.held.as_ref().unwrap_or(&state.moving);
    let moving = moving.iter().find(|run| run.id == *id).map(|run| run.state);
    let shown = match state.feeds.value(&Slot::Run(id.clone())) {
        Some(Value::Answer(Answer::Run(RunAnswer::Show(view)))) => Some(view.state),
        _ => None,
    };
    moving.or(shown)
}
