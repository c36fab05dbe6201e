//! What must hold before the next stage (go or no-go). Each says what was measured against what; what is not known stops a
//! step as what fails does.

mod hours;
mod stable;

use std::time::Duration;

use cutover_shared::mapping::Mode;
use cutover_shared::rollout::{
    BaselineMeasure, Criterion, CriterionState, NamedRoles, ReconcileView, RepairView, ReverseView, Side,
    Stage, WorthDecision,
};
use cutover_shared::status::Health;
use cutover_shared::verdict::Unit;
use serde::{Deserialize, Serialize};

pub use self::hours::{Hours, opens};
pub use self::stable::{stable_since, time};
use super::reconcile::ALERT_PPM;
use super::state::State;

/// A comparison of both books is no older than this.
const RECONCILED_MS: i64 = 60 * MINUTE_MS;

const MINUTE_MS: i64 = 60_000;

/// What is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// None: at any time.
    pub hours: Option<Hours>,
    /// How long at least in `dual-write`, `shadow`, each share of `canary`, `live`.
    pub soak_dual_write: Duration,
    pub soak_shadow: Duration,
    pub soak_canary: Duration,
    pub soak_live: Duration,
    /// A proof of the way back is no older than this.
    pub reverse_age: Duration,
    pub roles: NamedRoles,
}

impl Default for Rules {
    fn default() -> Self {
        const HOUR: u64 = 60 * 60;
        Self {
            hours: Some(Hours { from: 2 * 60, to: 6 * 60 }),
            soak_dual_write: Duration::from_secs(HOUR),
            soak_shadow: Duration::from_secs(24 * HOUR),
            soak_canary: Duration::from_secs(72 * HOUR),
            soak_live: Duration::from_secs(14 * 24 * HOUR),
            reverse_age: Duration::from_secs(24 * HOUR),
            roles: NamedRoles::default(),
        }
    }
}

impl Rules {
    /// How long a rollout stays in a stage at least, milliseconds.
    pub fn soak_ms(&self, stage: Stage) -> i64 {
        let soak = match stage {
            Stage::Off | Stage::Complete => Duration::ZERO,
            Stage::DualWrite => self.soak_dual_write,
            Stage::Shadow => self.soak_shadow,
            Stage::Canary(_) => self.soak_canary,
            Stage::Live => self.soak_live,
        };
        i64::try_from(soak.as_millis()).unwrap_or(i64::MAX)
    }
}

/// Something that was proven, or was not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    pub at: i64,
    pub ok: bool,
    pub text: String,
}

/// What is known of a rollout besides its state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// What the judge says of this stage: the state and its words.
    pub verdict: Option<(CriterionState, String)>,
    pub repair: RepairView,
    /// What the last comparison of both books found.
    pub reconciled: Option<ReconcileView>,
    pub reverse: Option<ReverseView>,
    pub armed: Option<Proof>,
    pub preflight: Option<Proof>,
    pub baseline_at: Option<i64>,
    /// What the baseline has no data of, or too little: it is not compared.
    pub baseline_lacks: Vec<BaselineMeasure>,
    /// Windows of this stage whose figures are not whole.
    pub incomplete: u64,
    pub incident: Option<String>,
    pub killed: bool,
    /// When the judge last said no in `live`, and its words.
    pub red: Option<Proof>,
}

/// All criteria of the step to `to`.
pub fn criteria(state: &State, rules: &Rules, facts: &Facts, to: Stage, now: i64) -> Vec<Criterion> {
    let mut all =
        vec![killed(facts), freeze(state), worth(state), incident(facts), hours::criterion(rules.hours, now)];
    all.push(match to {
        Stage::Complete => stable::criterion(state, rules, facts, now),
        _ => soak(state, rules, now),
    });
    if to == Stage::DualWrite {
        all.push(baseline(facts));
    }
    all.push(flags(state));
    if state.stage.writes_both() {
        all.extend([repair(facts), reconciled(facts, now)]);
    }
    if state.stage.compares() {
        all.extend([verdict(facts), complete(facts)]);
    }
    if to.opens_target() {
        all.extend([mode(state), armed(facts), preflight(rules, facts, now)]);
    }
    all.push(reverse(rules, facts, now));
    if to == Stage::Complete {
        all.push(overrides(state));
    }
    all
}

/// Whether the step may be taken: everything holds, or what does not may be passed and somebody passes it.
pub fn is_open(criteria: &[Criterion], passed: bool) -> bool {
    criteria.iter().all(|one| one.state == CriterionState::Holds || (passed && one.may_override))
}

/// Criteria that stand in the way of a step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} does not hold: {text}{}", also(.others))]
pub struct Unmet {
    /// The first, and what was seen of it.
    pub name: String,
    pub text: String,
    /// Those that do not hold besides.
    pub others: Vec<String>,
    /// Of all of them, those that nobody may pass.
    pub never: Vec<String>,
}

fn also(others: &[String]) -> String {
    match others {
        [] => String::new(),
        [other] => format!("; nor does {other}"),
        more => format!("; nor do {}", more.join(", ")),
    }
}

/// What stands in the way; where somebody passes what may be passed, only the rest.
pub fn unmet(criteria: &[Criterion], passed: bool) -> Unmet {
    let names = |passed: bool| {
        let failing = criteria.iter().filter(move |one| !is_open(std::slice::from_ref(*one), passed));
        failing.map(|one| one.name.clone())
    };
    let first = criteria.iter().find(|one| !is_open(std::slice::from_ref(*one), passed));
    let (name, text) = first.map(|one| (one.name.clone(), one.text.clone())).unwrap_or_default();
    Unmet { name, text, others: names(passed).skip(1).collect(), never: names(true).collect() }
}

fn one(name: &str, state: CriterionState, may_override: bool, text: impl Into<String>) -> Criterion {
    Criterion { name: name.to_owned(), state, text: text.into(), may_override }
}

fn holds(yes: bool) -> CriterionState {
    if yes { CriterionState::Holds } else { CriterionState::Fails }
}

fn killed(facts: &Facts) -> Criterion {
    let text = if facts.killed { "the kill switch is pulled: `cutover unkill`" } else { "no kill" };
    one("kill", holds(!facts.killed), false, text)
}

fn freeze(state: &State) -> Criterion {
    match &state.freeze {
        None => one("freeze", CriterionState::Holds, false, "not frozen"),
        Some(freeze) => {
            let text = format!("frozen by {}: {}", freeze.by, freeze.reason);
            one("freeze", CriterionState::Fails, false, text)
        }
    }
}

/// Nobody has to decide; who decided that it is not needed has closed the phases, and only another decision opens them.
fn worth(state: &State) -> Criterion {
    let Some(decided) = &state.decided else {
        let text = "nobody decided yet whether to migrate: `cutover rollout worth`";
        return one("worth", CriterionState::Holds, false, text);
    };
    let said = format!("by {}: {}", decided.by, decided.reason);
    match decided.decision {
        WorthDecision::Migrate => {
            one("worth", CriterionState::Holds, false, format!("to migrate was decided {said}"))
        }
        WorthDecision::NotNeeded => {
            let text = format!("closed as not needed {said}; `cutover rollout decide NAME migrate` opens it");
            one("worth", CriterionState::Fails, false, text)
        }
    }
}

fn incident(facts: &Facts) -> Criterion {
    match &facts.incident {
        None => one("incident", CriterionState::Holds, false, "no incident is open"),
        Some(text) => {
            one("incident", CriterionState::Fails, false, format!("open: {text}; `cutover incident list`"))
        }
    }
}

fn soak(state: &State, rules: &Rules, now: i64) -> Criterion {
    let (wanted, been) = (rules.soak_ms(state.stage), now.saturating_sub(state.stage_since).max(0));
    let text = format!("{} of {} in {}", length(been), length(wanted), state.stage);
    one("soak", holds(been >= wanted), true, text)
}

fn length(ms: i64) -> String {
    let minutes = ms / MINUTE_MS;
    match minutes {
        0 => format!("{} s", ms / 1_000),
        1..120 => format!("{minutes} min"),
        120..2_880 => format!("{} h", minutes / 60),
        _ => format!("{} d", minutes / 1_440),
    }
}

fn baseline(facts: &Facts) -> Criterion {
    match facts.baseline_at {
        Some(_) if facts.baseline_lacks.is_empty() => {
            one("baseline", CriterionState::Holds, true, "recorded")
        }
        Some(_) => {
            let lacks: Vec<_> = facts.baseline_lacks.iter().map(|one| one.word().replace('_', " ")).collect();
            let text = format!("recorded; not enough data to compare {}", lacks.join(", "));
            one("baseline", CriterionState::Holds, true, text)
        }
        None => {
            one("baseline", CriterionState::Unknown, true, "none is recorded: `cutover rollout baseline`")
        }
    }
}

fn flags(state: &State) -> Criterion {
    if state.off.is_empty() {
        return one("flags", CriterionState::Holds, true, "all on");
    }
    let off: Vec<_> = state.off.iter().map(|operation| operation.flag()).collect();
    one("flags", CriterionState::Fails, true, format!("off: {}", off.join(", ")))
}

fn repair(facts: &Facts) -> Criterion {
    let RepairView { waiting, failed, oldest_ms, blocks } = facts.repair;
    let text = format!("{waiting} wait, {failed} failed, the oldest {}", length(oldest_ms));
    one("repair", holds(!blocks && failed == 0), false, text)
}

/// A small fleet that no judge has enough figures of is passed on this: every record of both arms was looked at.
fn reconciled(facts: &Facts, now: i64) -> Criterion {
    const MEND: &str = "`cutover rollout reconcile` compares now";
    let Some(view) = &facts.reconciled else {
        let text = format!("both books were never compared: {MEND}");
        return one("reconcile", CriterionState::Unknown, false, text);
    };
    let age = now.saturating_sub(view.at);
    if age > RECONCILED_MS {
        let text = format!(
            "both books were compared {} ago, at most {}: {MEND}",
            length(age),
            length(RECONCILED_MS)
        );
        return one("reconcile", CriterionState::Unknown, false, text);
    }
    let ReconcileView { compared, missing, extra, different, lagging, mismatch_ppm, unrecorded, .. } = view;
    if *compared == 0 {
        let empty = *lagging == 0 && view.later == Some(0) && *unrecorded == 0;
        let text = if empty {
            format!(
                "neither book has a record since {}: no call was answered that could differ",
                time(view.since)
            )
        } else {
            format!(
                "nothing was compared {} ago: {lagging} on their way, {} came meanwhile, {unrecorded} answers left no record: {MEND}",
                length(age),
                view.later.map_or_else(|| "an unknown number".to_owned(), |later| later.to_string())
            )
        };
        let state = if empty { CriterionState::Holds } else { CriterionState::Unknown };
        return one("reconcile", state, false, text);
    }
    let (mismatch, most) = (Unit::Ppm.amount(*mismatch_ppm), Unit::Ppm.amount(ALERT_PPM));
    let text = format!(
        "{compared} compared {} ago: {missing} missing, {extra} extra, {different} different ({mismatch}, at \
         most {most}), {lagging} on their way",
        length(age)
    );
    if view.health != Health::Bad && *unrecorded > 0 {
        // Nothing makes them comparable any more: a person who has looked otherwise may pass them.
        let text = format!("{text}; {unrecorded} answers left no record, which no comparison finds");
        return one("reconcile", CriterionState::Unknown, true, text);
    }
    one("reconcile", holds(view.health != Health::Bad), false, text)
}

fn verdict(facts: &Facts) -> Criterion {
    match &facts.verdict {
        // A breach is never passed; too little to say may be, by a person who has looked otherwise (a small fleet).
        Some((state, text)) => one("verdict", *state, *state == CriterionState::Unknown, text.clone()),
        None => one("verdict", CriterionState::Unknown, true, "nothing was judged in this stage yet"),
    }
}

fn complete(facts: &Facts) -> Criterion {
    let text = match facts.incomplete {
        0 => "every window of this stage is whole".to_owned(),
        n => format!("{n} windows of this stage are not whole"),
    };
    one("complete", holds(facts.incomplete == 0), true, text)
}

fn mode(state: &State) -> Criterion {
    match &state.ceiling {
        None => one("mode", CriterionState::Holds, false, "none stands above this rollout"),
        Some(ceiling) => {
            one("mode", holds(ceiling.mode != Mode::Off), false, format!("the mode is {}", ceiling.mode))
        }
    }
}

/// A proof is written when it says something new, so that an old one holds.
fn armed(facts: &Facts) -> Criterion {
    match &facts.armed {
        Some(proof) => one("armed", holds(proof.ok), false, proof.text.clone()),
        None => one("armed", CriterionState::Unknown, false, "no trigger has proven yet that it can fire"),
    }
}

/// Credentials end and tenants come: what was tried long ago says nothing of today.
fn preflight(rules: &Rules, facts: &Facts, now: i64) -> Criterion {
    match &facts.preflight {
        Some(proof) if too_old(rules, proof.at, now) => {
            let text =
                format!("tried {}; `cutover rollout preflight` tries again", aged(rules, proof.at, now));
            one("preflight", CriterionState::Unknown, true, text)
        }
        Some(proof) => one("preflight", holds(proof.ok), true, proof.text.clone()),
        None => {
            one("preflight", CriterionState::Unknown, true, "no tenant's credential was tried in the target")
        }
    }
}

/// How old a proof may be, milliseconds.
fn most_age(rules: &Rules) -> i64 {
    i64::try_from(rules.reverse_age.as_millis()).unwrap_or(i64::MAX)
}

fn too_old(rules: &Rules, at: i64, now: i64) -> bool {
    now.saturating_sub(at) > most_age(rules)
}

fn aged(rules: &Rules, at: i64, now: i64) -> String {
    format!("{} ago; at most {}", length(now.saturating_sub(at)), length(most_age(rules)))
}

fn reverse(rules: &Rules, facts: &Facts, now: i64) -> Criterion {
    match &facts.reverse {
        None => one(
            "reverse",
            CriterionState::Unknown,
            false,
            "the way back was not walked: `cutover rollout drill`",
        ),
        Some(proof) if too_old(rules, proof.at, now) => {
            let text = format!("walked {}", aged(rules, proof.at, now));
            one("reverse", CriterionState::Unknown, false, text)
        }
        Some(proof) => one("reverse", holds(proof.ok), false, proof.text.clone()),
    }
}

fn overrides(state: &State) -> Criterion {
    let kept = state.overrides.values().filter(|one| one.side == Side::Legacy).count();
    let text = format!("{kept} overrides keep tenants on legacy");
    one("overrides", holds(kept == 0), false, text)
}

#[cfg(test)]
mod tests;
