//! Workflows with a GitHub trigger (G9): what they wait for, what a delivery matched, what was sent to the engine.

use serde::{Deserialize, Serialize};

use crate::ids::InstallationId;
use crate::window::{Window, WindowAsk};

/// What a workflow waits for. Every list that is not empty must be met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// `owner/name` or a glob, in any case.
    pub repository: String,
    /// `push`, `pull_request`; at least one.
    pub events: Vec<String>,
    /// Globs of branches; `!glob` takes back what one before it took. The branch that is pushed to, of a pull request its base.
    #[serde(default)]
    pub branches: Vec<String>,
    /// Globs of changed files, with `!`.
    #[serde(default)]
    pub paths: Vec<String>,
    /// `opened`, `synchronize`.
    #[serde(default)]
    pub action_filter: Vec<String>,
    /// Logins or globs of the sender, with `!`.
    #[serde(default)]
    pub author_filter: Vec<String>,
    /// One of these labels is there.
    #[serde(default)]
    pub label_filter: Vec<String>,
    #[serde(default = "yes")]
    pub ignore_bots: bool,
    /// Only events of this installation.
    #[serde(default)]
    pub github_app_installation_id: Option<i64>,
}

fn yes() -> bool {
    true
}

impl Rule {
    /// The installation that it names.
    pub fn installation(&self) -> Option<InstallationId> {
        self.github_app_installation_id.map(InstallationId)
    }
}

/// A workflow as it is registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewWorkflow {
    pub name: String,
    pub trigger: Rule,
    /// Handed to the engine as it is: a JSON object.
    pub definition: serde_json::Value,
    /// The pull request's or the commits' context is attached to each dispatch.
    #[serde(default)]
    pub attach_context: bool,
}

/// Where a workflow comes from; only from there it is changed or removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowSource {
    /// By the command line, or over HTTP.
    #[default]
    Registered,
    /// Read out of the application's own tables.
    Application,
}
crate::run::words!(WorkflowSource { Registered = "registered", Application = "application" });

/// One workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowView {
    pub id: String,
    pub name: String,
    pub trigger: Rule,
    pub attach_context: bool,
    #[serde(default)]
    pub source: WorkflowSource,
    /// Why it matches nothing: the mistake in it, with its place.
    #[serde(default)]
    pub trouble: Option<String>,
    /// Milliseconds since the epoch, UTC, as all times here.
    pub updated_at: i64,
    /// Who registered it: an operator, `http`, `application`.
    pub updated_by: String,
    /// Deliveries that matched since it is there.
    pub matches: u64,
    pub last_match: Option<LastMatch>,
    /// Dispatches that wait to be sent.
    pub waiting: u64,
    /// Dispatches that were given up.
    pub dead: u64,
}

/// The newest match of a workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastMatch {
    pub guid: String,
    pub at: i64,
}

/// Where a dispatch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DispatchState {
    /// Durable; sent when those of its workflow before it are, or when its next try is due.
    Waiting,
    /// The engine took it.
    Sent,
    /// Given up after the last try, or refused by the engine for good; later ones of the workflow went on.
    Dead,
}
crate::run::words!(DispatchState { Waiting = "waiting", Sent = "sent", Dead = "dead" });

/// One call to the engine, or to the outside scheduler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DispatchView {
    /// Place in the outbox; rises. Also the idempotency key's number.
    pub seq: i64,
    /// None: forwarded to the scheduler.
    pub workflow: Option<String>,
    /// The delivery that it follows from; none: from an installation that a person connected.
    pub guid: Option<String>,
    /// `installation_callback` where it follows from no delivery.
    pub event: String,
    pub repository: Option<String>,
    pub state: DispatchState,
    /// Tries that failed.
    pub attempts: u32,
    pub created_at: i64,
    pub due_at: Option<i64>,
    pub ended_at: Option<i64>,
    /// The engine's id of the execution.
    pub execution_id: Option<String>,
    /// Why the last try failed, in words.
    pub note: Option<String>,
}

/// Why a workflow matches a delivery or not: every rule with what it wanted and what it found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    pub workflow: String,
    pub name: String,
    pub matched: bool,
    /// In the order in which they are asked; none is left out.
    pub steps: Vec<ExplainStep>,
}

/// One rule's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainStep {
    /// `event`, `repository`, `installation`, `branches`, `paths`, `action_filter`, `author_filter`, `label_filter`, `ignore_bots`.
    pub rule: String,
    pub passed: bool,
    pub wanted: String,
    pub found: String,
}

/// Questions about workflows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowQuery {
    /// By id, filtered and sorted ([`crate::filter::WORKFLOWS`]).
    Window {
        ask: WindowAsk,
    },
    Show {
        id: String,
    },
    /// Why each workflow (or this one) matches this stored delivery or not; matches first, at most 100.
    Test {
        guid: String,
        workflow: Option<String>,
    },
    /// Newest first, filtered and sorted ([`crate::filter::DISPATCHES`]).
    Dispatches {
        ask: WindowAsk,
    },
    /// How many a replay with this filter would take: those that are dead or sent.
    Replayable {
        filter: String,
    },
}

/// Answers about workflows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowAnswer {
    Window(Window<WorkflowView>),
    Show(Box<WorkflowView>),
    Test(Vec<Explanation>),
    Dispatches(Window<DispatchView>),
    Replayable(u64),
}

/// Acts on workflows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowAct {
    /// Adds it, or replaces the one of this id.
    Put {
        id: String,
        workflow: Box<NewWorkflow>,
    },
    Remove {
        id: String,
    },
    /// Sends dispatches again that are dead or sent. `expected`: how many the filter meets; another number now refuses.
    Replay {
        filter: String,
        expected: u64,
    },
}

/// What an act on workflows did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowReceipt {
    Put(Box<WorkflowView>),
    Removed { id: String },
    Replayed(u64),
}
