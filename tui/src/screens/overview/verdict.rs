//! Is anything wrong, in one line.

use cutover_shared::status::Health;

use crate::screens::sign;
use crate::state::State;
use crate::theme::Role;
use crate::widgets::{Look, Piece};

/// The answer to the first question.
pub(super) fn verdict(state: &State, look: &Look) -> Piece {
    let Some(status) = state.status() else { return Piece::default() };
    if status.mode.killed {
        let text = format!(" {} KILLED: all is legacy until `cutover unkill` ", look.glyphs.killed);
        return Piece::new(text, Role::Danger);
    }
    let count = |health: Health| status.attention.iter().filter(|notice| notice.health == health).count();
    let (bad, soon, waiting) = (count(Health::Bad), count(Health::Warning), count(Health::Ok));
    let told = |role: Role, text: String| Piece::new(format!("{} {text}", sign::of_role(look, role)), role);
    // What was so when it was heard last is no verdict about now.
    let was = state.stale().is_some();
    let (is, are) = if was { ("was", "were") } else { ("is", "are") };
    let piece = match (bad, soon, waiting) {
        (0, 0, 0) if status.repositories == 0 => told(Role::Info, "Nothing is imported yet".to_owned()),
        (0, 0, 0) if was => told(Role::Good, "All was well".to_owned()),
        (0, 0, 0) => told(Role::Good, "All is well".to_owned()),
        (0, 0, 1) => told(Role::Good, format!("All {is} well, one decision waits for a person")),
        (0, 0, n) => told(Role::Good, format!("All {is} well, {n} decisions wait for a person")),
        (0, 1, _) => told(Role::Warn, format!("Nothing {is} wrong yet, one warning")),
        (0, n, _) => told(Role::Warn, format!("Nothing {is} wrong yet, {n} warnings")),
        (1, _, _) => told(Role::Bad, format!("One thing {is} wrong")),
        (n, _, _) => told(Role::Bad, format!("{n} things {are} wrong")),
    };
    if was { Piece::new(format!("~ {}", piece.text), Role::Stale) } else { piece }
}
