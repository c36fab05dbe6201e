//! Questions and acts about rollouts.

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::page::PageAsk;
use cutover_shared::rollout::{
    ChangeView, CriterionState, InTime, KilledView, MeasureLine, Measured, RolloutAct, RolloutAnswer,
    RolloutLine, RolloutName, RolloutQuery, RolloutReceipt, RolloutView, Side,
};

use cutover_shared::status::RolloutBrief;

use super::{Parts, STORE_MEND, not_found, read_error, write_error};
use crate::audit::Who;
use crate::mapping::sandbox_record::planner::RecordsPlanError;
use crate::mapping::sandbox_record::view;
use crate::rollout::book::look::Standing;
use crate::rollout::book::{RolloutError, StepAsk, Way};
use crate::rollout::metrics::baseline::BaselineError;
use crate::rollout::metrics::outside::OutcomesError;
use crate::rollout::mismatch;
use crate::rollout::second::RepairError;
use crate::rollout::standby::standby;

/// Changes that a rollout shows with itself.
const CHANGES: u32 = 10;

pub(super) async fn query(parts: &Parts, query: RolloutQuery) -> Result<RolloutAnswer, RpcError> {
    let rollouts = &parts.rollouts;
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
            RolloutAnswer::Mismatches(mismatch::page(&parts.db, name, &page).await.map_err(read_error)?)
        }
        RolloutQuery::Incidents => {
            RolloutAnswer::Incidents(parts.incidents.open().await.map_err(read_error)?)
        }
        RolloutQuery::Repairs { name, page } => {
            RolloutAnswer::Repairs(parts.second.repairs(name, &page).await.map_err(repair_error)?)
        }
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
    let change = parts.rollouts.back(name, Way::Kill, reason, none, false, who).await.map_err(error)?;
    Ok(RolloutReceipt { changes: vec![change], ..RolloutReceipt::default() })
}

pub(super) async fn act(parts: &Parts, act: RolloutAct, who: &Who) -> Result<RolloutReceipt, RpcError> {
    let rollouts = &parts.rollouts;
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
            let (incident, changes) = parts.incidents.declare(name, &text, who).await.map_err(error)?;
            let incident = Some(incident);
            return Ok(RolloutReceipt { changes, incident, ..RolloutReceipt::default() });
        }
        RolloutAct::Close { id } => {
            let closed = parts.incidents.close(&id, who).await.map_err(error)?;
            let incident = Some(closed.ok_or_else(|| not_found(&format!("open incident {id}"), "incident"))?);
            return Ok(RolloutReceipt { incident, ..RolloutReceipt::default() });
        }
        RolloutAct::Unkill { name, reason } => parts.kill.unkill(name, &reason, who).await.map_err(error)?,
        RolloutAct::Baseline { name, since_ms } => {
            let to = parts.clock.now();
            let recorded = parts.windows.record_baseline(name, since_ms, to, who).await;
            let baseline = Some(recorded.map_err(baseline_error)?);
            return Ok(RolloutReceipt { baseline, ..RolloutReceipt::default() });
        }
        RolloutAct::Outcomes(batch) => {
            let reports: Vec<_> = batch.outcomes.into_iter().map(Ok).collect();
            let taken = parts.outcomes.take(&batch.id, reports).await;
            let outcomes = Some(taken.map_err(outcomes_error)?);
            return Ok(RolloutReceipt { outcomes, ..RolloutReceipt::default() });
        }
        RolloutAct::PlanRecords { scope } => {
            let planned = parts.records_planner.plan(&scope, who).await.map_err(records_error)?;
            let planned = Some(Box::new(planned));
            return Ok(RolloutReceipt { planned, ..RolloutReceipt::default() });
        }
    };
    Ok(RolloutReceipt { changes, repairs, reconciled, ..RolloutReceipt::default() })
}

fn baseline_error(error: BaselineError) -> RpcError {
    let text = error.to_string();
    match error {
        BaselineError::Span => RpcError::new(ErrorCode::Usage, text, "name a time that is past"),
        BaselineError::NoCalls => RpcError::new(
            ErrorCode::WrongState,
            text,
            "wait until calls were made, or name an earlier time; `cutover rollout show` has the figures",
        ),
        BaselineError::Read(error) => read_error(error),
        BaselineError::Write(error) => write_error(error),
    }
}

fn outcomes_error(error: OutcomesError) -> RpcError {
    let text = error.to_string();
    match error {
        OutcomesError::Size | OutcomesError::Id => {
            RpcError::new(ErrorCode::Usage, text, "docs/rollout-metrics.md has the form of a batch")
        }
        OutcomesError::OtherBatch(_) => RpcError::new(
            ErrorCode::Usage,
            text,
            "use a fresh id for each batch; repeat one only with the same outcomes",
        ),
        OutcomesError::Read(error) => read_error(error),
        OutcomesError::Write(error) => write_error(error),
    }
}

fn records_error(error: RecordsPlanError) -> RpcError {
    let text = error.to_string();
    match error {
        RecordsPlanError::Run(error) => error.into(),
        RecordsPlanError::Read(error) => read_error(error),
        RecordsPlanError::Empty(_) => RpcError::new(
            ErrorCode::Usage,
            text,
            "import records with `cutover rollout records import`, or name another scope",
        ),
    }
}

fn repair_error(error: RepairError) -> RpcError {
    let text = error.to_string();
    match error {
        RepairError::Unknown(_) => RpcError::new(
            ErrorCode::NotFound,
            text,
            "`cutover rollout repairs NAME` lists those that there are",
        ),
        RepairError::Reason | RepairError::Place(_) => RpcError::new(
            ErrorCode::Usage,
            text,
            "`cutover rollout repairs NAME` lists them with their numbers",
        ),
        RepairError::Read(_) | RepairError::Write(_) => RpcError::new(ErrorCode::Store, text, STORE_MEND),
    }
}

pub(super) fn error(error: RolloutError) -> RpcError {
    let text = error.to_string();
    match error {
        RolloutError::Illegal(_) => RpcError::new(
            ErrorCode::WrongState,
            text,
            "`cutover rollout show` has the track: forward goes one stage at a time, back to any",
        ),
        RolloutError::Criteria { .. } => RpcError::new(
            ErrorCode::Gate,
            text,
            "`cutover rollout stage NAME` lists what must hold; an approver may pass what says so, with --override REASON",
        ),
        RolloutError::Stale => RpcError::new(
            ErrorCode::StalePlan,
            text,
            "look again with `cutover rollout stage NAME`, and approve the digest that it prints then",
        ),
        RolloutError::UnknownTenant(_) => {
            RpcError::new(ErrorCode::NotFound, text, "`cutover tenant list` shows those that there are")
        }
        RolloutError::Overrides(_) => RpcError::new(ErrorCode::Usage, text, "use a stage, or take some away"),
        RolloutError::Exact => RpcError::new(ErrorCode::Usage, text, "leave out --exact, or name a share"),
        RolloutError::Returns(_) => RpcError::new(
            ErrorCode::WrongState,
            text,
            "name more tenants with --exact, or leave it out; `cutover rollback` goes back",
        ),
        RolloutError::NoList(_) => {
            RpcError::new(ErrorCode::Usage, text, "the lists are `internal` and `beta`")
        }
        RolloutError::RingSize => RpcError::new(ErrorCode::Usage, text, "name fewer tenants, or use a share"),
        RolloutError::Unrecorded(_) => RpcError::new(
            ErrorCode::NotFound,
            text,
            "`cutover rollout changes NAME` has the times that are known",
        ),
        RolloutError::Unread => RpcError::new(ErrorCode::Busy, text, "the daemon is starting: try again"),
        RolloutError::Owed(_) => RpcError::new(
            ErrorCode::Store,
            text,
            "every decision is as you asked; a marker file holds it, and the daemon goes on trying to store it",
        ),
        RolloutError::Algorithm(_) => {
            RpcError::new(ErrorCode::Internal, text, "a newer version of cutoverd wrote it: start that one")
        }
        RolloutError::Read(_) | RolloutError::Write(_) => RpcError::new(ErrorCode::Store, text, STORE_MEND),
    }
}
