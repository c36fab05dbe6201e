//! What replays of deliveries and of dispatches have alike.

use crate::store::{ReadError, UNIT_ROWS};

/// Rows of one act. Their places are held in memory, so that what is replayed is what was counted.
pub(super) const MOST: u64 = 1_000_000;

/// Places that one question to the store answers, and one unit takes.
pub(super) const BATCH: u32 = 256;
const _: () = assert!(BATCH as usize <= UNIT_ROWS);

/// The places of what a filter takes, one more than `expected` at most: enough to see that there are more. `more` has those
/// after a place.
pub(super) async fn places<F>(expected: u64, more: impl Fn(i64) -> F) -> Result<Vec<i64>, ReadError>
where
    F: Future<Output = Result<Vec<i64>, ReadError>>,
{
    let (mut seqs, mut after) = (Vec::new(), 0);
    while length(&seqs) <= expected {
        let more = more(after).await?;
        let Some(last) = more.last().copied().filter(|last| *last > after) else { break };
        after = last;
        seqs.extend(more);
    }
    Ok(seqs)
}

/// What the audit calls a filter.
pub(super) fn subject(filter: &str) -> &str {
    let filter = filter.trim();
    if filter.is_empty() { "all" } else { filter }
}

pub(super) fn length(seqs: &[i64]) -> u64 {
    u64::try_from(seqs.len()).unwrap_or(u64::MAX)
}
