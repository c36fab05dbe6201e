//! An installation: its health with reasons and what mends them, and what it may and may not.

use cutover_shared::installation::{Health, InstallationState, InstallationView};

use super::{Fact, fact, toned};
use crate::plain::{age, number, time};
use crate::state::list::{health_role, missing_permissions};
use crate::state::{State, Subject};
use crate::theme::Role;

fn newest(state: &State, view: &InstallationView) -> InstallationView {
    match state.newest(&Subject::Installation(Box::new(view.clone()))) {
        Subject::Installation(view) => *view,
        _ => view.clone(),
    }
}

pub(super) fn why(state: &State, view: &InstallationView) -> Vec<Fact> {
    let view = newest(state, view);
    let mut facts = vec![
        toned("Health", view.health.word(), health_role(view.health)),
        fact(
            "Rule",
            match view.health {
                Health::Healthy => "nothing speaks against it: it serves its tenants",
                Health::Attention => "it works, and something should be looked at",
                Health::Failing => "it does not serve its tenants",
            },
        ),
    ];
    for reason in &view.reasons {
        facts.push(toned("Reason", format!("{}: {}", reason.code, reason.text), health_role(view.health)));
        if let Some(mend) = &reason.mend {
            facts.push(fact("Mend", mend.as_str()));
        }
    }
    facts.extend(rest(state, &view));
    facts
}

pub(super) fn detail(state: &State, view: &InstallationView) -> Vec<Fact> {
    let view = newest(state, view);
    let mut facts = vec![
        fact("Installation", format!("{} of {} ({})", view.id, view.account, view.account_type)),
        toned("Health", view.health.word(), health_role(view.health)),
    ];
    for reason in &view.reasons {
        facts.push(toned("Reason", reason.text.as_str(), health_role(view.health)));
    }
    facts.extend(rest(state, &view));
    facts
}

/// What it is made of.
fn rest(state: &State, view: &InstallationView) -> Vec<Fact> {
    let now = state.daemon_now();
    let when = |at: i64| format!("{} ({})", time(at), age(now, at));
    let mut facts = vec![match (view.state, view.suspended_at) {
        (InstallationState::Active, _) => fact("At GitHub", view.state.word()),
        (other, Some(at)) => toned("At GitHub", format!("{other} since {}", when(at)), Role::Warn),
        (other, None) => toned("At GitHub", other.word(), Role::Warn),
    }];
    facts.push(fact(
        "Repositories",
        format!(
            "{} ({}); {} of the catalog mapped, {} not",
            number(view.repositories),
            view.selection,
            number(view.mapped),
            number(view.unmapped)
        ),
    ));
    if !view.missing.is_empty() {
        let text = format!("{}: the owner has to grant them at GitHub", missing_permissions(view));
        facts.push(toned("Not granted", text, Role::Warn));
    }
    let granted: Vec<String> =
        view.permissions.iter().map(|(name, level)| format!("{name}: {level}")).collect();
    if !granted.is_empty() {
        facts.push(fact("Granted", granted.join(", ")));
    }
    facts.push(match view.budget {
        Some((left, of)) => fact("Budget", format!("{left} of {of} calls left of this hour")),
        None => toned("Budget", "GitHub has not said it yet", Role::Dim),
    });
    facts.push(match (&view.token_error, view.token_minted_at) {
        (Some(error), _) => toned("Token", format!("the last mint failed: {error}"), Role::Bad),
        (None, Some(at)) => fact("Token", format!("minted {}", age(now, at))),
        (None, None) => toned("Token", "none in memory: the next call mints one", Role::Dim),
    });
    let event = view.last_event.as_ref().map_or(String::new(), |event| format!(", {event}"));
    facts.push(match view.last_delivery_at {
        Some(at) => fact("Delivery", format!("the last {}{event}", age(now, at))),
        None => toned("Delivery", "none came yet", Role::Dim),
    });
    if view.waiting_deliveries > 0 {
        facts.push(toned("Waiting", format!("{} deliveries", number(view.waiting_deliveries)), Role::Info));
    }
    if view.dead_deliveries > 0 {
        let text = format!("{} deliveries were given up: W shows them", number(view.dead_deliveries));
        facts.push(toned("Dead", text, Role::Bad));
    }
    if let Some(at) = view.read_at {
        facts.push(fact("List read", age(now, at)));
    }
    facts
}
