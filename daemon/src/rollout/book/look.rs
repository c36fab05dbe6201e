//! What people ask about rollouts.

use cutover_shared::ids::TenantId;
use cutover_shared::page::{Page, PageAsk};
use cutover_shared::rollout::{
    ChangeView, Criterion, DecisionView, FlagView, Member, Moved, Operation, OverrideView, RolloutName, Side,
    Stage, TrackStage, TrackState, Why,
};
use cutover_shared::status::RolloutBrief;

use super::{Known, RolloutError, Rollouts, view};
use crate::near::nearest;
use crate::rollout::bucket::PER_PERCENT;
use crate::rollout::criteria::{Facts, criteria};
use crate::rollout::decide::{Decision, Plan, decide};
use crate::rollout::state::State;
use crate::rollout::step;

/// Tenants read at once.
const PAGE: u32 = 500;

/// A rollout as it is stored, with what is known beside.
#[derive(Clone, Debug)]
pub struct Standing {
    pub version: u64,
    pub state: State,
    pub facts: Facts,
    /// Of the step to the next stage; empty at the last one.
    pub criteria: Vec<Criterion>,
    pub track: Vec<TrackStage>,
    pub flags: Vec<FlagView>,
    /// On the target now, and all.
    pub inside: u64,
    pub tenants: u64,
    pub killed: bool,
}

/// Tenants as one version of a rollout and one revision of the catalog have them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count {
    version: u64,
    revision: i64,
    inside: u64,
    tenants: u64,
}

impl Rollouts {
    /// State, criteria and track.
    pub async fn standing(&self, name: RolloutName) -> Result<Standing, RolloutError> {
        let known = self.known(name)?;
        let mut facts = self.0.evidence.facts(name, &known.state).await?;
        let killed = self.killed(name, &known);
        facts.killed = killed;
        let (state, track) = (&known.state, &self.0.settings.track);
        let next = if state.ring.is_all() { track.next(state.stage) } else { Some(state.stage) };
        let now = self.0.clock.now();
        let criteria =
            next.map_or_else(Vec::new, |to| criteria(state, &self.0.settings.rules, &facts, to, now));
        let Count { inside, tenants, .. } = self.count(name, &known).await?;
        Ok(Standing {
            version: known.version,
            state: state.clone(),
            criteria,
            track: self.track_of(state),
            flags: name.operations().map(|operation| flag(&known, operation, killed)).collect(),
            facts,
            inside,
            tenants,
            killed,
        })
    }

    /// A line for the status, without asking anybody.
    pub fn brief(&self, name: RolloutName) -> Result<RolloutBrief, RolloutError> {
        let known = self.known(name)?;
        let state = &known.state;
        Ok(RolloutBrief {
            name,
            stage: state.stage,
            since: state.stage_since,
            killed: self.killed(name, &known),
            frozen: state.freeze.is_some(),
            exact: state.exact(),
        })
    }

    /// What is stored, without asking anybody.
    pub fn state(&self, name: RolloutName) -> Result<(u64, State), RolloutError> {
        let known = self.known(name)?;
        Ok((known.version, known.state.clone()))
    }

    fn track_of(&self, state: &State) -> Vec<TrackStage> {
        let next = self.0.settings.track.next(state.stage);
        let stage = |stage: Stage| TrackStage {
            stage,
            state: match stage {
                stage if stage == state.stage => TrackState::Now,
                stage if stage < state.stage => TrackState::Passed,
                stage if Some(stage) == next => TrackState::Next,
                _ => TrackState::Later,
            },
            since: state.reached.get(&stage.to_string()).copied(),
            soak_ms: self.0.settings.rules.soak_ms(stage),
        };
        let mut track: Vec<_> = self.0.settings.track.stages().iter().copied().map(stage).collect();
        // A share that is configured no more, and that the rollout is in all the same.
        if !track.iter().any(|one| one.state == TrackState::Now) {
            track.push(stage(state.stage));
            track.sort_by_key(|one| one.stage);
        }
        track
    }

    /// All flags.
    pub fn flags(&self) -> Result<Vec<FlagView>, RolloutError> {
        Operation::ALL
            .iter()
            .map(|operation| {
                let known = self.known(operation.rollout())?;
                Ok(flag(&known, *operation, self.killed(operation.rollout(), &known)))
            })
            .collect()
    }

    fn killed(&self, name: RolloutName, known: &Known) -> bool {
        let held = self.0.router.held(name) == Some(crate::rollout::router::Hold::Killed);
        held || known.state.killed.is_some() || self.0.router.is_killed()
    }

    /// Tenants that the target answers for; while it answers for nobody, all tenants.
    pub async fn inside(&self, name: RolloutName) -> Result<u64, RolloutError> {
        let known = self.known(name)?;
        let Count { inside, tenants, .. } = self.count(name, &known).await?;
        Ok(if inside == 0 { tenants } else { inside })
    }

    /// Counted once for each version and revision: consoles ask every second, and each count reads all tenants.
    async fn count(&self, name: RolloutName, known: &Known) -> Result<Count, RolloutError> {
        // Before the tenants: what changes meanwhile has another revision, and is counted anew.
        let (version, revision) = (known.version, self.0.db.catalog_revision().await?);
        let kept = self.counts()[name.index()];
        if let Some(kept) = kept.filter(|kept| (kept.version, kept.revision) == (version, revision)) {
            return Ok(kept);
        }
        let (inside, tenants) = self.counted(&self.plan(name, known)?).await?;
        let count = Count { version, revision, inside, tenants };
        self.counts()[name.index()] = Some(count);
        Ok(count)
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, [Option<Count>; RolloutName::ALL.len()]> {
        self.0.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn counted(&self, plan: &Plan) -> Result<(u64, u64), RolloutError> {
        let (mut inside, mut tenants, mut last) = (0, 0, None::<String>);
        loop {
            let page = self.0.db.tenants(last.as_deref(), PAGE).await?;
            let Some(end) = page.last() else { return Ok((inside, tenants)) };
            last = Some(end.id.as_str().to_owned());
            for row in &page {
                tenants += 1;
                inside += u64::from(step::side(plan, row.id.as_str()) == Side::Target);
            }
        }
    }

    /// How many the target answered for by an earlier plan, after which legacy answers for all.
    ///
    /// # Errors
    /// As the store's.
    pub async fn left_target(&self, before: &Plan) -> Result<Moved, RolloutError> {
        let (inside, all) = self.counted(before).await?;
        Ok(Moved { moved: if self.0.router.is_killed() { 0 } else { inside }, all })
    }

    /// Refuses a tenant that the catalog does not have, and names the one that may have been meant.
    pub(super) async fn catalogued(&self, tenant: &TenantId) -> Result<(), RolloutError> {
        if self.0.db.tenant(tenant).await?.is_some() {
            return Ok(());
        }
        let (mut near, mut last) = (None::<TenantId>, None::<String>);
        loop {
            let page = self.0.db.tenants(last.as_deref(), PAGE).await?;
            let Some(end) = page.last() else {
                return Err(RolloutError::UnknownTenant { tenant: tenant.clone(), near });
            };
            last = Some(end.id.0.clone());
            let names = near.iter().map(TenantId::as_str).chain(page.iter().map(|row| row.id.as_str()));
            let found = nearest(tenant.as_str(), names).map(TenantId::from);
            near = found;
        }
    }

    /// Tenants by id with the arm that answers for them.
    pub async fn members(
        &self,
        name: RolloutName,
        side: Option<Side>,
        page: &PageAsk,
    ) -> Result<Page<Member>, RolloutError> {
        let plan = self.0.router.plan(name).ok_or(RolloutError::Unread)?;
        let operation = name.operations().find(|operation| plan.flags[operation.index()]);
        let operation = operation.or_else(|| name.operations().next()).ok_or(RolloutError::Unread)?;
        let killed = self.0.router.is_killed();
        let (wanted, mut rows) = (usize::try_from(page.rows()).unwrap_or(usize::MAX), Vec::new());
        let mut last = page.after.clone();
        loop {
            let tenants = self.0.db.tenants(last.as_deref(), page.rows()).await?;
            let Some(end) = tenants.last() else { return Ok(Page { rows, next: None }) };
            let end = end.id.as_str().to_owned();
            for row in &tenants {
                let decision = decide(&plan, operation, row.id.as_str(), killed);
                if side.is_none_or(|side| side == decision.side) {
                    let tenant = TenantId::from(row.id.as_str());
                    rows.push(Member {
                        tenant,
                        side: decision.side,
                        why: decision.why,
                        bucket: decision.bucket,
                    });
                    if rows.len() == wanted {
                        return Ok(Page { next: rows.last().map(|row| row.tenant.0.clone()), rows });
                    }
                }
            }
            last = Some(end);
        }
    }

    /// Why a tenant takes its arm now, or took it then: decided again from what was recorded.
    pub async fn explain(
        &self,
        tenant: &TenantId,
        operation: Operation,
        at: Option<i64>,
    ) -> Result<DecisionView, RolloutError> {
        let name = operation.rollout();
        let Some(at) = at else {
            let plan = self.0.router.plan(name).ok_or(RolloutError::Unread)?;
            let decision = self.0.router.decide(operation, tenant.as_str());
            let view = explained(&plan, &decision, operation, tenant, self.0.clock.now());
            return Ok(self.noted(view).await);
        };
        if at > self.0.clock.now() {
            return Err(RolloutError::Ahead);
        }
        let plan = self.plan_at(name, at).await?;
        let decision = decide(&plan, operation, tenant.as_str(), false);
        Ok(self.noted(explained(&plan, &decision, operation, tenant, at)).await)
    }

    /// The change that led to the stage and ring that it is in.
    ///
    /// # Errors
    /// As the store's.
    pub async fn last_move(&self, name: RolloutName) -> Result<Option<ChangeView>, RolloutError> {
        Ok(self.0.db.rollout_stays(name, None, 1).await?.pop().map(view))
    }

    /// What decides answers for any name, so one that is mistyped must be told. Without the store it is answered all the same.
    async fn noted(&self, view: DecisionView) -> DecisionView {
        let Err(RolloutError::UnknownTenant { tenant, near }) = self.catalogued(&view.tenant).await else {
            return view;
        };
        let meant = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
        let note = format!(
            "tenant {tenant} is not in the catalog, and any name gets an answer{meant}; `cutover tenant list` has all"
        );
        DecisionView { note: Some(note), ..view }
    }

    /// What was changed, newest first.
    pub async fn changes(&self, name: RolloutName, page: &PageAsk) -> Result<Page<ChangeView>, RolloutError> {
        let cursor = |after: &str| after.parse().map_err(|_| RolloutError::Cursor(after.to_owned()));
        let before = page.after.as_deref().map(cursor).transpose()?;
        let rows = self.0.db.rollout_changes(name, before, page.rows()).await?;
        let full = rows.len() == usize::try_from(page.rows()).unwrap_or(usize::MAX);
        let next = rows.last().filter(|_| full).map(|row| row.version.to_string());
        Ok(Page { rows: rows.into_iter().map(view).collect(), next })
    }

    /// Exceptions by tenant.
    pub fn overrides(&self, name: RolloutName, page: &PageAsk) -> Result<Page<OverrideView>, RolloutError> {
        let known = self.known(name)?;
        let after = page.after.clone().unwrap_or_default();
        let all = known.state.overrides.iter().filter(|(tenant, _)| tenant.0 > after);
        let rows: Vec<_> = all
            .map(|(tenant, one)| OverrideView {
                tenant: tenant.clone(),
                side: one.side,
                reason: one.reason.clone(),
                by: one.by.clone(),
                at: one.at,
            })
            .take(usize::try_from(page.rows()).unwrap_or(usize::MAX))
            .collect();
        let full = rows.len() == usize::try_from(page.rows()).unwrap_or(usize::MAX);
        let next = rows.last().filter(|_| full).map(|row| row.tenant.0.clone());
        Ok(Page { rows, next })
    }
}

fn flag(known: &Known, operation: Operation, killed: bool) -> FlagView {
    FlagView {
        key: operation.flag().to_owned(),
        operation,
        rollout: operation.rollout(),
        on: !known.state.off.contains(&operation),
        stage: known.state.stage,
        killed,
        version: known.version,
    }
}

fn explained(
    plan: &Plan,
    decision: &Decision,
    operation: Operation,
    tenant: &TenantId,
    at: i64,
) -> DecisionView {
    let text = match (decision.why, plan.stage) {
        (Why::Bucket, Stage::Canary(percent)) => {
            let limit = u16::from(percent.get()) * PER_PERCENT;
            let sign = if decision.bucket < limit { "below" } else { "not below" };
            format!(
                "bucket {} is {sign} {limit}, which {percent} % of 10,000 buckets are",
                decision.bucket,
                percent = percent.get()
            )
        }
        (Why::Roster, _) => {
            let word = if decision.side == Side::Target { "on" } else { "not on" };
            format!("the tenant is {word} the list that was frozen at approval")
        }
        (Why::Stage, stage) => format!("in stage {stage} the target answers for nobody"),
        (why, _) => why.text().to_owned(),
    };
    DecisionView {
        rollout: plan.name,
        operation,
        tenant: tenant.clone(),
        side: decision.side,
        why: decision.why,
        text,
        stage: plan.stage,
        version: plan.version,
        bucket: plan.bucketing.bucket(tenant.as_str()),
        algorithm: plan.bucketing.algorithm(),
        salt: plan.bucketing.salt().to_owned(),
        at,
        shadow: decision.shadow,
        second_write: decision.second_write,
        note: None,
    }
}
