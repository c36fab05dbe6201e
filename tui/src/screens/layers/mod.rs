//! What lies on top of a screen, each layer in its own box. A layer clears what it covers and nothing else.

mod chain;
mod choice;
mod columns;
mod delivery;
mod detail;
mod dialog;
mod export;
mod failures;
mod filter;
mod help;
mod instance;
mod kill;
mod markdown;
mod members;
mod mode;
mod palette;
mod receipts;
mod refusal;
mod runbook;
mod scope;
mod sheet;
mod spot_check;
mod timeline;
mod why;

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::keymap::Action;
use crate::state::layout::{areas, is_tiny};
use crate::state::{Layer, State};
use crate::theme::Role;
use crate::widgets::{Look, Piece, bar, wipe};

/// From this height on the lowest two lines, messages and keys, stay in sight.
const HIGH: u16 = 20;

/// Draws every layer, the lowest first. Where there is no room for a screen only the kill switch is drawn whole; of
/// anything else one line says that it is there.
pub fn draw(state: &State, look: &Look, frame: &mut Frame<'_>) {
    let area = frame.area();
    if is_tiny((area.width, area.height)) {
        return tiny(state, look, frame);
    }
    let room = room(state, area);
    let top = state.layers.all().count().saturating_sub(1);
    for (at, layer) in state.layers.all().enumerate() {
        let cursor = one(state, look, frame, room, layer);
        if let Some(cursor) = cursor.filter(|_| at == top) {
            frame.set_cursor_position(cursor);
        }
    }
}

/// One layer. Answers where the cursor belongs if it is the top.
fn one(
    state: &State,
    look: &Look,
    frame: &mut Frame<'_>,
    room: Rect,
    layer: &Layer,
) -> Option<ratatui::layout::Position> {
    let buffer = frame.buffer_mut();
    match layer {
        Layer::Dialog(dialog) => return dialog::draw(state, look, buffer, room, dialog),
        Layer::Palette(palette) => return palette::draw(state, look, buffer, room, palette),
        Layer::Filter(line) => return filter::draw(state, look, buffer, line),
        Layer::Kill(kill) => kill::draw(state, look, buffer, room, kill),
        Layer::Help { scroll } => help::draw(state, look, buffer, room, *scroll),
        Layer::Why { subject, scroll } => why::draw(state, look, buffer, room, (subject.as_deref(), *scroll)),
        Layer::Detail { subject, scroll } => detail::draw(state, look, buffer, room, (subject, *scroll)),
        Layer::Runbook { file, scroll } => runbook::draw(state, look, buffer, room, (file, *scroll)),
        Layer::Receipts { cursor } => receipts::draw(state, look, buffer, room, *cursor),
        Layer::Refusal { title, error } => refusal::draw(state, look, buffer, room, (title, error)),
        Layer::Columns { list, cursor } => columns::draw(state, look, buffer, room, (*list, *cursor)),
        Layer::Scope { choices, cursor, refresh } => {
            scope::draw(state, look, buffer, room, (choices, *cursor, *refresh));
        }
        Layer::Mode { cursor } => mode::draw(state, look, buffer, room, *cursor),
        Layer::Export { list, cursor } => export::draw(state, look, buffer, room, (*list, *cursor)),
        Layer::Members { name, cursor } => members::draw(state, look, buffer, room, (*name, *cursor)),
        Layer::Timeline { name, scroll } => timeline::draw(state, look, buffer, room, (*name, *scroll)),
        Layer::Failures { cursor } => failures::draw(state, look, buffer, room, *cursor),
        Layer::History { tenant, pages, scroll } => {
            instance::history(state, look, buffer, room, (tenant, pages, *scroll));
        }
        Layer::Payload { guid, scroll } => delivery::payload(state, look, buffer, room, (guid, *scroll)),
        Layer::Explain { guid, workflow, scroll } => {
            delivery::explain(state, look, buffer, room, (guid, workflow.as_deref(), *scroll));
        }
        Layer::Guid { workflow, input } => return delivery::guid(state, look, buffer, (workflow, input)),
        Layer::Chain(chain) => chain::draw(state, look, buffer, room, chain),
        Layer::SpotCheck { report, scroll } => {
            spot_check::draw(state, look, buffer, room, (report, *scroll));
        }
    }
    None
}

/// How far the top can be scrolled at most, so that no key is pressed in vain past the end.
pub fn furthest(state: &State) -> u16 {
    let room = room(state, Rect::new(0, 0, state.size.0, state.size.1));
    let width = sheet::width(room);
    let look = Look::default();
    let (lines, fixed) = match state.layers.top() {
        Some(Layer::Help { .. }) => (help::lines(state, &look, width).len(), 0),
        Some(Layer::Why { subject, .. }) => (why::lines(state, subject.as_deref(), width).len(), 0),
        Some(Layer::Detail { subject, .. }) => (detail::lines(state, &look, subject, width).len(), 0),
        Some(Layer::Timeline { name, .. }) => (timeline::lines(state, &look, *name, width).len(), 0),
        Some(Layer::History { tenant, pages, .. }) => {
            (instance::history_lines(state, &look, (tenant, pages), width).len(), 0)
        }
        Some(Layer::Runbook { file, .. }) => (runbook::lines(file, &look, width).len(), 0),
        Some(Layer::Payload { guid, .. }) => (delivery::payload_lines(state, &look, guid, width).len(), 0),
        Some(Layer::Explain { guid, workflow, .. }) => {
            (delivery::explain_lines(state, &look, (guid, workflow.as_deref()), width).len(), 0)
        }
        Some(Layer::SpotCheck { report, .. }) => (spot_check::lines(report, &look, width).len(), 0),
        Some(Layer::Dialog(dialog)) => dialog::size(state, &look, dialog, width),
        _ => return 0,
    };
    let hidden = lines.saturating_sub(usize::from(sheet::visible(room, lines, fixed)));
    u16::try_from(hidden).unwrap_or(u16::MAX)
}

/// Where layers may be drawn. The banner always stays in sight; messages, keys and the tour where there is room.
fn room(state: &State, area: Rect) -> Rect {
    let tour = areas(state).tour;
    let below = match area.height {
        ..HIGH => 0,
        _ => 2_u16.saturating_add(tour.height),
    };
    let height = area.height.saturating_sub(1).saturating_sub(below);
    Rect { y: area.y.saturating_add(1), height, ..area }.intersection(area)
}

/// Where there is no room: the kill switch, or a line that says what is there.
fn tiny(state: &State, look: &Look, frame: &mut Frame<'_>) {
    let area = frame.area();
    let kill = state.layers.all().find_map(|layer| match layer {
        Layer::Kill(kill) => Some(kill),
        _ => None,
    });
    let buffer = frame.buffer_mut();
    if let Some(kill) = kill {
        return kill::tiny(state, look, buffer, area, kill);
    }
    let (text, role) = match state.layers.top() {
        None => return,
        Some(Layer::Refusal { error, .. }) => (format!("{} {}", look.glyphs.bad, error.message), Role::Bad),
        Some(_) => (format!("{} closes", state.keymap.key(Action::Back)), Role::Warn),
    };
    let line = Rect { y: area.bottom().saturating_sub(1), height: area.height.min(1), ..area };
    wipe(buffer, line);
    bar(buffer, line, look, &[Piece::new(text, role)], &[]);
}
