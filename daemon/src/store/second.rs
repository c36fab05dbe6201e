//! The books of both arms, and the writes that one arm owes behind the other (C3, C4).

use async_trait::async_trait;
use cutover_shared::ids::TenantId;
use cutover_shared::rollout::{Operation, RepairState, RolloutName, Side};

use super::ReadError;

/// What a record is of: the same in both books. Ordered as the store orders them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecordKey {
    pub operation: Operation,
    pub tenant: TenantId,
    /// Stable for the thing that was done.
    pub key: String,
}

impl RecordKey {
    fn parts(&self) -> (&str, &str, &str) {
        (self.operation.word(), self.tenant.0.as_str(), self.key.as_str())
    }
}

impl PartialOrd for RecordKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RecordKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.parts().cmp(&other.parts())
    }
}

/// What an arm did. Without a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArmRecord {
    pub of: RecordKey,
    pub side: Side,
    /// Over what must be the same in both books.
    pub digest: String,
    /// It answered the caller; else it was written behind.
    pub answered: bool,
    /// JSON: what to do it again by.
    pub body: String,
    /// Epoch milliseconds, as all times here.
    pub at: i64,
}

/// A record with what else is known of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRow {
    pub record: ArmRecord,
    /// How often a reconciliation had it written again.
    pub owed: u32,
    /// A write of this key that has not ended: its state and since when.
    pub open: Option<(RepairState, i64)>,
}

/// A write that an arm is to owe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSecond {
    /// Of the call; no other has it.
    pub id: String,
    pub of: RecordKey,
    /// The arm that owes it.
    pub side: Side,
    pub version: u64,
    /// JSON: what to do it by.
    pub body: String,
    pub at: i64,
}

/// A write as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondRow {
    pub seq: i64,
    pub id: String,
    pub of: RecordKey,
    pub side: Side,
    pub version: u64,
    pub body: String,
    pub created_at: i64,
    pub state: RepairState,
    pub attempts: u32,
    /// Not before this moment.
    pub due_at: i64,
    pub ended_at: Option<i64>,
    pub note: Option<String>,
}

/// Operations on the books and on what is owed.
#[derive(Clone, Debug)]
pub enum SecondOp {
    /// A call is about to be answered.
    Intend(Box<NewSecond>),
    /// It was answered: the answering arm's record, and the write that the other arm owes from now on. Writes of the same key
    /// that have not ended are superseded; where the other book holds the same already, nothing is owed. `owe` false: the queue
    /// is full, and a reconciliation has to find it.
    Answered { write: Box<NewSecond>, record: Box<ArmRecord>, owe: bool },
    /// It was not answered: its intent is forgotten, if it is one still.
    Withdraw { id: String },
    /// The other arm did it. Demands that it is pending.
    Done { seq: i64, at: i64, record: Box<ArmRecord> },
    /// A try failed, or has to wait. Demands that it is pending.
    Retry { seq: i64, attempts: u32, due_at: i64, note: String },
    /// Given up until a person has looked. Demands that it is pending.
    Failed { seq: i64, attempts: u32, note: String },
    /// Those that failed are pending again, from their first try on.
    Again { seqs: Vec<i64>, at: i64 },
    /// A person gives it up, and the record that it stands on with it. Demands that it is pending or failed.
    Drop { seq: i64, at: i64, note: String },
    /// The other arm owes again what these books (by side) answered, up to `most` times for each. What is owed already, or is the
    /// same by now, is left alone.
    Owe { rollout: RolloutName, rows: Vec<(Side, RecordKey)>, version: u64, at: i64, most: u32 },
    /// Forgets up to [`super::UNIT_ROWS`] writes that ended before `ended`, and pairs of records that agree, are both older than
    /// `agreed`, and of which nothing is open.
    Forget { ended: i64, agreed: i64 },
}

/// Writes that wait, those that failed, and when the oldest of both was begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SecondCounts {
    pub waiting: u64,
    pub failed: u64,
    pub oldest: Option<i64>,
}

type Read<T> = Result<T, ReadError>;

/// What can be read of them.
#[async_trait]
pub trait SecondRead {
    /// Up to `limit` pending writes of an arm, those that are due first at the head.
    async fn second_due(&self, name: RolloutName, side: Side, limit: u32) -> Read<Vec<SecondRow>>;
    /// Up to `limit` intents with a greater place than `after`, in order.
    async fn second_intents(&self, name: RolloutName, after: i64, limit: u32) -> Read<Vec<SecondRow>>;
    /// Up to `limit` writes that wait or failed with a greater place than `after`, in order.
    async fn second_open(&self, name: RolloutName, after: i64, limit: u32) -> Read<Vec<SecondRow>>;
    async fn second_write(&self, seq: i64) -> Read<Option<SecondRow>>;
    async fn second_counts(&self, name: RolloutName) -> Read<SecondCounts>;
    async fn arm_record(&self, side: Side, of: &RecordKey) -> Read<Option<ArmRecord>>;
    /// Up to `limit` records of a book with a greater key than `after`, in order.
    async fn arm_records(
        &self,
        name: RolloutName,
        side: Side,
        after: Option<&RecordKey>,
        limit: u32,
    ) -> Read<Vec<RecordRow>>;
    /// Whether [`SecondOp::Forget`] with these moments would find anything.
    async fn is_second_forgettable(&self, ended: i64, agreed: i64) -> Read<bool>;
}
