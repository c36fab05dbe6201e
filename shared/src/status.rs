//! The state of the daemon as a whole.

use serde::{Deserialize, Serialize};

use crate::ids::RunId;
use crate::mapping::{MappingCounts, ModeView};
use crate::rollout::{RolloutName, Stage};
use crate::run::RunView;

/// `cutover status`: is anything wrong, what moves, how far are we.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    /// The environment's name from the daemon's configuration.
    pub environment: String,
    pub github_host: String,
    /// Milliseconds since the epoch when the daemon started, and now.
    pub started_at: i64,
    pub now: i64,
    pub mode: ModeView,
    pub counts: MappingCounts,
    pub tenants: u64,
    pub projects: u64,
    pub repositories: u64,
    pub index: IndexView,
    /// Sweeps of GitHub's lists by the clock.
    #[serde(default)]
    pub sweeps: SweepView,
    /// How far each rollout is. Without a count of tenants, which would be a scan.
    #[serde(default)]
    pub rollouts: Vec<RolloutBrief>,
    /// Live runs, newest first; at most 20.
    pub live_runs: Vec<RunView>,
    /// What needs a person, most urgent first.
    pub attention: Vec<Attention>,
    /// What comes next on the way to everybody mapped, the first step first.
    pub next: Vec<NextStep>,
    /// Whether and how fast everything that was applied could be taken back.
    pub back: WayBack,
}

/// A rollout in a line, as far as the daemon has it in memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutBrief {
    pub name: RolloutName,
    pub stage: Stage,
    /// Milliseconds since the epoch from which it is in this stage.
    pub since: i64,
    /// By the switch of everything or by its own.
    pub killed: bool,
    pub frozen: bool,
    /// The list that was frozen at approval instead of a share: how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exact: Option<u64>,
}

/// Something that needs a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attention {
    /// [`Health::Bad`]: something is wrong. [`Health::Warning`]: something will be. [`Health::Ok`]: somebody waits for a decision.
    pub health: Health,
    /// What there is, in one sentence.
    pub text: String,
    /// The run that it is about.
    #[serde(default)]
    pub run: Option<RunId>,
    /// The command that looks or mends.
    #[serde(default)]
    pub command: Option<String>,
    /// A file of `runbooks/`.
    #[serde(default)]
    pub runbook: Option<String>,
    /// Why it is shown: rule, inputs, threshold.
    #[serde(default)]
    pub why: String,
}

/// One step on the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextStep {
    /// What to do, in one sentence.
    pub text: String,
    /// The command that does it.
    pub command: String,
}

/// What a return to where it began would take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WayBack {
    /// Runs with effects that stand, newest first; at most 20.
    pub runs: Vec<RunId>,
    /// Effects that stand.
    pub items: u64,
    /// How long undoing them would take at the rate that was measured; none when nothing was measured yet.
    pub seconds: Option<u64>,
    /// What that estimate stands on, in words.
    pub basis: String,
    /// Why there is no way back, or not now; none when there is one.
    pub blocked: Option<String>,
}

/// The index of installations and repositories.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexView {
    pub epoch: i64,
    pub installations: u64,
    pub suspended: u64,
    /// Installations that refused to be read by the last sweep; what was known of them stays.
    #[serde(default)]
    pub unread: u64,
    pub repositories: u64,
    /// When the last whole sweep ended.
    pub swept_at: Option<i64>,
    /// A sweep under way: installations read so far and known so far.
    pub sweeping: Option<(u64, u64)>,
}

/// Sweeps of GitHub's lists by the clock; when the last one ended is [`IndexView::swept_at`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepView {
    /// When the next one begins, milliseconds since the epoch; none while one goes on, or when there is to be none.
    pub next_at: Option<i64>,
    /// Why the newest one stopped, and when; none when it came to its end.
    pub trouble: Option<(i64, String)>,
}

/// How one check of `doctor` went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    Ok,
    Warning,
    Bad,
}
crate::run::words!(Health { Ok = "ok", Warning = "warning", Bad = "bad" });

/// One check of `doctor`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub name: String,
    pub health: Health,
    /// What was seen.
    pub text: String,
    /// What to do; empty when nothing.
    pub mend: String,
}
