//! Questions and acts about rollouts.

mod refusal;

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::page::PageAsk;
use cutover_shared::rollout::{
    ChangeView, CriterionState, InTime, KilledView, MeasureLine, Measured, RolloutAct, RolloutAnswer,
    RolloutLine, RolloutName, RolloutQuery, RolloutReceipt, RolloutView, Side,
};

use cutover_shared::status::RolloutBrief;

use super::{Parts, STORE_MEND, not_found, read_error};
use crate::audit::Who;
use crate::flows::incident::{Closed, Declared};
use crate::mapping::sandbox_record::view;
use crate::rollout::book::look::Standing;
use crate::rollout::book::{RolloutError, StepAsk, Way};
use crate::rollout::mismatch;
use crate::rollout::standby::standby;

/// Changes that a rollout shows with itself.
const CHANGES: u32 = 10;

/// A refusal about one rollout, or about none.
fn refused(name: Option<RolloutName>) -> impl Fn(RolloutError) -> RpcError + Copy {
    move |error| refusal::rollout(error, word(name))
}

fn word(name: Option<RolloutName>) -> &'static str {
    name.map_or("NAME", RolloutName::word)
}

/// A refusal that no rollout is named in.
pub(super) fn error(error: RolloutError) -> RpcError {
    refusal::rollout(error, word(None))
}

pub(super) async fn query(parts: &Parts, query: RolloutQuery) -> Result<RolloutAnswer, RpcError> {
    let rollouts = &parts.rollouts;
    let name = query.rollout();
    let error = refused(name);
    Ok(match query {
        RolloutQuery::List => {
            let mut lines = Vec::new();
            for name in RolloutName::ALL.iter().copied() {
                lines.push(line(name, &rollouts.standing(name).await.map_err(error)?));
            }
            RolloutAnswer::List(lines)
        }
        RolloutQuery::Show { name } => RolloutAnswer::Show(Box::new(show(parts, name).await?)),
        RolloutQuery::Step { name, to, exact, ring } => {
            let ask = StepAsk { name, to, exact, ring };
            RolloutAnswer::Step(Box::new(rollouts.step(&ask).await.map_err(error)?))
        }
        RolloutQuery::Members { name, side, page } => {
            RolloutAnswer::Members(rollouts.members(name, side, &page).await.map_err(error)?)
        }
        RolloutQuery::Explain { tenant, operation, at } => {
            let view = rollouts.explain(&tenant, operation, at).await.map_err(error)?;
            RolloutAnswer::Explain(Box::new(view))
        }
        RolloutQuery::Changes { name, page } => {
            RolloutAnswer::Changes(rollouts.changes(name, &page).await.map_err(error)?)
        }
        RolloutQuery::Overrides { name, page } => {
            RolloutAnswer::Overrides(rollouts.overrides(name, &page).map_err(error)?)
        }
        RolloutQuery::Mismatches { name, page } => {
            RolloutAnswer::Mismatches(mismatch::page(&parts.db, name, &page).await.map_err(error)?)
        }
        RolloutQuery::Incidents => {
            RolloutAnswer::Incidents(parts.incidents.open().await.map_err(read_error)?)
        }
        RolloutQuery::Repairs { name, page } => RolloutAnswer::Repairs(
            parts.second.repairs(name, &page).await.map_err(|error| refusal::repair(error, name.word()))?,
        ),
        RolloutQuery::Reconciliation { name } => {
            let found = parts.second.reconciled(name).await.map_err(|cause| error(cause.into()))?;
            RolloutAnswer::Reconciliation(found.map(Box::new))
        }
        RolloutQuery::Records { tenant, page } => {
            RolloutAnswer::Records(view::records(&parts.db, tenant, &page).await.map_err(read_error)?)
        }
        RolloutQuery::Timeline { name, page } => {
            let view = rollouts.timeline(name, &page).await.map_err(error)?;
            RolloutAnswer::Timeline(Box::new(view))
        }
        RolloutQuery::Ring { ring, page } => {
            RolloutAnswer::Ring(rollouts.ring(ring, &page).await.map_err(error)?)
        }
        RolloutQuery::Worth { name } => {
            let wanted = RolloutName::ALL.iter().copied().filter(|one| name.is_none_or(|name| name == *one));
            let views: Result<Vec<_>, _> = wanted.map(|name| parts.watch.view(name)).collect();
            RolloutAnswer::Worth(views.map_err(error)?)
        }
        RolloutQuery::Flags => RolloutAnswer::Flags(rollouts.flags().map_err(error)?),
    })
}

fn line(name: RolloutName, standing: &Standing) -> RolloutLine {
    let verdict = standing.facts.verdict.as_ref();
    RolloutLine {
        name,
        version: standing.version,
        stage: standing.state.stage,
        since: standing.state.stage_since,
        killed: standing.killed,
        frozen: standing.state.freeze.is_some(),
        inside: if standing.killed { 0 } else { standing.inside },
        tenants: standing.tenants,
        verdict: verdict.map_or_else(|| "not judged".to_owned(), |(_, text)| text.clone()),
        attention: standing.killed
            || standing.facts.repair.failed > 0
            || standing.facts.incident.is_some()
            || verdict.is_some_and(|(state, _)| *state == CriterionState::Fails),
    }
}

async fn show(parts: &Parts, name: RolloutName) -> Result<RolloutView, RpcError> {
    let error = refused(Some(name));
    let standing = parts.rollouts.standing(name).await.map_err(error)?;
    let changes = parts.rollouts.changes(name, &PageAsk::first(CHANGES)).await.map_err(error)?;
    let moved = parts.rollouts.last_move(name).await.map_err(error)?.map(Box::new);
    let state = &standing.state;
    Ok(RolloutView {
        line: line(name, &standing),
        algorithm: state.algorithm,
        salt: state.salt.clone(),
        exact: state.exact(),
        overrides: u64::try_from(state.overrides.len()).unwrap_or(u64::MAX),
        freeze: state.freeze.clone(),
        killed: state.killed.clone().map(|of| KilledView { reason: of.reason, by: of.by.into(), at: of.at }),
        moved,
        figures: parts.windows.figures(name, state).await.map_err(read_error)?,
        judgement: parts.judged.of(name),
        repair: standing.facts.repair.clone(),
        reverse: standing.facts.reverse.clone(),
        drill: parts.drills.standing(name).await.map_err(read_error)?.next,
        baseline_at: standing.facts.baseline_at,
        measures: measures(parts, name, state.stage_since).await?,
        incident: standing.facts.incident.clone(),
        in_time: InTime {
            ring: state.ring,
            roles: parts.rollouts.settings().rules.roles.clone(),
            standby: standby(state, &parts.second.owed(name, Side::Legacy).await.map_err(read_error)?),
            gap: state.gap,
        },
        track: standing.track,
        flags: standing.flags,
        criteria: standing.criteria,
        changes: changes.rows,
    })
}

/// What the target is held against beside its calls; empty without a baseline.
async fn measures(parts: &Parts, name: RolloutName, since: i64) -> Result<Vec<MeasureLine>, RpcError> {
    let Some(baseline) = parts.windows.baseline(name).await.map_err(read_error)? else {
        return Ok(Vec::new());
    };
    let now = parts.windows.measured(name, since).await.map_err(read_error)?;
    let line = |before: &Measured| {
        let measure = before.measure;
        let none = Measured { measure, value: None, sample: 0 };
        let now = now.iter().find(|one| one.measure == measure).copied().unwrap_or(none);
        MeasureLine { measure, before: *before, now }
    };
    Ok(baseline.measures.iter().map(line).collect())
}

/// What the status tells of each; those that are not read yet are left out.
pub(super) fn briefs(parts: &Parts) -> Vec<RolloutBrief> {
    RolloutName::ALL.iter().filter_map(|name| parts.rollouts.brief(*name).ok()).collect()
}

/// Legacy for everybody in this rollout, until somebody lets go.
pub(super) async fn kill(
    parts: &Parts,
    name: RolloutName,
    reason: &str,
    who: &Who,
) -> Result<RolloutReceipt, RpcError> {
    let none = serde_json::Value::Null;
    let change = parts.rollouts.back(name, Way::Kill, reason, none, false, who).await;
    let change = change.map_err(refused(Some(name)))?;
    Ok(RolloutReceipt { changes: vec![change], ..RolloutReceipt::default() })
}

pub(super) async fn act(parts: &Parts, act: RolloutAct, who: &Who) -> Result<RolloutReceipt, RpcError> {
    refusal::reasoned(&act)?;
    let rollouts = &parts.rollouts;
    let about = act.rollout();
    let error = refused(about);
    let repair_error = |error| refusal::repair(error, word(about));
    let one = |change: Option<ChangeView>| change.into_iter().collect::<Vec<_>>();
    let (mut repairs, mut reconciled) = (0, None);
    let changes = match act {
        RolloutAct::Repair { name, seq, drop: Some(reason) } => {
            repairs = parts.second.drop_one(name, seq, &reason, who).await.map_err(repair_error)?;
            Vec::new()
        }
        RolloutAct::Repair { name, seq, drop: None } => {
            repairs = parts.second.again(name, seq, who).await.map_err(repair_error)?;
            Vec::new()
        }
        RolloutAct::Reconcile { name } => {
            let found = parts.second.reconcile(name, who).await;
            reconciled =
                Some(found.map_err(|cause| RpcError::new(ErrorCode::Store, cause.to_string(), STORE_MEND))?);
            Vec::new()
        }
        RolloutAct::Stage { name, to, exact, ring, digest, override_reason } => {
            let ask = StepAsk { name, to: Some(to), exact, ring };
            let passed = override_reason.as_deref();
            vec![rollouts.advance(&ask, &digest, passed, who).await.map_err(error)?]
        }
        RolloutAct::Ring { ring, change, tenants } => {
            let ring = Some(rollouts.set_ring(ring, change, &tenants, who).await.map_err(error)?);
            return Ok(RolloutReceipt { ring, ..RolloutReceipt::default() });
        }
        RolloutAct::Rollback { name, to, reason } => {
            let way = Way::Stage(to);
            vec![
                rollouts
                    .back(name, way, &reason, serde_json::Value::Null, false, who)
                    .await
                    .map_err(error)?,
            ]
        }
        RolloutAct::Flag { operation, on, reason } => {
            one(rollouts.flag(operation, on, &reason, who).await.map_err(error)?)
        }
        RolloutAct::Override { name, tenant, side, reason } => {
            one(rollouts.set_override(name, &tenant, side, &reason, who).await.map_err(error)?)
        }
        RolloutAct::Freeze { name, reason } => {
            one(rollouts.freeze(name, &reason, who).await.map_err(error)?)
        }
        RolloutAct::Decide { name, decision, reason } => {
            one(parts.watch.decide(name, decision, &reason, who).await.map_err(error)?)
        }
        RolloutAct::Unfreeze { name } => one(rollouts.unfreeze(name, who).await.map_err(error)?),
        RolloutAct::Drill { name } => {
            let proof = Some(parts.proofs.drill(name, who).await.map_err(error)?);
            return Ok(RolloutReceipt { proof, ..RolloutReceipt::default() });
        }
        RolloutAct::Preflight { name } => {
            let proof = Some(parts.proofs.preflight(name, who).await.map_err(error)?);
            return Ok(RolloutReceipt { proof, ..RolloutReceipt::default() });
        }
        RolloutAct::Declare { name, text } => {
            let done = parts.incidents.declare(name, &text, who).await.map_err(error)?;
            let Declared { incident, changes, effects } = done;
            let incident = Some(incident);
            return Ok(RolloutReceipt { changes, incident, effects, ..RolloutReceipt::default() });
        }
        RolloutAct::Close { id } => {
            let incident = match parts.incidents.close(&id, who).await.map_err(error)? {
                Closed::Now(incident) => Some(incident),
                Closed::Before => None,
                Closed::Unknown => return Err(not_found(&format!("incident {id}"), "incident")),
            };
            return Ok(RolloutReceipt { incident, ..RolloutReceipt::default() });
        }
        RolloutAct::Unkill { name, reason } => parts.kill.unkill(name, &reason, who).await.map_err(error)?,
        RolloutAct::Baseline { name, since_ms } => {
            let to = parts.clock.now();
            let recorded = parts.windows.record_baseline(name, since_ms, to, who).await;
            let baseline = Some(recorded.map_err(|error| refusal::baseline(error, name.word()))?);
            return Ok(RolloutReceipt { baseline, ..RolloutReceipt::default() });
        }
        RolloutAct::Outcomes(batch) => {
            let reports: Vec<_> = batch.outcomes.into_iter().map(Ok).collect();
            let taken = parts.outcomes.take(&batch.id, reports).await;
            let outcomes = Some(taken.map_err(refusal::outcomes)?);
            return Ok(RolloutReceipt { outcomes, ..RolloutReceipt::default() });
        }
        RolloutAct::PlanRecords { scope } => {
            let planned = parts.records_planner.plan(&scope, who).await.map_err(refusal::records)?;
            let planned = Some(Box::new(planned));
            return Ok(RolloutReceipt { planned, ..RolloutReceipt::default() });
        }
    };
    Ok(RolloutReceipt { changes, repairs, reconciled, ..RolloutReceipt::default() })
}
