//! Dry-runs: they change nothing, so they ask nothing.

use cutover_shared::error::RpcError;
use cutover_shared::fleet::{FLEET, FleetScope};
use cutover_shared::hooks::HooksAct;
use cutover_shared::mapping::{MapAct, MapScope};
use cutover_shared::rollout::RolloutAct;
use cutover_shared::rpc::Act;
use cutover_shared::sandbox_record::SANDBOX_RECORDS;

use super::run::OLD_HOOKS;
use super::{Intent, no, scope_of};
use crate::plain::{number, shell_option};
use crate::state::errand::{Plan, Step};
use crate::state::layer::Layer;
use crate::state::subject::Subject;
use crate::state::{Screen, State};

/// Mapped repositories that a spot-check reads.
const SAMPLE: u32 = 10;

/// One line of the menu of scopes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeChoice {
    pub scope: Dryable,
    pub text: String,
}

/// What a dry-run is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dryable {
    Map(MapScope),
    Fleet(FleetScope),
}

impl ScopeChoice {
    /// Its dry-run.
    pub fn plan(&self, refresh: bool) -> Plan {
        match &self.scope {
            Dryable::Map(scope) => dry_run(scope, refresh),
            Dryable::Fleet(scope) => super::fleet::dry_run(scope, refresh),
        }
    }

    /// What a refresh reads again, and what that costs.
    pub fn refreshes(&self) -> (&'static str, &'static str) {
        match self.scope {
            Dryable::Map(_) => {
                ("GitHub's lists", "Only where somebody changed installations since: it costs calls.")
            }
            Dryable::Fleet(_) => {
                ("every ledger", "Only where somebody migrated by hand since: it connects to each tenant.")
            }
        }
    }
}

/// The dry-run of what is selected: a tenant's, or the same scope again.
pub(super) fn selected(state: &State, subject: Option<&Subject>) -> Result<Intent, RpcError> {
    if state.table().is_some_and(|table| table.marks.len() > 1) {
        let (covers, else_) = match state.screen {
            Screen::Fleet => ("a wave or all", "choose a wave (D)"),
            _ => ("the canary list or all", "put the tenants on the canary list (n) and choose `canary` (D)"),
        };
        return Err(no(
            format!("a dry-run covers one tenant, {covers}; several rows are marked"),
            format!("take the marks away, or {else_}"),
        ));
    }
    if let Some(intent) = of_fleet(state, subject) {
        return intent;
    }
    if let Some(Subject::Run(run)) = subject
        && let Some(scope) = scope_of(&run.scope)
    {
        match run.kind.as_str() {
            OLD_HOOKS => return Ok(Intent::Now(old_hooks(&scope))),
            SANDBOX_RECORDS => return Ok(Intent::Now(records(&scope))),
            _ => {}
        }
    }
    let scope = match subject {
        Some(Subject::Run(run)) => scope_of(&run.scope),
        Some(subject) => subject.tenant().map(MapScope::Tenant),
        None => None,
    };
    match scope {
        Some(scope) => Ok(Intent::Now(dry_run(&scope, false))),
        None => Ok(menu(state, subject)),
    }
}

/// What belongs to the fleet is planned there: its migrations, not its mapping.
fn of_fleet(state: &State, subject: Option<&Subject>) -> Option<Result<Intent, RpcError>> {
    match subject {
        Some(Subject::Instance(view)) => {
            let scope = FleetScope::Tenant(view.tenant.clone());
            Some(Ok(Intent::Now(super::fleet::dry_run(&scope, false))))
        }
        Some(Subject::Run(run)) if run.kind == FLEET => {
            let none = || no("this run's scope can't be planned again", "plan in Fleet");
            Some(super::fleet::again(run).map(Intent::Now).ok_or_else(none))
        }
        None if state.screen == Screen::Fleet => Some(Ok(super::fleet::menu(state))),
        _ => None,
    }
}

/// The menu of scopes.
pub(super) fn menu(state: &State, subject: Option<&Subject>) -> Intent {
    if state.screen == Screen::Fleet {
        return super::fleet::menu(state);
    }
    let mut choices = Vec::new();
    if let Some(tenant) = subject.and_then(Subject::tenant) {
        let text = format!("tenant {tenant}");
        choices.push(ScopeChoice { scope: Dryable::Map(MapScope::Tenant(tenant)), text });
    }
    let (canary, all) =
        state.status().map_or((0, 0), |status| (status.mode.canary.len(), status.repositories));
    let canary = number(u64::try_from(canary).unwrap_or(u64::MAX));
    choices.push(ScopeChoice {
        scope: Dryable::Map(MapScope::Canary),
        text: format!("canary: the {canary} tenants on the list"),
    });
    choices.push(ScopeChoice {
        scope: Dryable::Map(MapScope::All),
        text: format!("all: {} repositories", number(all)),
    });
    Intent::Open(Layer::Scope { choices, cursor: 0, refresh: false })
}

/// A dry-run of a scope.
pub fn dry_run(scope: &MapScope, refresh: bool) -> Plan {
    let mut twin = format!("cutover map plan {}", option(scope));
    if refresh {
        twin += " --refresh";
    }
    let act = Act::Map(MapAct::Plan { scope: scope.clone(), refresh });
    Plan { title: format!("dry-run of {scope}"), twin, steps: vec![Step::Act(act)], run: None }
}

/// A dry-run of the removal of old webhooks, where there was one of this scope: the first is asked for by command.
fn old_hooks(scope: &MapScope) -> Plan {
    Plan {
        title: format!("dry-run of old webhooks, {scope}"),
        twin: format!("cutover hooks plan {}", option(scope)),
        steps: vec![Step::Act(Act::Hooks(HooksAct::Plan { scope: scope.clone() }))],
        run: None,
    }
}

/// A dry-run of the move of sandboxes' records, as [`old_hooks`].
fn records(scope: &MapScope) -> Plan {
    Plan {
        title: format!("dry-run of sandboxes' records, {scope}"),
        twin: format!("cutover rollout records plan {}", option(scope)),
        steps: vec![Step::Act(Act::Rollout(RolloutAct::PlanRecords { scope: scope.clone() }))],
        run: None,
    }
}

fn option(scope: &MapScope) -> String {
    match scope {
        MapScope::All => "--all".to_owned(),
        MapScope::Canary => "--canary".to_owned(),
        MapScope::Tenant(tenant) => shell_option("--tenant", tenant.as_str()),
    }
}

/// A comparison of a sample. The time is the seed: each check looks at others, and its command repeats it.
pub(super) fn spot_check(now: i64) -> Plan {
    let seed = now.unsigned_abs();
    Plan {
        title: format!("spot-check of {SAMPLE} mapped repositories"),
        twin: format!("cutover map spot-check --sample {SAMPLE} --seed {seed}"),
        steps: vec![Step::Act(Act::Map(MapAct::SpotCheck { sample: SAMPLE, seed }))],
        run: None,
    }
}
