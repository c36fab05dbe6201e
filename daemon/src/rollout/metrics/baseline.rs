//! The baseline: how the legacy arm was before anything was moved.

use std::collections::BTreeMap;

use cutover_shared::rollout::{Baseline, BaselineFigures, Operation, RolloutName, Side};
use serde_json::json;

use super::figures::{arm, join};
use super::windows::{OperationWindow, Windows, histogram};
use crate::audit::Who;
use crate::clock::Millis;
use crate::store::{Lane, ReadError, RecordKind, RolloutOp, Unit, Wholeness, WriteError};

/// Why no baseline was recorded.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    #[error("a span ends after it begins, and not after now")]
    Span,
    /// Nothing is recorded: no figures are not good figures.
    #[error("the legacy arm had no call in that span that is known for certain")]
    NoCalls,
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl Windows {
    /// The baseline as it was recorded; none: there is none.
    pub async fn baseline(&self, name: RolloutName) -> Result<Option<Baseline>, ReadError> {
        let Some((_, body)) = self.db.rollout_record(name, RecordKind::Baseline).await? else {
            return Ok(None);
        };
        let read = serde_json::from_str(&body);
        read.map(Some).map_err(|error| ReadError::Corrupt { what: "baseline", cause: error.to_string() })
    }

    /// Records the legacy arm's figures of the whole windows that begin in `[from, to)`; one that exists is replaced.
    pub async fn record_baseline(
        &self,
        name: RolloutName,
        from: Millis,
        to: Millis,
        who: &Who,
    ) -> Result<Baseline, BaselineError> {
        let at = self.clock.now();
        if from >= to || to > at {
            return Err(BaselineError::Span);
        }
        let mut of: BTreeMap<Operation, OperationWindow> = BTreeMap::new();
        self.each(name, from, to, |rows| {
            if rows.iter().any(|row| row.complete == Wholeness::Incomplete) {
                return Ok(true);
            }
            for row in rows.iter().filter(|row| row.side == Side::Legacy) {
                let sum = of.entry(row.operation).or_insert_with(|| OperationWindow::empty(row.operation));
                sum.add(row, &histogram(row)?);
            }
            Ok(true)
        })
        .await?;
        let mut all = OperationWindow::empty(Operation::Import);
        of.values().for_each(|one| join(&mut all, one));
        let legacy = Side::Legacy.index();
        if all.sides[legacy].calls == 0 {
            return Err(BaselineError::NoCalls);
        }
        let measures = match name {
            RolloutName::GithubAuth => {
                let imports = of.get(&Operation::Import).map(|of| &of.sides[legacy]);
                self.beside(imports, from, to).await?
            }
            RolloutName::GitSandbox => Vec::new(),
        };
        let figures = |operation: Option<Operation>, of: &OperationWindow| BaselineFigures {
            operation,
            figures: arm(&of.sides[legacy]),
            timed: Some(of.sides[legacy].histogram.total()),
        };
        let mut operations = vec![figures(None, &all)];
        let with_calls = of.values().filter(|one| one.sides[legacy].calls > 0);
        operations.extend(with_calls.map(|one| figures(Some(one.operation), one)));
        let baseline = Baseline { at, from, to, operations, measures };
        let detail = json!(baseline);
        let kind = RecordKind::Baseline;
        let unit = Unit::new()
            .with(RolloutOp::Record { name, kind, at, body: detail.to_string() })
            .with(who.did(at, "rollout.baseline", name.word(), detail));
        self.db.write(Lane::Handler, unit).await?;
        Ok(baseline)
    }
}
