//! A step forward: looked at, approved by its digest, taken.

use std::collections::HashSet;

use cutover_shared::ids::Digest;
use cutover_shared::rollout::{ChangeView, Criterion, RolloutName, Stage, StepView};
use serde_json::json;

use super::{Change, Known, RolloutError, Rollouts, cut, list_of};
use crate::audit::Who;
use crate::rollout::criteria::{criteria, is_open};
use crate::rollout::stages::Illegal;
use crate::rollout::state::ListRef;
use crate::rollout::step::{self, EXACT_MOST};
use crate::store::Lane;

/// The step that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepAsk {
    pub name: RolloutName,
    /// None: the next stage.
    pub to: Option<Stage>,
    /// So many tenants by name instead of the share.
    pub exact: Option<u32>,
}

/// Tenants by name: the list as it is stored, and as it decides.
type Listed = ((ListRef, String), HashSet<String>);

impl Rollouts {
    /// What a step would do. Changes nothing.
    pub async fn step(&self, ask: &StepAsk) -> Result<StepView, RolloutError> {
        let known = self.known(ask.name)?;
        Ok(self.looked(&known, ask).await?.0)
    }

    /// Takes the step whose digest is named. `passed` is the reason why criteria that may be passed are.
    pub async fn advance(
        &self,
        ask: &StepAsk,
        digest: &Digest,
        passed: Option<&str>,
        who: &Who,
    ) -> Result<ChangeView, RolloutError> {
        let _one = self.0.changing.lock().await;
        let known = self.known(ask.name)?;
        let (view, roster) = self.looked(&known, ask).await?;
        if view.digest != *digest {
            return Err(RolloutError::Stale);
        }
        if !is_open(&view.criteria, passed.is_some()) {
            return Err(first_failing(&view.criteria, passed.is_some()));
        }
        let at = self.0.clock.now();
        let (mut state, mut lists) = (known.state.clone(), known.lists.clone());
        state.moved(view.to, roster.as_ref().map(|(of, _)| of.0.clone()), at);
        lists.roster = roster.as_ref().map(|(_, names)| names.clone());
        let overridden: Vec<_> =
            view.criteria.iter().filter(|one| !is_open(std::slice::from_ref(one), false)).collect();
        let detail = json!({
            "digest": digest, "inside": view.inside, "tenants": view.tenants, "moving": view.moving_count,
            "exact": ask.exact, "criteria": view.criteria, "passed": overridden,
        });
        let change = Change {
            state,
            lists,
            store: roster.into_iter().map(|(of, _)| of).collect(),
            act: "stage",
            reason: cut(passed.unwrap_or_default()),
            detail,
        };
        self.put(ask.name, known.version, Some(known.state.stage), change, who, Lane::Handler).await
    }

    /// Criteria, moves and digest of a step; with `exact` also the list to be stored.
    async fn looked(&self, known: &Known, ask: &StepAsk) -> Result<(StepView, Option<Listed>), RolloutError> {
        let (state, track) = (&known.state, &self.0.settings.track);
        let to = match ask.to {
            Some(to) => to,
            None => track.next(state.stage).ok_or(Illegal::Last(state.stage))?,
        };
        track.forward(state.stage, to)?;
        let is_share = matches!(to, Stage::Canary(_));
        if ask.exact.is_some_and(|count| count == 0 || count > EXACT_MOST || !is_share) {
            return Err(RolloutError::Exact);
        }
        let mut facts = self.0.evidence.facts(ask.name, state).await?;
        facts.killed |=
            state.killed.is_some() || self.0.router.is_killed() || self.0.router.held(ask.name).is_some();
        let now = self.0.clock.now();
        let criteria = criteria(state, &self.0.settings.rules, &facts, to, now);
        let plan = self.plan(ask.name, known)?;
        let moves = step::moves(&self.0.db, &plan, to, ask.exact).await?;
        let roster = moves
            .roster
            .as_ref()
            .map(|all| (list_of(all), all.iter().map(|tenant| tenant.0.clone()).collect::<HashSet<_>>()));
        let view = StepView {
            rollout: ask.name,
            version: known.version,
            from: state.stage,
            to,
            digest: moves.digest,
            moving: moves.moving,
            moving_count: moves.moving_count,
            returning_count: moves.returning_count,
            inside: moves.inside,
            tenants: moves.tenants,
            exact: ask.exact.is_some(),
            open: is_open(&criteria, false),
            criteria,
        };
        Ok((view, roster))
    }
}

fn first_failing(criteria: &[Criterion], passed: bool) -> RolloutError {
    let one = criteria.iter().find(|one| !is_open(std::slice::from_ref(one), passed));
    let (name, text) = one.map(|one| (one.name.clone(), one.text.clone())).unwrap_or_default();
    RolloutError::Criteria { name, text }
}
