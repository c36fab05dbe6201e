//! What was changed last, by whom and why.

use cutover_shared::rollout::{ChangeView, RolloutView};

use super::{Row, aged, key, words};
use crate::plain::age;
use crate::plain::rollout::{act_tone, changed};
use crate::state::State;
use crate::theme::{self, Role};

/// The last changes, the newest first.
pub(super) fn rows(state: &State, view: &RolloutView) -> Vec<Row> {
    let now = state.daemon_now();
    let row = |(at, change): (usize, &ChangeView)| {
        let role = theme::tone(act_tone(&change.act));
        let rank = u8::try_from(at).unwrap_or(u8::MAX).saturating_add(6);
        let who = if change.reason.is_empty() {
            format!("   {}", change.by)
        } else {
            format!("   {}: {}", change.by, change.reason)
        };
        let what = changed(change);
        let when = format!("{:<12}", age(now, change.at));
        words(
            rank.max(6),
            vec![
                vec![
                    key(if at == 0 { "receipts" } else { "" }),
                    aged(state, when, Role::Dim),
                    aged(state, what, role),
                ],
                vec![aged(state, who, Role::Text)],
            ],
        )
    };
    view.changes.iter().enumerate().map(row).collect()
}
