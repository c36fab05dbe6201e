//! Above a run's items: what it is, how far, how fast, what was found, the way back.

use cutover_shared::run::{Reversibility, RunState, RunView};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{notice, side, sign};
use crate::keymap::Action;
use crate::plain::{age, counts, decimal, number, span};
use crate::state::figures::{settled, short};
use crate::state::list::run_role;
use crate::state::{Slot, State};
use crate::theme::Role;
use crate::widgets::{Gauge, Look, Panel, Piece, bar, spark, text, wipe};

/// From here the findings stand beside the figures.
const WIDE: u16 = 106;

pub(super) fn draw(state: &State, look: &Look, buffer: &mut Buffer, area: Rect) {
    let Some(id) = state.open_run() else { return };
    let feed = state.feeds.get(&Slot::Run(id.clone()));
    let view = state.run(&id);
    let age = notice::age(state, feed.filter(|_| view.is_some()), look);
    let title = format!("Run {}", if area.width >= 60 { id.as_str() } else { short(&id) });
    let panel = Panel {
        title: &title,
        right: age.as_deref().unwrap_or_default(),
        stale: age.is_some(),
        ..Panel::default()
    };
    let inside = sign::inset(panel.draw(buffer, area, look), 1);
    let Some(view) = view else {
        let lines = notice::waiting(state, feed, "this run", look);
        return bar(buffer, inside, look, lines.get(..1).unwrap_or_default(), &[]);
    };
    let findings: Vec<Piece> = aged(state, side::groups(state, &id, look));
    if inside.width >= WIDE && inside.height > 2 {
        let left = Rect { width: inside.width * 3 / 5, ..inside };
        figures(state, &view, look, buffer, left);
        let x = left.right().saturating_add(3);
        let place = Rect { x, width: inside.right().saturating_sub(x), ..inside };
        let mut lines = vec![Piece::new("Findings", Role::Title)];
        if findings.is_empty() {
            let none = sign::told(look, "none: no item needs a person", Role::Good);
            lines.push(Piece { role: sign::aged(state, none.role), ..none });
        }
        lines.extend(findings);
        text(buffer, place, look, &lines, 0);
        return;
    }
    figures(state, &view, look, buffer, inside);
    // The last line is theirs, where there are any: the digest is in the details too.
    if let [one, rest @ ..] = findings.as_slice() {
        let more = (!rest.is_empty()).then(|| Piece::new(format!("+{} more", rest.len()), Role::Dim));
        let line = sign::line(inside, 5);
        wipe(buffer, line);
        bar(buffer, line, look, std::slice::from_ref(one), more.as_slice());
    }
}

fn aged(state: &State, pieces: Vec<Piece>) -> Vec<Piece> {
    pieces.into_iter().map(|piece| Piece { role: sign::aged(state, piece.role), ..piece }).collect()
}

fn figures(state: &State, view: &RunView, look: &Look, buffer: &mut Buffer, area: Rect) {
    let now = state.daemon_now();
    let role = |role| sign::aged(state, role);
    let told = sign::told(look, view.state.word(), run_role(view));
    let mut what = vec![
        Piece { role: role(told.role), ..told },
        Piece::new(format!("  {} {}", view.kind, view.scope), role(Role::Strong)),
    ];
    let pace = pace(state, view);
    // Where there is no line of its own for it, the speed stands beside the state.
    let high = area.height > 2;
    if let Some(reason) = view.reason.as_ref().filter(|_| high || pace.is_empty()) {
        what.push(Piece::new(format!("  {reason}"), role(Role::Warn)));
    }
    let who = aged(state, if high { people(view, now, area.width) } else { pace.clone() });
    bar(buffer, sign::line(area, 0), look, &what, &who);
    let share = [(settled(view), role(Role::Gauge))];
    let label = format!("{}settled  ", sign::about(state));
    let total = view.progress.counts.total();
    Gauge { label: &label, segments: &share, total }.draw(buffer, sign::line(area, 1), look);
    if !high {
        return;
    }
    speed(state, view, look, buffer, sign::line(area, 2), &pace);
    let (items, back) = (
        Piece::new(format!("{}{}", sign::about(state), counts(&view.progress.counts)), role(Role::Text)),
        way_back(state, view),
    );
    let back = aged(state, vec![Piece::new("way back  ", Role::Dim), back]);
    let items = [Piece::new("items     ", Role::Dim), items];
    bar(buffer, sign::line(area, 3), look, &items, &[]);
    bar(buffer, sign::line(area, 4), look, &back, &[]);
    if area.height > 5 {
        let digest = [Piece::new("digest    ", Role::Dim), Piece::new(view.digest.as_str(), Role::Dim)];
        bar(buffer, sign::line(area, 5), look, &digest, &[]);
    }
}

/// Rate and time left of a run that moves.
fn pace(state: &State, view: &RunView) -> Vec<Piece> {
    if !view.state.is_moving() {
        return Vec::new();
    }
    let left = view.progress.seconds_left.map_or(String::new(), |s| format!(", {} left", span(s)));
    let about = sign::about(state);
    vec![Piece::new(format!("{about}{}/s{left}", decimal(view.progress.per_second)), Role::Info)]
}

/// The rates of the last minutes with the newest as a number; of one that stands, when it ended.
fn speed(state: &State, view: &RunView, look: &Look, buffer: &mut Buffer, line: Rect, pace: &[Piece]) {
    let now = state.daemon_now();
    if pace.is_empty() {
        let text = match (view.state, view.ended_at) {
            (RunState::Planned, _) if view.expires_at > now => {
                format!("can be approved {}", age(now, view.expires_at).replace("in ", "for another "))
            }
            (_, Some(at)) => {
                let took = view.started_at.map(|from| span(at.abs_diff(from) / 1000));
                let took = took.map_or(String::new(), |took| format!(" after {took}"));
                format!("ended {}{took}", age(now, at))
            }
            _ => "stands still".to_owned(),
        };
        return bar(buffer, line, look, &[Piece::new(text, Role::Dim)], &[]);
    }
    bar(buffer, line, look, &[Piece::new("speed     ", Role::Dim)], &aged(state, pace.to_vec()));
    let used = sign::columns(pace).saturating_add(11);
    let place = Rect { x: line.x.saturating_add(10), width: line.width.saturating_sub(used + 1), ..line };
    let first = state.moving.first().is_some_and(|run| run.id == view.id);
    if first {
        let paces: Vec<u64> = state.paces.iter().copied().collect();
        spark(buffer, place, look, &paces, sign::aged(state, Role::Info));
    }
}

/// Who planned and approved it, as far as there is room.
fn people(view: &RunView, now: i64, width: u16) -> Vec<Piece> {
    let mut text = format!("planned {} by {}", age(now, view.planned_at), view.author);
    if let Some(at) = view.approved_at {
        let who = view.approved_by.as_ref().map_or("somebody", |name| name.as_str());
        let when = if width < 90 { String::new() } else { format!(" {}", age(now, at)) };
        text += &match view.self_approved {
            true => format!(", self-approved{when}"),
            false => format!(", approved{when} by {who}"),
        };
    }
    vec![Piece::new(text, Role::Dim)]
}

/// What undoing this run would do.
fn way_back(state: &State, view: &RunView) -> Piece {
    let (key, done) = (state.keymap.key(Action::Undo), view.progress.counts.done);
    match (&view.reversibility, view.state) {
        (Reversibility::Irreversible, _) => Piece::new("none: can't be undone", Role::Bad),
        (_, RunState::Undone) => Piece::new("taken, everything is as it was", Role::Good),
        (_, RunState::Undoing) => Piece::new(format!("under way, {} effects left", number(done)), Role::Info),
        (_, _) if done == 0 => Piece::new("nothing to take back", Role::Dim),
        (Reversibility::ReversibleUntil(end), _) => {
            Piece::new(format!("{key} takes back {} effects, until {end}", number(done)), Role::Text)
        }
        (Reversibility::IrreversibleFor(what), _) => {
            Piece::new(format!("{key} takes back {} effects, not {what}", number(done)), Role::Warn)
        }
        (Reversibility::Reversible, _) => {
            Piece::new(format!("{key} takes back {} effects", number(done)), Role::Text)
        }
    }
}
