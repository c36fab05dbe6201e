//! What every key does, made from the table of keys; what the signs mean.

use cutover_shared::rpc::Role as Rank;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::sheet::{Line, Sheet, paragraph, width};
use crate::keymap::{Action, Binding, Place, TABLE, Tier, When};
use crate::state::State;
use crate::theme::Role;
use crate::widgets::{Look, Piece, wrap};

/// Columns for keys and for signs.
const KEYS: usize = 16;

/// Columns for names, where the lines are as wide as this.
const NAME: (usize, u16) = (18, 90);

/// Columns at the right for tier and role, where the lines are as wide as this.
const RIGHT: (usize, u16) = (22, 70);

pub(super) fn draw(state: &State, look: &Look, buffer: &mut Buffer, room: Rect, scroll: u16) {
    let title = format!("Keys: {}", state.screen.title());
    let lines = lines(state, look, width(room));
    let foot = "Esc closes; anything can also be found by name with :";
    let palette = state.keymap.key(Action::Palette);
    let foot = foot.replace(':', &palette);
    let sheet = Sheet { title: &title, foot: &foot, ..Sheet::default() };
    sheet.draw(buffer, room, look, (&lines, scroll), 0);
}

pub(super) fn lines(state: &State, look: &Look, width: u16) -> Vec<Line> {
    let place = state.place();
    let acts = match place.noun {
        Some(noun) => format!("What can be done with this {}", noun.word()),
        None => "What can be done".to_owned(),
    };
    let mut lines = Vec::new();
    let mut group = |title: &str, rows: Vec<&Binding>, works: bool| {
        if rows.is_empty() {
            return;
        }
        if !lines.is_empty() {
            lines.push(Line::blank());
        }
        lines.push(Line::new(title, Role::Title));
        for row in rows {
            lines.extend(one(state, row, width, works));
        }
    };
    let of = |wanted: Group| {
        let mut rows: Vec<&Binding> = TABLE.iter().filter(|row| group_of(row, &place) == wanted).collect();
        // What changes something comes first where both are.
        rows.sort_by_key(|row| wanted == Group::Acts && row.role == Rank::Viewer);
        rows
    };
    group(&acts, of(Group::Acts), true);
    group("Screens", of(Group::Screens), true);
    group("Lists", of(Group::Lists), true);
    group("Anywhere", of(Group::Anywhere), true);
    group("Not here", of(Group::Elsewhere), false);
    lines.push(Line::blank());
    lines.extend(signs(look, width));
    if let Some((why, mend)) = state.disarmed(Action::DryRun) {
        let text = format!("{} What changes something is disarmed: {why}; {mend}.", look.glyphs.warn);
        let mut told = paragraph(&text, Role::Warn, width);
        told.push(Line::blank());
        told.append(&mut lines);
        return told;
    }
    lines
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Screens,
    Lists,
    Acts,
    Anywhere,
    Elsewhere,
}

fn group_of(row: &Binding, place: &Place) -> Group {
    if !place.has(row.when) {
        return Group::Elsewhere;
    }
    match row.action {
        Action::Overview
        | Action::Mapping
        | Action::Tenants
        | Action::Runs
        | Action::Tokens
        | Action::Audit
        | Action::Webhooks
        | Action::Installations
        | Action::Workflows
        | Action::Rollouts
        | Action::Fleet
        | Action::Next
        | Action::Previous => Group::Screens,
        Action::Up
        | Action::Down
        | Action::PageUp
        | Action::PageDown
        | Action::Top
        | Action::Bottom
        | Action::Open => Group::Lists,
        Action::Why
        | Action::Copy
        | Action::CopyCommand
        | Action::Runbook
        | Action::AuditVerify
        | Action::Payload
        | Action::Explain
        | Action::ExplainDelivery
        | Action::Deliveries
        | Action::Repositories
        | Action::Members
        | Action::Timeline
        | Action::Failures
        | Action::History => Group::Acts,
        _ if row.when == When::InLists => Group::Lists,
        Action::Kill | Action::Mode => Group::Anywhere,
        _ if row.role > Rank::Viewer => Group::Acts,
        _ => Group::Anywhere,
    }
}

/// One row: keys, what they do, how much is asked first, and who may.
fn one(state: &State, row: &Binding, width: u16, works: bool) -> Vec<Line> {
    let keys: Vec<String> = state.keymap.keys(row.action).iter().map(ToString::to_string).collect();
    let keys = keys.join(" ");
    let keys = if keys.is_empty() { "no key".to_owned() } else { keys };
    let armed = works && (state.disarm(row.action).is_none() || row.action == Action::Kill);
    let (key, text) = if armed { (Role::Key, Role::Text) } else { (Role::Dim, Role::Dim) };
    let asked = asked(row);
    let ((right, wide), (name, wider)) = (RIGHT, NAME);
    let name = if width >= wider { name } else { 0 };
    let room = usize::from(width).saturating_sub(KEYS + name);
    let (about, room, asked) = if width >= wide {
        (row.about.to_owned(), room.saturating_sub(right), asked)
    } else {
        let end = if asked.is_empty() { String::new() } else { format!(" ({asked})") };
        (format!("{}{end}", row.about), room, String::new())
    };
    let about = wrap(&about, room);
    let mut lines = Vec::new();
    for (i, told) in about.into_iter().enumerate() {
        let (keys, asked) = if i == 0 { (keys.as_str(), asked.as_str()) } else { ("", "") };
        let mut line = Line::new(format!("{keys:<KEYS$}"), key);
        if name > 0 {
            let word = if i == 0 { row.name } else { "" };
            line.left.push(Piece::new(format!("{word:<name$}"), text));
        }
        line.left.push(Piece::new(told, text));
        line.right.push(Piece::new(asked, Role::Dim));
        lines.push(line);
    }
    lines
}

/// How it is confirmed, and the role that it needs.
fn asked(row: &Binding) -> String {
    let tier = match row.tier {
        Tier::Look => "",
        Tier::Reversible => "y",
        Tier::Live => "name typed",
        Tier::Fleet => "phrase typed",
    };
    match (tier, row.role) {
        (tier, Rank::Viewer) => tier.to_owned(),
        ("", role) => role.to_string(),
        (tier, role) => format!("{tier}, {role}"),
    }
}

/// The signs of this look.
fn signs(look: &Look, width: u16) -> Vec<Line> {
    let glyphs = &look.glyphs;
    let all = [
        (glyphs.good, Role::Good, "well: mapped, done, fresh"),
        (glyphs.pending, Role::Dim, "not begun, or not known yet"),
        (glyphs.moving, Role::Info, "moves now"),
        (glyphs.paused, Role::Warn, "paused, held"),
        (glyphs.warn, Role::Warn, "needs a look; a closed gate; something old"),
        (glyphs.bad, Role::Bad, "wrong: failed, refused, unmappable"),
        (glyphs.unknown, Role::Warn, "may have happened: nobody knows; ask again or look"),
        (glyphs.killed, Role::Bad, "killed: every decision is legacy"),
        (glyphs.mark, Role::Marked, "a marked row"),
        (glyphs.cursor, Role::Strong, "the row under the cursor"),
        (
            "~",
            Role::Stale,
            "stale: from before the connection broke or the daemon fell silent; live keys are disarmed",
        ),
    ];
    let mut lines = vec![Line::new("Signs", Role::Title)];
    for (sign, role, about) in all {
        for (i, told) in wrap(about, usize::from(width).saturating_sub(KEYS)).into_iter().enumerate() {
            let sign = if i == 0 { sign } else { "" };
            let mut line = Line::new(format!("{sign:<KEYS$}"), role);
            line.left.push(Piece::new(told, Role::Text));
            lines.push(line);
        }
    }
    lines
}
