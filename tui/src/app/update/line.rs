//! Lines instead of keys: the same actions by their names, rows by their numbers, answers to questions typed whole.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use cutover_shared::window::Sort;

use super::key::{act, key as press};
use super::{Effect, kill, layers, move_to};
use crate::keymap::Action;
use crate::settings::Chord;
use crate::state::dialog::{DEAF_MS, Focus};
use crate::state::{Layer, State};
use crate::theme::Role;

/// A line came.
pub(super) fn line(state: &mut State, text: &str, effects: &mut Vec<Effect>) {
    match state.layers.top() {
        Some(Layer::Dialog(_)) => answer(state, text, effects),
        Some(Layer::Kill(_)) if text == "kill" || text == "K" => kill::pull(state, effects),
        Some(Layer::Filter(_)) => {
            state.layers.pop();
            filter(state, text);
        }
        Some(Layer::Guid { .. }) => super::gateway::written(state, text),
        Some(Layer::History { .. }) if text == "more" => super::fleet::older(state),
        Some(Layer::Failures { .. }) if retried(text).is_some() => {
            super::fleet::retry(state, retried(text).unwrap_or_default(), effects);
        }
        Some(layer) => {
            let chooses = matches!(
                layer,
                Layer::Scope { .. }
                    | Layer::Mode { .. }
                    | Layer::Export { .. }
                    | Layer::Columns { .. }
                    | Layer::Receipts { .. }
                    | Layer::Members { .. }
                    | Layer::Failures { .. }
            );
            match text.parse::<usize>() {
                Ok(number) if chooses => choose(state, number, effects),
                _ if chooses && text == "refresh" => toggle_refresh(state),
                _ => {
                    // An empty line only closes; a word closes and is obeyed.
                    state.layers.pop();
                    if !text.is_empty() {
                        line(state, text, effects);
                    }
                }
            }
        }
        None => word(state, text, effects),
    }
}

/// The answer to a question. The whole phrase is typed, so that the line's end confirms nothing by itself.
fn answer(state: &mut State, text: &str, effects: &mut Vec<Effect>) {
    let now = state.now;
    let Some(Layer::Dialog(dialog)) = state.layers.top_mut() else { return };
    if text.is_empty() {
        state.layers.pop();
        state.toasts.push("left as it is", Role::Info, now);
        return;
    }
    if now.saturating_sub(dialog.opened) < DEAF_MS {
        dialog.note = Some("that came too fast to be an answer: read, then type it again".to_owned());
        return;
    }
    dialog.note = None;
    match dialog.fields.iter_mut().find(|field| !field.holds()) {
        Some(field) => {
            field.input = text.to_owned().into();
            if !field.holds() {
                field.input.reset();
                dialog.note = Some("that is not what was asked for; an empty line leaves it".to_owned());
                return;
            }
        }
        None if matches!(text, "y" | "yes") => {}
        None => {
            dialog.note = Some("yes does it, an empty line leaves it".to_owned());
            return;
        }
    }
    if dialog.is_complete() {
        dialog.focus = Focus::Confirm;
        layers::confirmed(state, effects);
    }
}

/// The line that `retry 2` means.
fn retried(text: &str) -> Option<usize> {
    text.strip_prefix("retry ")?.trim().parse::<usize>().ok()?.checked_sub(1)
}

fn choose(state: &mut State, number: usize, effects: &mut Vec<Effect>) {
    let at = number.saturating_sub(1);
    match state.layers.top_mut() {
        Some(
            Layer::Scope { cursor, .. }
            | Layer::Mode { cursor }
            | Layer::Export { cursor, .. }
            | Layer::Columns { cursor, .. }
            | Layer::Receipts { cursor }
            | Layer::Members { cursor, .. }
            | Layer::Failures { cursor },
        ) => *cursor = at,
        _ => return,
    }
    let enter = KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE);
    layers::menu(state, enter, Chord::from(enter), effects);
}

fn toggle_refresh(state: &mut State) {
    if let Some(Layer::Scope { refresh, .. }) = state.layers.top_mut() {
        *refresh = !*refresh;
    }
}

/// A word: an action, a row's number, a filter, an order, or a key.
fn word(state: &mut State, text: &str, effects: &mut Vec<Effect>) {
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    let rest = rest.trim();
    match first {
        "" => {}
        "filter" | "/" => filter(state, rest),
        "sort" if !rest.is_empty() => sort(state, rest),
        _ if first.starts_with('/') => filter(state, text.trim_start_matches('/')),
        _ => {
            if let Ok(row) = first.parse::<u64>() {
                return move_to::row(state, row.saturating_sub(1));
            }
            let place = state.place();
            if let Some(action) = Action::named(first).filter(|action| place.has(action.binding().when)) {
                return act(state, action, effects);
            }
            let mut letters = first.chars();
            if let (Some(letter), None) = (letters.next(), letters.next()) {
                return press(state, KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE), effects);
            }
            let known = Action::named(first).is_some();
            let why = if known { "makes no sense here" } else { "is no word that is known" };
            state.toasts.push(format!("`{first}` {why}: `help` lists them"), Role::Warn, state.now);
        }
    }
}

fn filter(state: &mut State, text: &str) {
    let now = state.now;
    let Some(table) = state.table_mut().filter(|table| !table.id.is_whole()) else {
        return state.toasts.push("there is no list here to filter", Role::Warn, now);
    };
    if let Err(error) = table.set_filter(text) {
        state.toasts.push(format!("{}; {}", error.message, error.hint), Role::Warn, now);
    }
}

fn sort(state: &mut State, text: &str) {
    let now = state.now;
    let descending = text.starts_with('-');
    let field = text.trim_start_matches('-').to_owned();
    let Some(table) = state.table_mut().filter(|table| !table.id.is_whole()) else {
        return state.toasts.push("there is no list here to sort", Role::Warn, now);
    };
    if table.spec().fields.find(&field).is_some() {
        table.sort_by(Some(Sort { field, descending }));
    } else {
        let known: Vec<&str> = table.spec().fields.all.iter().map(|field| field.name).collect();
        state.toasts.push(format!("there is no field `{field}`: {}", known.join(", ")), Role::Warn, now);
    }
}
