//! Installation tokens, as far as anybody outside the daemon may see them: never the token itself (G6).

use serde::{Deserialize, Serialize};

use crate::ids::InstallationId;
use crate::page::{Page, PageAsk};
use crate::window::{Window, WindowAsk};

/// How minting for an installation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenState {
    /// A token is in memory and outlives the margin.
    Fresh,
    /// No token is in memory; the next call mints one.
    Absent,
    Suspended,
    /// The installation does not exist any more.
    Gone,
    /// The last mint failed; `error` says how.
    Failing,
}
crate::run::words!(TokenState {
    Fresh = "fresh", Absent = "absent", Suspended = "suspended", Gone = "gone", Failing = "failing",
});

/// The token of one installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenView {
    pub installation: InstallationId,
    /// Login of the account, where the index knows it.
    pub account: Option<String>,
    pub state: TokenState,
    /// Milliseconds since the epoch, UTC.
    pub minted_at: Option<i64>,
    pub expires_at: Option<i64>,
    /// Rises with each mint.
    pub generation: u64,
    pub error: Option<String>,
    /// What is left of the hour's calls, where GitHub has said it.
    pub remaining: Option<i64>,
    pub limit: Option<i64>,
}

/// Questions about tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenQuery {
    List {
        page: PageAsk,
    },
    /// Filtered and sorted ([`crate::filter::TOKENS`]).
    Window {
        ask: WindowAsk,
    },
}

/// Answers about tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenAnswer {
    List(Page<TokenView>),
    Window(Window<TokenView>),
}

/// Acts on tokens. Each answers with the token's view afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenAct {
    /// Mints a new token now.
    Refresh { installation: InstallationId },
    /// Forgets the token in memory.
    Invalidate { installation: InstallationId },
}
