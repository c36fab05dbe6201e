//! The outbox as areas see it: workflows, and what is sent on because of deliveries.

use async_trait::async_trait;
use cutover_shared::window::Window;
use cutover_shared::workflow::{DispatchState, LastMatch, Rule, WorkflowSource};

use super::ReadError;
use super::inbox::QueueHead;
use super::select::Select;

/// What is registered for a workflow. JSON travels as text: the definition is handed on as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct PutWorkflow {
    pub id: String,
    pub name: String,
    pub rule: Rule,
    /// JSON.
    pub definition: String,
    pub attach_context: bool,
    /// Milliseconds since the epoch, UTC, as all times here.
    pub at: i64,
    pub by: String,
    /// None: it was registered here.
    pub application: Option<FromApplication>,
}

/// What goes with a workflow that was read out of the application's tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FromApplication {
    /// The workflow that is started, where this is a further trigger of it.
    pub workflow: Option<String>,
    /// Of what was read.
    pub fingerprint: String,
    /// Why it matches nothing.
    pub trouble: Option<String>,
}

impl PutWorkflow {
    /// Where it comes from.
    pub fn source(&self) -> WorkflowSource {
        match self.application {
            None => WorkflowSource::Registered,
            Some(_) => WorkflowSource::Application,
        }
    }
}

/// What tells whether a workflow has to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowMark {
    pub id: String,
    pub source: WorkflowSource,
    pub fingerprint: Option<String>,
    pub trouble: Option<String>,
}

/// A workflow as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowRow {
    pub id: String,
    pub name: String,
    pub rule: Rule,
    /// JSON; empty where the application holds none that can be taken, and in lists.
    pub definition: String,
    pub attach_context: bool,
    pub source: WorkflowSource,
    /// Why it matches nothing.
    pub trouble: Option<String>,
    pub updated_at: i64,
    pub updated_by: String,
    pub matches: u64,
    pub last_match: Option<LastMatch>,
    /// Its dispatches that wait, and those that are dead.
    pub waiting: u64,
    pub dead: u64,
}

/// What a delivery leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDispatches {
    /// The delivery's place in the inbox.
    pub delivery: i64,
    pub guid: String,
    pub event: String,
    pub repository: Option<String>,
    pub at: i64,
    pub to: DispatchTo,
}

/// Where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DispatchTo {
    /// The engine, once for each of these workflows that is still there; several triggers of one are one.
    Workflows(Vec<String>),
    /// The outside scheduler; events of one installation stay in order.
    Scheduler { installation: Option<i64> },
}

/// An installation that is sent on to the outside scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCallback {
    /// Names it in the idempotency key; no other has it.
    pub key: String,
    /// What it is sent in the order of.
    pub installation: i64,
    /// JSON, without a secret: it is stored as it is.
    pub body: String,
    pub at: i64,
}

/// What stands for the event of a [`NewCallback`]; GitHub has none of this name.
pub const CALLBACK_EVENT: &str = "installation_callback";

/// Operations on the outbox.
#[derive(Clone, Debug)]
pub enum OutboxOp {
    /// Adds a workflow or replaces the one of this id, whose matches stay counted. Demands that it is of the same source.
    PutWorkflow(Box<PutWorkflow>),
    /// Forgets a workflow; demands that it is there, and of this source. Its dispatches stay.
    RemoveWorkflow { id: String, source: WorkflowSource },
    /// Adds dispatches. One that the same delivery has led to before is left as it is.
    Put(Box<NewDispatches>),
    /// Adds the dispatch of an installation.
    PutCallback(Box<NewCallback>),
    /// The other side took it. Demands that it is waiting.
    Sent { seq: i64, at: i64, execution_id: Option<String>, note: Option<String> },
    /// Given up. Demands that it is waiting.
    Dead { seq: i64, at: i64, attempts: u32, note: String },
    /// A try failed: the next is due later. Demands that it is waiting.
    Retry { seq: i64, attempts: u32, due_at: i64, note: String },
    /// Those in a final state wait again from their first try; others are left as they are.
    Replay { seqs: Vec<i64> },
    /// Forgets up to [`super::UNIT_ROWS`] dispatches that ended before this moment and whose delivery is forgotten.
    Forget { before: i64 },
}

/// A dispatch as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DispatchRow {
    pub seq: i64,
    /// The workflow's id, or `@scheduler:INSTALLATION`.
    pub queue: String,
    pub workflow: Option<String>,
    /// 0 with a callback.
    pub delivery: i64,
    /// The delivery's; with a callback [`NewCallback::key`].
    pub guid: String,
    pub event: String,
    pub repository: Option<String>,
    pub created_at: i64,
    pub state: DispatchState,
    pub attempts: u32,
    /// Not before this moment; 0 for at once.
    pub due_at: i64,
    pub ended_at: Option<i64>,
    pub execution_id: Option<String>,
    pub note: Option<String>,
    /// How often somebody asked for it again after it was sent.
    pub round: u32,
    /// What is sent, where no delivery holds it: [`NewCallback::body`].
    pub callback: Option<String>,
}

type Read<T> = Result<T, ReadError>;

/// What can be read of the outbox.
#[async_trait]
pub trait OutboxRead {
    async fn workflow(&self, id: &str) -> Read<Option<WorkflowRow>>;
    /// Up to `limit` workflows with a greater id than `after`, by id.
    async fn workflows_after(&self, after: Option<&str>, limit: u32) -> Read<Vec<WorkflowRow>>;
    /// The marks of those of these workflows that are there, in no order.
    async fn workflow_marks(&self, ids: &[String]) -> Read<Vec<WorkflowMark>>;
    /// Up to `limit` ids of the application's workflows greater than `after`, in order.
    async fn application_workflows_after(&self, after: Option<&str>, limit: u32) -> Read<Vec<String>>;
    /// By id, unless sorted.
    async fn workflows_window(&self, select: &Select) -> Read<Window<WorkflowRow>>;
    /// Heads of up to `limit` queues with a greater name than `after`, by queue.
    async fn dispatch_heads(&self, after: Option<&str>, limit: u32) -> Read<Vec<QueueHead<String>>>;
    /// Up to `limit` waiting dispatches of a queue, in order.
    async fn dispatch_queue(&self, queue: &str, limit: u32) -> Read<Vec<DispatchRow>>;
    /// Up to `limit` dispatches of a delivery, in order.
    async fn dispatches_of(&self, guid: &str, limit: u32) -> Read<Vec<DispatchRow>>;
    /// Newest first, unless sorted.
    async fn dispatches_window(&self, select: &Select) -> Read<Window<DispatchRow>>;
    /// How many dispatches of a filter a replay would take: those in a final state.
    async fn dispatches_replayable(&self, select: &Select) -> Read<u64>;
    /// Up to `limit` of them with a greater place than `after`, in order.
    async fn dispatches_replayable_seqs(&self, select: &Select, after: i64, limit: u32) -> Read<Vec<i64>>;
    /// Whether [`OutboxOp::Forget`] with this moment would find anything.
    async fn is_dispatch_forgettable(&self, before: i64) -> Read<bool>;
    /// Dispatches that wait, and those that are dead.
    async fn outbox_counts(&self) -> Read<(u64, u64)>;
}
