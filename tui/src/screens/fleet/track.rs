//! The waves beside each other, the first at the left: how each stands, how many are done, failed, unreachable.

use cutover_shared::fleet::{FleetStatus, WaveView};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Row, What, aged};
use crate::plain::fleet::{WaveState, waves};
use crate::plain::number;
use crate::screens::sign;
use crate::state::State;
use crate::theme::{self, Role};
use crate::widgets::{Look, Piece, bar};

/// The widest that a wave gets, and the narrowest that says anything.
const WIDEST: u16 = 28;
const NARROWEST: u16 = 9;

/// Below this words are left out.
const SHORT: u16 = 17;

/// What stands between two waves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    Link,
    Blank,
}

fn sign_of(look: &Look, state: WaveState) -> &'static str {
    match state {
        WaveState::Done => look.glyphs.good,
        WaveState::Findings => look.glyphs.warn,
        WaveState::Moves => look.glyphs.moving,
        WaveState::Held => look.glyphs.paused,
        WaveState::Halted => look.glyphs.bad,
        WaveState::Ahead | WaveState::Empty => look.glyphs.pending,
    }
}

pub(super) fn rows(state: &State, status: &FleetStatus, look: &Look, width: u16) -> Vec<Row> {
    let all = waves(status);
    if all.is_empty() {
        return Vec::new();
    }
    let room = column(width, all.len());
    // Where not all have room, those that are over are left out before the one whose turn it is.
    let shown = usize::from(width / room).max(1);
    let is_over = |is| matches!(is, WaveState::Done | WaveState::Findings | WaveState::Empty);
    let turn = all.iter().position(|(_, is)| !is_over(*is));
    let first = turn.unwrap_or(0).min(all.len().saturating_sub(shown));
    let all: Vec<_> = all.into_iter().skip(first).take(shown).collect();
    let (about, short) = (sign::about(state), room < SHORT);
    let names = all.iter().map(|(wave, is)| {
        let held = matches!(is, WaveState::Halted | WaveState::Held) && !short;
        let word = if held { format!(" {}", is.word()) } else { String::new() };
        aged(state, format!("{} {}{word}", sign_of(look, *is), wave.name), theme::tone(is.tone()))
    });
    let done = all.iter().map(|(wave, is)| {
        if *is == WaveState::Empty {
            return Piece::new(is.word(), Role::Dim);
        }
        let of = if short { "/" } else { " of " };
        let text = format!("{about}{}{of}{}", number(wave.at_target), number(wave.tenants));
        aged(state, text, if wave.at_target == 0 { Role::Dim } else { Role::Text })
    });
    let mut rows = vec![waves_row(1, names.collect(), Fill::Link), waves_row(2, done.collect(), Fill::Blank)];
    let mut counted = |rank, word: &str, role: Role, of: fn(&WaveView) -> u64| {
        if all.iter().all(|(wave, _)| of(wave) == 0) {
            return;
        }
        let one = |(wave, _): &(&WaveView, WaveState)| match of(wave) {
            0 => Piece::default(),
            n if short => aged(state, format!("{} {about}{}", sign::of_role(look, role), number(n)), role),
            n => aged(state, format!("{} {about}{} {word}", sign::of_role(look, role), number(n)), role),
        };
        rows.push(waves_row(rank, all.iter().map(one).collect(), Fill::Blank));
    };
    counted(2, "failed", Role::Bad, |wave| wave.failed);
    counted(5, "unreachable", Role::Warn, |wave| wave.unreachable);
    counted(6, "running", Role::Info, |wave| wave.running);
    rows
}

fn waves_row(rank: u8, pieces: Vec<Piece>, fill: Fill) -> Row {
    Row { rank, what: What::Waves(pieces, fill) }
}

fn column(width: u16, waves: usize) -> u16 {
    let waves = u16::try_from(waves).unwrap_or(u16::MAX).max(1);
    (width / waves).clamp(NARROWEST, WIDEST)
}

pub(super) fn draw(buffer: &mut Buffer, line: Rect, look: &Look, pieces: &[Piece], fill: Fill) {
    let room = column(line.width, pieces.len());
    for (at, piece) in (0_u16..).zip(pieces) {
        let place =
            Rect { x: line.x.saturating_add(at.saturating_mul(room)), width: room.saturating_sub(1), ..line };
        let place = place.intersection(line);
        let mut all = vec![piece.clone()];
        let last = usize::from(at).saturating_add(1) == pieces.len();
        if fill == Fill::Link && !last {
            let used = sign::columns(&all).saturating_add(1);
            let links = look.glyphs.link.repeat(usize::from(place.width.saturating_sub(used)));
            if !links.is_empty() {
                all.push(Piece::new(format!(" {links}"), Role::Dim));
            }
        }
        bar(buffer, place, look, &all, &[]);
    }
}
