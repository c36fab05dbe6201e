//! A workflow: its rule in full, what it matched, what was sent because of it.

use cutover_shared::workflow::{Rule, WorkflowSource, WorkflowView};

use super::{Fact, fact, toned};
use crate::plain::{age, number, time};
use crate::state::{State, Subject};
use crate::theme::Role;

/// Dispatches that are told.
const DISPATCHES: usize = 20;

fn newest(state: &State, view: &WorkflowView) -> WorkflowView {
    match state.newest(&Subject::Workflow(Box::new(view.clone()))) {
        Subject::Workflow(view) => *view,
        _ => view.clone(),
    }
}

pub(super) fn detail(state: &State, view: &WorkflowView) -> Vec<Fact> {
    let (view, now) = (newest(state, view), state.daemon_now());
    let mut facts = vec![fact("Workflow", view.id.as_str())];
    if !view.name.is_empty() {
        facts.push(fact("Name", view.name.as_str()));
    }
    facts.extend(source(&view));
    facts.extend(rule(&view.trigger));
    facts.extend(standing(&view, now));
    let context = if view.attach_context { "attached to each dispatch" } else { "not attached" };
    facts.push(fact("Context", context));
    facts.push(fact("Registered", format!("{} by {}", age(now, view.updated_at), view.updated_by)));
    let sent = state.dispatches(&view.id).unwrap_or_default();
    for (i, one) in sent.iter().take(DISPATCHES).enumerate() {
        let line = super::delivery::dispatch(one, now);
        let repository = one.repository.as_ref().map_or(String::new(), |name| format!(" of {name}"));
        let guid = one.guid.as_ref().map_or(String::new(), |guid| format!(", {guid}"));
        facts.push(Fact {
            key: if i == 0 { "Sent last".to_owned() } else { String::new() },
            value: format!("{}{repository}{guid}: {}", one.event, line.value),
            role: line.role,
        });
    }
    facts
}

pub(super) fn why(state: &State, view: &WorkflowView) -> Vec<Fact> {
    let (view, now) = (newest(state, view), state.daemon_now());
    let mut facts = vec![
        fact("Workflow", view.id.as_str()),
        fact("Rule", "a delivery matches when every list below that is not empty is met"),
    ];
    facts.extend(source(&view));
    facts.extend(rule(&view.trigger));
    facts.extend(standing(&view, now));
    facts.push(fact("Next", "E explains its last match; T asks for a delivery and says what it missed"));
    if view.dead > 0 {
        facts.push(fact("", "r sends its dead dispatches again, after their reason is mended"));
    }
    facts
}

/// Where it comes from when it was not registered here, and what is wrong with it.
fn source(view: &WorkflowView) -> Vec<Fact> {
    let mut facts = Vec::new();
    if view.source == WorkflowSource::Application {
        facts.push(fact("Source", "the application's own tables: it is changed and removed there"));
    }
    if let Some(trouble) = &view.trouble {
        facts.push(toned("Mistake", format!("it matches nothing: {trouble}"), Role::Bad));
    }
    facts
}

/// Matches and what came of them.
fn standing(view: &WorkflowView, now: i64) -> Vec<Fact> {
    let last = match &view.last_match {
        Some(last) => format!(", the last {} by {} ({})", age(now, last.at), last.guid, time(last.at)),
        None => String::new(),
    };
    let mut facts = vec![match view.matches {
        0 => toned("Matches", "none yet", Role::Dim),
        n => fact("Matches", format!("{}{last}", number(n))),
    }];
    if view.waiting > 0 {
        facts.push(toned("Waiting", format!("{} dispatches", number(view.waiting)), Role::Info));
    }
    if view.dead > 0 {
        facts.push(toned("Dead", format!("{} dispatches were given up", number(view.dead)), Role::Bad));
    }
    facts
}

/// The rule in full.
fn rule(rule: &Rule) -> Vec<Fact> {
    let mut facts =
        vec![fact("Repository", rule.repository.as_str()), fact("Events", rule.events.join(", "))];
    for (key, list) in [
        ("Branches", &rule.branches),
        ("Paths", &rule.paths),
        ("Actions", &rule.action_filter),
        ("Authors", &rule.author_filter),
        ("Labels", &rule.label_filter),
    ] {
        if !list.is_empty() {
            facts.push(fact(key, list.join(", ")));
        }
    }
    facts.push(fact("Bots", if rule.ignore_bots { "ignored" } else { "count too" }));
    if let Some(id) = rule.github_app_installation_id {
        facts.push(fact("Installation", format!("only {id}")));
    }
    facts
}
