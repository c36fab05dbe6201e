//! Looking closer at deliveries, installations and workflows. Nothing here changes anything.

use crossterm::event::{Event as TermEvent, KeyCode, KeyEvent};
use cutover_shared::error::{ErrorCode, RpcError};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler as _;

use super::move_to;
use crate::keymap::Action;
use crate::state::{Layer, Screen, State, Subject};
use crate::theme::Role;

/// The longest GUID that can be typed; GitHub's have 36 letters.
const LONGEST: usize = 100;

/// Opens what is asked about a delivery or a workflow.
pub(super) fn look(state: &mut State, action: Action, subject: &Subject) {
    let layer = match (action, subject) {
        (Action::Payload, Subject::Delivery(view)) => Layer::Payload { guid: view.guid.clone(), scroll: 0 },
        (Action::Explain, Subject::Delivery(view)) => {
            Layer::Explain { guid: view.guid.clone(), workflow: None, scroll: 0 }
        }
        (Action::Explain, Subject::Workflow(view)) => match &view.last_match {
            Some(last) => {
                Layer::Explain { guid: last.guid.clone(), workflow: Some(view.id.clone()), scroll: 0 }
            }
            None => {
                let key = state.keymap.key(Action::ExplainDelivery);
                let message = format!("workflow {} has not matched any delivery yet", view.id);
                let hint = format!("{key} asks for a delivery and says why it does not match");
                let error = RpcError::new(ErrorCode::WrongState, message, hint);
                Layer::Refusal { title: action.binding().hint.to_owned(), error }
            }
        },
        (Action::ExplainDelivery, Subject::Workflow(view)) => {
            Layer::Guid { workflow: view.id.clone(), input: Input::default() }
        }
        _ => return,
    };
    state.layers.push(layer);
}

/// Goes to what belongs to the installation.
pub(super) fn jump(state: &mut State, action: Action) {
    let Some(Subject::Installation(view)) = state.selected() else { return };
    if action == Action::Deliveries {
        move_to::filtered(state, Screen::Webhooks, &format!("installation:{}", view.id));
    } else {
        let owner = format!("{}/", view.account);
        move_to::filtered(state, Screen::Mapping, &format!("repo:{}", crate::state::quoted(&owner)));
    }
}

/// A key while a GUID is typed.
pub(super) fn guid(state: &mut State, key: KeyEvent) {
    let Some(Layer::Guid { input, .. }) = state.layers.top_mut() else { return };
    match key.code {
        KeyCode::Esc => drop(state.layers.pop()),
        KeyCode::Enter => {
            let text = input.value().to_owned();
            written(state, &text);
        }
        _ if input.value().chars().count() < LONGEST || !matches!(key.code, KeyCode::Char(_)) => {
            input.handle_event(&TermEvent::Key(key));
        }
        _ => {}
    }
}

/// A GUID is seldom typed: it is pasted from a log or from GitHub's page.
pub(super) fn paste(input: &mut Input, text: &str) {
    let room = LONGEST.saturating_sub(input.value().chars().count());
    let one_line: String = text.trim().chars().filter(|c| !c.is_control()).take(room).collect();
    *input = format!("{}{one_line}", input.value()).into();
}

/// The GUID is there.
pub(super) fn written(state: &mut State, text: &str) {
    let Some(Layer::Guid { workflow, .. }) = state.layers.pop() else { return };
    let guid: String = text.trim().chars().take(LONGEST).collect();
    if guid.is_empty() {
        return state.toasts.push("no delivery was named", Role::Info, state.now);
    }
    state.layers.push(Layer::Explain { guid, workflow: Some(workflow), scroll: 0 });
}
