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
        .map(|fact| Fact::new(fact.key, Piece::new(fact.value, told(stale, fact.role))))
        .collect();
    if let Subject::Run(run) = &subject {
        lines.extend(groups(state, &run.id, look).into_iter().enumerate().map(|(i, group)| {
            let group = Piece { role: told(stale, group.role), ..group };
            Fact::new(if i == 0 { "Findings" } else { "" }, group)
        }));
    }
    let all = facts(buffer, inside, look, &lines, 0);
    let more = all.saturating_sub(usize::from(inside.height));
    if more > 0 && !inside.is_empty() {
        let below = Rect { y: inside.bottom(), height: 1, ..inside };
        let key = state.keymap.key(Action::Why);
        let text = match subject {
            Subject::Run(_) | Subject::Tenant(_) => format!(" {more} more lines: {key} "),
            _ => format!(" {more} more lines: {} ", state.keymap.key(Action::Open)),
        };
        let text = Piece::new(text, Role::Dim);
        let wanted = sign::columns(std::slice::from_ref(&text));
        if wanted < below.width {
            let at = Rect { x: below.right() - wanted, width: wanted, ..below };
            bar(buffer, at, look, &[text], &[]);
        }
    }
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
