//! What tells a client that something has changed, so that it asks again.

use serde::{Deserialize, Serialize};

use crate::run::RunView;

/// What can change, for [`Control::changes`](crate::rpc::Control::changes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    Runs,
    Mapping,
    Catalog,
    Index,
    Tokens,
    Inbox,
    /// Workflows and what was sent on.
    Outbox,
    Mode,
    Rollouts,
    /// Tenants' own databases and their migrations.
    Fleet,
    Audit,
}

crate::run::words!(Topic {
    Runs = "runs", Mapping = "mapping", Catalog = "catalog", Index = "index", Tokens = "tokens", Inbox = "inbox",
    Outbox = "outbox", Mode = "mode",
    Rollouts = "rollouts", Fleet = "fleet", Audit = "audit",
});

/// Versions of all topics. A new `epoch` (the daemon restarted) means: ask for everything again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    pub epoch: u64,
    pub versions: Vec<(Topic, u64)>,
    /// Moving runs with their figures, so that progress needs no second call.
    #[serde(default)]
    pub moving: Vec<RunView>,
}
