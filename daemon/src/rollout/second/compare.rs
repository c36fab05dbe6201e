//! Reconciliation (C4): both books page by page, by the clock and on demand. What is missing or differs is owed again.

use cutover_shared::rollout::{ReconcileView, RepairState, RolloutName, Side};
use cutover_shared::status::Health;
use serde_json::json;

use super::Second;
use super::note::unrecorded;
use crate::audit::Who;
use crate::rollout::reconcile::{Bounds, Entry, Finding, Merge, Step, Tally, finding};
use crate::store::{
    Lane, ReadError, RecordKey, RecordKind, RecordRow, RolloutOp, SecondOp, UNIT_ROWS, Unit, WriteError,
};

/// Records of a book that are read at once.
const PAGE: u32 = 500;

/// Keys that a result names.
const EXAMPLES: usize = 20;

/// How often the clock has a pair written again that goes on differing; a person's word has it once more.
const OWED_MOST: u32 = 3;

/// Why nothing was compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// A record with what the rule looks at.
struct Paged {
    entry: Entry<RecordKey>,
    row: RecordRow,
}

impl Second {
    /// Compares each time that the clock says so, while the stage writes both; at once when it begins to.
    pub(super) async fn compare_always(&self, name: RolloutName) {
        let mut changes = self.parts().router.changes();
        loop {
            let writes_both = || self.parts().router.plan(name).is_some_and(|plan| plan.stage.writes_both());
            if !writes_both() {
                // The router lives as long as this does.
                let _ = changes.changed().await;
                continue;
            }
            if let Err(error) = self.compare(name, OWED_MOST).await {
                tracing::error!(%error, rollout = %name, "the books of both arms can't be compared now");
            }
            self.parts().clock.sleep(self.parts().every).await;
        }
    }

    /// Compares now, on somebody's word.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn reconcile(&self, name: RolloutName, who: &Who) -> Result<ReconcileView, CompareError> {
        let view = self.compare(name, u32::MAX).await?;
        let detail = json!({
            "compared": view.compared, "missing": view.missing, "extra": view.extra,
            "different": view.different, "repaired": view.repaired,
        });
        let record = who.did(self.parts().clock.now(), "rollout.reconcile", name.word(), detail);
        self.parts().db.write(Lane::Handler, Unit::new().with(record)).await?;
        Ok(view)
    }

    async fn compare(&self, name: RolloutName, most: u32) -> Result<ReconcileView, CompareError> {
        let _one = self.0.comparing.lock().await;
        let parts = self.parts();
        let since = self.since(name).await?;
        let bounds = Bounds {
            since,
            began: parts.clock.now(),
            lag_ms: i64::try_from(parts.limits.age.as_millis()).unwrap_or(i64::MAX),
        };
        let room = parts.db.second_counts(name).await?;
        let mut room = parts.limits.most.saturating_sub(room.waiting.saturating_add(room.failed));
        let (mut merge, mut after) = (Merge::<Paged>::default(), [None, None]);
        let (mut tally, mut examples, mut owed, mut repaired) = (Tally::default(), Vec::new(), Vec::new(), 0);
        loop {
            match merge.step(|paged| &paged.entry.key) {
                Step::End => break,
                Step::Wants(side) => {
                    let place = &mut after[side.index()];
                    let page = parts.db.arm_records(name, side, place.as_ref(), PAGE).await?;
                    *place = page.last().map(|row| row.record.of.clone()).or(place.take());
                    let ended = page.len() < PAGE as usize;
                    merge.feed(side, page.into_iter().map(paged), ended);
                    parts.faults.point("second.compared").await;
                }
                Step::Pair(legacy, target) => {
                    let entry = |paged: &Option<Paged>| paged.as_ref().map(|paged| paged.entry.clone());
                    let (one, other) = (entry(&legacy), entry(&target));
                    let Some(found) = finding(one.as_ref(), other.as_ref(), bounds) else { continue };
                    tally.add(found);
                    if matches!(found, Finding::Agree | Finding::Lagging | Finding::Later) {
                        continue;
                    }
                    if let Some(key) = one.as_ref().or(other.as_ref()).map(|entry| &entry.key)
                        && examples.len() < EXAMPLES
                    {
                        examples.push(example(found, key));
                    }
                    if room > 0
                        && let Some(write) = to_owe(found, legacy.as_ref(), target.as_ref(), most)
                    {
                        owed.push(write);
                        room -= 1;
                    }
                    if owed.len() >= UNIT_ROWS {
                        repaired += self.owe(name, std::mem::take(&mut owed), most).await?;
                    }
                }
            }
        }
        repaired += self.owe(name, owed, most).await?;
        let lost = unrecorded(parts.db.rollout_record(name, RecordKind::Unrecorded).await?);
        let view = ReconcileView {
            at: bounds.began,
            since,
            compared: tally.compared(),
            missing: tally.missing,
            extra: tally.extra,
            different: tally.different,
            lagging: tally.lagging,
            later: Some(tally.later),
            mismatch_ppm: tally.ppm(),
            repaired,
            unrecorded: if lost.last_at >= since { lost.count } else { 0 },
            health: tally.health(),
            examples,
        };
        self.keep_result(name, &view).await?;
        Ok(view)
    }

    /// Since when both arms are written; from the beginning where that is not known.
    async fn since(&self, name: RolloutName) -> Result<i64, ReadError> {
        let rows = self.parts().db.rollouts().await?;
        let row = rows.into_iter().find(|row| row.name == name);
        let state = row.and_then(|row| serde_json::from_str::<crate::rollout::state::State>(&row.body).ok());
        Ok(state.map_or(0, |state| state.both_since()))
    }

    async fn owe(
        &self,
        name: RolloutName,
        rows: Vec<(Side, RecordKey)>,
        most: u32,
    ) -> Result<u64, WriteError> {
        if rows.is_empty() {
            return Ok(0);
        }
        let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let version = self.parts().router.plan(name).map_or(0, |plan| plan.version);
        let op = SecondOp::Owe { rollout: name, rows, version, at: self.parts().clock.now(), most };
        self.parts().db.write(Lane::Run, Unit::new().with(op)).await?;
        self.tell();
        Ok(count)
    }

    async fn keep_result(&self, name: RolloutName, view: &ReconcileView) -> Result<(), WriteError> {
        let ReconcileView { compared, missing, extra, different, lagging, mismatch_ppm, repaired, .. } = view;
        if view.health == Health::Ok {
            tracing::info!(rollout = %name, compared, lagging, repaired, "the books of both arms were compared");
        } else {
            tracing::error!(
                rollout = %name, compared, missing, extra, different, lagging, mismatch_ppm, repaired,
                "the books of both arms do not agree"
            );
        }
        let body = serde_json::to_string(view).map_err(|error| WriteError::Unavailable(error.to_string()))?;
        let op = RolloutOp::Record { name, kind: RecordKind::Reconcile, at: view.at, body };
        self.parts().db.write(Lane::Run, Unit::new().with(op)).await
    }

    /// What the last comparison found; none before the first, and where it is not readable any more.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn reconciled(&self, name: RolloutName) -> Result<Option<ReconcileView>, ReadError> {
        let stored = self.parts().db.rollout_record(name, RecordKind::Reconcile).await?;
        Ok(stored.and_then(|(_, body)| serde_json::from_str(&body).ok()))
    }
}

fn paged(row: RecordRow) -> Paged {
    let on_its_way = |(state, since): (RepairState, i64)| {
        matches!(state, RepairState::Pending | RepairState::Intent).then_some(since)
    };
    let entry = Entry {
        key: row.record.of.clone(),
        digest: row.record.digest.clone(),
        at: row.record.at,
        owed_since: row.open.and_then(on_its_way),
    };
    Paged { entry, row }
}

/// The record that the other arm has to be written by again; none where nothing is to be done by itself.
fn to_owe(
    found: Finding,
    legacy: Option<&Paged>,
    target: Option<&Paged>,
    most: u32,
) -> Option<(Side, RecordKey)> {
    let answered = |paged: &&Paged| paged.row.record.answered;
    let newest = legacy.into_iter().chain(target).filter(answered).max_by_key(|paged| paged.entry.at)?;
    let is_wanted = matches!(found, Finding::Missing | Finding::Extra | Finding::Different);
    // What is open has its own way: it is tried, or a person looks at it.
    let is_free = newest.row.open.is_none() && newest.row.owed < most;
    (is_wanted && is_free).then(|| (newest.row.record.side, newest.entry.key.clone()))
}

fn example(found: Finding, key: &RecordKey) -> String {
    let word = match found {
        Finding::Missing => "missing",
        Finding::Extra => "extra",
        Finding::Different => "different",
        Finding::Agree | Finding::Lagging | Finding::Later => "",
    };
    format!("{word} {} {} {}", key.operation, key.tenant, key.key)
}
