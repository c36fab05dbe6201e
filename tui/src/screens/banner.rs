//! The first line: where the operator is, as whom, and whether what is seen is so.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::sign;
use crate::plain::{clean, span, width};
use crate::state::{Link, Stale, State};
use crate::theme::Role;
use crate::widgets::{Look, Piece, bar};

/// The least that is kept for the environment's name.
const NAME: u16 = 12;

pub(super) fn draw(state: &State, look: &Look, buffer: &mut Buffer, area: Rect) {
    let left = left(state, look);
    // What must be read even in a narrow terminal: the kill and the connection.
    let loud: u16 = left.loud.iter().map(|piece| sign::columns(std::slice::from_ref(piece)) + 1).sum();
    let mut right = right(state, look);
    let mode = sign::columns(&left.mode).min(area.width / 3);
    let room = area.width.saturating_sub(NAME.min(area.width / 3)).saturating_sub(loud).saturating_sub(mode);
    while right.len() > 1 && sign::columns(&joined(look, &right)) > room {
        right.remove(0);
    }
    let mut right = joined(look, &right);
    if !left.loud.is_empty() && sign::columns(&right) > room {
        // The kill is read whole, whatever else is not.
        right = joined(look, &[brief(state, look)]);
    }
    let drawn = stripe(state, look, buffer, area, sign::columns(&right) + loud);
    let rest = Rect { x: area.x + drawn, width: area.width.saturating_sub(drawn), ..area };
    let mut pieces = Vec::new();
    for piece in left.loud {
        pieces.extend([Piece::from(" "), piece]);
    }
    let room = rest.width.saturating_sub(sign::columns(&right) + sign::columns(&pieces) + 1);
    let product = Piece::new(" Cutover", Role::Strong);
    if sign::columns(&left.mode) + sign::columns(std::slice::from_ref(&product)) + 2 <= room {
        pieces.push(product);
        if !left.mode.is_empty() {
            pieces.push(Piece::new(format!(" {}", look.glyphs.separator), Role::Dim));
        }
    }
    if sign::columns(&left.mode) <= room {
        pieces.extend(left.mode);
    }
    bar(buffer, rest, look, &pieces, &right);
}

/// The environment's name, in a style that no setting reaches. Answers its columns.
fn stripe(state: &State, look: &Look, buffer: &mut Buffer, area: Rect, others: u16) -> u16 {
    let name = state.welcome().map(|welcome| welcome.environment.as_str());
    let name = name.or_else(|| state.status().map(|status| status.environment.as_str()));
    let Some(name) = name else { return 0 };
    let style = look.theme.environment(name);
    let room = area.width.saturating_sub(others).max(NAME.min(area.width / 3));
    let text = format!(" {} ", clean(name));
    let wanted = u16::try_from(width(&text)).unwrap_or(u16::MAX).min(room);
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return 0;
    }
    buffer.set_stringn(area.x, area.y, &text, usize::from(wanted), style);
    wanted
}

struct Left {
    loud: Vec<Piece>,
    /// The ceiling for every tenant.
    mode: Vec<Piece>,
}

fn left(state: &State, look: &Look) -> Left {
    let mut loud = Vec::new();
    if state.is_killed() {
        loud.push(Piece::new(format!(" {} KILLED ", look.glyphs.killed), Role::Danger));
    }
    let since = |at: i64| span(state.now.saturating_sub(at).max(0).unsigned_abs() / 1000);
    if let Some(frozen) = state.frozen {
        loud.push(Piece::new(format!("{} FROZEN {}", look.glyphs.paused, since(frozen)), Role::Warn));
    }
    let mode = state.status().map(|status| {
        let text = format!("{}{}", sign::about(state), status.mode.mode);
        [Piece::new(" mode ", Role::Dim), Piece::new(text, sign::aged(state, Role::Strong))]
    });
    Left { loud, mode: mode.into_iter().flatten().collect() }
}

/// What stands at the right, the least important first.
fn right(state: &State, look: &Look) -> Vec<Piece> {
    let mut right = Vec::new();
    if let Some(skew) = state.told_skew() {
        let way = if skew > 0 { "ahead" } else { "behind" };
        right.push(Piece::new(
            format!("daemon's clock {} {way}", span(skew.unsigned_abs() / 1000)),
            Role::Warn,
        ));
    }
    if let Some(welcome) = state.welcome() {
        right.push(Piece::new(welcome.operator.as_str(), Role::Dim));
        right.push(match state.options.read_only {
            true => Piece::new(format!("{}, read-only", welcome.role), Role::Info),
            false => Piece::new(welcome.role.word(), Role::Text),
        });
    }
    if let Some(Stale::Disconnected { .. }) = state.stale()
        && state.heard.is_some()
    {
        right.push(Piece::new(sign::stale(state).unwrap_or_default(), Role::Warn));
    }
    right.push(link(state, look));
    right
}

/// The connection in a few words.
pub(super) fn link(state: &State, look: &Look) -> Piece {
    let next = |until: i64| {
        let seconds = until.saturating_sub(state.now).max(0).unsigned_abs().div_ceil(1000);
        let attempt = sign::ordinal(state.link.attempt().saturating_add(1));
        format!("next try in {seconds} s ({attempt})")
    };
    let bad = |word: &str, until: i64| {
        Piece::new(format!("{} {word}, {}", look.glyphs.bad, next(until)), Role::Bad)
    };
    match &state.link {
        Link::Connected { .. } => match state.stale() {
            Some(Stale::Slow { since }) => {
                let silent = span(state.now.saturating_sub(since).unsigned_abs() / 1000);
                Piece::new(format!("{} no answer for {silent}", look.glyphs.warn), Role::Warn)
            }
            Some(Stale::Frozen { .. } | Stale::Disconnected { .. }) | None => {
                Piece::new(format!("{} connected", look.glyphs.good), Role::Good)
            }
        },
        Link::Connecting { attempt: 0 } => {
            Piece::new(format!("{} connecting", look.glyphs.moving), Role::Info)
        }
        Link::Connecting { attempt } => {
            let attempt = sign::ordinal(attempt.saturating_add(1));
            Piece::new(format!("{} connecting ({attempt} try)", look.glyphs.moving), Role::Info)
        }
        Link::Waiting { until, .. } => bad("no daemon", *until),
        Link::Refused { until, .. } => bad("refused", *until),
        Link::Incompatible { until, .. } => bad("incompatible", *until),
    }
}

/// The same without the tries, for a line that has no room for them.
fn brief(state: &State, look: &Look) -> Piece {
    let word = match &state.link {
        Link::Waiting { .. } => "no daemon",
        Link::Refused { .. } => "refused",
        Link::Incompatible { .. } => "incompatible",
        Link::Connecting { .. } => {
            return Piece::new(format!("{} connecting", look.glyphs.moving), Role::Info);
        }
        Link::Connected { .. } => return link(state, look),
    };
    Piece::new(format!("{} {word}", look.glyphs.bad), Role::Bad)
}

/// Facts on one line, each apart from the next.
fn joined(look: &Look, facts: &[Piece]) -> Vec<Piece> {
    let mut line = Vec::new();
    for (i, fact) in facts.iter().enumerate() {
        if i > 0 {
            line.push(Piece::new(format!(" {} ", look.glyphs.separator), Role::Dim));
        }
        line.push(fact.clone());
    }
    line.push(Piece::from(" "));
    line
}
