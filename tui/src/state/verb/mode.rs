//! The ceiling for every tenant, and who is on the canary list.

use cutover_shared::error::RpcError;
use cutover_shared::ids::TenantId;
use cutover_shared::mapping::{MapAct, Mode};
use cutover_shared::rollout::RolloutName;
use cutover_shared::rpc::Act;

use super::{Intent, no};
use crate::keymap::Tier;
use crate::plain::{number, shell_option};
use crate::state::State;
use crate::state::dialog::{Dialog, Field};
use crate::state::errand::{Plan, Step};
use crate::state::subject::Subject;

/// Sets the mode.
pub fn mode_choice(state: &State, mode: Mode) -> Result<Intent, RpcError> {
    let Some(status) = state.status() else { return Err(no("the mode is not known yet", "wait a moment")) };
    let now = status.mode.mode;
    if now == mode && !status.mode.killed {
        return Err(no(format!("the mode is {mode} already"), "there is nothing to change"));
    }
    let plan = Plan {
        title: format!("mode {mode}"),
        twin: format!("cutover mode set {mode}"),
        steps: vec![Step::Act(Act::Map(MapAct::SetMode { mode: Some(mode), canary: None }))],
        run: None,
    };
    // Back to legacy is the way out of trouble; on is the whole fleet's.
    let tier = if mode == Mode::On { Tier::Fleet } else { Tier::Live };
    let mut dialog = Dialog::new(format!("Mode: {now} to {mode}"), tier, "Set", plan, state.now);
    let canary = number(u64::try_from(status.mode.canary.len()).unwrap_or(u64::MAX));
    let tenants = number(status.tenants);
    dialog.effect.push(match mode {
        Mode::Off => format!("Every import of all {tenants} tenants is served by the old user tokens."),
        Mode::Canary => {
            format!("{canary} of {tenants} tenants, those on the canary list, may use installations.")
        }
        Mode::On => format!("All {tenants} tenants may use installations where they are mapped."),
    });
    if status.mode.killed {
        dialog.effect.push(
            "LETS GO OF THE KILL SWITCH, for github-auth. Paused runs stay paused until somebody goes on with them."
                .to_owned(),
        );
        dialog.effect.extend(others_killed(state));
    }
    dialog.undo =
        if now == mode { "K kills again".to_owned() } else { format!("mode {now} again; K kills at once") };
    let phrase =
        if mode == Mode::On { format!("mode on for {}", status.tenants) } else { mode.word().to_owned() };
    dialog.fields = vec![Field::exactly(format!("type `{phrase}`"), phrase)];
    Ok(Intent::Ask(Box::new(dialog)))
}

/// What a mode does not let go of: it is github-auth's alone.
pub fn others_killed(state: &State) -> Option<String> {
    let status = state.status()?;
    let others = status.rollouts.iter().filter(|one| one.killed && one.name != RolloutName::GithubAuth);
    let names: Vec<&str> = others.map(|one| one.name.word()).collect();
    let way = match names.as_slice() {
        [] => return None,
        [one] => format!("{one} stays killed: `cutover unkill {one} --reason TEXT` lets go of it"),
        many => format!("{} stay killed: `cutover unkill --all --reason TEXT` lets go", many.join(", ")),
    };
    Some(format!("{way}."))
}

/// Puts the marked tenants, or the selected one, on the canary list, or takes them off.
pub fn toggle_canary(state: &State) -> Result<Intent, RpcError> {
    let Some(status) = state.status() else { return Err(no("the list is not known yet", "wait a moment")) };
    let marked = state.table().into_iter().flat_map(|table| table.marks.values().cloned());
    let mut tenants: Vec<(TenantId, bool)> = marked.filter_map(member).collect();
    if tenants.is_empty() {
        tenants.extend(state.selected().and_then(member));
    }
    let Some((first, on)) = tenants.first().cloned() else {
        return Err(no("no tenant is selected", "stand on a tenant, or mark some with space"));
    };
    if tenants.iter().any(|(_, canary)| *canary != on) {
        return Err(no(
            "some of the marked tenants are on the canary list and some are not",
            "mark only such as shall change the same way; the filter canary:yes shows one kind",
        ));
    }
    let mut list = status.mode.canary.clone();
    list.retain(|tenant| !tenants.iter().any(|(other, _)| other == tenant));
    if !on {
        list.extend(tenants.iter().map(|(tenant, _)| tenant.clone()));
        list.sort();
    }
    let flag = if on { "--remove-canary" } else { "--add-canary" };
    let names = tenants.iter().map(|(tenant, _)| format!(" {}", shell_option(flag, tenant.as_str())));
    let who = if tenants.len() == 1 { first.0.clone() } else { format!("{} tenants", tenants.len()) };
    let (verb, button) = if on { ("off", "Take off") } else { ("on", "Put on") };
    let plan = Plan {
        title: format!("{who} {verb} the canary list"),
        twin: format!("cutover mode set{}", names.collect::<String>()),
        steps: vec![Step::Act(Act::Map(MapAct::SetMode { mode: None, canary: Some(list.clone()) }))],
        run: None,
    };
    let mut dialog = Dialog::new(format!("Canary list: {who} {verb}"), Tier::Live, button, plan, state.now);
    let length = number(u64::try_from(list.len()).unwrap_or(u64::MAX));
    let tenants = if list.len() == 1 { "tenant" } else { "tenants" };
    dialog.effect.push(format!("The canary list then has {length} {tenants}."));
    dialog.effect.push(match (status.mode.mode, on) {
        (Mode::Canary, false) => "They may use installations at once, where they are mapped.".to_owned(),
        (Mode::Canary, true) => "They are served by the old user tokens again, at once.".to_owned(),
        (mode, _) => format!("In mode {mode} the list has no effect yet; a dry-run of `canary` covers it."),
    });
    dialog.undo = "the same key again".to_owned();
    let phrase = if tenants.len() == 1 { first.0 } else { format!("canary {}", tenants.len()) };
    dialog.fields = vec![Field::exactly(format!("type `{phrase}`"), phrase)];
    Ok(Intent::Ask(Box::new(dialog)))
}

fn member(subject: Subject) -> Option<(TenantId, bool)> {
    match subject {
        Subject::Tenant(view) => Some((view.id, view.canary)),
        _ => None,
    }
}
