//! A step forward: looked at, approved by its digest, taken.

use std::collections::HashSet;

use cutover_shared::ids::Digest;
use cutover_shared::rollout::{ChangeView, Ring, RolloutName, Stage, StepView};
use serde_json::json;

use super::{Change, Known, RolloutError, Rollouts, cut, list_of};
use crate::audit::Who;
use crate::rollout::advance::{Wanted, conditions, destination};
use crate::rollout::criteria::{is_open, unmet};
use crate::rollout::stages::Place;
use crate::rollout::state::ListRef;
use crate::rollout::step::{self, EXACT_MOST, Reach};
use crate::store::Lane;

/// The step that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepAsk {
    pub name: RolloutName,
    /// None: the next stage.
    pub to: Option<Stage>,
    /// So many tenants by name instead of the share.
    pub exact: Option<u32>,
    /// None: the next that has tenants.
    pub ring: Option<Ring>,
}

/// Tenants by name: the list as it is stored, and as it decides.
type Listed = ((ListRef, String), HashSet<String>);

/// A step that was looked at.
struct Looked {
    view: StepView,
    roster: Option<Listed>,
    and_share: bool,
}

impl Rollouts {
    /// What a step would do. Changes nothing.
    pub async fn step(&self, ask: &StepAsk) -> Result<StepView, RolloutError> {
        let known = self.known(ask.name)?;
        Ok(self.looked(&known, ask).await?.view)
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
        let Looked { view, roster, and_share } = self.looked(&known, ask).await?;
        if view.digest != *digest {
            return Err(RolloutError::Stale { from: view.from, to: view.to });
        }
        if !is_open(&view.criteria, passed.is_some()) {
            return Err(unmet(&view.criteria, passed.is_some()).into());
        }
        let at = self.0.clock.now();
        let (mut state, mut lists) = (known.state.clone(), known.lists.clone());
        let to = Place { stage: view.to, ring: view.ring };
        state.placed(to, roster.as_ref().map(|(of, _)| of.0.clone()), and_share, at);
        lists.roster = roster.as_ref().map(|(_, names)| names.clone());
        let overridden: Vec<_> =
            view.criteria.iter().filter(|one| !is_open(std::slice::from_ref(one), false)).collect();
        let named = view.roles.of(&who.operator);
        let detail = json!({
            "named": named, "roles": view.roles, "ring": view.ring, "digest": digest, "inside": view.inside, "tenants": view.tenants, "moving": view.moving_count,
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
    async fn looked(&self, known: &Known, ask: &StepAsk) -> Result<Looked, RolloutError> {
        let (state, track) = (&known.state, &self.0.settings.track);
        let rings = self.rings().await?;
        let wanted = Wanted { stage: ask.to, ring: ask.ring, exact: ask.exact.is_some() };
        let to = destination(track, state, wanted, |ring| rings.values().any(|of| *of == ring))?;
        let is_share = matches!(to.stage, Stage::Canary(_));
        let is_whole = to.ring.is_all();
        if ask.exact.is_some_and(|count| count == 0 || count > EXACT_MOST || !is_share || !is_whole) {
            return Err(RolloutError::Exact);
        }
        let facts = self.0.evidence.facts(ask.name, state).await?;
        let stopped = self.0.router.is_killed() || self.0.router.held(ask.name).is_some();
        let now = self.0.clock.now();
        let rules = &self.0.settings.rules;
        let criteria = conditions(state, rules, facts, to, stopped, now);
        let plan = self.plan(ask.name, known)?;
        let reach = Reach { to, exact: ask.exact, rings: &rings };
        let moves = step::moves(&self.0.db, &plan, &reach).await?;
        if moves.returning_count > 0 {
            return Err(RolloutError::Returns(moves.returning_count));
        }
        let and_share = moves.and_share;
        let roster = moves
            .roster
            .as_ref()
            .map(|all| (list_of(all), all.iter().map(|tenant| tenant.0.clone()).collect::<HashSet<_>>()));
        let view = StepView {
            rollout: ask.name,
            version: known.version,
            from: state.stage,
            to: to.stage,
            digest: moves.digest,
            moving: moves.moving,
            moving_count: moves.moving_count,
            returning_count: moves.returning_count,
            inside: moves.inside,
            tenants: moves.tenants,
            exact: ask.exact.is_some(),
            ring: to.ring,
            roles: rules.roles.clone(),
            open: is_open(&criteria, false),
            criteria,
        };
        Ok(Looked { view, roster, and_share })
    }
}
