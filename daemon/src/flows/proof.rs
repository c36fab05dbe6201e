//! Proofs before a step (C8, C9): that the way back is walkable, and that each tenant's credential works in the target. What
//! is proven is recorded with its time, and grows old.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cutover_shared::ids::TenantId;
use cutover_shared::rollout::{ReverseView, RolloutName, Side, Stage};
use futures::stream::{self, StreamExt as _};
use serde_json::json;

use crate::audit::Who;
use crate::clock::Clock;
use crate::rollout::book::{RolloutError, Rollouts};
use crate::rollout::criteria::Proof;
use crate::rollout::decide::Plan;
use crate::rollout::rehearse::Rehearsal;
use crate::rollout::step;
use crate::store::{Db, Lane, ReadError, RecordKind, RolloutOp, Unit};

/// Tenants whose legacy credential a drill tries.
const SAMPLE: usize = 20;

/// Tenants that are tried at once.
const PARALLEL: usize = 8;

/// Failures that a proof names.
const NAMED: usize = 20;

/// Troubles that are none of a credential's. `runbooks/drill.md` has a row for each.
pub(super) const NO_ANSWER: &str = "no answer in time";
pub(super) const NO_REPOSITORY: &str = "no repository is in the catalog";

/// How long one tenant is tried.
const PATIENCE: Duration = Duration::from_secs(30);

/// Tries one tenant's credential in an arm.
#[async_trait]
pub trait Prover: Send + Sync {
    /// In words why it can't serve; none when it can.
    async fn trouble(&self, side: Side, tenant: &TenantId) -> Option<String>;
}

/// Makes proofs and records them. Cheap to clone.
#[derive(Clone)]
pub struct Proofs {
    pub db: Db,
    pub clock: Clock,
    pub rollouts: Rollouts,
    /// By [`RolloutName::index`].
    pub provers: [Arc<dyn Prover>; RolloutName::ALL.len()],
}

impl Proofs {
    /// Walks the way back without going it: pulls the switch on a copy of what decides, decides for every tenant as after a
    /// rollback, writes a marker beside the real one, and tries the legacy credential of some. Nothing that serves is touched.
    ///
    /// # Errors
    /// As the store's. A way that is not walkable is a proof that says so, and no error.
    pub async fn drill(&self, name: RolloutName, who: &Who) -> Result<ReverseView, RolloutError> {
        let plan = self.rollouts.router().plan(name).ok_or(RolloutError::Unread)?;
        let sample = self.sample(&plan).await?;
        let (tried, failures) = self.tried(name, Side::Legacy, sample).await;
        let mut troubles = Vec::new();
        let moved = match self.rehearse(&plan).await? {
            Ok(moved) => moved,
            Err(trouble) => {
                troubles.push(trouble);
                0
            }
        };
        if let Err(error) = self.rollouts.try_marker(name).await {
            troubles.push(format!("a marker can't be written: {error}"));
        }
        let ok = failures.is_empty() && troubles.is_empty() && tried > 0;
        troubles.extend(named(&failures));
        let text = match (ok, tried) {
            (true, _) => {
                format!(
                    "decisions, receipt, marker and the legacy credentials of {tried} tenants were tried; on a copy of what \
                     decides {moved} tenants left the target when the switch was pulled"
                )
            }
            (false, 0) => "no tenant could be tried".to_owned(),
            (false, _) => troubles.join("; "),
        };
        let tenants = u32::try_from(tried).unwrap_or(u32::MAX);
        let view = ReverseView { at: self.clock.now(), ok, text, tenants };
        self.record(name, RecordKind::Reverse, &view, "rollout.drill", who).await?;
        Ok(view)
    }

    /// Tries the credential of every tenant in the target.
    ///
    /// # Errors
    /// As the store's.
    pub async fn preflight(&self, name: RolloutName, who: &Who) -> Result<ReverseView, RolloutError> {
        let (mut tried, mut failures, mut last) = (0, Vec::new(), None::<String>);
        loop {
            let page = self.db.tenants(last.as_deref(), 200).await?;
            let Some(end) = page.last() else { break };
            last = Some(end.id.0.clone());
            let (more, failed) =
                self.tried(name, Side::Target, page.into_iter().map(|row| row.id).collect()).await;
            tried += more;
            failures.extend(failed);
        }
        let ok = failures.is_empty() && tried > 0;
        let text = match (ok, tried) {
            (true, _) => format!("the credentials of all {tried} tenants work in the target"),
            (false, 0) => "the catalog has no tenant".to_owned(),
            (false, _) => {
                format!("{} of {tried} tenants: {}", failures.len(), named(&failures).join("; "))
            }
        };
        let tenants = u32::try_from(tried).unwrap_or(u32::MAX);
        let view = ReverseView { at: self.clock.now(), ok, text, tenants };
        let proof = Proof { at: view.at, ok, text: view.text.clone() };
        self.record(name, RecordKind::Preflight, &proof, "rollout.preflight", who).await?;
        Ok(view)
    }

    /// How many were tried, and those that fail with why.
    async fn tried(
        &self,
        name: RolloutName,
        side: Side,
        tenants: Vec<TenantId>,
    ) -> (usize, Vec<(TenantId, String)>) {
        let (prover, count) = (self.provers[name.index()].clone(), tenants.len());
        let failed = stream::iter(tenants)
            .map(|tenant| {
                let (prover, clock) = (prover.clone(), self.clock.clone());
                async move {
                    let trouble = clock.timeout(PATIENCE, prover.trouble(side, &tenant)).await;
                    let trouble = trouble.unwrap_or_else(|_| Some(NO_ANSWER.to_owned()));
                    trouble.map(|trouble| (tenant, trouble))
                }
            })
            .buffered(PARALLEL)
            .filter_map(|failed| async move { failed })
            .collect()
            .await;
        (count, failed)
    }

    /// Those that are on the target, the first by rank: they are the ones that would go back. Without any, those that would be
    /// moved first.
    async fn sample(&self, plan: &Plan) -> Result<Vec<TenantId>, RolloutError> {
        let mut best: BTreeSet<(bool, u32, TenantId)> = BTreeSet::new();
        let mut last: Option<String> = None;
        loop {
            let page = self.db.tenants(last.as_deref(), 500).await?;
            let Some(end) = page.last() else { break };
            last = Some(end.id.0.clone());
            for row in page {
                let outside = step::side(plan, row.id.as_str()) == Side::Legacy;
                best.insert((outside, plan.bucketing.rank(row.id.as_str()), row.id));
                if best.len() > SAMPLE {
                    best.pop_last();
                }
            }
        }
        Ok(best.into_iter().map(|(_, _, tenant)| tenant).collect())
    }

    /// Kills a copy and rolls it back, page by page over all tenants: how many left the target, or what did not go as it must.
    async fn rehearse(&self, plan: &Plan) -> Result<Result<usize, String>, RolloutError> {
        let copy = Rehearsal::new(plan, self.clock.clone());
        let back = plan.back(Stage::Shadow);
        let (mut moved, mut last) = (0, None::<String>);
        loop {
            let page = self.db.tenants(last.as_deref(), 500).await?;
            let Some(end) = page.last() else { return Ok(Ok(moved)) };
            last = Some(end.id.0.clone());
            let tenants: Vec<&str> = page.iter().map(|row| row.id.as_str()).collect();
            // There is none unless the rule is broken.
            if let Some(tenant) = tenants.iter().find(|tenant| step::side(&back, tenant) == Side::Target) {
                return Ok(Err(format!("after a rollback {tenant} would still be on the target")));
            }
            match copy.walk(&tenants) {
                Ok(left) => moved += left,
                Err(trouble) => return Ok(Err(trouble)),
            }
        }
    }

    /// The last walk of the way back.
    ///
    /// # Errors
    /// As the store's; a record that can't be read is none.
    pub async fn walked(&self, name: RolloutName) -> Result<Option<ReverseView>, ReadError> {
        let record = self.db.rollout_record(name, RecordKind::Reverse).await?;
        Ok(record.and_then(|(_, body)| serde_json::from_str(&body).ok()))
    }

    async fn record<T: serde::Serialize + Sync>(
        &self,
        name: RolloutName,
        kind: RecordKind,
        what: &T,
        act: &str,
        who: &Who,
    ) -> Result<(), RolloutError> {
        let at = self.clock.now();
        let body = json!(what);
        let unit = Unit::new()
            .with(RolloutOp::Record { name, kind, at, body: body.to_string() })
            .with(who.did(at, act, name.word(), body));
        Ok(self.db.write(Lane::Handler, unit).await?)
    }
}

fn named(failures: &[(TenantId, String)]) -> Vec<String> {
    let more = failures.len().saturating_sub(NAMED);
    let mut names: Vec<_> =
        failures.iter().take(NAMED).map(|(tenant, why)| format!("{tenant}: {why}")).collect();
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    names
}

#[cfg(test)]
pub(crate) mod tests;
