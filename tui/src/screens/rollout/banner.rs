//! What holds a rollout, before all else, each with the way out.

use cutover_shared::rollout::{ChangeView, RolloutName, RolloutView};

use super::{Row, aged, words};
use crate::keymap::Action;
use crate::plain::age;
use crate::screens::sign;
use crate::state::State;
use crate::theme::Role;
use crate::widgets::{Look, Piece};

pub(super) fn rows(state: &State, view: &RolloutView, look: &Look) -> Vec<Row> {
    let now = state.daemon_now();
    let mut rows = Vec::new();
    if view.line.killed {
        rows.extend(killed(state, view, look));
    }
    if let Some(freeze) = &view.freeze {
        let text = format!(
            "{} frozen {} by {}: {}",
            look.glyphs.paused,
            age(now, freeze.at),
            freeze.by,
            freeze.reason
        );
        let key = state.keymap.key(Action::FreezeRollout);
        let way = format!("  ({key} lets go)");
        rows.push(words(0, vec![vec![aged(state, text, Role::Warn)], vec![Piece::new(way, Role::Dim)]]));
    }
    if let Some(incident) = &view.incident {
        let text = format!("{} incident: {incident}", look.glyphs.bad);
        let way = "  (`cutover incident list`, then `close ID`)";
        rows.push(words(0, vec![vec![aged(state, text, Role::Bad)], vec![Piece::new(way, Role::Dim)]]));
    }
    if let Some(change) = fallen(view) {
        let text = format!(
            "{} rolled back {} from {} to {}",
            sign::of_role(look, Role::Bad),
            age(now, change.at),
            change.from,
            change.to
        );
        let why = format!(": {}", change.reason);
        rows.push(words(0, vec![vec![aged(state, text, Role::Bad)], vec![aged(state, why, Role::Text)]]));
    }
    rows
}

fn killed(state: &State, view: &RolloutView, look: &Look) -> Vec<Row> {
    let now = state.daemon_now();
    let name = view.line.name;
    let by = view.killed.as_ref().map_or(": legacy answers for everybody".to_owned(), |kill| {
        let reason = if kill.reason.is_empty() { String::new() } else { format!(": {}", kill.reason) };
        format!(" {} by {}{reason}", age(now, kill.at), kill.by)
    });
    let mode = if state.is_killed() && name == RolloutName::GithubAuth {
        format!("; so does {} (mode)", state.keymap.key(Action::Mode))
    } else {
        String::new()
    };
    vec![
        words(
            0,
            vec![
                vec![Piece::new(format!("{} KILLED", look.glyphs.killed), Role::Danger)],
                vec![aged(state, by, Role::Bad)],
            ],
        ),
        words(
            1,
            vec![
                vec![aged(state, "  all on legacy; ", Role::Text)],
                vec![aged(state, format!("`cutover unkill {name} --reason TEXT` lets go"), Role::Text)],
                vec![aged(state, mode, Role::Text)],
            ],
        ),
    ]
}

/// The judge's rollback that led to where it is now.
fn fallen(view: &RolloutView) -> Option<&ChangeView> {
    view.moved.as_deref().filter(|moved| moved.act == "auto-rollback")
}
