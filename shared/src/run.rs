//! Runs: everything that changes something is planned, approved, applied, verified and can be undone.

use serde::{Deserialize, Serialize};

use crate::ids::{Digest, OperatorName, RunId};
use crate::page::{Page, PageAsk};
use crate::window::{Window, WindowAsk};

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    Planned,
    Approved,
    Applying,
    Pausing,
    Paused,
    Verifying,
    Done,
    Cancelled,
    Failed,
    Undoing,
    Undone,
    Expired,
}

/// Where one item of a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemState {
    /// Not touched yet.
    Pending,
    /// Taken by a daemon; an outside effect may be under way.
    Leased,
    /// The effect is there.
    Done,
    /// The world moved since the plan; nothing was changed.
    Stale,
    /// There was nothing to do.
    Skipped,
    /// The effect was tried and refused.
    Failed,
    /// Whether the effect happened can't be found out; a person decides.
    Unknown,
    /// The effect was taken back.
    Undone,
    /// Not taken back, because the value was changed by somebody else since.
    Superseded,
}

macro_rules! words {
    ($name:ident { $($variant:ident = $word:literal),* $(,)? }) => {
        impl $name {
            /// Every value, in the order of its life.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word that people and the store see.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            /// The value of a word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.word())
            }
        }
    };
}
pub(crate) use words;

words!(RunState {
    Planned = "planned", Approved = "approved", Applying = "applying", Pausing = "pausing",
    Paused = "paused", Verifying = "verifying", Done = "done", Cancelled = "cancelled",
    Failed = "failed", Undoing = "undoing", Undone = "undone", Expired = "expired",
});
words!(ItemState {
    Pending = "pending", Leased = "leased", Done = "done", Stale = "stale", Skipped = "skipped",
    Failed = "failed", Unknown = "unknown", Undone = "undone", Superseded = "superseded",
});

impl RunState {
    /// Holds its (kind, scope): no other run of the same may be live.
    pub fn is_live(self) -> bool {
        matches!(
            self,
            Self::Approved | Self::Applying | Self::Pausing | Self::Paused | Self::Verifying | Self::Undoing
        )
    }

    /// Work is under way or about to be, without anybody asking again.
    pub fn is_moving(self) -> bool {
        matches!(self, Self::Applying | Self::Pausing | Self::Verifying | Self::Undoing)
    }
}

/// Where the effect of a kind of run lands, which decides how a crash is survived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectClass {
    /// Our store: effect, item state, before-image and audit commit together.
    Local,
    /// A database that can hold a row of ours beside the effect.
    Marked,
    /// A system where only a compare-and-set or idempotent call is possible.
    Remote,
}

/// What undo can do for a kind of run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is", content = "until")]
pub enum Reversibility {
    Reversible,
    /// Reversible until the named event.
    ReversibleUntil(String),
    /// Reversible but for what is named: `3 hooks: GitHub masks their secret`.
    IrreversibleFor(String),
    Irreversible,
}

/// How many items are in each state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    pub pending: u64,
    pub leased: u64,
    pub done: u64,
    pub stale: u64,
    pub skipped: u64,
    pub failed: u64,
    pub unknown: u64,
    pub undone: u64,
    pub superseded: u64,
}

impl Counts {
    /// The counter of a state.
    pub fn of(&mut self, state: ItemState) -> &mut u64 {
        match state {
            ItemState::Pending => &mut self.pending,
            ItemState::Leased => &mut self.leased,
            ItemState::Done => &mut self.done,
            ItemState::Stale => &mut self.stale,
            ItemState::Skipped => &mut self.skipped,
            ItemState::Failed => &mut self.failed,
            ItemState::Unknown => &mut self.unknown,
            ItemState::Undone => &mut self.undone,
            ItemState::Superseded => &mut self.superseded,
        }
    }

    /// All items.
    pub fn total(&self) -> u64 {
        self.pending
            + self.leased
            + self.done
            + self.stale
            + self.skipped
            + self.failed
            + self.unknown
            + self.undone
            + self.superseded
    }

    /// Items that need a person's eye: stale, failed, unknown, superseded.
    pub fn findings(&self) -> u64 {
        self.stale + self.failed + self.unknown + self.superseded
    }
}

/// How fast a run goes and how long it will take.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Items in each state.
    pub counts: Counts,
    /// Items a second, smoothed; 0 when nothing moves.
    pub per_second: f64,
    /// Seconds until the end at that rate; none when it can't be told.
    pub seconds_left: Option<u64>,
}

/// A run, without its items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunView {
    pub id: RunId,
    /// What it does: `map`, later `fleet`, `token_clear` and so on.
    pub kind: String,
    /// What it covers: `all`, `canary`, `tenant:T`.
    pub scope: String,
    pub state: RunState,
    pub digest: Digest,
    pub effect: EffectClass,
    pub reversibility: Reversibility,
    /// Who planned it.
    pub author: OperatorName,
    /// Milliseconds since the epoch, UTC, as every time here.
    pub planned_at: i64,
    pub approved_by: Option<OperatorName>,
    pub approved_at: Option<i64>,
    /// Planner and approver are one person.
    pub self_approved: bool,
    /// A planned run can be approved until then.
    pub expires_at: i64,
    pub started_at: Option<i64>,
    pub ended_at: Option<i64>,
    /// Most items a second; none for as fast as it goes.
    pub rate: Option<u32>,
    pub progress: Progress,
    /// Why it is paused, failed or cancelled.
    pub reason: Option<String>,
    /// Facts about the plan that its kind wants shown: age of the index, counts by status and so on.
    pub summary: serde_json::Value,
}

/// One item of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemView {
    /// Its place in the plan, from 0.
    pub ord: u64,
    pub key: String,
    pub state: ItemState,
    /// What the plan says, canonical JSON.
    pub body: serde_json::Value,
    /// Why it is stale, failed, unknown or superseded.
    pub reason: Option<String>,
    pub attempts: u32,
    pub updated_at: i64,
}

/// Questions about runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunQuery {
    List {
        state: Option<RunState>,
        kind: Option<String>,
        page: PageAsk,
    },
    Show {
        id: RunId,
    },
    Items {
        id: RunId,
        state: Option<ItemState>,
        page: PageAsk,
    },
    /// Runs, filtered and sorted ([`crate::filter::RUNS`]).
    Window {
        ask: WindowAsk,
    },
    /// Items of a run, filtered and sorted ([`crate::filter::ITEMS`]).
    ItemWindow {
        id: RunId,
        ask: WindowAsk,
    },
    /// Items of a run by state and reason, the most first; at most 50 groups.
    Groups {
        id: RunId,
    },
    /// What an approval of this run would be told by the gates, now.
    Gate {
        id: RunId,
    },
}

/// Items that share a state and a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemGroup {
    pub state: ItemState,
    /// None where an item of this state needs no reason.
    pub reason: Option<String>,
    pub count: u64,
    /// The key of one of them.
    pub example: String,
}

/// What the gates say of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateView {
    /// Why an approval would be refused; none when it would not. An override passes it and is audited.
    pub closed: Option<String>,
    /// What speaks for it.
    pub facts: Vec<String>,
}

/// Answers about runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunAnswer {
    List(Page<RunView>),
    Show(Box<RunView>),
    Items(Page<ItemView>),
    Window(Window<RunView>),
    ItemWindow(Window<ItemView>),
    Groups(Vec<ItemGroup>),
    Gate(GateView),
}

/// Acts on runs. Each answers with the run as it is afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunAct {
    /// Binds the approval to the digest. `override_reason` lets it pass a closed gate, and is audited.
    Approve {
        id: RunId,
        digest: Digest,
        #[serde(default)]
        override_reason: Option<String>,
    },
    /// Starts an approved run.
    Apply {
        id: RunId,
        rate: Option<u32>,
    },
    Pause {
        id: RunId,
    },
    Resume {
        id: RunId,
        rate: Option<u32>,
    },
    Cancel {
        id: RunId,
    },
    /// Takes the failed items of the same approval once more.
    Retry {
        id: RunId,
    },
    Undo {
        id: RunId,
        rate: Option<u32>,
    },
    /// A person says what happened to an `unknown` item.
    Settle {
        id: RunId,
        key: String,
        happened: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_leads_back_to_its_state() {
        for state in RunState::ALL {
            assert_eq!(RunState::from_word(state.word()), Some(*state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.word());
        }
        for state in ItemState::ALL {
            assert_eq!(ItemState::from_word(state.word()), Some(*state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.word());
        }
    }
}
