//! Details of the row under the cursor.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{notice, sign};
use crate::keymap::Action;
use crate::plain::number;
use crate::state::list::item_role;
use crate::state::why::detail;
use crate::state::{Slot, State, Subject};
use crate::theme::Role;
use crate::widgets::{Fact, Look, Panel, Piece, bar, facts};

/// From here facts may stand in two columns.
const TWO: u16 = 70;

/// Columns between them.
const GAP: u16 = 3;

pub(super) fn draw(state: &State, look: &Look, buffer: &mut Buffer, area: Rect) {
    let subject = state.selected();
    let noun = subject.as_ref().map(|subject| subject.noun().word());
    let title = noun.map_or_else(|| "Details".to_owned(), |noun| format!("This {noun}"));
    let list = state.screen.list().and_then(|list| state.feeds.get(&Slot::List(list)));
    let stale = notice::age(state, list, look).is_some();
    let panel = Panel { title: &title, stale, ..Panel::default() };
    let inside = sign::inset(panel.draw(buffer, area, look), 1);
    let Some(subject) = subject else {
        return bar(buffer, inside, look, &[Piece::new("nothing is selected", Role::Dim)], &[]);
    };
    let mut lines: Vec<Fact> = detail(state, &subject)
        .into_iter()
        // A value that is a whole object is no line; it is told below, or by the layer that has the room.
        .filter(|fact| !fact.value.starts_with(['{', '[']))
        .map(|fact| {
            let value = match fact.key.as_str() {
                "State" | "Status" | "Health" | "Becomes" => {
                    let word = fact.value.split([' ', ':']).next().unwrap_or_default();
                    format!("{} {}", sign::of_word(look, word, fact.role), fact.value)
                }
                _ => fact.value,
            };
            Fact::new(fact.key, Piece::new(value, told(stale, fact.role)))
        })
        .collect();
    if let Subject::Run(run) = &subject {
        lines.extend(groups(state, &run.id, look).into_iter().enumerate().map(|(i, group)| {
            let group = Piece { role: told(stale, group.role), ..group };
            Fact::new(if i == 0 { "Findings" } else { "" }, group)
        }));
    }
    let hidden = body(buffer, inside, look, &lines);
    if hidden > 0 && !inside.is_empty() {
        let below = Rect { y: inside.bottom(), height: 1, ..inside };
        let action = match subject {
            Subject::Run(_) | Subject::Tenant(_) => Action::Why,
            _ => Action::Open,
        };
        let text = Piece::new(format!(" {} shows more ", state.keymap.key(action)), Role::Dim);
        let wanted = sign::columns(std::slice::from_ref(&text));
        if wanted < below.width {
            let at = Rect { x: below.right() - wanted, width: wanted, ..below };
            bar(buffer, at, look, &[text], &[]);
        }
    }
}

/// Draws facts below each other, or in two columns where they have no room otherwise. Answers how many lines are hidden.
fn body(buffer: &mut Buffer, area: Rect, look: &Look, lines: &[Fact]) -> usize {
    let room = usize::from(area.height);
    let needed = |lines: &[Fact], width: u16| {
        // Measured where nothing of it is seen.
        let place = Rect::new(0, 0, width, u16::try_from(lines.len()).unwrap_or(u16::MAX).min(64));
        facts(&mut Buffer::empty(place), place, look, lines, 0)
    };
    if area.width < TWO || needed(lines, area.width) <= room {
        let all = facts(buffer, area, look, lines, 0);
        return all.saturating_sub(room);
    }
    let half = area.width.saturating_sub(GAP) / 2;
    let fits = (1..=lines.len()).rev().find(|n| needed(lines.get(..*n).unwrap_or_default(), half) <= room);
    let (left, right) = lines.split_at(fits.unwrap_or(lines.len()));
    facts(buffer, Rect { width: half, ..area }, look, left, 0);
    let x = area.x + half + GAP;
    let all = facts(buffer, Rect { x, width: area.right().saturating_sub(x), ..area }, look, right, 0);
    all.saturating_sub(room)
}

fn told(stale: bool, role: Role) -> Role {
    if stale { Role::Stale } else { role }
}

/// A run's items that a person should look at, by state and reason, the most first.
pub(super) fn groups(state: &State, run: &cutover_shared::ids::RunId, look: &Look) -> Vec<Piece> {
    let groups = state.groups(run).unwrap_or_default().iter();
    let found = groups.filter(|group| matches!(item_role(group.state), Role::Bad | Role::Warn));
    found
        .map(|group| {
            let role = item_role(group.state);
            let sign = sign::of_word(look, group.state.word(), role);
            let reason = group.reason.as_deref().map_or(String::new(), |reason| format!(": {reason}"));
            Piece::new(format!("{sign} {} {}{reason}", number(group.count), group.state), role)
        })
        .collect()
}
