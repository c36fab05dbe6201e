//! A delivery: its journey from GitHub to the engine, and why it stands where it stands.

use cutover_shared::webhook::{DeliveryState, DeliveryView};
use cutover_shared::workflow::{DispatchState, DispatchView, Explanation};

use super::{Fact, fact, toned};
use crate::plain::{age, number, span, time};
use crate::state::State;
use crate::state::list::{delivery_event, delivery_role, dispatch_role};
use crate::theme::Role;

/// One step of the journey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// `received`, `handled`, `dispatched`.
    pub word: &'static str,
    pub role: Role,
    pub text: String,
}

/// The delivery as it was told last.
fn newest(state: &State, view: &DeliveryView) -> DeliveryView {
    if let Some(detail) = state.delivery(&view.guid, false) {
        return detail.delivery.clone();
    }
    match state.newest(&crate::state::Subject::Delivery(Box::new(view.clone()))) {
        crate::state::Subject::Delivery(view) => *view,
        _ => view.clone(),
    }
}

/// Received, handled, dispatched: how far it came. What was sent on is known only of a delivery that was opened.
pub fn journey(state: &State, view: &DeliveryView) -> Vec<Stage> {
    let (view, now) = (newest(state, view), state.daemon_now());
    let again = match view.repeats {
        0 => String::new(),
        n => format!(", came {n} more {}", if n == 1 { "time" } else { "times" }),
    };
    let received = format!("{} ({}){again}", time(view.received_at), age(now, view.received_at));
    let mut all = vec![Stage { word: "received", role: Role::Good, text: received }, ended(&view, now)];
    let sent = state.delivery(&view.guid, false).map(|detail| detail.dispatches.as_slice());
    all.extend(sent.and_then(|sent| dispatched(sent, view.state)));
    all
}

/// What became of it.
fn ended(view: &DeliveryView, now: i64) -> Stage {
    let took = view.ended_at.map(|at| at.saturating_sub(view.received_at).max(0).unsigned_abs());
    let took = took.map_or(String::new(), |ms| match ms {
        ..1_000 => format!("after {ms} ms"),
        _ => format!("after {}", span(ms / 1_000)),
    });
    let tries = match view.attempts {
        0 => String::new(),
        1 => "1 try failed".to_owned(),
        n => format!("{n} tries failed"),
    };
    let due = match (view.state, view.due_at) {
        (DeliveryState::Waiting, Some(at)) if at > now => format!("next try {}", age(now, at)),
        (DeliveryState::Waiting, Some(_)) => "its next try is due".to_owned(),
        (DeliveryState::Waiting, None) => "handled when those before it are".to_owned(),
        _ => String::new(),
    };
    let note = view.note.clone().unwrap_or_default();
    let all: Vec<String> = [took, tries, due, note].into_iter().filter(|part| !part.is_empty()).collect();
    let text = if all.is_empty() { view.state.word().to_owned() } else { all.join("; ") };
    Stage { word: view.state.word(), role: delivery_role(view), text }
}

/// What was sent on, as one; none where it has no meaning yet.
fn dispatched(sent: &[DispatchView], state: DeliveryState) -> Option<Stage> {
    if sent.is_empty() {
        let text = "nothing was sent on: no workflow matched".to_owned();
        return (state == DeliveryState::Handled).then_some(Stage {
            word: "dispatched",
            role: Role::Dim,
            text,
        });
    }
    let count = |state: DispatchState| sent.iter().filter(|one| one.state == state).count();
    let counts = [DispatchState::Sent, DispatchState::Waiting, DispatchState::Dead];
    let told = counts.map(|state| (state, count(state)));
    let text: Vec<String> =
        told.iter().filter(|(_, n)| *n > 0).map(|(state, n)| format!("{n} {}", state.word())).collect();
    // The worst is what a person looks for.
    let worst = [Role::Bad, Role::Warn, Role::Info];
    let role = worst.into_iter().find(|role| sent.iter().any(|one| dispatch_role(one) == *role));
    Some(Stage { word: "dispatched", role: role.unwrap_or(Role::Good), text: text.join(", ") })
}

/// One dispatch in a line.
pub(super) fn dispatch(view: &DispatchView, now: i64) -> Fact {
    let tries = match view.attempts {
        0 => String::new(),
        1 => ", 1 failed try".to_owned(),
        n => format!(", {n} failed tries"),
    };
    let when = match (view.state, view.due_at) {
        (DispatchState::Waiting, Some(at)) if at > now => format!(", next {}", age(now, at)),
        _ => format!(" {}", age(now, view.ended_at.unwrap_or(view.created_at))),
    };
    let to = view.workflow.as_deref().unwrap_or("the scheduler");
    let execution = view.execution_id.as_ref().map_or(String::new(), |id| format!(", execution {id}"));
    let note = view.note.as_ref().map_or(String::new(), |note| format!(": {note}"));
    let text = format!("{} to {to}{when}{tries}{execution}{note}", view.state.word());
    toned("Dispatch", text, dispatch_role(view))
}

pub(super) fn detail(state: &State, view: &DeliveryView) -> Vec<Fact> {
    let now = state.daemon_now();
    let view = newest(state, view);
    let mut facts = vec![
        fact("Delivery", view.guid.as_str()),
        fact("Event", delivery_event(&view)),
        toned("State", view.state.word(), delivery_role(&view)),
    ];
    for stage in journey(state, &view) {
        let mut word = stage.word.to_owned();
        word[..1].make_ascii_uppercase();
        // What went well needs no colour: the state above has it.
        let role = if stage.role == Role::Good { Role::Text } else { stage.role };
        facts.push(toned(&word, stage.text, role));
    }
    let detail = state.delivery(&view.guid, false);
    for (i, one) in detail.into_iter().flat_map(|detail| &detail.dispatches).enumerate() {
        let line = dispatch(one, now);
        facts.push(Fact { key: if i == 0 { line.key } else { String::new() }, ..line });
    }
    if let Some(repository) = &view.repository {
        let id = view.repo_id.map_or(String::new(), |id| format!(" (id {id})"));
        facts.push(fact("Repository", format!("{repository}{id}")));
    }
    if let Some(id) = view.installation {
        facts.push(fact("Installation", id.to_string()));
    }
    let bytes = number(u64::try_from(view.bytes).unwrap_or(0));
    let kept = if view.kept { "kept: p shows it" } else { "not kept any more" };
    facts.push(fact("Body", format!("{bytes} bytes, {kept}")));
    if let Some(detail) = detail {
        facts.push(toned("SHA-256", detail.digest.as_str(), Role::Dim));
    }
    facts.push(toned("Number", view.seq.to_string(), Role::Dim));
    facts
}

pub(super) fn why(state: &State, view: &DeliveryView) -> Vec<Fact> {
    let view = newest(state, view);
    let mut facts = vec![
        toned("State", view.state.word(), delivery_role(&view)),
        fact(
            "Rule",
            match view.state {
                DeliveryState::Waiting => {
                    "durable; it is handled when those of its installation before it are, or when its next try is due"
                }
                DeliveryState::Handled => {
                    "its effects are committed; a replay commits them once more and changes nothing newer"
                }
                DeliveryState::Ignored => "nothing here follows from this event; it is kept all the same",
                DeliveryState::Dead => {
                    "given up after the last try; later ones of the installation went on without it; a replay tries again"
                }
            },
        ),
        fact("Inputs", ended(&view, state.daemon_now()).text),
    ];
    let next = match (view.state, view.kept) {
        (DeliveryState::Waiting, _) => "nothing to do: it is tried by itself",
        (DeliveryState::Dead, true) => "r handles it again, after its reason is mended",
        (DeliveryState::Dead, false) => "its body is gone: M asks GitHub for what is missing",
        (_, true) => "E explains which workflows it matched; r handles it again",
        (_, false) => "E explains which workflows it matched",
    };
    facts.push(fact("Next", next));
    facts
}

/// Why workflows match or not: a line for each workflow, then what it missed, with what was wanted and found.
pub fn explained(all: &[Explanation]) -> Vec<Fact> {
    let mut facts = Vec::new();
    for one in all {
        let (key, role) = if one.matched { ("Matches", Role::Good) } else { ("Misses", Role::Warn) };
        let name = if one.name.is_empty() { String::new() } else { format!(" ({})", one.name) };
        facts.push(toned(key, format!("{}{name}", one.workflow), role));
        for step in one.steps.iter().filter(|step| !step.passed) {
            let text = format!("{}: wanted {}; found {}", step.rule, told(&step.wanted), told(&step.found));
            facts.push(toned("", text, Role::Bad));
        }
        let passed: Vec<&str> =
            one.steps.iter().filter(|step| step.passed).map(|step| step.rule.as_str()).collect();
        if !passed.is_empty() {
            facts.push(toned("", format!("passed: {}", passed.join(", ")), Role::Dim));
        }
    }
    if facts.is_empty() {
        facts.push(toned("Workflows", "none is registered: nothing can match", Role::Dim));
    }
    facts
}

fn told(value: &str) -> &str {
    if value.is_empty() { "nothing" } else { value }
}
