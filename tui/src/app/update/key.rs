//! Keys, and what they ask for.

use crossterm::event::{KeyEvent, KeyEventKind};
use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::run::RunView;

use super::acts::{begin, open_run};
use super::{Effect, kill, layers, move_to, quit};
use crate::keymap::Action;
use crate::settings::Chord;
use crate::state::verb::{Intent, intend, with_run};
use crate::state::{Layer, Screen, Search, State, Subject};
use crate::theme::Role;

/// A key was pressed.
pub(super) fn key(state: &mut State, key: KeyEvent, effects: &mut Vec<Effect>) {
    if key.kind == KeyEventKind::Release {
        return;
    }
    let chord = Chord::from(key);
    // The kill switch first of all; as a letter only where letters are no text.
    let kills = state.keymap.keys(Action::Kill).contains(&chord);
    if kills && !(state.layers.is_typing() && chord.written().is_some()) {
        return kill::pull(state, effects);
    }
    if state.layers.is_empty() {
        if let Some(action) = state.keymap.action(chord, &state.place()) {
            act(state, action, effects);
        }
        return;
    }
    layers::key(state, key, chord, effects);
}

/// Text came in one piece.
pub(super) fn paste(state: &mut State, text: &str) {
    layers::paste(state, text);
}

/// Does what an action says.
pub(super) fn act(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    match action {
        Action::Kill => return kill::pull(state, effects),
        Action::Quit => return quit(state, effects),
        _ => {}
    }
    if let Some((message, hint)) = state.disarmed(action) {
        let error = RpcError::new(ErrorCode::WrongState, message, hint);
        state.layers.push(Layer::Refusal { title: action.binding().name.to_owned(), error });
        return;
    }
    match action {
        Action::Overview => move_to::screen(state, Screen::Overview),
        Action::Mapping => move_to::screen(state, Screen::Mapping),
        Action::Tenants => move_to::screen(state, Screen::Tenants),
        Action::Runs => move_to::screen(state, Screen::Runs),
        Action::Tokens => move_to::screen(state, Screen::Tokens),
        Action::Audit => move_to::screen(state, Screen::Audit),
        Action::Webhooks => move_to::screen(state, Screen::Webhooks),
        Action::Installations => move_to::screen(state, Screen::Installations),
        Action::Workflows => move_to::screen(state, Screen::Workflows),
        Action::Rollouts => move_to::screen(state, Screen::Rollouts),
        Action::Fleet => move_to::screen(state, Screen::Fleet),
        Action::Next => move_to::screen(state, state.screen.beside(1)),
        Action::Previous => move_to::screen(state, state.screen.beside(-1)),
        Action::Up | Action::Down | Action::PageUp | Action::PageDown | Action::Top | Action::Bottom => {
            move_to::cursor(state, action);
        }
        Action::Help => state.layers.push(Layer::Help { scroll: 0 }),
        Action::Palette => state.layers.push(Layer::Palette(crate::state::layer::Palette::default())),
        Action::Back => back(state),
        Action::Open => open(state),
        Action::Filter | Action::Columns | Action::Export => layers::open_for_list(state, action),
        Action::Sort | Action::SortReverse => {
            if let Some(table) = state.table_mut() {
                if action == Action::Sort { table.sort_next() } else { table.sort_reverse() }
            }
        }
        Action::Mark => mark(state),
        Action::Unmark => {
            if let Some(table) = state.table_mut() {
                table.marks.clear();
            }
        }
        Action::Copy => copy(state, effects),
        Action::CopyCommand => effects.push(Effect::Copy(command(state))),
        Action::Why => {
            let subject = state.selected().map(Box::new);
            state.layers.push(Layer::Why { subject, scroll: 0 });
        }
        Action::Runbook => {
            let file = crate::state::why::runbook(state).to_owned();
            state.layers.push(Layer::Runbook { file, scroll: 0 });
        }
        Action::Receipts => state.layers.push(Layer::Receipts { cursor: 0 }),
        Action::Freeze => freeze(state),
        Action::Reconnect => reconnect(state, effects),
        Action::Suspend => effects.push(Effect::Suspend),
        Action::AuditVerify => {
            let ask = state.feeds.number();
            state.layers.push(Layer::Chain(crate::state::layer::ChainLayer::Asked { ask }));
            let query = cutover_shared::rpc::Query::Audit(cutover_shared::audit::AuditQuery::Verify);
            effects.push(Effect::Ask { ask, query });
        }
        Action::Payload | Action::Explain | Action::ExplainDelivery => {
            if let Some(subject) = state.selected() {
                super::gateway::look(state, action, &subject);
            }
        }
        Action::Deliveries | Action::Repositories => super::gateway::jump(state, action),
        Action::TourNext | Action::TourSkip => {
            if action == Action::TourSkip {
                state.tour = None;
            } else if let Some(tour) = &mut state.tour {
                tour.go_on();
            }
        }
        Action::DryRun
        | Action::DryRunScope
        | Action::Apply
        | Action::Undo
        | Action::Rollback
        | Action::Hold
        | Action::Cancel
        | Action::Retry
        | Action::SettleYes
        | Action::SettleNo
        | Action::SpotCheck
        | Action::Mode
        | Action::Canary
        | Action::TokenRefresh
        | Action::TokenInvalidate
        | Action::Replay
        | Action::ReplayAll
        | Action::Recover
        | Action::ReplayDispatches
        | Action::RemoveWorkflow
        | Action::Advance
        | Action::RolloutBack
        | Action::FreezeRollout
        | Action::Members
        | Action::Timeline
        | Action::Failures
        | Action::FleetRetry
        | Action::FleetBack
        | Action::InstanceTest
        | Action::History => {
            let intent = intend(state, action);
            follow(state, action, intent, effects);
        }
        Action::Kill | Action::Quit => {}
    }
}

/// What a verb comes to.
pub(super) fn follow(
    state: &mut State,
    action: Action,
    intent: Result<Intent, RpcError>,
    effects: &mut Vec<Effect>,
) {
    match intent {
        Ok(Intent::Now(plan)) => begin(state, plan, effects),
        Ok(Intent::Ask(dialog)) => state.layers.push(Layer::Dialog(dialog)),
        Ok(Intent::Open(layer)) => state.layers.push(layer),
        Ok(Intent::Look { filter, action, missing }) => {
            state.search = Some(Search { filter, action, missing });
        }
        Ok(Intent::Count(counted)) => state.counted = Some(counted),
        Err(error) => {
            state.layers.push(Layer::Refusal { title: action.binding().hint.to_owned(), error });
        }
    }
}

/// The same action, now that the run is known.
pub(super) fn act_on(state: &mut State, action: Action, view: &RunView, effects: &mut Vec<Effect>) {
    let intent = with_run(state, action, view);
    follow(state, action, intent, effects);
}

fn back(state: &mut State) {
    if state.screen == Screen::Run {
        state.screen = Screen::Runs;
    } else if let Some(table) = state.table_mut().filter(|table| !table.filter.is_empty()) {
        // The empty filter is always understood.
        let _ = table.set_filter("");
    } else if state.screen != Screen::Overview {
        state.screen = Screen::Overview;
    }
}

fn open(state: &mut State) {
    match state.selected() {
        Some(Subject::Run(run)) => open_run(state, run.id),
        Some(Subject::Attention(notice)) => match notice.run {
            Some(run) => open_run(state, run),
            None => match notice.command.as_deref().and_then(crate::state::leads_to) {
                Some((screen, filter)) => move_to::filtered(state, screen, &filter),
                None => {
                    let subject = Some(Box::new(Subject::Attention(notice)));
                    state.layers.push(Layer::Why { subject, scroll: 0 });
                }
            },
        },
        // What one wants to know of an installation is why it is not well.
        Some(subject @ Subject::Installation(_)) => {
            state.layers.push(Layer::Why { subject: Some(Box::new(subject)), scroll: 0 });
        }
        Some(Subject::Tenant(view)) => {
            // The tenant's repositories, not the tenant's figures once more.
            let filter = format!("tenant:{}", crate::state::quoted(view.id.as_str()));
            move_to::filtered(state, Screen::Mapping, &filter);
        }
        Some(subject) => state.layers.push(Layer::Detail { subject: Box::new(subject), scroll: 0 }),
        None => {}
    }
}

fn mark(state: &mut State) {
    let (Some(subject), now) = (state.selected(), state.now) else { return };
    let Some(table) = state.table_mut() else { return };
    if table.mark(&subject) {
        move_to::cursor(state, Action::Down);
    } else {
        state.toasts.push("1,000 rows are marked; that is the most", Role::Warn, now);
    }
}

fn copy(state: &mut State, effects: &mut Vec<Effect>) {
    let marks: Vec<String> =
        state.table().into_iter().flat_map(|table| table.marks.keys().cloned()).collect();
    let text =
        if marks.is_empty() { state.selected().map(|subject| subject.key()) } else { Some(marks.join("\n")) };
    match text {
        Some(text) => effects.push(Effect::Copy(text)),
        None => state.toasts.push("nothing is selected", Role::Warn, state.now),
    }
}

/// The command that shows the same.
fn command(state: &State) -> String {
    crate::state::why::runnable(state, &crate::state::why::twin(state))
}

fn freeze(state: &mut State) {
    state.frozen = match state.frozen {
        Some(_) => {
            state.feeds.touch_all();
            if let Some(moving) = state.held.take() {
                state.moving = moving;
            }
            None
        }
        None => Some(state.now),
    };
}

fn reconnect(state: &mut State, effects: &mut Vec<Effect>) {
    if state.welcome().is_some() {
        state.feeds.touch_all();
        state.toasts.push("everything is asked for again", Role::Info, state.now);
    } else if state.link.until().is_some() {
        state.link = crate::state::Link::Connecting { attempt: state.link.attempt() };
        effects.push(Effect::Connect);
    }
}
