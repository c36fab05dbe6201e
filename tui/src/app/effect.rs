//! What the rules want done outside. Only `app/run` performs it; each ends in an event.

use cutover_shared::rpc::{Act, Query};

use crate::state::ViewExport;

/// Something to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Hang up what there is and connect anew. Ends in `Opened`, then one `Changed` after the other.
    Connect,
    /// Ends in `Answered`.
    Ask {
        ask: u64,
        query: Query,
    },
    /// Ends in `Acted`. The same number is sent with the same key, so that a repeat does nothing twice.
    Act {
        act: u64,
        what: Act,
    },
    /// Writes the kill marker into the daemon's state folder. Ends in `Marked`.
    Mark {
        reason: String,
    },
    /// Ends in `Exported`.
    Export(ViewExport),
    /// Ends in `Copied`.
    Copy(String),
    Bell,
    /// Tells the guided tour's other side. Ends in `Tour`.
    Tour(String),
    /// Gives the terminal back to the shell until the process is continued.
    Suspend,
    Quit,
}
