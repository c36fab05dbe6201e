//! Whether a key that changes something is obeyed now. One rule, for what is refused and for what is shown as disarmed.

use cutover_shared::rpc::Role;

use super::{Stale, State};
use crate::keymap::Action;

/// Why it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disarm {
    /// The console was opened to look only.
    ReadOnly,
    /// The daemon gives this connection less than the action needs.
    Role { needs: Role, is: Role },
    /// What is shown may be out of date.
    Stale(Stale),
}

impl Disarm {
    /// In two or three words, for the end of a line.
    pub fn short(&self) -> String {
        match self {
            Self::ReadOnly => "read-only".to_owned(),
            Self::Role { needs, .. } => format!("needs {needs}"),
            Self::Stale(Stale::Frozen { .. }) => "held still".to_owned(),
            Self::Stale(Stale::Disconnected { .. }) => "no connection".to_owned(),
            Self::Stale(Stale::Slow { .. }) => "no answer".to_owned(),
        }
    }
}

impl State {
    /// What speaks against an action now.
    pub fn disarm(&self, action: Action) -> Option<Disarm> {
        let needs = action.binding().role;
        if self.options.read_only && needs > Role::Viewer {
            return Some(Disarm::ReadOnly);
        }
        if let Some(is) = self.role().filter(|is| *is < needs) {
            return Some(Disarm::Role { needs, is });
        }
        if needs > Role::Viewer { self.stale().map(Disarm::Stale) } else { None }
    }

    /// The same in a sentence, and the mend.
    pub fn disarmed(&self, action: Action) -> Option<(String, String)> {
        let name = action.binding().name;
        let (why, mend) = match self.disarm(action)? {
            Disarm::ReadOnly => (
                format!("{name} is refused: this console was opened with --read-only"),
                "open one without it",
            ),
            Disarm::Role { needs, is } => (
                format!("{name} is refused: it needs the role {needs}, and you are {is} here"),
                "the daemon's configuration says who may what; --role lowers it",
            ),
            Disarm::Stale(stale) => return Some(self.stale_reason(stale)),
        };
        Some((why, mend.to_owned()))
    }

    /// Why what is shown may be out of date.
    fn stale_reason(&self, stale: Stale) -> (String, String) {
        let age = |since: i64| crate::plain::span(self.now.saturating_sub(since).unsigned_abs() / 1000);
        let kill = self.keymap.key(Action::Kill);
        match stale {
            Stale::Frozen { .. } => {
                let key = self.keymap.key(Action::Freeze);
                ("the screen is held still".to_owned(), format!("{key} lets it go"))
            }
            Stale::Disconnected { since } => (
                format!("what you see is {} old: there is no connection to the daemon", age(since)),
                format!(
                    "it is tried again by itself, {} tries now; {kill} kills also without it",
                    self.keymap.key(Action::Reconnect)
                ),
            ),
            Stale::Slow { since } => (
                format!("the daemon has not answered for {}", age(since)),
                format!("wait, or look at its log; {kill} kills also without it"),
            ),
        }
    }
}
