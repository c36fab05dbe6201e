//! Differences between the arms' answers, as they are kept and shown.

use cutover_shared::ids::TenantId;
use cutover_shared::page::{Page, PageAsk};
use cutover_shared::rollout::{Difference, MismatchView, Operation, RolloutName};

use super::book::RolloutError;
use crate::store::{Db, Lane, MismatchOp, MismatchRow, NewMismatch, Op, ReadError, Unit, WriteError};

/// What differed, and in which call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    pub operation: Operation,
    pub tenant: TenantId,
    /// Epoch milliseconds.
    pub at: i64,
    /// The rollout's version that had both arms asked.
    pub version: u64,
    pub differences: Vec<Difference>,
}

/// Stores it. `count` is what counts it, in the same unit: neither is there without the other.
pub async fn keep(db: &Db, mismatch: &Mismatch, count: Option<Op>) -> Result<(), WriteError> {
    let difference = serde_json::to_string(&mismatch.differences)
        .map_err(|error| WriteError::Unavailable(format!("a difference does not serialise: {error}")))?;
    let add = MismatchOp::Add(NewMismatch {
        operation: mismatch.operation,
        tenant: mismatch.tenant.0.clone(),
        at: mismatch.at,
        version: mismatch.version,
        difference,
    });
    db.write(Lane::Handler, Unit::new().with(add).with_all(count)).await
}

/// Newest first.
pub async fn page(db: &Db, name: RolloutName, page: &PageAsk) -> Result<Page<MismatchView>, RolloutError> {
    let cursor = |after: &str| after.parse().map_err(|_| RolloutError::Cursor(after.to_owned()));
    let before = page.after.as_deref().map(cursor).transpose()?;
    let rows = db.mismatches(name, before, page.rows()).await?;
    let full = rows.len() == usize::try_from(page.rows()).unwrap_or(usize::MAX);
    let next = rows.last().filter(|_| full).map(|row| row.seq.to_string());
    Ok(Page { rows: rows.into_iter().map(view).collect::<Result<_, _>>()?, next })
}

fn view(MismatchRow { seq, new }: MismatchRow) -> Result<MismatchView, ReadError> {
    let differences = serde_json::from_str(&new.difference)
        .map_err(|error| ReadError::Corrupt { what: "difference between arms", cause: error.to_string() })?;
    Ok(MismatchView {
        seq,
        rollout: new.operation.rollout(),
        operation: new.operation,
        tenant: TenantId(new.tenant),
        at: new.at,
        version: new.version,
        differences,
    })
}
