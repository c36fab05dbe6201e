//! Figures for people: sums since the stage began, and the last windows.

use std::collections::BTreeMap;

use cutover_shared::rollout::{ArmFigures, Operation, OperationFigures, RolloutName, Side};

use super::buckets::Histogram;
use super::windows::{OperationWindow, SideFigures, Windows, histogram};
use super::{WINDOW_MS, flush::floor};
use crate::clock::Millis;
use crate::rollout::state::State;
use crate::store::{MetricRow, ReadError, Source};

/// Windows of a sparkline.
const SPARK: usize = 30;

/// Windows of this age have all their rows; younger ones are added anew each time.
const SETTLED_MS: i64 = 3 * 60 * 1_000;

/// Sums that are kept, so that weeks are not added anew for each look.
const KEPT: usize = 8;

/// What happened since a moment, as far as it is settled.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    name: RolloutName,
    since: Millis,
    until: Millis,
    operations: BTreeMap<Operation, OperationWindow>,
}

impl Sums {
    fn add(&mut self, rows: &[MetricRow]) -> Result<bool, ReadError> {
        for row in rows {
            let histogram = histogram(row)?;
            let operation = row.operation;
            let sum = self.operations.entry(operation).or_insert_with(|| OperationWindow::empty(operation));
            sum.add(row, &histogram);
        }
        Ok(true)
    }
}

/// The last windows of one operation and arm.
#[derive(Clone, Default)]
struct Spark {
    calls: [u64; SPARK],
    errors: [u64; SPARK],
    histograms: BTreeMap<usize, Histogram>,
}

impl Spark {
    fn add(&mut self, at: usize, calls: u64, errors: u64, histogram: &Histogram) {
        self.calls[at] = self.calls[at].saturating_add(calls);
        self.errors[at] = self.errors[at].saturating_add(errors);
        self.histograms.entry(at).or_default().merge(histogram);
    }
}

impl Windows {
    /// Each operation of the rollout, and before them all together: calls since the stage began, comparisons since shadow began. A
    /// window counts when it began after that.
    pub async fn figures(
        &self,
        name: RolloutName,
        state: &State,
    ) -> Result<Vec<OperationFigures>, ReadError> {
        let stage = self.sums(name, state.stage_since).await?;
        let shadow = match state.shadow_since {
            None => BTreeMap::new(),
            Some(since) if since == state.stage_since => stage.clone(),
            Some(since) => self.sums(name, since).await?,
        };
        let sparks = self.sparks(name, state.stage_since).await?;
        let nothing = [Spark::default(), Spark::default()];
        let mut all: Vec<OperationFigures> = Vec::new();
        let mut together = (
            OperationWindow::empty(Operation::Import),
            OperationWindow::empty(Operation::Import),
            nothing.clone(),
        );
        for operation in name.operations() {
            let empty = OperationWindow::empty(operation);
            let (calls, compared) =
                (stage.get(&operation).unwrap_or(&empty), shadow.get(&operation).unwrap_or(&empty));
            let sparks = sparks.get(&operation).unwrap_or(&nothing);
            all.push(shown(Some(operation), calls, compared, sparks));
            join(&mut together.0, calls);
            join(&mut together.1, compared);
            for (of, spark) in together.2.iter_mut().zip(sparks) {
                for (at, histogram) in &spark.histograms {
                    of.add(*at, spark.calls[*at], spark.errors[*at], histogram);
                }
            }
        }
        all.insert(0, shown(None, &together.0, &together.1, &together.2));
        Ok(all)
    }

    /// Rows of a time that was thought settled came late: it is added up anew.
    pub(super) async fn unsettle(&self) {
        self.sums.lock().await.clear();
    }

    /// Whether a row that begins then comes late.
    pub(super) fn is_settled(&self, start_at: Millis) -> bool {
        start_at < self.settled()
    }

    fn settled(&self) -> Millis {
        floor(self.clock.now().saturating_sub(SETTLED_MS), WINDOW_MS)
    }

    /// All since a moment.
    pub(super) async fn sums(
        &self,
        name: RolloutName,
        since: Millis,
    ) -> Result<BTreeMap<Operation, OperationWindow>, ReadError> {
        let mut kept = self.sums.lock().await;
        let settled = self.settled();
        // A clock that was ahead settled what is still to come.
        kept.retain(|sums| sums.until <= settled.max(sums.since));
        let known = kept.iter().position(|sums| sums.name == name && sums.since == since);
        let mut sums = match known {
            Some(at) => kept.remove(at),
            None => Sums { name, since, until: since, operations: BTreeMap::new() },
        };
        if settled > sums.until {
            self.each(name, sums.until, settled, |rows| sums.add(rows)).await?;
            sums.until = settled;
        }
        kept.insert(0, sums.clone());
        kept.truncate(KEPT);
        drop(kept);
        self.each(name, sums.until, i64::MAX, |rows| sums.add(rows)).await?;
        Ok(sums.operations)
    }

    async fn sparks(
        &self,
        name: RolloutName,
        since: Millis,
    ) -> Result<BTreeMap<Operation, [Spark; 2]>, ReadError> {
        let most = i64::try_from(SPARK).unwrap_or(i64::MAX);
        let first = floor(self.clock.now(), WINDOW_MS) - most * WINDOW_MS;
        let mut sparks: BTreeMap<Operation, [Spark; 2]> = BTreeMap::new();
        self.each(name, first.max(since), i64::MAX, |rows| {
            for row in rows.iter().filter(|row| row.source == Source::Own) {
                let at = usize::try_from((row.start_at - first) / WINDOW_MS).unwrap_or(usize::MAX);
                if at < SPARK {
                    let of = &mut sparks.entry(row.operation).or_default()[row.side.index()];
                    of.add(at, row.calls, row.errors, &histogram(row)?);
                }
            }
            Ok(true)
        })
        .await?;
        Ok(sparks)
    }
}

pub(super) fn join(sum: &mut OperationWindow, other: &OperationWindow) {
    for (sum, other) in sum.sides.iter_mut().zip(&other.sides) {
        sum.calls = sum.calls.saturating_add(other.calls);
        sum.errors = sum.errors.saturating_add(other.errors);
        sum.gross = sum.gross.saturating_add(other.gross);
        sum.answered = sum.answered.saturating_add(other.answered);
        sum.histogram.merge(&other.histogram);
        sum.outside_p95_us = sum.outside_p95_us.max(other.outside_p95_us);
    }
    sum.compared = sum.compared.saturating_add(other.compared);
    sum.mismatched = sum.mismatched.saturating_add(other.mismatched);
    sum.shed = sum.shed.saturating_add(other.shed);
    sum.over_budget = sum.over_budget.saturating_add(other.over_budget);
}

fn shown(
    operation: Option<Operation>,
    calls: &OperationWindow,
    compared: &OperationWindow,
    sparks: &[Spark; 2],
) -> OperationFigures {
    let arm = |side: Side| sparked(&calls.sides[side.index()], &sparks[side.index()]);
    OperationFigures {
        operation,
        legacy: arm(Side::Legacy),
        target: arm(Side::Target),
        compared: compared.compared,
        mismatched: compared.mismatched,
        shed: compared.shed,
        over_budget: compared.over_budget,
    }
}

/// Without its last windows.
pub(super) fn arm(of: &SideFigures) -> ArmFigures {
    ArmFigures {
        calls: of.calls,
        errors: of.errors,
        p50_us: of.histogram.quantile(500),
        p95_us: of.histogram.quantile(950).or(of.outside_p95_us),
        p99_us: of.histogram.quantile(990),
        ..ArmFigures::default()
    }
}

fn sparked(of: &SideFigures, spark: &Spark) -> ArmFigures {
    let p95 = |at: usize| spark.histograms.get(&at).and_then(|of| of.quantile(950)).unwrap_or(0);
    ArmFigures {
        spark_calls: spark.calls.to_vec(),
        spark_errors: spark.errors.to_vec(),
        spark_p95_us: (0..SPARK).map(p95).collect(),
        ..arm(of)
    }
}
