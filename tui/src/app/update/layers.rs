//! Keys for what lies on top.

use crossterm::event::{Event as TermEvent, KeyCode, KeyEvent};
use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::rollout::RolloutName;
use tui_input::backend::crossterm::EventHandler as _;

use super::acts::{begin, open_run};
use super::key::{act, follow};
use super::{Effect, move_to, send};
use crate::keymap::Action;
use crate::settings::Chord;
use crate::state::dialog::Answer;
use crate::state::layer::{FORMATS, FilterLine, MODES};
use crate::state::layout::is_tiny;
use crate::state::verb::{Intent, mode_choice};
use crate::state::{ExportFormat, Layer, Screen, State, ViewExport};
use crate::theme::Role;

/// More lines than anything that scrolls has: a payload of 256 KiB, wrapped.
const FURTHEST: isize = 60_000;

/// The longest filter that can be typed.
const LONGEST: usize = 1_000;

pub(super) fn key(state: &mut State, key: KeyEvent, chord: Chord, effects: &mut Vec<Effect>) {
    // What has no room to be read can't be answered either, but it can be left.
    if is_tiny(state.size) && key.code != KeyCode::Esc {
        return;
    }
    answer(state, key, chord, effects);
    let furthest = crate::screens::layers::furthest(state);
    match state.layers.top_mut() {
        Some(
            Layer::Help { scroll }
            | Layer::Why { scroll, .. }
            | Layer::Detail { scroll, .. }
            | Layer::Timeline { scroll, .. }
            | Layer::Runbook { scroll, .. }
            | Layer::Payload { scroll, .. }
            | Layer::Explain { scroll, .. }
            | Layer::History { scroll, .. }
            | Layer::SpotCheck { scroll, .. },
        ) => *scroll = (*scroll).min(furthest),
        Some(Layer::Dialog(dialog)) => dialog.scroll = dialog.scroll.min(furthest),
        _ => {}
    }
}

fn answer(state: &mut State, key: KeyEvent, chord: Chord, effects: &mut Vec<Effect>) {
    let Some(top) = state.layers.top_mut() else { return };
    match top {
        Layer::Dialog(dialog) => match dialog.key(key, state.now) {
            Answer::Open => {}
            Answer::Cancelled => drop(state.layers.pop()),
            Answer::Confirmed => confirmed(state, effects),
        },
        Layer::Filter(_) => filter(state, key),
        Layer::Palette(_) => palette(state, key, effects),
        Layer::Guid { .. } => super::gateway::guid(state, key),
        _ => menu(state, key, chord, effects),
    }
}

pub(super) fn paste(state: &mut State, text: &str) {
    match state.layers.top_mut() {
        Some(Layer::Dialog(dialog)) => dialog.paste(),
        // In a filter a pasted name is what people want; it is shown before anything is done with it.
        Some(Layer::Filter(line)) => {
            let one_line: String = text.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
            let value = format!("{}{one_line}", line.input.value());
            if value.chars().count() <= LONGEST {
                line.input = value.into();
                line.check();
            }
        }
        Some(Layer::Guid { input, .. }) => super::gateway::paste(input, text),
        _ => {
            let key = state.keymap.key(Action::Filter);
            let text = format!("pasted text is never taken for keys; {key} opens a filter that takes it");
            state.toasts.push(text, Role::Warn, state.now);
        }
    }
}

/// Opens what is about the list of the screen.
pub(super) fn open_for_list(state: &mut State, action: Action) {
    let Some(table) = state.table() else { return };
    let list = table.id;
    let layer = match action {
        Action::Filter => {
            Layer::Filter(FilterLine { list, input: table.filter.clone().into(), problem: None })
        }
        Action::Columns => Layer::Columns { list, cursor: 0 },
        _ => Layer::Export { list, cursor: 0 },
    };
    state.layers.push(layer);
}

/// The question was answered with yes. Whether it may be done is asked once more, because time has passed.
pub(super) fn confirmed(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(Layer::Dialog(dialog)) = state.layers.top() else { return };
    let moved = dialog.expects.as_ref().and_then(|(id, was)| {
        let now = super::answer::state_of(state, id).or_else(|| state.run(id).map(|view| view.state))?;
        (now != *was).then(|| format!("the run is {now} by now: close this and look again"))
    });
    let stale = state.disarmed(Action::Apply).map(|(message, hint)| format!("{message}; {hint}"));
    let closed = dialog
        .gate
        .as_ref()
        .filter(|_| dialog.reason().is_none())
        .and_then(|id| state.gate(id)?.closed.clone());
    let missing = dialog.gate.as_ref().is_some_and(|id| state.gate(id).is_none());
    let note = stale
        .or(moved)
        .or(dialog.blocked.clone())
        .or(missing.then(|| "the gates have not answered yet".to_owned()));
    let Some(Layer::Dialog(dialog)) = state.layers.top_mut() else { return };
    if let Some(note) = note {
        dialog.note = Some(note);
        return;
    }
    if closed.is_some() {
        dialog.ask_for_reason();
        return;
    }
    let Some(Layer::Dialog(dialog)) = state.layers.pop() else { return };
    begin(state, dialog.with_reason(), effects);
}

fn filter(state: &mut State, key: KeyEvent) {
    let Some(Layer::Filter(line)) = state.layers.top_mut() else { return };
    match key.code {
        KeyCode::Esc => drop(state.layers.pop()),
        KeyCode::Enter => {
            let (list, text) = (line.list, line.input.value().to_owned());
            let Some(table) = state.tables.get_mut(&list) else { return };
            if table.set_filter(&text).is_ok() {
                state.layers.pop();
            } else {
                line.check();
            }
        }
        _ => {
            if line.input.value().chars().count() < LONGEST || !matches!(key.code, KeyCode::Char(_)) {
                line.input.handle_event(&TermEvent::Key(key));
            }
            line.check();
        }
    }
}

fn palette(state: &mut State, key: KeyEvent, effects: &mut Vec<Effect>) {
    let place = state.place();
    let Some(Layer::Palette(palette)) = state.layers.top_mut() else { return };
    let found = palette.found(|action| place.has(action.binding().when));
    match key.code {
        KeyCode::Esc => drop(state.layers.pop()),
        KeyCode::Up => palette.cursor = palette.cursor.saturating_sub(1),
        KeyCode::Down | KeyCode::Tab => {
            palette.cursor = (palette.cursor + 1).min(found.len().saturating_sub(1));
        }
        KeyCode::Enter => {
            let action = found.get(palette.cursor).copied();
            state.layers.pop();
            if let Some(action) = action {
                act(state, action, effects);
            }
        }
        _ => {
            if palette.input.value().chars().count() < LONGEST || !matches!(key.code, KeyCode::Char(_)) {
                palette.input.handle_event(&TermEvent::Key(key));
            }
            palette.cursor = 0;
        }
    }
}

/// Layers that only scroll or choose. Moving keys are those of the table; the others act as below, after closing.
pub(super) fn menu(state: &mut State, key: KeyEvent, chord: Chord, effects: &mut Vec<Effect>) {
    let action = state.keymap.action(chord, &state.place());
    if super::fleet::key(state, action, effects) {
        return;
    }
    if key.code == KeyCode::Esc || action == Some(Action::Quit) || matches!(action, Some(Action::Back)) {
        state.layers.pop();
        return;
    }
    let step: isize = match action {
        Some(Action::Up) => -1,
        Some(Action::Down | Action::Next) => 1,
        Some(Action::PageUp) => -10,
        Some(Action::PageDown) => 10,
        Some(Action::Top) => isize::MIN / 2,
        Some(Action::Bottom) => isize::MAX / 2,
        _ => 0,
    };
    let receipts = state.errands.all().len();
    let members = match state.layers.top() {
        Some(Layer::Members { name, .. }) => state.members(*name).map_or(0, |(rows, _)| rows.len()),
        _ => 0,
    };
    let failures = state.fleet_as_told().map_or(0, |status| status.failures.len());
    let Some(top) = state.layers.top_mut() else { return };
    match top {
        Layer::Help { scroll }
        | Layer::Why { scroll, .. }
        | Layer::Detail { scroll, .. }
        | Layer::Timeline { scroll, .. }
        | Layer::Runbook { scroll, .. }
        | Layer::Payload { scroll, .. }
        | Layer::Explain { scroll, .. }
        | Layer::History { scroll, .. }
        | Layer::SpotCheck { scroll, .. } => {
            let to = isize::try_from(*scroll).unwrap_or(0).saturating_add(step);
            *scroll = u16::try_from(to.clamp(0, FURTHEST)).unwrap_or(0);
            if step == 0 && matches!(action, Some(Action::Open)) {
                state.layers.pop();
            }
            if let (Some(layer), Some(Action::CopyCommand)) = (state.layers.top(), action)
                && let Some(twin) = crate::state::why::layer_twin(layer)
            {
                effects.push(Effect::Copy(crate::state::why::runnable(state, &twin)));
            }
            // What is looked at further is what the layer is about, wherever the row below has gone.
            if let (Some(Layer::Detail { subject, .. }), Some(action)) = (state.layers.top(), action)
                && matches!(action, Action::Payload | Action::Explain)
            {
                let subject = subject.clone();
                super::gateway::look(state, action, &subject);
            }
        }
        Layer::Receipts { cursor } => {
            *cursor = moved(*cursor, step, receipts);
            let cursor = *cursor;
            match action {
                Some(Action::Open) => repeat_or_open(state, cursor, effects),
                Some(Action::CopyCommand | Action::Copy) => {
                    if let Some(errand) = state.errands.get(cursor) {
                        let command = crate::state::why::runnable(state, &errand.twin);
                        effects.push(Effect::Copy(command));
                    }
                }
                _ => {}
            }
        }
        Layer::Columns { list, cursor } => {
            let spec = list.spec();
            *cursor = moved(*cursor, step, spec.columns.len());
            if matches!(action, Some(Action::Open | Action::Mark))
                && let Some(column) = spec.columns.get(*cursor).filter(|column| column.priority > 0)
                && let Some(table) = state.tables.get_mut(list)
                && !table.hidden.remove(column.name)
            {
                table.hidden.insert(column.name.to_owned());
            }
        }
        Layer::Scope { choices, cursor, refresh } => {
            *cursor = moved(*cursor, step, choices.len());
            // Here the key is about the menu, also where the screen below has no list to mark rows in.
            if state.keymap.keys(Action::Mark).contains(&chord) {
                *refresh = !*refresh;
            }
            if action == Some(Action::Open) {
                let plan = choices.get(*cursor).map(|choice| choice.plan(*refresh));
                state.layers.pop();
                // Time has passed since the menu was opened.
                let intent = match state.disarmed(Action::DryRunScope) {
                    Some((message, hint)) => Err(RpcError::new(ErrorCode::WrongState, message, hint)),
                    None => plan.map(Intent::Now).ok_or_else(|| {
                        RpcError::new(ErrorCode::WrongState, "nothing was chosen", "choose a line")
                    }),
                };
                follow(state, Action::DryRunScope, intent, effects);
            }
        }
        Layer::Mode { cursor } => {
            *cursor = moved(*cursor, step, MODES.len());
            if action == Some(Action::Open) {
                let mode = MODES[(*cursor).min(MODES.len() - 1)];
                state.layers.pop();
                let intent = mode_choice(state, mode);
                follow(state, Action::Mode, intent, effects);
            }
        }
        Layer::Members { name, cursor } => {
            let name = *name;
            *cursor = moved(*cursor, step, members);
            let cursor = *cursor;
            match action {
                Some(Action::Open) => open_member(state, name, cursor),
                Some(Action::CopyCommand) => {
                    let twin = format!("cutover rollout members {name} --side target");
                    effects.push(Effect::Copy(crate::state::why::runnable(state, &twin)));
                }
                _ => {}
            }
        }
        Layer::Export { cursor, .. } => {
            *cursor = moved(*cursor, step, FORMATS.len());
            if action == Some(Action::Open) {
                let format = FORMATS[(*cursor).min(FORMATS.len() - 1)];
                state.layers.pop();
                export(state, format, effects);
            }
        }
        Layer::Refusal { error, .. } => match action {
            Some(Action::Open) => drop(state.layers.pop()),
            Some(Action::Runbook) => {
                if let Some(file) = error.runbook.clone() {
                    state.layers.push(Layer::Runbook { file, scroll: 0 });
                }
            }
            _ => {}
        },
        Layer::Chain(_) => {
            if action == Some(Action::Open) {
                state.layers.pop();
            }
        }
        // Anything but the kill keys leaves the switch alone; Esc was above.
        Layer::Failures { cursor } => *cursor = moved(*cursor, step, failures),
        Layer::Kill(_) | Layer::Dialog(_) | Layer::Filter(_) | Layer::Palette(_) | Layer::Guid { .. } => {}
    }
}

fn moved(cursor: usize, step: isize, length: usize) -> usize {
    cursor.saturating_add_signed(step).min(length.saturating_sub(1))
}

/// Goes to the tenant on the list of who is in.
fn open_member(state: &mut State, name: RolloutName, cursor: usize) {
    let tenant =
        state.members(name).and_then(|(rows, _)| rows.get(cursor)).map(|member| member.tenant.clone());
    if let Some(tenant) = tenant {
        state.layers.clear();
        let filter = format!("tenant:{}", crate::state::quoted(tenant.as_str()));
        move_to::filtered(state, Screen::Tenants, &filter);
    }
}

fn repeat_or_open(state: &mut State, cursor: usize, effects: &mut Vec<Effect>) {
    if state.welcome().is_some()
        && let Some((act, what)) = state.errands.repeat(cursor)
    {
        return send(effects, act, what);
    }
    if let Some(run) = state.errands.get(cursor).and_then(|errand| errand.run.clone()) {
        state.layers.clear();
        open_run(state, run);
    }
}

fn export(state: &mut State, (format, ending): (ExportFormat, &str), effects: &mut Vec<Effect>) {
    let Some(table) = state.table() else { return };
    // The time makes the name unique, and says when it was so.
    let name = format!("cutover-{}-{}.{ending}", table.spec().name, stamp(state.daemon_now()));
    effects.push(Effect::Export(ViewExport {
        list: table.id,
        of: table.of.clone(),
        filter: table.filter.clone(),
        sort: table.sort.clone(),
        columns: table.columns().map(|column| column.name.to_owned()).collect(),
        format,
        path: state.options.folder.join(name),
        now: state.daemon_now(),
    }));
    state.toasts.push("writing the view ...", Role::Info, state.now);
}

/// `20260821T140305Z`.
fn stamp(ms: i64) -> String {
    crate::plain::time(ms)
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('T'),
            '-' | ':' => None,
            c => Some(c),
        })
        .collect()
}
