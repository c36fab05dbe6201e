//! The fleet: plans up and down, a group of failures once more, a test of a connection.

use cutover_shared::error::RpcError;
use cutover_shared::fleet::{FLEET, FailureGroup, FleetAct, FleetScope, FleetSummary, Way};
use cutover_shared::ids::TenantId;
use cutover_shared::rpc::Act;
use cutover_shared::run::RunView;

use super::{Intent, ScopeChoice, no, plan::Dryable, short, with_run};
use crate::keymap::{Action, Tier};
use crate::plain::fleet::{self as words, tenants, version};
use crate::plain::{shell_argument, shell_option};
use crate::state::dialog::{Dialog, Field};
use crate::state::errand::{Plan, Step};
use crate::state::layer::Layer;
use crate::state::subject::Subject;
use crate::state::{Screen, State};

/// Instances that one key tests; more is `cutover fleet instance test`.
const TESTED: usize = 20;

fn option(scope: &FleetScope) -> String {
    match scope {
        FleetScope::All => "--all".to_owned(),
        FleetScope::Tenant(tenant) => shell_option("--tenant", tenant.as_str()),
        FleetScope::Wave(wave) => format!("--wave {wave}"),
    }
}

/// The way up to the version that was asked for before.
pub(super) fn dry_run(scope: &FleetScope, refresh: bool) -> Plan {
    let refreshed = if refresh { " --refresh" } else { "" };
    let act = FleetAct::Plan { scope: scope.clone(), to: None, refresh };
    Plan {
        title: format!("dry-run of the fleet, {scope}"),
        twin: format!("cutover fleet plan {}{refreshed}", option(scope)),
        steps: vec![Step::Act(Act::Fleet(act))],
        run: None,
    }
}

/// The way back to a version, planned.
fn way_back(scope: &FleetScope, to: u32) -> Plan {
    let act = FleetAct::Rollback { scope: scope.clone(), to, refresh: false };
    Plan {
        title: format!("dry-run of the way back, {scope} to version {}", version(to)),
        twin: format!("cutover fleet rollback {} --to {to}", option(scope)),
        steps: vec![Step::Act(Act::Fleet(act))],
        run: None,
    }
}

/// The dry-run of a run's scope once more, the same way.
pub(super) fn again(run: &RunView) -> Option<Plan> {
    let scope = crate::state::fleet::scope_of(run)?;
    let summary = serde_json::from_value::<FleetSummary>(run.summary.clone()).unwrap_or_default();
    Some(match summary.way {
        Some(Way::Down) => way_back(&scope, summary.target),
        _ => dry_run(&scope, false),
    })
}

/// The menu of scopes: the tenant under the cursor, each wave, all.
pub(super) fn menu(state: &State) -> Intent {
    let mut choices = Vec::new();
    if let Some(view) = state.instance() {
        let text = format!("tenant {}", view.tenant);
        choices.push(ScopeChoice { scope: Dryable::Fleet(FleetScope::Tenant(view.tenant)), text });
    }
    let status = state.fleet_as_told();
    for wave in status.into_iter().flat_map(|status| &status.waves) {
        let text = format!("wave {}, {}: {}", wave.wave, wave.name, tenants(wave.tenants));
        choices.push(ScopeChoice { scope: Dryable::Fleet(FleetScope::Wave(wave.wave)), text });
    }
    let all = status.map_or("all".to_owned(), |status| format!("all: {}", tenants(status.instances)));
    choices.push(ScopeChoice { scope: Dryable::Fleet(FleetScope::All), text: all });
    Intent::Open(Layer::Scope { choices, cursor: 0, refresh: false })
}

/// The newest plan of the fleet that waits. A tenant's own would be hard to find below one of all.
pub(super) fn apply() -> Intent {
    Intent::Look {
        filter: format!("kind:{FLEET} state:planned,approved"),
        action: Action::Apply,
        missing: "no plan of the fleet waits: `d` plans this tenant, `D` chooses a wave or all",
    }
}

/// The run that is live: held, gone on with, ended.
pub(super) fn live(state: &State, action: Action) -> Result<Intent, RpcError> {
    // A plan that was approved holds its scope, too: it can be ended.
    let status = state.fleet();
    let both = status.into_iter().flat_map(|status| [status.run, status.plan]).flatten();
    let run = both.into_iter().find(|run| run.state.is_live());
    match run {
        Some(run) => with_run(state, action, &run),
        None => Err(no("no run of the fleet moves or is held", "`d` plans this tenant, `D` a wave or all")),
    }
}

fn selected(state: &State) -> Result<Box<cutover_shared::fleet::InstanceView>, RpcError> {
    state.instance().ok_or_else(|| no("no instance is selected", "stand on one in Fleet"))
}

/// Plans the selected tenant's way back to the version before.
pub(super) fn back(state: &State) -> Result<Intent, RpcError> {
    let view = selected(state)?;
    let Some(to) = view.version.checked_sub(1) else {
        return Err(no(
            format!("{} has no migration: there is nothing behind it", view.tenant),
            "`d` plans its way up",
        ));
    };
    let (tenant, key) = (&view.tenant, state.keymap.key(Action::Apply));
    let plan = way_back(&FleetScope::Tenant(tenant.clone()), to);
    let title = format!("Plan the way back of {tenant}: version {} to {}", view.version, version(to));
    let mut dialog = Dialog::new(title, Tier::Live, "Plan", plan, state.now);
    dialog.effect = vec![
        format!("The newest migration of {tenant} is planned to be taken back by its `down`."),
        format!("Nothing is run yet: the plan says what data is gone after it, and {key} applies it."),
        "It is refused as a whole where a `down` is missing.".to_owned(),
    ];
    dialog.undo = "nothing to take back: a plan changes nothing".to_owned();
    dialog.fields = vec![Field::exactly(format!("type `{tenant}`"), tenant.as_str())];
    Ok(Intent::Ask(Box::new(dialog)))
}

/// All tenants that failed as the selected one did.
pub(super) fn retry(state: &State) -> Result<Intent, RpcError> {
    let view = selected(state)?;
    let key = state.keymap.key(Action::Failures);
    if view.failed.is_none() {
        return Err(no(
            format!("{} did not fail: it is {}", view.tenant, view.status),
            format!("{key} lists what failed, by error"),
        ));
    }
    match state.failure_of(&view) {
        Some(group) => retry_group(state, group),
        None => Err(no(
            "it can't be told to which group of failures this tenant belongs",
            format!("{key} lists the groups: t there takes one once more"),
        )),
    }
}

/// A group of failures once more.
pub fn retry_group(state: &State, group: &FailureGroup) -> Result<Intent, RpcError> {
    let (id, name) = (group.run.clone(), group.group.as_str());
    let plan = Plan {
        title: format!("retry {} of the fleet, group {name}", tenants(group.tenants)),
        twin: words::again(group),
        steps: vec![Step::Act(Act::Fleet(FleetAct::Retry { run: id.clone(), group: name.to_owned() }))],
        run: Some(id.clone()),
    };
    let title = format!("Retry {} in run {}", tenants(group.tenants), short(&id));
    let mut dialog = Dialog::new(title, Tier::Reversible, "Retry", plan, state.now);
    let them = if group.tenants == 1 { "it" } else { "them" };
    dialog.effect = vec![
        format!("{} failed at {}: {}", tenants(group.tenants), group.migration, group.text),
        format!(
            "The run takes {them} once more, from that migration on; its limits and its halt hold as before."
        ),
        format!("Before that: {}.", group.next),
    ];
    let hold = state.keymap.key(Action::Hold);
    dialog.undo = format!("{hold} holds the run; what a tenant gets is taken back by its `down`");
    Ok(Intent::Ask(Box::new(dialog)))
}

/// Connects to the selected or the marked ones, and reads.
pub(super) fn test(state: &State) -> Result<Intent, RpcError> {
    let marked = state.table().into_iter().flat_map(|table| table.marks.values());
    let mut all: Vec<TenantId> = marked.filter_map(Subject::tenant).collect();
    if state.screen != Screen::Fleet || all.is_empty() {
        all = vec![selected(state)?.tenant];
    }
    if all.len() > TESTED {
        return Err(no(
            format!("{} are marked, and one key tests {TESTED} at most", all.len()),
            "`cutover fleet instance test` asks all that are in error",
        ));
    }
    let twins: Vec<String> = all
        .iter()
        .map(|tenant| format!("cutover fleet instance test {}", shell_argument(tenant.as_str())))
        .collect();
    let title = match all.as_slice() {
        [one] => format!("test of {one}"),
        many => format!("test of {} instances", many.len()),
    };
    let steps = all
        .into_iter()
        .map(|tenant| Step::Act(Act::Fleet(FleetAct::Test { tenant: Some(tenant) })))
        .collect();
    Ok(Intent::Now(Plan { title, twin: twins.join(" && "), steps, run: None }))
}

/// Attempts of the selected one.
pub(super) fn history(state: &State) -> Result<Intent, RpcError> {
    let tenant = selected(state)?.tenant;
    Ok(Intent::Open(Layer::History { tenant, pages: Vec::new(), scroll: 0 }))
}

/// What applying a plan of the fleet does; none of another kind.
pub(super) fn effect(view: &RunView) -> Option<Vec<String>> {
    (view.kind == FLEET)
        .then(|| serde_json::from_value::<FleetSummary>(view.summary.clone()).ok())
        .flatten()
        .map(|summary| {
            words::plan(&summary).into_iter().map(|(key, text, _)| format!("{key}: {text}")).collect()
        })
}

#[cfg(test)]
mod tests;
