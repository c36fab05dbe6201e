//! The inbox as areas see it: deliveries of webhooks, and what can be written and read of them.

use async_trait::async_trait;
use bytes::Bytes;
use cutover_shared::webhook::DeliveryState;
use cutover_shared::window::Window;

use super::ReadError;
use super::select::Select;

/// A delivery to be. Its place is given by the commit.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    pub guid: String,
    pub event: String,
    pub action: Option<String>,
    /// Deliveries of one installation are handled in the order of their places; those of none share a queue.
    pub installation: Option<i64>,
    pub repo_id: Option<i64>,
    pub repository: Option<String>,
    /// Milliseconds since the epoch, UTC.
    pub received_at: i64,
    /// SHA-256 of the body, lower-case hex.
    pub digest: String,
    /// The body as it came.
    pub body: Bytes,
    /// Nothing follows from it, and it ends here, as ignored, in milliseconds since the epoch, UTC; none: it waits to be handled.
    pub ended_at: Option<i64>,
}

/// A delivery as stored, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRow {
    pub seq: i64,
    pub guid: String,
    pub event: String,
    pub action: Option<String>,
    pub installation: Option<i64>,
    pub repo_id: Option<i64>,
    pub repository: Option<String>,
    pub received_at: i64,
    pub digest: String,
    pub bytes: i64,
    pub state: DeliveryState,
    pub attempts: u32,
    /// Not before this moment; 0 for at once.
    pub due_at: i64,
    pub ended_at: Option<i64>,
    pub note: Option<String>,
    pub repeats: u32,
    /// The body is there.
    pub kept: bool,
}

/// Operations on the inbox. An installation's place among queues is `installation`, or 0 for none.
#[derive(Clone, Debug)]
pub enum InboxOp {
    /// Takes a delivery. One whose GUID is there already only counts as repeated, unless it is dead: then it waits again from
    /// its first try, since somebody asked GitHub for it once more, or ends if nothing follows from it any more.
    Receive(Box<NewDelivery>),
    /// A final state. Demands that it is waiting, so that effects in the same unit happen once.
    End { seq: i64, state: DeliveryState, at: i64, note: Option<String> },
    /// A try failed: the next is due later. Demands that it is waiting.
    Retry { seq: i64, attempts: u32, due_at: i64, note: String },
    /// Deliveries in a final state whose body is kept wait again from their first try; others are left as they are.
    Replay { seqs: Vec<i64> },
    /// Forgets up to [`super::UNIT_ROWS`] bodies of deliveries that ended before this moment.
    DropBodies { before: i64 },
    /// Forgets up to [`super::UNIT_ROWS`] deliveries without a body that ended before this moment.
    Forget { before: i64 },
}

/// The first that waits in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueHead<K = i64> {
    /// Of deliveries the installation, or 0.
    pub queue: K,
    pub seq: i64,
    pub due_at: i64,
}

/// Deliveries that a count looks at at most.
pub const MOST_COUNTED: u32 = 100_000;

/// One minute of the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinuteRow {
    /// Minutes since the epoch.
    pub minute: i64,
    pub received: u32,
    /// Of those, which failed at least once or are dead.
    pub failed: u32,
}

/// The inbox at a glance. Neither number rises above [`MOST_COUNTED`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InboxCounts {
    pub waiting: u64,
    pub dead: u64,
    /// When the oldest waiting delivery was received.
    pub oldest: Option<i64>,
}

type Read<T> = Result<T, ReadError>;

/// What can be read of the inbox.
#[async_trait]
pub trait InboxRead {
    async fn delivery(&self, guid: &str) -> Read<Option<DeliveryRow>>;
    /// The body, unpacked; none when it is not kept any more.
    async fn delivery_body(&self, seq: i64) -> Read<Option<Bytes>>;
    /// Heads of up to `limit` queues with a greater number than `after`, by queue.
    async fn queue_heads(&self, after: Option<i64>, limit: u32) -> Read<Vec<QueueHead>>;
    /// Up to `limit` waiting deliveries of a queue, in order.
    async fn queue(&self, queue: i64, limit: u32) -> Read<Vec<DeliveryRow>>;
    /// Newest first, unless sorted.
    async fn deliveries_window(&self, select: &Select) -> Read<Window<DeliveryRow>>;
    /// How many deliveries of a filter a replay would take.
    async fn replayable(&self, select: &Select) -> Read<u64>;
    /// Up to `limit` of them with a greater place than `after`, in order.
    async fn replayable_seqs(&self, select: &Select, after: i64, limit: u32) -> Read<Vec<i64>>;
    /// Whether [`InboxOp::DropBodies`] or [`InboxOp::Forget`] with these moments would find anything.
    async fn is_forgettable(&self, bodies: i64, rows: i64) -> Read<bool>;
    async fn inbox_counts(&self) -> Read<InboxCounts>;
    /// Which of these GUIDs are there, in whatever state.
    async fn known(&self, guids: &[String]) -> Read<Vec<String>>;
    /// When the delivery was received that was taken last.
    async fn last_received(&self) -> Read<Option<i64>>;
    /// Minutes since then in which something was received; of more than [`MOST_COUNTED`] deliveries the newest.
    async fn inbox_minutes(&self, since: i64) -> Read<Vec<MinuteRow>>;
}
