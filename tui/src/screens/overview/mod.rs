//! The overview answers in five seconds: is anything wrong, what waits for me, what moves, how far are we, what comes
//! next, could I go back.

mod gateway;
mod parts;
mod verdict;

use cutover_shared::run::RunView;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use self::parts::{Line, Part, Show};
use super::rule::rule;
use super::{mapping, notice, sign};
use crate::plain::{decimal, percent, span};
use crate::state::figures::{settled, short};
use crate::state::list::run_role;
use crate::state::{Slot, State};
use crate::theme::Role;
use crate::widgets::{Gauge, Look, Panel, Piece, bar, spark};

/// From here the answers stand in two columns.
const WIDE: u16 = 110;

/// Lower than this there is a line for each answer.
const LOW: u16 = 13;

/// Columns for the speed of a run, or why it stands.
const TAIL: u16 = 26;

/// Columns for the name of an answer that has no heading.
const KEY: u16 = 10;

/// Columns before a line for the sign of the cursor.
const GUTTER: u16 = 2;

pub(super) fn draw(state: &State, look: &Look, buffer: &mut Buffer, area: Rect) {
    if state.status().is_none() {
        let feed = state.feeds.get(&Slot::Status);
        let panel = Panel { title: "Overview", focus: state.layers.is_empty(), ..Panel::default() };
        let inside = panel.draw(buffer, area, look);
        return notice::draw(buffer, inside, look, &notice::waiting(state, feed, "its status", look));
    }
    let top = sign::inset(sign::line(area, 0), 1);
    let right: Vec<Piece> = sign::stale(state).map(|text| Piece::new(text, Role::Warn)).into_iter().collect();
    bar(buffer, top, look, &[verdict::verdict(state, look)], &right);
    let rest = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    if area.width >= WIDE && area.height >= LOW {
        two_columns(state, look, buffer, rest);
    } else if area.height >= LOW {
        one_column(state, look, buffer, rest);
    } else {
        lines(state, look, buffer, rest);
    }
}

/// A heading for each answer, and its lines.
fn one_column(state: &State, look: &Look, buffer: &mut Buffer, area: Rect) {
    let width = area.width.saturating_sub(GUTTER + 1);
    let roomy = parts::all(state, look, width, true);
    let room = area.height.saturating_sub(u16::try_from(roomy.len()).unwrap_or(u16::MAX));
    let high = |parts: &[Part]| parts.iter().map(|part| part.lines.len()).sum::<usize>();
    let parts = if high(&roomy) <= usize::from(room) { roomy } else { parts::all(state, look, width, false) };
    let heights = shared(&parts, room);
    // What is left is breathing space between the answers.
    let used: u16 = heights.iter().sum();
    let mut spare = room.saturating_sub(used);
    let mut y = 0;
    for (part, height) in parts.iter().zip(heights) {
        if spare > 0 {
            spare -= 1;
            y += 1;
        }
        heading(part, usize::from(height), look, buffer, sign::line(area, y));
        let place = Rect { y: area.y + y + 1, height, ..area }.intersection(area);
        body(state, part, look, buffer, place);
        y += 1 + height;
    }
}

/// How many lines each part gets: one each, then the first that wants more, and so on in turns.
fn shared(parts: &[Part], room: u16) -> Vec<u16> {
    let mut heights = vec![0_u16; parts.len()];
    let mut left = room;
    while left > 0 {
        let before = left;
        for (height, part) in heights.iter_mut().zip(parts) {
            if left > 0 && usize::from(*height) < part.lines.len() {
                *height += 1;
                left -= 1;
            }
        }
        if left == before {
            break;
        }
    }
    heights
}

fn heading(part: &Part, height: usize, look: &Look, buffer: &mut Buffer, line: Rect) {
    let note = note(part, height);
    let right: Vec<Piece> = note.map(|note| Piece::new(note, Role::Dim)).into_iter().collect();
    rule(buffer, line, look, Piece::new(part.title, Role::Title), &right);
}

/// What goes with a title: how much has no room, else how much there is.
fn note(part: &Part, height: usize) -> Option<String> {
    match part.lines.len().saturating_sub(height) {
        0 => Some(part.note.clone()).filter(|note| !note.is_empty()),
        1 => Some("one more line".to_owned()),
        hidden => Some(format!("{hidden} more lines")),
    }
}

/// The lines of a part, scrolled so that the cursor's are seen.
fn body(state: &State, part: &Part, look: &Look, buffer: &mut Buffer, area: Rect) {
    let room = usize::from(area.height);
    let last = part.lines.iter().rposition(|line| line.at == Some(state.line));
    let first_of = part.lines.iter().position(|line| line.at == Some(state.line)).unwrap_or(0);
    let first = last.map_or(0, |last| (last + 1).saturating_sub(room).min(first_of));
    for (at, line) in (0_u16..area.height).zip(part.lines.iter().skip(first)) {
        let whole = sign::line(area, at);
        let place = Rect {
            x: whole.x + GUTTER.min(whole.width),
            width: whole.width.saturating_sub(GUTTER + 1),
            ..whole
        };
        one(state, &line.line, look, buffer, place);
        if line.at.is_some() && line.at == Some(state.line) {
            sign::select(buffer, whole, look);
        }
    }
}

fn one(state: &State, line: &Line, look: &Look, buffer: &mut Buffer, place: Rect) {
    match line {
        Line::Text(left, right) => bar(buffer, place, look, left, right),
        Line::Share(counts) => mapping::share(state, look, buffer, place, counts),
        Line::Run(run, show) => moving(state, run, *show, look, buffer, place),
    }
}

/// A live run: state, what, bar, speed, time left.
fn moving(state: &State, run: &RunView, show: Show, look: &Look, buffer: &mut Buffer, line: Rect) {
    let role = |role| sign::aged(state, role);
    let total = run.progress.counts.total();
    let segments = [(settled(run), role(Role::Gauge))];
    let gauge = Gauge { segments: &segments, total, label: "" };
    if show == Show::Bar {
        return gauge.draw(buffer, sign::inset(line, 2), look);
    }
    let told = sign::told(look, run.state.word(), run_role(run));
    let mut left = vec![Piece { role: role(told.role), text: format!("{:<12}", told.text) }];
    if show == Show::Words || line.width >= 100 {
        left.push(Piece::new(format!("{}  ", short(&run.id)), role(Role::Dim)));
    }
    let tail = match run.state.is_moving() {
        true => {
            let left = run.progress.seconds_left;
            let left = left.map_or(String::new(), |seconds| format!(", {} left", span(seconds)));
            format!("{}{}/s{left}", sign::about(state), decimal(run.progress.per_second))
        }
        false => run.reason.clone().unwrap_or_default(),
    };
    let tail = Piece::new(tail, role(if run.state.is_moving() { Role::Text } else { Role::Warn }));
    if show == Show::Words {
        left.push(Piece::new(run.scope.as_str(), role(Role::Strong)));
        // Why it stands has lines of its own.
        let right = if run.state.is_moving() { vec![tail] } else { Vec::new() };
        return bar(buffer, line, look, &left, &right);
    }
    left.push(Piece::new(format!("{:<14}", run.scope), role(Role::Strong)));
    // What ends the line has columns of its own, so that bars and numbers of several runs stand below each other.
    let end = if line.width >= 66 { TAIL.min(line.width) } else { 0 };
    let x = line.right() - end;
    bar(buffer, Rect { x, width: end, ..line }, look, &[tail], &[]);
    let line = Rect { width: line.width - end, ..line };
    let share = format!("{}{} %", sign::about(state), percent(settled(run), total));
    bar(buffer, line, look, &left, &[Piece::new(format!("{share:>6}  "), role(Role::Text))]);
    let begin = sign::columns(&left) + 1;
    let room = line.width.saturating_sub(begin).saturating_sub(10);
    if room >= 6 {
        gauge.bar(buffer, Rect { x: line.x + begin, width: room, ..line }, look);
    }
}

/// What is wrong and what moves at the left, the rest at the right.
fn two_columns(state: &State, look: &Look, buffer: &mut Buffer, area: Rect) {
    let half = area.width * 11 / 20;
    let left = Rect { width: half, ..area };
    let right = Rect { x: area.x + half, width: area.width - half, ..area };
    let inner = |column: Rect| column.width.saturating_sub(2 + GUTTER + 1);
    let [person, moves, ..] = parts::all(state, look, inner(left), true);
    let [_, _, far, gateway, next, back] = parts::all(state, look, inner(right), true);
    let wanted = |part: &Part| u16::try_from(part.lines.len()).unwrap_or(u16::MAX).saturating_add(2);
    let first = (wanted(&person) + 1).min(left.height.saturating_sub(wanted(&moves).clamp(3, 8)));
    boxed(state, &person, look, buffer, Rect { height: first, ..left });
    let below = Rect { y: left.y + first, height: left.height - first, ..left };
    let free = boxed(state, &moves, look, buffer, below);
    pace(state, look, buffer, free);
    let (far_rows, back_rows) = (wanted(&far), wanted(&back));
    let gateway_rows = wanted(&gateway);
    // A blank line at the end of the steps; what is left over belongs to the last answer.
    let next_rows = (wanted(&next) + 1)
        .min(right.height.saturating_sub(far_rows).saturating_sub(gateway_rows).saturating_sub(back_rows));
    let back_rows =
        right.height.saturating_sub(far_rows).saturating_sub(gateway_rows).saturating_sub(next_rows);
    let mut y = right.y;
    let all = [(&far, far_rows), (&gateway, gateway_rows), (&next, next_rows), (&back, back_rows)];
    for (part, rows) in all {
        let place = Rect { y, height: rows, ..right }.intersection(right);
        boxed(state, part, look, buffer, place);
        y = y.saturating_add(rows);
    }
}

/// A part in a border. Answers what of its inside is free.
fn boxed(state: &State, part: &Part, look: &Look, buffer: &mut Buffer, area: Rect) -> Rect {
    let more = note(part, usize::from(area.height.saturating_sub(2))).unwrap_or_default();
    let focus = state.layers.is_empty() && part.lines.iter().any(|line| line.at == Some(state.line));
    let panel =
        Panel { title: part.title, right: &more, focus, stale: state.stale().is_some(), ..Panel::default() };
    let inside = panel.draw(buffer, area, look);
    body(state, part, look, buffer, inside);
    let used = u16::try_from(part.lines.len()).unwrap_or(u16::MAX).min(inside.height);
    Rect { y: inside.y + used, height: inside.height - used, ..inside }
}

/// The speed of the last minutes, where there is room for it.
fn pace(state: &State, look: &Look, buffer: &mut Buffer, area: Rect) {
    let place = sign::inset(area, GUTTER);
    if area.height < 4 || state.moving.is_empty() || state.paces.len() < 2 {
        return;
    }
    let height = (area.height - 2).min(6);
    let title = Piece::new("items a second", Role::Dim);
    bar(buffer, sign::line(place, 1), look, &[title], &[]);
    let paces: Vec<u64> = state.paces.iter().copied().collect();
    let place = Rect { y: place.y + 2, height, ..place };
    spark(buffer, place, look, &paces, sign::aged(state, Role::Info));
}

/// One line for each answer, and more where there is room.
fn lines(state: &State, look: &Look, buffer: &mut Buffer, area: Rect) {
    let begin = GUTTER + KEY;
    let parts = parts::all(state, look, area.width.saturating_sub(begin + 1), false);
    let mut y = 0;
    for (part, height) in parts.iter().zip(shared(&parts, area.height)) {
        let at = |line: &parts::Placed| line.at.is_some() && line.at == Some(state.line);
        // The chosen line is seen, whatever has no room.
        let chosen = part.lines.iter().rposition(at).unwrap_or(0);
        let first = (chosen + 1).saturating_sub(usize::from(height));
        for (i, shown) in part.lines.iter().skip(first).take(usize::from(height)).enumerate() {
            let line = sign::line(area, y);
            let key = if i == 0 { part.short } else { "" };
            let key = Piece::new(key, Role::Dim);
            let place = Rect { x: line.x.saturating_add(GUTTER), width: KEY.min(line.width), ..line };
            bar(buffer, place, look, &[key], &[]);
            let x = line.x.saturating_add(begin);
            let place = Rect { x, width: line.right().saturating_sub(x + 1), ..line };
            one(state, &shown.line, look, buffer, place);
            if at(shown) {
                sign::select(buffer, line, look);
            }
            y += 1;
        }
    }
}
